/** What nobody waits for goes down with the next commit: nothing is lost, or told too early, by that. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { CoterieError } from '../../src/core/errors.ts'
import type { CouncilBatch, CouncilLog } from '../../src/ports/council.ts'
import { TestCouncil, withCommit } from './kit.ts'

const TIMEOUT = { timeout: 60_000 }

/** A council in which a function sees each batch of one member before it is written. */
async function watched(
  t: TestContext,
  name: string,
  see: (batch: CouncilBatch) => void,
): Promise<TestCouncil> {
  const council = new TestCouncil()
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  const wrapLog = (log: CouncilLog): CouncilLog =>
    withCommit(log, (batch) => {
      see(batch)
      log.commit(batch)
    })
  for (const one of council.names) await council.start(one, one === name ? { wrapLog } : {})
  return council
}

test('a certificate goes down with the decision that it comes from', TIMEOUT, async (t) => {
  let count = 0
  const council = await watched(t, 'dave', ({ certificates, entries }) => {
    for (const { height } of certificates) {
      count += 1
      assert.ok(entries.some((entry) => entry.type === 'decision' && entry.height === height))
    }
  })
  for (let round = 0; round < 3; round++) {
    const { vote } = await council.get('alice').propose({ question: `${round}` })
    await council.get('dave').waitFor(vote.proposal.decision, 3_000)
  }
  assert.equal(count, 3)
})

test('what was not durable when a replica died is told again when it is back', TIMEOUT, async (t) => {
  const council = await watched(t, 'dave', ({ certificates }) => {
    // It ends before the first certificate is written, and all that is noted with it.
    if (certificates.length > 0)
      throw new CoterieError('COTERIE_STORE_FAILED', 'no power', { retryable: false })
  })
  const dave = council.get('dave')
  const { decision } = dave.open({ question: 'May we?', timeoutMs: 20_000 })
  await assert.rejects(dave.failed, /no power/)
  assert.equal(dave.certificate(decision), undefined)
  const again = await council.start('dave')
  assert.equal((await again.waitFor(decision, 20_000)).vote.outcome, 'approve')
  // Its own operations are over, too: nothing of it waits, and the next one has a number of its own.
  const next = await again.propose({ question: 'Again?', timeoutMs: 20_000 })
  assert.notEqual(next.vote.proposal.decision, decision)
  for (let round = 0; again.status().waiting > 0; round++) {
    assert.ok(round < 500, 'something waits for ever')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
})

test('who asks between the count and the commit is told after the commit', TIMEOUT, async (t) => {
  const kept = { isFull: true, early: undefined as Promise<unknown> | undefined, count: 0 }
  const council: TestCouncil = await watched(t, 'dave', ({ certificates }) => {
    const [row] = certificates
    if (row === undefined || !kept.isFull) return
    const dave = council.get('dave')
    kept.count += 1
    assert.equal(dave.certificate(row.decision), undefined)
    kept.early ??= dave.waitFor(row.decision, 3_000)
    throw new CoterieError('COTERIE_STORE_FULL', 'There is no room left.')
  })
  await council.get('alice').propose({ question: 'May we?' })
  for (let round = 0; kept.early === undefined; round++) {
    assert.ok(round < 500, 'the certificate was never to be written')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const answers: string[] = []
  void kept.early.then(() => answers.push('told'))
  // It is tried again after a quarter of a second.
  while (kept.count < 3) await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(answers, [])
  kept.isFull = false
  await kept.early
})

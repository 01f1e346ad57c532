/** Votes of a council while its members change. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { approvalOf } from '../../src/bft/operations.ts'
import type { Operation } from '../../src/bft/proposal.ts'
import { statementBytes, type Change, type OperationText } from '../../src/bft/statements.ts'
import { keyIdOf, verifyDecisionCertificate } from '../../src/council/certificate.ts'
import { membershipOf } from '../../src/council/roster.ts'
import { NAMES, TestCouncil } from './kit.ts'
import { until } from './space-kit.ts'

const TIMEOUT = { timeout: 120_000 }
const crypto = councilCrypto(nodeCrypto)
const CRYPTOS = { crypto: nodeCrypto, council: crypto }

/** An operation of a member: a change to which four of five have agreed. */
function changeBy(council: TestCouncil, author: string, change: Change, sequence = 1): Operation {
  const membership = membershipOf(crypto, council.roster)
  const { instance } = council.roster
  const sign = (name: string, statement: Parameters<typeof statementBytes>[0]): string =>
    nodeCrypto.sign(council.keys.get(name)?.privateKey ?? assert.fail(), statementBytes(statement))
  const signers = [1, 2, 3, 4]
  const signatures = signers.map((place) =>
    sign(membership.members[place]?.id ?? '', approvalOf(crypto, membership, instance, change, place)),
  )
  const body = { kind: 'change', change, signers, signatures } as const
  const text: OperationText = { type: 'operation', instance, author, sequence, expires: 0, body }
  return { ...text, signature: sign(author, text) }
}

test('votes go on while the members change, and are certified by those of the day', TIMEOUT, async (t) => {
  const council = new TestCouncil([...NAMES, 'eve'])
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  council.judge = ({ question }) => {
    if (question === 'later') throw new Error('no opinion')
    return { choice: 'approve', reason: 'fine' }
  }
  await council.startAll()
  const [carol, dave, eve] = ['carol', 'dave', 'eve'].map((name) => council.get(name))
  assert.ok(carol !== undefined && dave !== undefined && eve !== undefined)
  const matter = { question: 'later', timeoutMs: 3_000, otherwise: 'reject' }
  const { decision } = carol.open(matter)
  await until(() => eve.status().open.includes(decision), 30_000)

  const operation = changeBy(council, 'bob', { add: [], remove: ['alice'] })
  council.network.transport('bob').send(null, JSON.stringify({ type: 'operation', operation }))
  const rest = ['bob', 'carol', 'dave', 'eve']
  await until(() => rest.every((name) => council.get(name).status().epoch === 1), 30_000)
  assert.deepEqual([dave.status().members, dave.status().quorum], [4, 3])

  // A new question goes to the new members, and they alone decide it.
  const now = await dave.propose({ question: 'now', timeoutMs: 30_000 })
  const { instance } = council.roster
  const members = council.roster.members.filter(({ id }) => id !== 'alice')
  assert.deepEqual(
    now.vote.proposal.electorate.map(({ member }) => member),
    rest,
  )
  assert.equal(now.epoch, 1)
  const verdict = verifyDecisionCertificate(CRYPTOS, now, { instance, epoch: 1, members })
  assert.ok(verdict.ok, JSON.stringify(verdict))
  const { members: first } = council.roster
  const atFirst = { instance, epoch: 0, members: first }
  // Who trusts the first members follows the change, which the certificate brings along.
  const early = verifyDecisionCertificate(CRYPTOS, now, atFirst)
  assert.ok(early.ok, JSON.stringify(early))
  assert.match(early.explanation[0] ?? '', /epoch 1 began: "alice" left\. .*"bob", "carol", "dave", "eve"/)
  const { changes: _, ...bare } = now
  const lost = verifyDecisionCertificate(CRYPTOS, bare, atFirst)
  assert.match(lost.ok ? '' : lost.problem, /of epoch 1, and the members of epoch 0 are trusted: it lacks/)

  // The electorate of the one that was open is as it was: a verifier must know her key, too.
  const later = await eve.waitFor(decision, 60_000)
  assert.equal(later.vote.outcome, 'reject')
  assert.equal(later.vote.proposal.electorate.length, 5)
  assert.equal(later.vote.tally.counts['silent'], 5)
  assert.equal(later.epoch, 1)
  const trusted = { instance, epoch: 1, members }
  assert.ok(!verifyDecisionCertificate(CRYPTOS, later, trusted).ok)
  const alice = council.keys.get('alice')?.publicKey ?? assert.fail()
  const voters = new Map([[keyIdOf(nodeCrypto, alice), { agent: 'alice', publicKey: alice }]])
  const withHer = verifyDecisionCertificate(CRYPTOS, later, trusted, voters)
  assert.ok(withHer.ok, JSON.stringify(withHer))

  // A member that starts again finds the members of its log.
  await council.stop('eve')
  const again = await council.start('eve')
  assert.equal(again.status().epoch, 1)
  assert.equal((await again.propose({ question: 'again', timeoutMs: 30_000 })).epoch, 1)
})

test('who catches up over a change of the members names those who decided each vote', TIMEOUT, async (t) => {
  const council = new TestCouncil([...NAMES, 'eve'])
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  await council.stop('eve')
  const before = await council
    .get('carol')
    .propose({ question: 'before', rule: { type: 'unanimity' }, timeoutMs: 1_000 })
  // The only operations that bob has had are his ballot and what he said of the deadline.
  const value = (name: string): number => council.get(name).status().waiting
  await until(() => ['alice', 'bob', 'carol', 'dave'].every((name) => value(name) === 0), 30_000)
  const operations = council.operationsOf('bob')
  const change = changeBy(council, 'bob', { add: [], remove: ['alice'] }, operations + 1)
  council.network.transport('bob').send(null, JSON.stringify({ type: 'operation', operation: change }))
  await until(() => ['bob', 'carol', 'dave'].every((name) => council.get(name).status().epoch === 1), 30_000)
  const eve = await council.start('eve')
  await until(() => eve.status().epoch === 1, 30_000)
  const own = await eve.waitFor(before.vote.proposal.decision, 30_000)
  const { instance, members } = council.roster
  assert.equal(own.epoch, 0)
  const verdict = verifyDecisionCertificate(CRYPTOS, own, { instance, epoch: 0, members })
  assert.ok(verdict.ok, JSON.stringify(verdict))
})

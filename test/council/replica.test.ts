import assert from 'node:assert/strict'
import { copyFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { DatabaseSync } from 'node:sqlite'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Message } from '../../src/bft/messages.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { CoterieError } from '../../src/core/errors.ts'
import { verifyDecisionCertificate } from '../../src/council/certificate.ts'
import { canonicalize, type Json } from '../../src/core/json.ts'
import type { CouncilLog } from '../../src/ports/council.ts'
import { TestCouncil, withCommit } from './kit.ts'

const TIMEOUT = { timeout: 60_000 }
const CRYPTOS = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }

async function running(t: TestContext, judge?: TestCouncil['judge']): Promise<TestCouncil> {
  const council = new TestCouncil()
  if (judge !== undefined) council.judge = judge
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  await council.startAll()
  return council
}

test(
  'four replicas certify a vote, alike, and the certificate verifies from the keys alone',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    const certificate = await council.get('alice').propose({ question: 'May we?' })
    assert.equal(certificate.vote.outcome, 'approve')
    const { instance, epoch, members } = council.roster
    const verdict = verifyDecisionCertificate(CRYPTOS, certificate, { instance, epoch, members })
    assert.ok(verdict.ok, JSON.stringify(verdict))
    for (const name of ['bob', 'carol', 'dave']) {
      const own = await council.get(name).waitFor(certificate.vote.proposal.decision, 10_000)
      assert.equal(
        canonicalize(own.vote as unknown as Json),
        canonicalize(certificate.vote as unknown as Json),
      )
    }
  },
)

test('a ballot with a reason that is too long for an operation is cut, and counts', TIMEOUT, async (t) => {
  const council = await running(t, () => ({ choice: 'approve', reason: '\u0001'.repeat(70_000) }))
  const { vote } = await council.get('alice').propose({ question: 'May we?', timeoutMs: 20_000 })
  assert.equal(vote.outcome, 'approve')
  assert.equal(vote.ballots.length >= 3, true)
})

test(
  'a question that is empty, or that no operation can carry, is refused at once, and nothing waits for it',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    const alice = council.get('alice')
    let deep: Json = 1
    for (let i = 0; i < 47; i++) deep = [deep]
    assert.throws(() => alice.open({ question: 'Deep?', subject: deep }), {
      code: 'COTERIE_INVALID_ARGUMENT',
    })
    const long = 'x'.repeat(64 * 1024)
    assert.throws(() => alice.open({ question: long }), { code: 'COTERIE_INVALID_ARGUMENT' })
    assert.throws(() => alice.open({ question: '' }), /the question is empty/)
    assert.equal((await alice.propose({ question: 'May we?' })).vote.outcome, 'approve')
  },
)

test('what was decided is there after all have stopped, and what was open goes on', TIMEOUT, async (t) => {
  const council = await running(t, ({ question }) => {
    if (question === 'later') throw new Error('not now')
    return { choice: 'approve', reason: 'fine' }
  })
  const first = await council.get('alice').propose({ question: 'now' })
  const { decision } = council.get('bob').open({ question: 'later', timeoutMs: 30_000 })
  await until(() => council.get('carol').status().open.includes(decision))
  for (const name of council.names) await council.stop(name)
  council.judge = () => ({ choice: 'reject', reason: 'no' })
  await council.startAll()
  const again = council.get('dave').certificate(first.vote.proposal.decision)
  assert.deepEqual(again?.vote, JSON.parse(canonicalize(first.vote as unknown as Json)))
  const later = await council.get('alice').waitFor(decision, 20_000)
  assert.equal(later.vote.outcome, 'reject')
})

test('a member signs one ballot for a decision, also after a restart', TIMEOUT, async (t) => {
  const council = await running(t, () => {
    throw new Error('no opinion')
  })
  const { decision } = council.get('alice').open({ question: 'May we?' })
  await until(() => council.get('bob').status().open.includes(decision))
  const first = council.get('bob').vote(decision, { choice: 'approve', reason: 'yes' })
  await until(() => council.get('alice').status().waiting === 0)
  await council.stop('bob')
  await council.start('bob')
  assert.deepEqual(council.get('bob').vote(decision, { choice: 'reject', reason: 'no' }), first)
})

test(
  'silence ends with the deadline, which more members than may lie must have seen pass',
  TIMEOUT,
  async (t) => {
    const council = await running(t, () => {
      throw new Error('no opinion')
    })
    const certificate = await council
      .get('alice')
      .propose({ question: 'May we?', timeoutMs: 300, otherwise: 'reject' })
    assert.equal(certificate.vote.outcome, 'reject')
    assert.equal(certificate.vote.tally.otherwise, true)
    assert.equal(certificate.vote.tally.counts['silent'], 4)
  },
)

test(
  'a replica whose file went back casts no votes until none that it forgot can matter',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    await council.get('alice').propose({ question: 'one' })
    await council.stop('dave')
    copyFileSync(council.file('dave'), `${council.file('dave')}.old`)
    await council.start('dave')
    await council.get('alice').propose({ question: 'two' })
    const { height } = council.get('alice').status()
    await until(() => council.get('dave').status().height === height)
    await council.stop('dave')
    copyFileSync(`${council.file('dave')}.old`, council.file('dave'))
    for (const end of ['-wal', '-shm']) rmSync(`${council.file('dave')}${end}`, { force: true })

    const dave = await council.start('dave', { isNew: false })
    assert.ok(dave.status().forgetful)
    assert.throws(() => dave.open({ question: 'three' }), { code: 'COTERIE_COUNCIL_UNREADY' })
    for (let round = 0; dave.status().forgetful && round < 10; round++) {
      await council.get('alice').propose({ question: `again ${round}` })
    }
    assert.ok(!dave.status().forgetful)
    assert.equal((await dave.propose({ question: 'three' })).vote.outcome, 'approve')
    await council.stop('dave')
    assert.ok(!(await council.start('dave', { isNew: false })).status().forgetful)
  },
)

test(
  'a replica whose file is gone, or damaged within, takes itself for one that forgot',
  TIMEOUT,
  async (t) => {
    const council = await running(t)
    await council.get('alice').propose({ question: 'one' })
    await council.stop('dave')
    const db = new DatabaseSync(council.file('dave'))
    db.exec(`update decisions set text = replace(text, 'approve', 'approvE') where height = 2`)
    db.close()
    const damaged = await council.start('dave', { isNew: false })
    assert.ok(damaged.status().forgetful)
    await until(() => damaged.status().height === council.get('alice').status().height)
    await council.stop('dave')
    for (const end of ['', '-wal', '-shm', '-mark']) rmSync(`${council.file('dave')}${end}`, { force: true })
    assert.ok((await council.start('dave', { isNew: false })).status().forgetful)
  },
)

test('a second process with the same file takes over, and the first one stops', TIMEOUT, async (t) => {
  const council = await running(t)
  await council.get('alice').propose({ question: 'one' })
  const older = council.get('dave')
  const failed = assert.rejects(older.failed, { code: 'COTERIE_LEASE_LOST' })
  t.after(() => older.close())
  await council.start('dave', { isNew: false })
  await council.get('alice').propose({ question: 'two' })
  assert.throws(() => older.vote('alice.9', { choice: 'approve', reason: '' }))
  older.handIn('alice.1', [(await council.get('alice').waitFor('alice.1', 1)).vote.ballots[0] ?? never()])
  await failed
})

test(
  "another member's file, a file of another program, and one of a later version are refused",
  TIMEOUT,
  async (t) => {
    const council = new TestCouncil()
    t.after(() => council.close())
    const stay = setInterval(() => undefined, 1_000)
    t.after(() => clearInterval(stay))
    await council.start('alice')
    await council.stop('alice')
    copyFileSync(council.file('alice'), council.file('bob'))
    await assert.rejects(council.start('bob'), { code: 'COTERIE_KEY_MISMATCH' })
    const other = new DatabaseSync(council.file('carol'))
    other.exec('create table mine (x)')
    other.close()
    const { size } = statSync(council.file('carol'))
    await assert.rejects(council.start('carol'), { code: 'COTERIE_STORE_FOREIGN' })
    assert.equal(statSync(council.file('carol')).size, size)
    writeFileSync(council.file('dave'), 'no database')
    await assert.rejects(council.start('dave'), { code: 'COTERIE_STORE_FOREIGN' })
    const later = new DatabaseSync(council.file('alice'))
    later.exec('pragma user_version = 99')
    later.close()
    await assert.rejects(council.start('alice'), { code: 'COTERIE_STORE_NEWER' })
  },
)

test('no vote leaves before its entry is durable', TIMEOUT, async (t) => {
  const council = new TestCouncil()
  t.after(() => council.close())
  const stay = setInterval(() => undefined, 1_000)
  t.after(() => clearInterval(stay))
  let votes = 0
  const reader = { db: undefined as DatabaseSync | undefined }
  t.after(() => reader.db?.close())
  const inner = council.network.transport('alice')
  const transport = {
    ...inner,
    send(to: string | null, text: string): void {
      const message = JSON.parse(text) as Message
      if (message.type === 'vote' && message.vote.type !== 'nullify') {
        votes += 1
        // Another connection sees only what is committed.
        reader.db ??= new DatabaseSync(council.file('alice'), { readOnly: true })
        const { type, height, proposal } = message.vote
        const rows = reader.db
          .prepare(`select text from entries where type = 'voted' and height = ?`)
          .all(height)
          .map((row) => JSON.parse(String(row['text'])) as { type: string; proposal: string })
        const decided = reader.db.prepare('select max(height) as h from decisions').get()?.['h']
        const isThere = rows.some((row) => row.type === type && row.proposal === proposal)
        assert.ok(isThere || Number(decided) >= height, `${type} at ${height} left too early`)
      }
      inner.send(to, text)
    },
  }
  await council.start('alice', { transport })
  for (const name of ['bob', 'carol', 'dave']) await council.start(name)
  for (let round = 0; round < 3; round++) await council.get('bob').propose({ question: `${round}` })
  assert.ok(votes >= 6)
})

test(
  'a replica that cannot write says nothing that it has not noted, and goes on when it can',
  TIMEOUT,
  async (t) => {
    const council = new TestCouncil()
    t.after(() => council.close())
    const stay = setInterval(() => undefined, 1_000)
    t.after(() => clearInterval(stay))
    let isFull = false
    let votes = 0
    let noted = 0
    const inner = council.network.transport('alice')
    const transport = {
      ...inner,
      send(to: string | null, text: string): void {
        const message = JSON.parse(text) as Message
        if (isFull && message.type === 'vote' && message.vote.height > noted) votes += 1
        inner.send(to, text)
      },
    }
    const wrapLog = (log: CouncilLog): CouncilLog =>
      withCommit(log, (batch) => {
        if (isFull) throw new CoterieError('COTERIE_STORE_FULL', 'There is no room left.')
        log.commit(batch)
      })
    await council.start('alice', { transport, wrapLog })
    for (const name of ['bob', 'carol', 'dave']) await council.start(name)
    await council.get('bob').propose({ question: 'one' })
    // Votes of the present height may be noted, and may be said again.
    noted = council.get('alice').status().height
    isFull = true
    const { vote } = await council.get('bob').propose({ question: 'two' })
    assert.equal(votes, 0)
    isFull = false
    assert.equal((await council.get('alice').propose({ question: 'three' })).vote.outcome, 'approve')
    const own = await council.get('alice').waitFor(vote.proposal.decision, 10_000)
    assert.equal(own.vote.outcome, 'approve')
  },
)

function never(): never {
  throw new Error('no ballot')
}

async function until(holds: () => boolean): Promise<void> {
  for (let round = 0; !holds(); round++) {
    assert.ok(round < 1_000, 'it did not happen within ten seconds')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

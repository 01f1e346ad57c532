import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, suite, test } from 'node:test'
import type { TestContext } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, on, open } from '../../src/index.ts'
import type { LogReport } from '../../src/log/log-verifier.ts'
import { openStore } from '../../src/open.ts'
import type { SpaceStore } from '../../src/ports/store.ts'
import { gate, never, nothing, number } from '../runtime/helpers.ts'

const folder = mkdtempSync(join(tmpdir(), 'coterie-verify-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const whole = join(folder, 'whole.db')
let copies = 0

const reached = gate()
const clerk = agent('clerk', {
  note: on({ input: number }, (turn, n) => turn.append('account', 'noted', { n })),
  // Its journal is in the store, and no record lists it yet.
  stay: on({ input: nothing }, async (turn) => {
    await turn.step('first', () => 1)
    await turn.step('second', () => {
      reached.open()
      return never()
    })
  }),
})

before(async () => {
  const space = await open(`sqlite:${whole}`, { agents: [clerk] })
  for (const n of [1, 2, 3]) await space.ask(clerk.note, n)
  await space.send(clerk.stay, null)
  await reached.opened
  await space.close()
})

/** Verifies a copy of the database that somebody has changed. */
async function verified(
  statements: readonly string[],
  wrap: (store: SpaceStore) => SpaceStore = (store) => store,
): Promise<LogReport> {
  const file = join(folder, `${(copies += 1)}.db`)
  copyFileSync(whole, file)
  const db = new DatabaseSync(file)
  for (const sql of statements) assert.ok(db.prepare(sql).run().changes > 0, sql)
  db.close()
  const store = openStore(`sqlite:${file}`, { mustExist: true, readOnly: true })
  try {
    const space = await store.space('main')
    assert.ok(space !== undefined)
    const { report } = await verifyLog(wrap(space), nodeCrypto, { progress: () => undefined })
    return report
  } finally {
    await store.close()
  }
}

const MESSAGE_COLUMNS = `space, recipient, lane, trace, cause, re, key_from, state, queue, attempts,
  segments, crashes, undo, due_ms, deadline_ms, settled, error, reason`
/** A message behind the last, with a copy of the contents of another. */
const planted = (position: string): readonly string[] => [
  `insert into messages (place, id, position, ${MESSAGE_COLUMNS}) select max(place) + 1, 'msg_planted', ${position},
    ${MESSAGE_COLUMNS} from messages`,
  `insert into contents (place, envelope, hash, payload) select max(place) + 1, envelope, hash, payload from contents`,
]
const event = (stream: string, version: number, position: number): string =>
  `insert into events (space, stream, version, position, type, data, hash)
    select space, '${stream}', ${version}, ${position}, type, data, hash from events where version = 1`
const journal = (turn: string): string => `insert into journal (space, turn, chunk, text, hash, signature)
  select space, '${turn}', chunk, text, hash, signature from journal where chunk = 0 limit 1`
const decision = (position: number): string =>
  `insert into decisions (space, id, hash, certificate, position) values (1, 'dec_planted', '', '{}', ${position})`

const PLANTED: readonly (readonly [what: string, reason: RegExp, statements: readonly string[]])[] = [
  ['a message behind the last record', /message msg_\w+ at position 999, where no/, planted('999')],
  [
    'a message of a record that did not send it',
    /msg_\w+ (at position 2|twice)|where no record/,
    planted('2'),
  ],
  ['a message at a position below the first', /at position -3, where no record sent it/, planted('-3')],
  [
    'an event behind the last record',
    /event 4 of the stream "account", which no/,
    [event('account', 4, 999)],
  ],
  ['an event that no record lists', /event 4 of the stream "account", which no/, [event('account', 4, 5)]],
  ['an event numbered below 1', /event 1 of the stream "account" is not what/, [event('account', 0, 3)]],
  ['a stream that no record lists', /event 1 of the stream "other", which no/, [event('other', 1, 3)]],
  ['a stream behind the last record', /event 1 of the stream "other", which no/, [event('other', 1, 999)]],
  ['a decision behind the last record', /decision dec_planted, which no record lists/, [decision(999)]],
  ['a decision that no record lists', /decision dec_planted, which no record lists/, [decision(3)]],
  ['a journal of no message', /journal of turn_planted, and no record sent/, [journal('turn_planted')]],
  [
    'a changed journal that no record lists',
    /its text does not have its hash/,
    [`update journal set text = replace(text, '"1"', '"2"') where chunk = 0`],
  ],
  [
    'a record fewer than it counts',
    /newest record is at position \d+, and lacks it/,
    ['update spaces set position = position + 2'],
  ],
  [
    'a record more than it counts',
    /record at position \d+, behind its newest/,
    ['update spaces set position = position - 1'],
  ],
]

suite('verify finds that the store has', { timeout: 60_000 }, () => {
  for (const [what, reason, statements] of PLANTED) {
    test(what, async () => {
      const { ok, fault } = await verified(statements)
      assert.equal(ok, false)
      assert.match(fault?.reason ?? '', reason)
    })
  }
})

test('a store to which nothing was added verifies, with the journal of a turn that is under way', async () => {
  const { ok, fault, checked } = await verified([])
  assert.deepEqual([ok, fault, checked.events, checked.chunks], [true, undefined, 3, 1])
})

/** A store that is written to while it is verified: its newest position is looked up once too early. */
function growing(by: number): (store: SpaceStore) => SpaceStore {
  return (store) => {
    let asked = 0
    const status = store.status.bind(store)
    store.status = async () => {
      const answer = await status()
      return (asked += 1) === 1 ? { ...answer, position: answer.position - by } : answer
    }
    return store
  }
}

test('what is committed while the log is verified is left for the next time', async (t: TestContext) => {
  for (const by of [1, 2, 3, 4]) {
    const { fault, statesCompared } = await verified([], growing(by))
    assert.deepEqual([fault, statesCompared], [undefined, false], `${by} more`)
  }
  t.diagnostic('and what is behind even the newest record is found all the same')
  const { fault } = await verified([event('other', 1, 999)], growing(2))
  assert.match(fault?.reason ?? '', /stream "other"/)
})

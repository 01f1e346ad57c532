import assert from 'node:assert/strict'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { createMemoryDatabase, openSqlite } from '../../src/stores/sqlite/index.ts'
import { Kit } from '../../src/testing/conformance-kit.ts'
import { conformanceCases } from '../../src/testing/store-conformance.ts'

/** Statements that may look at all of a space: they are for people, or the table is small. */
const WHOLE_SPACE = [
  'select count(*) as n from sqlite_schema',
  'select name from spaces',
  'delete from workers where space = ? and until_ms',
  'select w.worker, w.until_ms',
  'select worker, until_ms, agents',
  'select sum(ready)',
  'select count(*) as n from messages indexed by messages_delivered',
  'select count(*) as n from decisions',
  'select m.address, m.depth',
  'indexed by messages_queue where space = ? and state between 5 and 8 and state = ?',
  'indexed by messages_delivered where space = ? and state = 8 and state = ?',
]

test('every statement reaches its rows by an index, and every counter is true in the end', async () => {
  const statements = new Map<string, string[]>()
  // oxlint-disable-next-line typescript/unbound-method -- it is called with `this` below
  const prepare = DatabaseSync.prototype.prepare
  DatabaseSync.prototype.prepare = function (this: DatabaseSync, sql: string) {
    if (/^(select|update|insert|delete|with)/.test(sql) && !statements.has(sql)) {
      const plan = prepare.call(this, `explain query plan ${sql}`).all()
      statements.set(
        sql,
        plan.map((row) => String(row['detail'])),
      )
    }
    return prepare.call(this, sql)
  }
  const database = createMemoryDatabase()
  let time = 1_800_000_000_000
  const harness = {
    clock: { advance: (ms: number) => void (time += ms) },
    open: async () => openSqlite({ database }, { now: () => time }),
    cleanup: async () => database.close(),
  }
  for (const [, check] of conformanceCases()) await check(await Kit.start(harness))
  DatabaseSync.prototype.prepare = prepare

  assert.ok(statements.size >= 60, `only ${statements.size} statements were seen`)
  const slow = [...statements].filter(
    ([sql, plan]) =>
      plan.some((step) => /^SCAN (?!p$|\(|CONSTANT)|\(space=\?\)$/.test(step)) &&
      !WHOLE_SPACE.some((allowed) => sql.replaceAll(/\s+/g, ' ').includes(allowed)),
  )
  assert.deepEqual(slow, [])

  const { database: connection } = database as unknown as {
    database: { sql(text: string): { all(): object[] } }
  }
  const wrong = connection
    .sql(
      `select m.space, m.address, m.depth, m.ready, m.waiting, m.dead,
        count(q.place) filter (where q.state between 4 and 8) as depth_now,
        count(q.place) filter (where q.state between 6 and 8) as ready_now,
        count(q.place) filter (where q.state = 5) as waiting_now,
        count(q.place) filter (where q.state = 0) as dead_now
      from mailboxes m left join messages q on q.space = m.space and q.recipient = m.address
      group by m.space, m.address
      having depth <> depth_now or ready <> ready_now or waiting <> waiting_now or dead <> dead_now`,
    )
    .all()
  assert.deepEqual(wrong, [])
  const miscounted = connection
    .sql(
      `select s.space, s.handled, (select count(*) from messages m where m.space = s.space
      and m.state = 9) as handled_now
      from spaces s where handled <> handled_now`,
    )
    .all()
  assert.deepEqual(miscounted, [])
  const forgotten = connection
    .sql(
      `select w.turn, m.state from waits w left join messages m on m.space = w.space
      and m.id = 'msg_' || substr(w.turn, 6)
      where m.state is not 5`,
    )
    .all()
  assert.deepEqual(forgotten, [])
  await harness.cleanup()
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { failoverPairFor } from '../../support/postgres/failover-pair.ts'
import { postgresFor } from '../../support/postgres/server.ts'

const TERMS = { mailboxDepth: 1_000_000 }
const EMPTY = { seq: -1, hash: '' }
const LIMIT = { timeout: 120_000 }

async function open(t: TestContext, url: string): Promise<SpaceStore> {
  const store = openPostgres(url)
  t.after(() => store.close())
  const space = await store.space('team', { record: fakeRecord('@owner', EMPTY) })
  assert.ok(space !== undefined)
  return space
}

/** Commits until it is told to stop; answers the hashes of what was acknowledged, and when the last pause ended. */
function committing(space: SpaceStore): { stop(): Promise<readonly string[]>; acknowledged: string[] } {
  const acknowledged: string[] = []
  const state = { stopped: false }
  const running = (async (): Promise<void> => {
    let head = EMPTY
    while (!state.stopped) {
      const record = fakeRecord('client/one', head)
      const [outcome] = await space.commit(
        [fakeWrite(record, { messages: [fakeMessage({ to: 'reviewer' })] })],
        TERMS,
      )
      assert.equal(outcome?.type, 'accepted', JSON.stringify(outcome))
      acknowledged.push(record.hash)
      head = record
    }
  })()
  return {
    acknowledged,
    stop: async () => {
      state.stopped = true
      await running
      return acknowledged
    },
  }
}

async function until(fact: () => boolean): Promise<void> {
  for (const end = performance.now() + 60_000; !fact(); await delay(5))
    assert.ok(performance.now() < end, 'it did not happen in a minute')
}

async function requireAll(space: SpaceStore, acknowledged: readonly string[]): Promise<void> {
  const records = await space.records(1, acknowledged.length + 10)
  assert.deepEqual(
    records.map((record) => record.hash),
    acknowledged,
  )
  assert.deepEqual(
    records.map((record) => record.position),
    acknowledged.map((_, at) => at + 1),
  )
}

test('a server that is restarted, and one that crashes, is waited for', LIMIT, async (t) => {
  const server = await postgresFor(t)
  const space = await open(t, server.url(await server.createDatabase()))
  const work = committing(space)
  for (const end of ['SIGINT', 'SIGQUIT', 'crash'] as const) {
    const before = work.acknowledged.length
    await until(() => work.acknowledged.length > before + 5)
    await (end === 'crash' ? server.crash() : server.stop(end))
    await delay(100)
    await server.start()
  }
  const last = work.acknowledged.length
  await until(() => work.acknowledged.length > last + 5)
  await requireAll(space, await work.stop())
})

test(
  'a primary is killed and its standby promoted: nothing that was acknowledged is lost or doubled',
  LIMIT,
  async (t) => {
    const pair = await failoverPairFor(t)
    const database = await pair.primary.createDatabase()
    const space = await open(t, pair.url(database))
    const work = committing(space)
    await until(() => work.acknowledged.length > 20)
    const killed = performance.now()
    await pair.primary.crash()
    const before = work.acknowledged.length
    await pair.promote()
    await until(() => work.acknowledged.length > before)
    t.diagnostic(`${Math.round(performance.now() - killed)} ms from the kill to the first new commit`)
    await until(() => work.acknowledged.length > before + 20)
    await requireAll(space, await work.stop())
  },
)

test('a standby that comes first in the URL is passed over', LIMIT, async (t) => {
  const pair = await failoverPairFor(t)
  const database = await pair.primary.createDatabase()
  const url = pair
    .url(database)
    .replace(`${pair.primary.port}`, 'x')
    .replace(`${pair.standby.port}`, `${pair.primary.port}`)
    .replace('x', `${pair.standby.port}`)
  const space = await open(t, url)
  const work = committing(space)
  await until(() => work.acknowledged.length > 3)
  await requireAll(space, await work.stop())
})

test('a server without a free connection is waited for, and told of when patience ends', LIMIT, async (t) => {
  const server = await postgresFor(t, {
    settings: { max_connections: '4', superuser_reserved_connections: '0' },
  })
  const database = await server.createDatabase()
  const space = await open(t, `${server.url(database)}?connections=2`)
  // The store has two connections now: one for reads, one for writes. A third store finds the rest.
  const others = Array.from({ length: 4 }, (_, at) =>
    openPostgres(`${server.url(database)}?connections=1&patience_ms=300&application_name=other${at}`),
  )
  t.after(() => Promise.all(others.map((store) => store.close())))
  const asked = await Promise.allSettled(others.map((store) => store.spaces()))
  const refused = asked.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  assert.ok(refused.length > 0, 'all of them found a connection')
  for (const error of refused) {
    assert.ok(error instanceof Error && 'code' in error)
    assert.equal(error.code, 'COTERIE_STORE_UNAVAILABLE')
    assert.match(error.message, /too many clients|nothing was written/)
  }
  const work = committing(space)
  await until(() => work.acknowledged.length > 3)
  await requireAll(space, await work.stop())
})

test('the stores of one URL share their connections, and the last to close ends them', LIMIT, async (t) => {
  const server = await postgresFor(t)
  const database = await server.createDatabase()
  const url = `${server.url(database)}?connections=3`
  const stores = Array.from({ length: 8 }, () => openPostgres(url))
  t.after(() => Promise.all(stores.map((store) => store.close())))
  const count = async (): Promise<number> => {
    const rows = await server.query('select 1 from pg_stat_activity where datname = $1', [database])
    return rows.length
  }
  const spaces = await Promise.all(
    stores.map(async (store, at) => {
      const space = await store.space(`team${at}`, { record: fakeRecord('@owner', EMPTY) })
      assert.ok(space !== undefined)
      space.changed?.(() => undefined)
      return space
    }),
  )
  const works = spaces.map(committing)
  await until(() => works.every(({ acknowledged }) => acknowledged.length > 3))
  // Those of the URL, one for reads and one that listens.
  const most = await count()
  assert.ok(most >= 2 && most <= 3 + 2, `${most} connections`)
  await Promise.all(works.slice(1).map((work) => work.stop()))
  await Promise.all(stores.slice(1).map((store) => store.close()))
  await assert.rejects(async () => spaces[1]?.now(), { code: 'COTERIE_CLOSED' })
  const before = works[0]?.acknowledged.length ?? 0
  await until(() => (works[0]?.acknowledged.length ?? 0) > before + 3)
  await works[0]?.stop()
  await stores[0]?.close()
  for (const end = performance.now() + 5_000; (await count()) > 0; await delay(20))
    assert.ok(performance.now() < end, 'connections were left open')
})

test("a role's short statement timeout cuts no commit short", LIMIT, async (t) => {
  const server = await postgresFor(t)
  const database = await server.createDatabase()
  const space = await open(t, server.url(database))
  await server.query(`alter database ${database} set statement_timeout = '20ms'`)
  await server.query(
    `create function coterie.slow() returns trigger language plpgsql as
    'begin perform pg_sleep(0.1); return null; end'`,
    [],
    database,
  )
  await server.query(
    `create constraint trigger slow after insert on coterie.records deferrable initially deferred
    for each row execute function coterie.slow()`,
    [],
    database,
  )
  const again = await open(t, server.url(database))
  const work = committing(again)
  await until(() => work.acknowledged.length > 1)
  await requireAll(space, await work.stop())
})

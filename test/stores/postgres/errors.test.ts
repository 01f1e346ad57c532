import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createServer } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpaceStore, Store } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { parseLocation } from '../../../src/stores/postgres/location.ts'
import { Pool } from '../../../src/stores/postgres/pool.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'
import { PostgresProxy } from '../../support/postgres/proxy.ts'

const TERMS = { mailboxDepth: 1_000 }
const EMPTY = { seq: -1, hash: '' }
const LIMIT = { timeout: 60_000 }

function storeFor(t: TestContext, url: string): Store {
  const store = openPostgres(url)
  t.after(() => store.close())
  return store
}

async function spaceFor(t: TestContext, url: string): Promise<SpaceStore> {
  const space = await storeFor(t, url).space('team', { record: fakeRecord('@owner', EMPTY) })
  assert.ok(space !== undefined)
  return space
}

async function freshUrl(settings = ''): Promise<string> {
  const server = await sharedPostgres()
  return `${server.url(await server.createDatabase())}${settings}`
}

test(
  'a server that is not there is an error that says so, after the patience that was asked for',
  LIMIT,
  async (t) => {
    const listener = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => listener.on('listening', resolve))
    const address = listener.address()
    assert.ok(address !== null && typeof address === 'object')
    listener.close()
    const store = storeFor(t, `postgres://me:secret@127.0.0.1:${address.port}/team?patience_ms=200`)
    const start = performance.now()
    await assert.rejects(store.spaces(), (error: unknown) => {
      assert.ok(error instanceof Error && 'code' in error && 'retryable' in error)
      assert.deepEqual([error.code, error.retryable], ['COTERIE_STORE_UNAVAILABLE', true])
      assert.match(error.message, /ECONNREFUSED/)
      assert.doesNotMatch(error.message, /secret/)
      return true
    })
    assert.ok(performance.now() - start >= 150, 'it gave up at once')
  },
)

test('a wrong password and a database that is not there are told at once', LIMIT, async (t) => {
  const url = await freshUrl()
  const wrong = storeFor(t, url.replace(/:[^:@/]+@/, ':wrong@'))
  await assert.rejects(wrong.spaces(), {
    code: 'COTERIE_STORE_FAILED',
    message: /does not let this role in .*look at the role and the password/,
  })
  const missing = storeFor(t, url.replace(/\/[^/]+$/, '/not_there'))
  await assert.rejects(missing.spaces(), { code: 'COTERIE_NOT_FOUND', message: /createdb/ })
})

test('a database whose encoding cannot hold every text is refused', LIMIT, async (t) => {
  const server = await sharedPostgres()
  const database = await server.createDatabase(
    "template template0 encoding 'SQL_ASCII' locale_provider libc locale 'C'",
  )
  await assert.rejects(storeFor(t, server.url(database)).spaces(), {
    code: 'COTERIE_STORE_UNSUPPORTED',
    message: /UTF8/,
  })
})

test('a call that waits for the server ends when the store is closed', LIMIT, async () => {
  const server = await sharedPostgres()
  const proxy = await PostgresProxy.start(server.port)
  const store = openPostgres(server.url(await server.createDatabase(), proxy.port))
  assert.deepEqual(await store.spaces(), [])
  await proxy.refuse()
  proxy.cutAll('reset')
  const asking = assert.rejects(store.spaces(), { code: 'COTERIE_CLOSED' })
  await delay(50)
  await store.close()
  await asking
  await proxy[Symbol.asyncDispose]()
})

test('an outcome that cannot be found out is not said to be known', LIMIT, async (t) => {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const proxy = await PostgresProxy.start(server.port)
  t.after(() => proxy[Symbol.asyncDispose]())
  const space = await spaceFor(t, `${server.url(database, proxy.port)}?patience_ms=300`)
  proxy.plan = ({ phase }) => {
    if (phase !== 'committed') return undefined
    void proxy.refuse()
    return { how: 'reset' }
  }
  const write = fakeWrite(fakeRecord('client/one', EMPTY))
  await assert.rejects(space.commit([write], TERMS), (error: unknown) => {
    assert.ok(error instanceof Error && 'code' in error && 'details' in error)
    assert.equal(error.code, 'COTERIE_STORE_UNAVAILABLE')
    assert.equal((error.details as { readonly outcome?: unknown }).outcome, 'unknown')
    assert.doesNotMatch(error.message, /nothing was written/)
    return true
  })
  // It was written, and the next commit of its author is judged by that.
  proxy.plan = undefined
  await proxy.accept()
  const [outcome] = await space.commit([write], TERMS)
  assert.deepEqual(outcome, { type: 'conflict', head: { seq: 0, hash: write.record.hash } })
})

test('a mistake in a batch fails it at once, and leaves the connection to others', LIMIT, async (t) => {
  const space = await spaceFor(t, await freshUrl('?connections=1'))
  const write = fakeWrite(fakeRecord('client/one', EMPTY), {
    turn: { message: 'msg_none', end: 'handled', attempts: 0, dueAt: null, error: null, waits: [] },
  })
  const start = performance.now()
  await assert.rejects(space.commit([write], TERMS), { code: 'COTERIE_STORE_FAILED', message: /msg_none/ })
  assert.ok(performance.now() - start < 5_000, 'it was tried again and again')
  const [outcome] = await space.commit([fakeWrite(fakeRecord('client/one', EMPTY))], TERMS)
  assert.equal(outcome?.type, 'accepted')
})

test('texts that PostgreSQL cannot hold lose a character, and no commit fails for them', LIMIT, async (t) => {
  const space = await spaceFor(t, await freshUrl())
  const message = fakeMessage({ to: 'reviewer' })
  const first = fakeRecord('client/one', EMPTY)
  await space.commit([fakeWrite(first, { messages: [message] })], TERMS)
  const settles = [
    { id: message.envelope.id, as: 'cancelled' as const, reason: 'a\0b \ud800 "c\\ \u{1f600}' },
  ]
  const [outcome] = await space.commit([fakeWrite(fakeRecord('client/one', first), { settles })], TERMS)
  assert.equal(outcome?.type, 'accepted')
  assert.equal((await space.message(message.envelope.id))?.reason, 'ab \ufffd "c\\ \u{1f600}')
})

test('a pooler that forgets prepared statements is noticed, and gets no more of them', LIMIT, async (t) => {
  const pool = new Pool(parseLocation(await freshUrl()))
  t.after(() => pool.close())
  const statement = { name: 'coterie_test', text: 'select $1::integer as n' }
  const forget = { name: 'forget', text: 'deallocate all' }
  assert.deepEqual(await pool.read(statement, [1]), [{ n: 1 }])
  await pool.read(forget, [])
  assert.deepEqual(await pool.read(statement, [2]), [{ n: 2 }])
  await pool.read(forget, [])
  const start = performance.now()
  assert.deepEqual(await pool.read(statement, [3]), [{ n: 3 }])
  assert.ok(performance.now() - start < 1_000)
  const prepared = { name: 'prepared', text: 'select count(*)::integer as n from pg_prepared_statements' }
  assert.deepEqual(await pool.read(prepared, []), [{ n: 0 }])
})

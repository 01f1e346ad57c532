import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import type { SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'

const TERMS = { mailboxDepth: 1_000_000 }
const EMPTY = { seq: -1, hash: '' }
const LIMIT = { timeout: 15_000 }
/** Well below the second after which everybody looks by himself. */
const SOON_MS = 600

async function pairFor(t: TestContext, settings = ''): Promise<readonly [SpaceStore, SpaceStore, string]> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const record = fakeRecord('@owner', EMPTY)
  const open = async (): Promise<SpaceStore> => {
    const store = openPostgres(`${server.url(database)}${settings}`)
    t.after(() => store.close())
    const space = await store.space('team', { record })
    assert.ok(space !== undefined)
    return space
  }
  return [await open(), await open(), database]
}

/** Resolves with the time that it took until the space told of a change. */
function toldAfter(space: SpaceStore): Promise<number> {
  const start = performance.now()
  return new Promise((resolve, reject) => {
    const never = setTimeout(() => reject(new Error('nothing was told')), 5_000)
    const forget = space.changed?.(() => {
      clearTimeout(never)
      forget?.()
      resolve(performance.now() - start)
    })
  })
}

async function listening(space: SpaceStore, sender: SpaceStore): Promise<void> {
  // The first look of a listener tells it of what was there before; then it is quiet.
  space.changed?.(() => undefined)
  await delay(300)
  await sender.now()
}

test('a process is told at once of mail for others than the sender', LIMIT, async (t) => {
  const [sender, listener] = await pairFor(t)
  await listening(listener, sender)
  const told = toldAfter(listener)
  const write = fakeWrite(fakeRecord('client/one', EMPTY), { messages: [fakeMessage({ to: 'reviewer' })] })
  await sender.commit([write], TERMS)
  assert.ok((await told) < SOON_MS)
})

test('what concerns nobody else is not announced, and found by looking', LIMIT, async (t) => {
  const [sender, listener] = await pairFor(t)
  await listening(listener, sender)
  await sender.heartbeat('worker', 60_000, [])
  await delay(100)
  const grant = await sender.lease('reviewer', 'worker')
  assert.ok(grant !== undefined)
  let told = 0
  listener.changed?.(() => void (told += 1))
  await delay(50)
  const start = told
  let head = EMPTY
  for (let i = 0; i < 20; i++) {
    const record = fakeRecord('client/one', head)
    await sender.commit([fakeWrite(record, { messages: [fakeMessage({ to: 'reviewer' })] })], TERMS)
    head = record
  }
  await delay(100)
  assert.equal(told, start, 'the listener was told of mail to the sender')
  const pulse = await listener.pulse()
  for (const end = performance.now() + 5_000; (await listener.pulse()) === pulse; await delay(20))
    assert.ok(performance.now() < end, 'it was never found')
})

test(
  'a listener that has lost its connection listens again, and looks for what it has missed',
  LIMIT,
  async (t) => {
    const [sender, listener, database] = await pairFor(t)
    const server = await sharedPostgres()
    await listening(listener, sender)
    const write = (seq: number, hash: string): ReturnType<typeof fakeWrite> =>
      fakeWrite(fakeRecord('client/one', { seq, hash }), { messages: [fakeMessage({ to: 'reviewer' })] })
    const ended = await server.query(
      `select pg_terminate_backend(pid) as done from pg_stat_activity where datname = $1 and query like 'listen%'`,
      [database],
    )
    assert.ok(ended.length > 0, 'nobody listened')
    const missed = write(-1, '')
    const told = toldAfter(listener)
    await sender.commit([missed], TERMS)
    assert.ok((await told) < 5_000)
    // Once it listens again, it is told at once.
    await delay(2_500)
    const again = toldAfter(listener)
    await sender.commit([write(0, missed.record.hash)], TERMS)
    assert.ok((await again) < SOON_MS)
  },
)

test('without notifications, everything is found by looking', LIMIT, async (t) => {
  const [sender, listener, database] = await pairFor(t, '?notify=false')
  const server = await sharedPostgres()
  await listening(listener, sender)
  const listeners = await server.query(
    `select 1 from pg_stat_activity where datname = $1 and query like 'listen%'`,
    [database],
  )
  assert.deepEqual(listeners, [])
  const before = await listener.pulse()
  await sender.commit(
    [fakeWrite(fakeRecord('client/one', EMPTY), { messages: [fakeMessage({ to: 'reviewer' })] })],
    TERMS,
  )
  for (const end = performance.now() + 5_000; (await listener.pulse()) === before; await delay(20))
    assert.ok(performance.now() < end, 'it was never found')
})

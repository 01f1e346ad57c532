import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeTurn, fakeWrite } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'

const START_MS = 1_800_000_000_000
const LEASE_MS = 1_000
const NONE = { seq: -1, hash: '' }
const TERMS = { mailboxDepth: 10 }
const LIMIT = { timeout: 15_000 }

async function pairFor(t: TestContext, now: () => number): Promise<readonly [SpaceStore, SpaceStore]> {
  const server = await sharedPostgres()
  const url = server.url(await server.createDatabase())
  const record = fakeRecord('@owner', NONE)
  const open = async (): Promise<SpaceStore> => {
    const store = openPostgres(url, { now })
    t.after(() => store.close())
    const space = await store.space('team', { record })
    assert.ok(space !== undefined)
    return space
  }
  return [await open(), await open()]
}

test('a worker hears once, at its next heartbeat, that addresses were taken from it', LIMIT, async (t) => {
  let time = START_MS
  const [first, second] = await pairFor(t, () => time)
  const beat = async (): Promise<boolean> => (await first.heartbeat('slow', LEASE_MS, [])).held
  assert.equal(await beat(), true)
  assert.equal(await beat(), true)
  assert.notEqual(await first.lease('a', 'slow'), undefined)
  time += LEASE_MS
  await second.heartbeat('quick', LEASE_MS, [])
  assert.equal((await second.lease('a', 'quick'))?.takenOver, true)
  assert.equal(await beat(), false)
  assert.equal(await beat(), true)
})

test('a heartbeat tells of mail, of answers and of waits that are due', LIMIT, async (t) => {
  let time = START_MS
  const [first, second] = await pairFor(t, () => time)
  const busy = async (): Promise<boolean> => (await first.heartbeat('w1', LEASE_MS, [])).busy
  await busy()
  assert.equal(await busy(), false)
  const message = fakeMessage({ to: 'a' })
  const lease = (await second.lease('a', 'w2'))?.lease
  assert.ok(lease !== undefined)
  await second.commit([fakeWrite(fakeRecord('client/one', NONE), { messages: [message] })], TERMS)
  assert.equal(await busy(), true)
  const waits = [{ index: 0, target: null, request: null, dueAt: time + 100 }]
  const turn = fakeTurn(message.envelope.id, 'waiting', { waits })
  await second.commit([fakeWrite(fakeRecord('a', NONE), { lease, turn })], TERMS)
  assert.equal(await busy(), false)
  time += 100
  assert.equal(await busy(), true)
})

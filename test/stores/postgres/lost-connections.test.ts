import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { RecordWrite, SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { seededFaults } from '../../support/postgres/fault-plan.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'
import { PostgresProxy } from '../../support/postgres/proxy.ts'
import type { Phase } from '../../support/postgres/conversation.ts'
import type { Fault } from '../../support/postgres/proxy.ts'

const TERMS = { mailboxDepth: 1_000_000 }
const EMPTY = { seq: -1, hash: '' }
const SEED = Number(process.env['SEED'] ?? 1)
const COMMITS = Number(process.env['FAULT_COMMITS'] ?? 200)

interface Scene {
  readonly proxy: PostgresProxy
  readonly space: SpaceStore
  /** The same space, past the proxy. */
  readonly direct: SpaceStore
}

async function scene(t: TestContext, settings = ''): Promise<Scene> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const proxy = await PostgresProxy.start(server.port)
  const store = openPostgres(`${server.url(database, proxy.port)}?patience_ms=20000${settings}`)
  const direct = openPostgres(server.url(database))
  t.after(async () => {
    proxy.plan = undefined
    await store.close()
    await direct.close()
    await proxy[Symbol.asyncDispose]()
  })
  const record = fakeRecord('@owner', EMPTY)
  const space = await store.space('team', { record })
  const other = await direct.space('team')
  assert.ok(space !== undefined && other !== undefined)
  return { proxy, space, direct: other }
}

/** Commits one record after the other, each with a message; every one must be answered with its own place. */
async function commitAll(space: SpaceStore, author: string, count: number): Promise<readonly RecordWrite[]> {
  const writes: RecordWrite[] = []
  let head = EMPTY
  for (let i = 0; i < count; i++) {
    const record = fakeRecord(author, head)
    const write = fakeWrite(record, { messages: [fakeMessage({ to: 'reviewer', from: author })] })
    const outcomes = await space.commit([write], TERMS)
    assert.deepEqual(
      outcomes.map((outcome) => outcome.type),
      ['accepted'],
      JSON.stringify(outcomes),
    )
    head = record
    writes.push(write)
  }
  return writes
}

async function requireOnce(direct: SpaceStore, writes: readonly RecordWrite[]): Promise<void> {
  const records = await direct.records(0, writes.length + 10)
  assert.deepEqual(
    records.map((record) => record.position),
    Array.from({ length: writes.length + 1 }, (_, at) => at),
  )
  assert.deepEqual(
    new Set(records.slice(1).map((record) => record.hash)),
    new Set(writes.map((write) => write.record.hash)),
  )
  const { mail } = await direct.mail('reviewer', { limit: writes.length + 10 })
  assert.deepEqual(
    new Set(mail.map((one) => one.envelope.id)),
    new Set(writes.flatMap((write) => write.messages.map((message) => message.envelope.id))),
  )
  assert.equal(mail.length, writes.length)
}

test(
  'every commit takes effect once, at whatever moment its connection breaks',
  { timeout: 120_000 },
  async (t) => {
    const { proxy, space, direct } = await scene(t)
    proxy.plan = seededFaults({ seed: SEED, every: 2 })
    const writes = await commitAll(space, 'client/one', COMMITS)
    proxy.plan = undefined
    t.diagnostic(`${proxy.happened.length} faults with seed ${SEED}`)
    assert.ok(proxy.happened.length >= COMMITS / 4, `only ${proxy.happened.length} faults`)
    for (const phase of ['commit', 'sent', 'committed'] as const)
      assert.ok(
        proxy.happened.some(({ point }) => point.phase === phase),
        `no fault in the phase ${phase}`,
      )
    await requireOnce(direct, writes)
  },
)

test(
  'several processes commit to one space while their connections break',
  { timeout: 120_000 },
  async (t) => {
    const { proxy, space, direct } = await scene(t)
    proxy.plan = seededFaults({ seed: SEED + 1, every: 4 })
    const many = await Promise.all([
      commitAll(space, 'client/one', COMMITS / 4),
      commitAll(direct, 'client/two', COMMITS / 4),
    ])
    proxy.plan = undefined
    await requireOnce(direct, many.flat())
  },
)

/** The fault, and whether the batch that is hit is written by the connection that is lost. */
const MOMENTS: readonly (readonly [phase: Phase, fault: Fault])[] = [
  ['begin', { how: 'reset' }],
  ['statement', { how: 'reset' }],
  ['statement', { how: 'end', share: 0.5 }],
  ['commit', { how: 'reset' }],
  ['commit', { how: 'end', share: 0.5 }],
  ['sent', { how: 'reset' }],
  ['committed', { how: 'end' }],
  ['committed', { how: 'reset', share: 0.5 }],
]

for (const [phase, fault] of MOMENTS) {
  const share = 'share' in fault ? ` in the middle of it` : ''
  test(`a connection that is lost at "${phase}" (${fault.how})${share} is not noticed above the store`, async (t) => {
    const { proxy, space, direct } = await scene(t)
    const before = await commitAll(space, 'client/before', 1)
    let broken = 0
    proxy.plan = (point) => {
      if (point.phase !== phase || broken > 0) return undefined
      broken += 1
      return fault
    }
    const writes = await commitAll(space, 'client/one', 3)
    assert.equal(broken, 1)
    await requireOnce(direct, [...before, ...writes])
  })
}

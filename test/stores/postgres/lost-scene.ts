/**
 * A space whose connections the tests can break at every moment of a commit.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { RecordWrite, SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'
import { PostgresProxy } from '../../support/postgres/proxy.ts'

const TERMS = { mailboxDepth: 1_000_000 }
const EMPTY = { seq: -1, hash: '' }

/** One space, by way of a proxy and past it. */
export interface Scene {
  readonly proxy: PostgresProxy
  readonly space: SpaceStore
  /** The same space, past the proxy. */
  readonly direct: SpaceStore
  /** By way of the proxy. */
  readonly url: string
}

/** Opens a new database through a proxy of its own. */
export async function scene(t: TestContext, settings = ''): Promise<Scene> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const proxy = await PostgresProxy.start(server.port)
  const url = `${server.url(database, proxy.port)}?patience_ms=20000${settings}`
  const store = openPostgres(url)
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
  return { proxy, space, direct: other, url }
}

/** Commits one record after the other, each with a message; every one must be answered with its own place. */
export async function commitAll(
  space: SpaceStore,
  author: string,
  count: number,
): Promise<readonly RecordWrite[]> {
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

/** Everything that was written is there once, in order, with its message. */
export async function requireOnce(direct: SpaceStore, writes: readonly RecordWrite[]): Promise<void> {
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

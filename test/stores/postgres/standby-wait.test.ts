import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { failoverPairFor } from '../../support/postgres/failover-pair.ts'

const EMPTY = { seq: -1, hash: '' }
const LIMIT = { timeout: 60_000 }

test(
  'a commit whose wait for the standby was cut short is not answered until it has it',
  LIMIT,
  async (t) => {
    const pair = await failoverPairFor(t)
    const database = await pair.primary.createDatabase()
    const store = openPostgres(pair.url(database))
    const space = await store.space('team', { record: fakeRecord('@owner', EMPTY) })
    assert.ok(space !== undefined)
    // It has the space on disk; it must know it too, to be asked about it.
    const known = (): Promise<unknown> => pair.standby.query('select from coterie.spaces', [], database)
    while (
      !(await known().then(
        () => true,
        () => false,
      ))
    )
      await delay(20)
    pair.standby.pause()
    const record = fakeRecord('client/one', EMPTY)
    const write = fakeWrite(record, { messages: [fakeMessage({ to: 'reviewer' })] })
    const commit = space.commit([write], { mailboxDepth: 10 })
    // The server ends the transaction as committed, and the connection with it.
    const cut = `select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'`
    while ((await pair.primary.query(cut)).length === 0) await delay(20)
    assert.equal(await Promise.race([commit, delay(1_500, 'silence')]), 'silence')
    // So it may be lost with the primary, and is then written once more.
    await pair.killPrimary()
    pair.standby.resume()
    await pair.promote()
    assert.deepEqual(
      (await commit).map(({ type }) => type),
      ['accepted'],
    )
    const records = await space.records(0, 10)
    assert.deepEqual(
      records.slice(1).map(({ hash }) => hash),
      [record.hash],
    )
    await store.close()
  },
)

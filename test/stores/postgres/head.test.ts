import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeTurn, fakeWrite } from '../../../src/testing/fixtures.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'

const TERMS = { mailboxDepth: 100 }
const WAITERS = `select query from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`

test(
  'what a commit is judged by is read when the change of hands before it is over',
  { timeout: 30_000 },
  async (t) => {
    const server = await sharedPostgres()
    const url = server.url(await server.createDatabase())
    const [store, client] = [openPostgres(url), new Client({ connectionString: url })]
    t.after(async () => {
      await client.end()
      await store.close()
    })
    const space = await store.space('team', { record: fakeRecord('@owner', { seq: -1, hash: '' }) })
    assert.ok(space !== undefined)
    const message = fakeMessage({ to: 'reviewer', from: 'client/one' })
    const sent = fakeRecord('client/one', { seq: -1, hash: '' })
    await space.commit([fakeWrite(sent, { messages: [message] })], TERMS)
    await space.heartbeat('slow', 60_000, [])
    const grant = await space.lease('reviewer', 'slow')
    assert.ok(grant !== undefined)

    // Another worker takes the address over, and its transaction is not over yet.
    await client.connect()
    await client.query('begin')
    await client.query('select 1 from coterie.spaces for no key update')
    await client.query(
      `update coterie.mailboxes set worker = 'quick', epoch = epoch + 1 where address = 'reviewer'`,
    )
    const turn = fakeTurn(message.envelope.id)
    const write = fakeWrite(fakeRecord('reviewer', grant.head), { lease: grant.lease, turn })
    const outcome = space.commit([write], TERMS)
    const waits = async (): Promise<boolean> => (await client.query(WAITERS)).rows.length > 0
    while (!(await waits())) await delay(5)
    await client.query('update coterie.spaces set stamp = stamp + 1')
    await client.query('commit')

    assert.deepEqual(
      (await outcome).map(({ type }) => type),
      ['fenced'],
    )
    assert.equal((await space.message(message.envelope.id))?.state, 'queued')
  },
)

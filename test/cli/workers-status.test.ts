import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openPostgres } from '../../src/stores/postgres/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../src/testing/fixtures.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'
import { AGENTS, succeed, temporaryFolder } from './cli.ts'

const LEASE_MS = 600_000
const folder = temporaryFolder()

/** How each store is named on the command line, and opened by a worker that is not one. */
const STORES = {
  sqlite: async () => {
    const path = join(folder, 'team.db')
    return { flags: ['--db', path], store: () => openSqlite(`sqlite:${path}`) }
  },
  postgres: async () => {
    const server = await sharedPostgres()
    const url = server.url(await server.createDatabase())
    const flags = ['--store', url, '--keyring', join(folder, 'keys')]
    return { flags, store: () => openPostgres(url) }
  },
}

for (const [name, prepare] of Object.entries(STORES)) {
  test(`status tells which agents each worker runs, and what waits with it: ${name}`, async (t) => {
    const { flags, store } = await prepare()
    // It makes the space; its own worker is gone with it.
    await succeed(['run', AGENTS, '--until-idle', ...flags])
    const opened = store()
    t.after(() => opened.close())
    const space = await opened.space('main')
    assert.ok(space !== undefined)
    await space.heartbeat('first', LEASE_MS, ['clerk', 'lead'])
    await space.heartbeat('second', LEASE_MS, ['clerk'])
    await space.heartbeat('third', LEASE_MS, [])
    await space.leases(['clerk', 'clerk/red', 'lead'], 'first')
    await space.leases(['clerk/blue'], 'second')
    const messages = ['clerk/red', 'clerk/red', 'clerk/blue', 'clerk/green'].map((to) => fakeMessage({ to }))
    const write = fakeWrite(fakeRecord('client/test', { seq: -1, hash: '' }), { messages })
    assert.equal((await space.commit([write], { mailboxDepth: 10 }))[0]?.type, 'accepted')

    const report = JSON.parse(await succeed(['status', '--json', ...flags])) as {
      readonly workers: readonly {
        readonly id: string
        readonly addresses: number
        readonly leaseMs: number
        readonly agents: readonly unknown[]
      }[]
    }
    assert.deepEqual(
      report.workers.map(({ leaseMs: _left, ...rest }) => rest),
      [
        {
          id: 'first',
          addresses: 3,
          agents: [
            { name: 'clerk', addresses: 2, depth: 2, waiting: 0 },
            { name: 'lead', addresses: 1, depth: 0, waiting: 0 },
          ],
        },
        { id: 'second', addresses: 1, agents: [{ name: 'clerk', addresses: 1, depth: 1, waiting: 0 }] },
        { id: 'third', addresses: 0, agents: [] },
      ],
    )
    for (const { leaseMs } of report.workers) assert.ok(leaseMs > 0 && leaseMs <= LEASE_MS, `${leaseMs}`)
    const text = await succeed(['status', ...flags])
    assert.match(text, /WORKER +LEASE +AGENT +ADDRESSES +DEPTH +WAITING/)
    assert.match(text, /^ {2}first +for .+ clerk +2 +2 +0$/m)
    assert.match(text, /^ {2}second +for .+ clerk +1 +1 +0$/m)
    assert.match(text, /^ {2}third +for .+ - +- +- +-$/m)
  })
}

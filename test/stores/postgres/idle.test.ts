import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { agent, on, open } from '../../../src/index.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { PostgresServer } from '../../support/postgres/server.ts'

const WORKERS = 2
const LEASE_MS = 7_500
/** Two heartbeats and the looks between them. */
const WINDOW_MS = 5_000
/** At the edges of the window. */
const SLACK = 1

test(
  'an idle worker costs one statement a second, of whatever kind, and its leases hold',
  { timeout: 60_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-idle-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    await using server = await PostgresServer.start({
      settings: { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track_utility': 'on' },
    })
    await server.query('create extension pg_stat_statements')
    const database = await server.createDatabase()
    const url = server.url(database)
    const echo = agent('echo', { say: on({ input: z.string(), output: z.string() }, (_turn, text) => text) })
    const spaces = await Promise.all(
      Array.from({ length: WORKERS }, (_, i) =>
        // Each its own URL, so that each has connections of its own, as in a process of its own.
        open(`${url}?connections=${3 + i}`, {
          agents: [echo],
          keyring: join(folder, 'keys'),
          limits: { leaseMs: LEASE_MS },
        }),
      ),
    )
    await using stack = new AsyncDisposableStack()
    for (const space of spaces) stack.use(space)
    const calls = async (): Promise<number> => {
      const [row] = await server.query(
        `select coalesce(sum(calls), 0)::integer as calls from pg_stat_statements s
         join pg_database d on d.oid = s.dbid where d.datname = $1`,
        [database],
      )
      return Number(row?.['calls'])
    }
    for (const space of spaces) assert.equal(await space.ask(echo.say, 'once'), 'once')
    // Two heartbeats: by then each knows the rhythm of its own.
    await delay(WINDOW_MS)
    const before = await calls()
    await delay(WINDOW_MS)
    const made = (await calls()) - before
    const seconds = WINDOW_MS / 1000
    assert.ok(made <= WORKERS * (seconds + SLACK), `${made} statements in ${seconds} s by ${WORKERS} workers`)
    t.diagnostic(`${(made / WORKERS / seconds).toFixed(2)} statements a second and worker`)
    assert.ok(made >= WORKERS * 2, `${made} statements are fewer than the heartbeats alone`)
    const store = openPostgres(url)
    stack.defer(() => store.close())
    const alive = await (await store.space('main'))?.workers()
    assert.equal(alive?.length, WORKERS)
    for (const { leftMs } of alive) assert.ok(leftMs > LEASE_MS / 2, `${leftMs} ms are left of a lease`)
    const asked = performance.now()
    for (const space of spaces) assert.equal(await space.ask(echo.say, 'again'), 'again')
    assert.ok(performance.now() - asked < 1_000, 'who sleeps is woken at once')
  },
)

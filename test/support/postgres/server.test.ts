import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { launch } from '../../helpers/processes.ts'
import { copyTree } from './account.ts'
import { Endpoint } from './endpoint.ts'
import { keepPostgres, sharedPostgres } from './keeper.ts'
import { isAlive } from './processes.ts'
import { postgres18, releases, skipUnless } from './release.ts'
import { postgresFor } from './server.ts'

const LIMIT = { timeout: 60_000 }

for (const release of releases) {
  const options = { ...LIMIT, skip: skipUnless(release) }

  test(
    `PostgreSQL ${release.name} starts with the durability of a default installation`,
    options,
    async (t) => {
      const started = performance.now()
      const server = await postgresFor(t, { release })
      t.diagnostic(`started in ${(performance.now() - started).toFixed(0)} ms`)
      const rows = await server.query(
        `select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit',
       'listen_addresses', 'server_version_num', 'data_directory') order by name`,
      )
      const settings = Object.fromEntries(rows.map((row) => [row['name'], row['setting']]))
      assert.match(String(settings['server_version_num']), new RegExp(`^${release.name}`))
      assert.deepEqual(settings, {
        ...settings,
        data_directory: server.data,
        fsync: 'on',
        full_page_writes: 'on',
        listen_addresses: '127.0.0.1',
        synchronous_commit: 'on',
      })
    },
  )

  test(`PostgreSQL ${release.name} loses no commit when all its processes are killed`, options, async (t) => {
    const server = await postgresFor(t, { release })
    const { port, postmaster } = server
    await server.query('create table kept (i int)')
    await server.query('insert into kept values (1)')
    await server.crash()
    assert.equal(server.postmaster, undefined)
    await assert.rejects(server.query('select 1'), { code: 'ECONNREFUSED' })
    await server.start()
    assert.equal(server.port, port)
    assert.notEqual(server.postmaster, postmaster)
    assert.deepEqual(await server.query('select i from kept'), [{ i: 1 }])
    assert.match(server.log(), /database system was not properly shut down/)
  })
}

test('each database of the shared server is empty, and sorts as people do', LIMIT, async () => {
  const server = await sharedPostgres()
  assert.equal(await sharedPostgres(), server)
  for (const name of [await server.createDatabase(), await server.createDatabase()]) {
    const client = new Client(server.url(name))
    await client.connect()
    await client.query('create table mine (name text)')
    await client.query("insert into mine values ('b'), ('A'), ('a'), ('B')")
    const { rows } = await client.query<{ name: string }>('select name from mine order by name')
    await client.end()
    assert.deepEqual(
      rows.map(({ name }) => name),
      ['a', 'A', 'b', 'B'],
    )
  }
})

test('a run has one server, and only those who know the path are told where', LIMIT, async () => {
  const [address = ''] = Object.values(await keepPostgres())
  const told = await Promise.all([1, 2].map(async () => (await fetch(`${address}/18`)).text()))
  assert.equal(told[0], told[1])
  assert.deepEqual(await Endpoint.of(told[0] ?? '').query('select 1 as one'), [{ one: 1 }])
  for (const wrong of [new URL('/18', address).href, `${address}x/18`, `${address}/17`])
    assert.equal((await fetch(wrong)).status, 404, wrong)
})

test('a server that is paused answers nobody, and goes on where it was', LIMIT, async (t) => {
  const server = await postgresFor(t)
  const client = new Client(server.url())
  await client.connect()
  server.pause()
  const answer = client.query('select 1 as one')
  assert.equal(await Promise.race([answer, delay(300, 'silence')]), 'silence')
  server.resume()
  assert.deepEqual((await answer).rows, [{ one: 1 }])
  await client.end()
})

test('a server that cannot start says why', LIMIT, async (t) => {
  await assert.rejects(
    postgresFor(t, { settings: { fsync: 'perhaps' } }),
    /did not start[^]*parameter "fsync" requires a Boolean value/,
  )
})

test(
  'a server runs from programs that its user cannot reach, and that lack their links',
  LIMIT,
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-closed-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const home = join(folder, 'native')
    copyTree(postgres18.home, home)
    for (const entry of readdirSync(join(home, 'lib'), { withFileTypes: true }))
      if (entry.isSymbolicLink()) unlinkSync(join(home, 'lib', entry.name))
    assert.equal(statSync(folder).mode & 0o077, 0)
    const server = await postgresFor(t, { release: { ...postgres18, home } })
    assert.deepEqual(await server.query('select 1 as one'), [{ one: 1 }])
  },
)

for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
  test(`a test process that ends by ${signal} leaves neither a server nor its files`, LIMIT, async (t) => {
    const child = launch(t, new URL('server-process.ts', import.meta.url), [])
    const { postmaster, data } = await child.event('started')
    assert.ok(isAlive(Number(postmaster)) && existsSync(String(data)))
    child.kill(signal)
    await child.exited
    for (const end = performance.now() + 20_000; existsSync(String(data)); await delay(20))
      assert.ok(performance.now() < end, 'the folder is still there')
    assert.equal(isAlive(Number(postmaster)), false)
  })
}

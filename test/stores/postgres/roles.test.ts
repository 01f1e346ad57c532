import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { z } from 'zod'
import { agent, on, open } from '../../../src/index.ts'
import { migrateStore } from '../../../src/open.ts'
import { PostgresServer } from '../../support/postgres/server.ts'

const server = await PostgresServer.start()
const folder = mkdtempSync(join(tmpdir(), 'coterie-roles-'))
after(async () => {
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

const GUIDE = new URL('../../../docs/guides/postgres.md', import.meta.url)

/** The grants, as the guide has them. */
function grants(): string {
  const blocks = [...readFileSync(GUIDE, 'utf8').matchAll(/```sql\n([^]*?)```/g)].map(([, sql = '']) => sql)
  const found = blocks.find((sql) => sql.includes('grant usage'))
  assert.ok(found !== undefined, 'the guide has no grants')
  return found
}

/** A database with the schema, and the URL of a role that has the rights of the guide. */
async function restricted(role: string): Promise<{ readonly url: string; readonly database: string }> {
  const database = await server.createDatabase()
  const admin = server.url(database)
  await migrateStore(admin, false)
  await server.query(`create role ${role} login password 'restricted'`, [], database)
  for (const statement of grants().replaceAll('coterie_app', role).split(';')) {
    if (statement.trim() !== '') await server.query(statement, [], database)
  }
  const url = new URL(admin)
  url.username = role
  url.password = 'restricted'
  return { url: url.href, database }
}

test('a role with the rights of the guide runs agents', { timeout: 60_000 }, async () => {
  const { url } = await restricted('app_runs')
  const voter = (name: string) =>
    agent(name, { judge: on({ input: z.string(), output: z.enum(['yes', 'no']) }, () => 'yes' as const) })
  const echo = agent('echo', {
    say: on({ input: z.string(), output: z.string() }, async (turn, text) => {
      await turn.sleep(5)
      turn.append('said', 'said', { text })
      return turn.step('shout', () => text.toUpperCase())
    }),
    fail: on({ input: z.null(), retry: { attempts: 1 } }, () => {
      throw new Error('as asked')
    }),
  })
  const agents = [echo, voter('ann')]
  await using space = await open(url, { agents, keyring: join(folder, 'keys') })
  assert.equal(await space.ask(echo.say, 'hello', { timeoutMs: 20_000 }), 'HELLO')
  const dead = await space.send(echo.fail, null)
  const later = await space.send(echo.say, 'later', { delayMs: 60_000 })
  await space.cancel(later)
  await space.idle()
  assert.equal((await space.receipt(dead)).state, 'dead')
  assert.equal((await space.receipt(later)).state, 'cancelled')
})

test(
  'the database refuses that role to change or delete what is in the log',
  { timeout: 60_000 },
  async () => {
    const { url, database } = await restricted('app_denied')
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    try {
      for (const table of ['records', 'messages', 'events', 'journal', 'decisions', 'ends']) {
        await assert.rejects(client.query(`delete from coterie.${table}`), { code: '42501' }, table)
        await assert.rejects(client.query(`update coterie.${table} set space = 1`), { code: '42501' }, table)
        await assert.rejects(client.query(`truncate coterie.${table}`), { code: '42501' }, table)
      }
    } finally {
      await client.end()
    }
    assert.deepEqual(await server.query('select count(*)::int as n from coterie.records', [], database), [
      { n: 0 },
    ])
  },
)

test(
  'a role that may not change the schema is told to migrate, and the printed SQL does it',
  { timeout: 60_000 },
  async () => {
    const database = await server.createDatabase()
    await server.query(`create role app_empty login password 'restricted'`, [], database)
    await server.query(`revoke create on database "${database}" from public`, [], database)
    const url = new URL(server.url(database))
    url.username = 'app_empty'
    url.password = 'restricted'
    await assert.rejects(migrateStore(url.href, false), { code: 'COTERIE_STORE_OLDER' })
    const { from, sql } = await migrateStore(url.href, true)
    assert.equal(from, 0)
    await server.query(sql, [], database)
    assert.deepEqual(await migrateStore(server.url(database), true), { from: 1, to: 1, sql: '' })
  },
)

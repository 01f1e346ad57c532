import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeRecord } from '../../../src/testing/fixtures.ts'
import { PostgresServer } from '../../support/postgres/server.ts'

const server = await PostgresServer.start()
after(() => server[Symbol.asyncDispose]())

const GENESIS = { record: fakeRecord('@owner', { seq: -1, hash: '' }) }
const TABLES = `select c.relname as name, coalesce(' (' || array_to_string(c.reloptions, ', ') || ')', '') as options,
  (select string_agg(format('  %s %s%s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
    case when a.attcollation = 950 then ' collate "C"' else '' end,
    case when a.attnotnull then ' not null' else '' end,
    case when a.attidentity <> '' then ' identity' else '' end), E'\\n' order by a.attnum)
   from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = 'coterie' and c.relkind = 'r' order by c.relname`
const INDEXES = `select indexdef from pg_indexes where schemaname = 'coterie' order by indexname`

test('the schema is the one that is written down', async () => {
  const database = await server.createDatabase()
  const store = openPostgres(server.url(database))
  assert.deepEqual(await store.spaces(), [])
  await store.close()
  const tables = await server.query(TABLES, [], database)
  const indexes = await server.query(INDEXES, [], database)
  const versions = await server.query('select version from coterie.migrations', [], database)
  const dump = [
    `-- schema ${versions.map((row) => String(row['version'])).join(', ')}`,
    ...tables.map((row) => `${String(row['name'])}${String(row['options'])}\n${String(row['columns'])}`),
    indexes.map((row) => String(row['indexdef'])).join('\n'),
    '',
  ].join('\n\n')
  const golden = new URL('../../golden/postgres-schema.txt', import.meta.url)
  if (process.env['UPDATE'] === '1') writeFileSync(golden, dump)
  assert.equal(dump, readFileSync(golden, 'utf8'))
})

test('a schema that this version does not know is refused, and left as it is', async () => {
  const database = await server.createDatabase()
  const url = server.url(database)
  const open = async (): Promise<unknown> => {
    const store = openPostgres(url)
    try {
      return await store.spaces()
    } finally {
      await store.close()
    }
  }
  await open()
  await server.query('insert into coterie.migrations (version) values (99)', [], database)
  await assert.rejects(open(), {
    code: 'COTERIE_STORE_NEWER',
    details: { url: url.replace(/:[^:@]*@/, '@'), found: 99, known: 1 },
  })
  await server.query('delete from coterie.migrations', [], database)
  await server.query('drop schema coterie cascade', [], database)
  await server.query('create schema coterie create table things (n integer)', [], database)
  await assert.rejects(open(), { code: 'COTERIE_STORE_FOREIGN' })
  assert.deepEqual(await server.query('select count(*)::integer as n from coterie.things', [], database), [
    { n: 0 },
  ])
})

test('whoever only looks is not given a schema, and a role that may not make one is told what to do', async () => {
  const database = await server.createDatabase()
  const looking = openPostgres(server.url(database), { mustExist: true })
  await assert.rejects(looking.spaces(), { code: 'COTERIE_NOT_FOUND' })
  await looking.close()
  await server.query(`create role weak_${database} login password 'weak'`)
  const url = server.url(database).replace(/\/\/[^@]*@/, `//weak_${database}:weak@`)
  const weak = openPostgres(url)
  await assert.rejects(weak.spaces(), { code: 'COTERIE_STORE_OLDER', message: /coterie migrate/ })
  await weak.close()
})

test('several processes create one database at once, in a schema of their own choice', async () => {
  const database = await server.createDatabase()
  const stores = Array.from({ length: 4 }, () => openPostgres(`${server.url(database)}?schema=other`))
  const spaces = await Promise.all(stores.map((store) => store.space('team', GENESIS)))
  assert.deepEqual(
    spaces.map((space) => space?.id),
    spaces.map(() => GENESIS.record.hash),
  )
  assert.deepEqual(await server.query('select count(*)::integer as n from other.records', [], database), [
    { n: 1 },
  ])
  await Promise.all(stores.map((store) => store.close()))
})

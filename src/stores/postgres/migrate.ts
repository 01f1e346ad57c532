/**
 * Brings a database to the schema of this version: numbered SQL files, applied in one transaction.
 *
 * @module
 */

import { readFileSync, readdirSync } from 'node:fs'
import { CoterieError } from '../../core/errors.ts'
import { num } from '../../mailbox/rows.ts'
import type { Connection } from './connection.ts'
import type { Pool } from './pool.ts'
import { sqlState } from './postgres-error.ts'

interface Migration {
  readonly version: number
  readonly sql: string
}

const FOLDER = new URL('./migrations/', import.meta.url)
/** "COTE": migrations of one database wait for each other under this number. */
const LOCK = 0x434f5445
const PRIVILEGE = '42501'
let loaded: readonly Migration[] | undefined

/** The migrations in order; their numbers have no gap. */
function migrations(): readonly Migration[] {
  loaded ??= readdirSync(FOLDER)
    .filter((name) => name.endsWith('.sql'))
    .toSorted()
    .map((name, at) => {
      const version = Number(name.slice(0, 4))
      if (version !== at + 1) throw new Error(`Migration ${name} should have the number ${at + 1}.`)
      return { version, sql: readFileSync(new URL(name, FOLDER), 'utf8') }
    })
  return loaded
}

/** The number of the newest schema that this version knows. */
export function knownSchema(): number {
  return migrations().length
}

/** The SQL that brings a schema from a version (0: nothing is there) to the newest one; one transaction. */
export function migrationSql(schema: string, from: number): string {
  const parts = migrations()
    .filter(({ version }) => version > from)
    .map(({ version, sql }) => `${sql}\ninsert into migrations (version) values (${version});\n`)
  return [
    'begin;\n',
    from === 0 ? `create schema if not exists "${schema}";\n` : '',
    `set local search_path = "${schema}";\n\n`,
    ...parts,
    '\ncommit;\n',
  ].join('')
}

/** The schema's number in the database; 0 when nothing is there. */
export async function installedSchema(pool: Pool, schema: string): Promise<number> {
  const [place] = await pool.read(
    {
      name: 'coterie_place',
      text: `select to_regclass($1) is not null as ours,
        exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = $2)
        as used`,
    },
    [`"${schema}".migrations`, schema],
  )
  if (place?.['ours'] !== true) {
    if (place?.['used'] === true) throw foreign(pool, schema)
    return 0
  }
  const [row] = await pool.read(
    {
      name: 'coterie_schema',
      text: `select coalesce(max(version), 0) as version from "${schema}".migrations`,
    },
    [],
  )
  return row === undefined ? 0 : num(row, 'version')
}

/** What may be done to a database that is not as this version needs it. */
export type Permission = 'nothing' | 'create' | 'upgrade'

/**
 * Makes sure that the schema is the one that this version knows: creates it in an empty database, or upgrades it,
 * if that is allowed. Throws COTERIE_STORE_NEWER, _OLDER, _FOREIGN, and COTERIE_NOT_FOUND for an empty one.
 */
export async function requireSchema(pool: Pool, permission: Permission): Promise<void> {
  const { schema, shown } = pool.location
  const known = knownSchema()
  const installed = await installedSchema(pool, schema)
  if (installed === known) return
  if (installed > known) {
    throw new CoterieError(
      'COTERIE_STORE_NEWER',
      `The database ${shown} has schema ${installed}, this version knows ${known} at most: update Coterie.`,
      { details: { url: shown, found: installed, known } },
    )
  }
  if (installed === 0 && permission === 'nothing') {
    throw new CoterieError(
      'COTERIE_NOT_FOUND',
      `The database ${shown} has no schema "${schema}": nothing has run there yet. "coterie migrate" makes it.`,
      { details: { url: shown } },
    )
  }
  if (installed > 0 && permission !== 'upgrade') throw older(pool, installed)
  await pool
    .exclusive((connection) => apply(connection, pool))
    .catch((error: unknown) => {
      const cause = error instanceof CoterieError ? error.cause : undefined
      if (sqlState(cause) === PRIVILEGE) throw older(pool, installed, cause)
      throw error
    })
}

/** Two processes may do this at once: the number is read again under the lock. */
async function apply(connection: Connection, pool: Pool): Promise<void> {
  const { schema } = pool.location
  await connection.pipeline([
    [{ name: 'begin', text: 'begin isolation level read committed read write' }],
    [{ name: 'lock', text: `select pg_advisory_xact_lock(${LOCK})` }],
  ])
  const installed = await installedWithin(connection, schema)
  const known = knownSchema()
  if (installed < known) {
    const sql = migrationSql(schema, installed)
      .replace(/^begin;\n/, '')
      .replace(/\ncommit;\n$/, '')
    await connection.run({ name: 'migrate', text: sql })
  }
  await connection.run({ name: 'commit', text: 'commit' })
}

async function installedWithin(connection: Connection, schema: string): Promise<number> {
  // Not `to_regclass`: it may answer from the cache of a server process that has looked before it waited for the lock.
  const [place] = await connection.run(
    {
      name: 'coterie_ours',
      text: `select exists (select 1 from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = $1 and c.relname = 'migrations') as ours`,
    },
    [schema],
  )
  if (place?.['ours'] !== true) return 0
  const [row] = await connection.run({
    name: 'version',
    text: `select coalesce(max(version), 0) as version from "${schema}".migrations`,
  })
  return row === undefined ? 0 : num(row, 'version')
}

function older(pool: Pool, found: number, cause?: unknown): CoterieError {
  const { schema, shown } = pool.location
  const known = knownSchema()
  const what =
    found === 0 ? `has no schema "${schema}" yet` : `has schema ${found}, this version needs ${known}`
  return new CoterieError(
    'COTERIE_STORE_OLDER',
    `The database ${shown} ${what}: run "coterie migrate" with a role that may change it.`,
    { ...(cause !== undefined && { cause }), details: { url: shown, found, known } },
  )
}

function foreign(pool: Pool, schema: string): CoterieError {
  const { shown } = pool.location
  return new CoterieError(
    'COTERIE_STORE_FOREIGN',
    `The schema "${schema}" in ${shown} belongs to another program, and was left as it is: name another one ` +
      'in the URL (?schema=NAME).',
    { details: { url: shown } },
  )
}

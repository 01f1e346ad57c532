/**
 * The PostgreSQL store: for many machines. It needs the package `pg`.
 *
 * @module
 */

import type { Migration, Store } from '../../ports/store.ts'
import { parseLocation } from './location.ts'
import { installedSchema, knownSchema, migrationSql, requireSchema } from './migrate.ts'
import { Pool } from './pool.ts'
import { PostgresStore } from './store.ts'

/** How a store is opened. The rest is in the URL. */
export interface PostgresOptions {
  /** Refuse to create the schema. */
  readonly mustExist?: boolean
  /** Change nothing; a standby will do. */
  readonly readOnly?: boolean
  /**
   * A clock to use instead of the database's, in milliseconds since the Unix epoch: for tests. The store's own
   * clock never goes back behind it.
   */
  readonly now?: () => number
}

/**
 * Opens `postgres://USER:PASSWORD@HOST:PORT/DATABASE`. Connections are made when they are needed. The schema is
 * created in a database that has none, if the role may; an older one is refused.
 *
 * Several hosts, separated by commas, are tried in turn until one takes writes. Of the URL's parameters, the
 * store takes for itself: `schema` (`coterie`), `connections` (8), `patience_ms` (30000),
 * `synchronous_commit` (`on`), `prepare` (`true`), `notify` (`true`). The others are the driver's.
 *
 * @throws CoterieError COTERIE_INVALID_ARGUMENT for the URL; everything else when it is used.
 */
export function openPostgres(url: string, options: PostgresOptions = {}): Store {
  const { mustExist = false, readOnly = false, now } = options
  return new PostgresStore(parseLocation(url), {
    permission: mustExist || readOnly ? 'nothing' : 'create',
    readOnly,
    now,
  })
}

/** The name of the database in a URL. Throws COTERIE_INVALID_ARGUMENT. */
export function databaseName(url: string): string {
  return parseLocation(url).database
}

/**
 * Creates the schema, or upgrades it, in one transaction; with `printOnly` nothing is changed, and the SQL can be run
 * by hand. The role needs the right to create a schema, or to change this one.
 *
 * @throws CoterieError COTERIE_STORE_NEWER, COTERIE_STORE_FOREIGN, COTERIE_STORE_OLDER when the role may not, and
 * COTERIE_STORE_UNAVAILABLE when the server does not answer.
 */
export async function migratePostgres(url: string, printOnly: boolean): Promise<Migration> {
  const location = parseLocation(url)
  const pool = new Pool(location)
  try {
    const from = await installedSchema(pool, location.schema)
    // Also when it is only to be printed: a schema that is newer is not for this version.
    if (from > knownSchema() || !printOnly) await requireSchema(pool, 'upgrade')
    const to = knownSchema()
    return { from, to, sql: from === to ? '' : migrationSql(location.schema, from) }
  } finally {
    await pool.close()
  }
}

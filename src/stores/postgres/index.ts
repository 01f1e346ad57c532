/**
 * The PostgreSQL store: for many machines. It needs the package `pg`.
 *
 * @module
 */

import type { Store } from '../../ports/store.ts'
import { parseLocation } from './location.ts'
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

/**
 * The SQLite store: one file, used by several processes at once, or a database in memory.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import type { Migration, Store } from '../../ports/store.ts'
import { Database } from './database.ts'
import type { DatabaseOptions } from './database.ts'
import { Handle } from './handle.ts'
import { fileOf } from './location.ts'
import { knownSchema, migrationSql, schemaIn } from './migrate.ts'
import { SqliteStore } from './store.ts'

export type { DatabaseOptions } from './database.ts'

/** How a store is opened. */
export interface SqliteOptions extends DatabaseOptions {
  /**
   * The machine's clock, in milliseconds since the Unix epoch. The store's own clock never goes back behind
   * it.
   */
  readonly now?: () => number
}

/** A database in memory that several stores may use at once: for tests and simulations. */
export interface MemoryDatabase {
  readonly type: 'sqlite-memory'
  /** Forgets all its content; stores that still use it answer COTERIE_CLOSED. */
  close(): void
}

class SharedMemory implements MemoryDatabase {
  readonly type = 'sqlite-memory'
  readonly database = new Database(':memory:')

  close(): void {
    this.database.close()
  }
}

/** Makes an empty database in memory. */
export function createMemoryDatabase(): MemoryDatabase {
  return new SharedMemory()
}

/**
 * Opens `sqlite:FILE` or `sqlite::memory:`, or joins a shared memory database. A file that does not exist yet
 * is created. Commits are durable when they return (`synchronous=FULL`) unless `synchronous` says otherwise.
 *
 * @throws CoterieError COTERIE_STORE_FOREIGN, _CORRUPT, _NEWER, _READ_ONLY, _BUSY, _FULL or _FAILED, and
 * COTERIE_NOT_FOUND for a missing folder, or a missing file that must exist.
 */
export function openSqlite(
  source: string | { readonly database: MemoryDatabase },
  options: SqliteOptions = {},
): Store {
  const now = options.now ?? Date.now
  if (typeof source !== 'string') {
    if (!(source.database instanceof SharedMemory)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'The memory database is not one of createMemoryDatabase().',
      )
    }
    return new SqliteStore('sqlite::memory:', new Handle(source.database.database, now, true))
  }
  const file = fileOf(source)
  return new SqliteStore(source, new Handle(new Database(file, options), now, false))
}

/**
 * Creates the file with its schema, or upgrades it, as opening it does. With `printOnly` nothing is changed.
 *
 * @throws CoterieError as {@link openSqlite} does.
 */
export async function migrateSqlite(url: string, printOnly: boolean): Promise<Migration> {
  const file = fileOf(url)
  const from = schemaIn(file)
  if (!printOnly) new Database(file).close()
  return { from, to: knownSchema(), sql: migrationSql(from) }
}

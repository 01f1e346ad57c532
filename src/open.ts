/**
 * Opening a space: the composition root that chooses the store, the keyring and the system's ports.
 *
 * @module
 */

import { nodeCrypto } from './adapters/node/crypto.ts'
import { fileKeyring } from './adapters/node/keyring.ts'
import { systemClock } from './adapters/node/clock.ts'
import { systemRandom } from './adapters/node/random.ts'
import { CoterieError } from './core/errors.ts'
import type { Limits } from './core/limits.ts'
import type { Keyring } from './ports/keyring.ts'
import { silentLogger } from './ports/logger.ts'
import type { Logger } from './ports/logger.ts'
import type { Migration, Store } from './ports/store.ts'
import type { Ports } from './runtime/context.ts'
import type { KeyOffice } from './runtime/key-office.ts'
import { checkStart, startKeyOffice, startSpace } from './runtime/start.ts'
import type { Space } from './runtime/space.ts'
import { databaseName, migratePostgres, openPostgres } from './stores/postgres/index.ts'
import { migrateSqlite, openSqlite } from './stores/sqlite/index.ts'
import { memoryKeyring } from './adapters/memory/keyring.ts'
import type { AnyAgent } from './turn/definition.ts'

/** Options of `open`. */
export interface OpenOptions {
  /** The agents that this process runs. Without any, it only sends, asks and looks. */
  readonly agents?: readonly AnyAgent[]
  /** A database holds many spaces; by default `main`. */
  readonly space?: string
  /**
   * A folder for the keys, by default the name of the file or the database with `.keys`; in memory for
   * `sqlite::memory:`.
   */
  readonly keyring?: string | Keyring
  readonly limits?: Partial<Limits>
  readonly logger?: Logger
  /** Throw COTERIE_NOT_FOUND instead of creating a database or a space. */
  readonly mustExist?: boolean
}

/**
 * Opens a space and starts its agents. `sqlite:FILE` for one machine (several processes may share the file),
 * `postgres://HOST/DATABASE` for many, `sqlite::memory:` for tests. Close it with `close()`, or let `await using`
 * do it.
 *
 * Throws COTERIE_STORE_* when the store cannot be used, COTERIE_KEY_* when the keys do not fit it,
 * COTERIE_CLOCK_BACK when the machine's clock is far behind the log.
 *
 * @example
 * ```ts
 * import { agent, on, open } from 'coterie'
 * import { z } from 'zod'
 * const greeter = agent('greeter', {
 *   greet: on({ input: z.object({ name: z.string() }) }, (_turn, { name }) => `hello ${name}`),
 * })
 * await using space = await open('sqlite::memory:', { agents: [greeter] })
 * console.log(await space.ask(greeter.greet, { name: 'world' }))
 * ```
 */
export async function open(url: string, options: OpenOptions = {}): Promise<Space> {
  const start = {
    space: options.space ?? 'main',
    agents: options.agents ?? [],
    ...(options.limits !== undefined && { limits: options.limits }),
    ...(options.mustExist !== undefined && { mustExist: options.mustExist }),
  }
  checkStart(start)
  const store = openStore(url, options)
  try {
    return await startSpace(store, portsFor(url, options), start)
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Runs `use` on the keys of a space: for its owner. Throws as `open` does. */
export async function withKeyOffice<T>(
  url: string,
  options: Pick<OpenOptions, 'space' | 'keyring'>,
  use: (keys: KeyOffice) => Promise<T>,
): Promise<T> {
  const store = openStore(url, { mustExist: true })
  try {
    return await use(await startKeyOffice(store, portsFor(url, options), options.space ?? 'main'))
  } finally {
    await store.close()
  }
}

function portsFor(url: string, { keyring, logger }: Pick<OpenOptions, 'keyring' | 'logger'>): Ports {
  return {
    clock: systemClock,
    crypto: nodeCrypto,
    keyring: keyringFor(url, keyring),
    logger: logger ?? silentLogger,
    random: systemRandom,
  }
}

/** What the schemes of URLs stand for. */
interface StoreKind {
  readonly open: (url: string, options: StoreOptions) => Store
  readonly migrate: (url: string, printOnly: boolean) => Promise<Migration>
  /** Where the keys are when nobody says so. */
  readonly keyring: (url: string) => Keyring
}

interface StoreOptions {
  readonly mustExist?: boolean
  readonly readOnly?: boolean
}

const POSTGRES: StoreKind = {
  open: openPostgres,
  migrate: migratePostgres,
  // A database that many machines share has no folder: its name stands for it.
  keyring: (url) =>
    fileKeyring(`${databaseName(url).replaceAll(/[^\w.-]/g, '_')}.keys`, nodeCrypto, systemRandom),
}

const STORES: Readonly<Record<string, StoreKind>> = {
  sqlite: {
    open: openSqlite,
    migrate: migrateSqlite,
    keyring(url) {
      const file = url.slice('sqlite:'.length)
      if (file === ':memory:') return memoryKeyring(nodeCrypto, systemRandom)
      return fileKeyring(`${file}.keys`, nodeCrypto, systemRandom)
    },
  },
  postgres: POSTGRES,
  postgresql: POSTGRES,
}

/** The store behind a URL. Throws COTERIE_STORE_UNSUPPORTED for a scheme that nothing here speaks. */
export function openStore(url: string, options: StoreOptions = {}): Store {
  return kindOf(url).open(url, {
    ...(options.mustExist !== undefined && { mustExist: options.mustExist }),
    ...(options.readOnly !== undefined && { readOnly: options.readOnly }),
  })
}

/**
 * Creates the schema of a store, or upgrades it; with `printOnly` it only tells how. Throws as opening it does, and
 * COTERIE_STORE_OLDER when the role may not.
 */
export function migrateStore(url: string, printOnly: boolean): Promise<Migration> {
  return kindOf(url).migrate(url, printOnly)
}

/**
 * The keyring of a store: given, named, or its own: the folder beside the database file, or, for PostgreSQL, the
 * folder with the database's name where the program runs.
 */
export function keyringFor(url: string, keyring?: string | Keyring): Keyring {
  if (typeof keyring === 'object') return keyring
  if (keyring !== undefined) return fileKeyring(keyring, nodeCrypto, systemRandom)
  return kindOf(url).keyring(url)
}

function kindOf(url: string): StoreKind {
  // A program without types may give anything.
  if (typeof url !== 'string') {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      'A database is named by its URL: sqlite:FILE, for example.',
    )
  }
  const scheme = url.split(':', 1)[0] ?? ''
  const kind = Object.hasOwn(STORES, scheme) ? STORES[scheme] : undefined
  if (kind !== undefined) return kind
  throw new CoterieError(
    'COTERIE_STORE_UNSUPPORTED',
    `"${url.includes(':') ? `${scheme}:` : url}" names no store that Coterie has; use sqlite:FILE, sqlite::memory: ` +
      'or postgres://HOST/DATABASE.',
  )
}

/**
 * The part of the `pg` package that the store uses, by its shape: so the package is needed only by those who
 * use this store, and its types by nobody.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'

/** A statement as it is given to the driver. */
export interface DriverQuery {
  readonly text: string
  /** Prepared under this name, once for each connection. */
  readonly name?: string
  readonly values?: unknown[]
}

/** One row, by column. */
export type Row = Record<string, unknown>

/** What comes back. `command` is the first word of the server's command tag. */
export interface DriverResult {
  readonly command: string
  readonly rows: Row[]
  readonly rowCount: number | null
}

/** A notification. */
export interface DriverNotification {
  readonly channel: string
  readonly payload?: string | undefined
}

/** One connection. */
export interface DriverClient {
  connect(): Promise<unknown>
  query(query: DriverQuery): Promise<DriverResult>
  end(): Promise<void>
  on(event: 'error', listener: (error: Error) => void): unknown
  on(event: 'end', listener: () => void): unknown
  on(event: 'notification', listener: (notification: DriverNotification) => void): unknown
}

/** How a connection is made. The rest of the URL is read by the driver. */
export interface DriverConfig {
  readonly connectionString: string
  /** Sends statements without waiting for the answers to those before. */
  readonly pipeline: boolean
  readonly keepAlive: boolean
  readonly connectionTimeoutMillis: number
  readonly query_timeout: number
  readonly fallback_application_name: string
  readonly types: { getTypeParser(oid: number): (value: string) => unknown }
}

/** The package. */
export interface Driver {
  readonly Client: new (config: DriverConfig) => DriverClient
}

let loaded: Promise<Driver> | undefined

/** Loads the `pg` package. Throws COTERIE_STORE_UNSUPPORTED when it is not installed. */
export function loadDriver(): Promise<Driver> {
  loaded ??= load()
  return loaded
}

async function load(): Promise<Driver> {
  try {
    const { default: driver } = await import('pg')
    return driver
  } catch (error) {
    loaded = undefined
    throw new CoterieError(
      'COTERIE_STORE_UNSUPPORTED',
      'PostgreSQL needs the package "pg", version 8.23 or later: npm install pg.',
      { cause: error },
    )
  }
}

// The object identifiers of types, from PostgreSQL's pg_type.dat.
const BOOL = 16
const BYTEA = 17
const NUMBERS = new Set([20, 21, 23])

const asText = (value: string): unknown => value
const asBoolean = (value: string): unknown => value === 't'
const asBytes = (value: string): unknown => Buffer.from(value.slice(2), 'hex')

/** Numbers are positions, counts and milliseconds: all of them are safe integers. */
function asNumber(value: string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new RangeError(`${value} is too large.`)
  return number
}

/** Reads the few types that the schema has; everything else is text. */
export const TYPES: DriverConfig['types'] = {
  getTypeParser(oid) {
    if (NUMBERS.has(oid)) return asNumber
    if (oid === BOOL) return asBoolean
    return oid === BYTEA ? asBytes : asText
  },
}

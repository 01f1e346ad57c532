/**
 * The one place that judges errors of the driver and of the server: whether the connection is lost, whether
 * the same transaction may succeed if it is run again, and what to tell the caller.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'

// https://www.postgresql.org/docs/current/errcodes-appendix.html
const UNIQUE_VIOLATION = '23505'
const READ_ONLY = '25006'
const NO_SUCH_STATEMENT = '26000'
const STATEMENT_EXISTS = '42P05'
const PRIVILEGE = '42501'
const DISK_FULL = '53100'
const LOCK_NOT_AVAILABLE = '55P03'
const CANCELED = '57014'
const NO_DATABASE = '3D000'
/** A password that is wrong, or a role that may not log in from here. */
const NO_ENTRY = new Set(['28P01', '28000'])
/** The server lives, but the transaction must be run again: serialization, deadlock, locks, no room. */
const AGAIN = new Set(['40001', '40P01', LOCK_NOT_AVAILABLE, CANCELED, '53000', '53200', '53400'])
/**
 * The connection is of no use any more: shut down, starting up, no more slots, a failed start of a backend, or a
 * server that was a primary and is one no more.
 */
const GONE = new Set(['57P01', '57P02', '57P03', '57P05', '25P03', '53300', READ_ONLY])

/** What follows from an error. */
export type Trouble =
  /** The connection is lost or useless. */
  | 'lost'
  /** The transaction was rolled back, and may succeed when it is run again. */
  | 'again'
  /** A unique index has refused a row. */
  | 'taken'
  /** A pooler between here and the server does not keep prepared statements. */
  | 'unprepared'
  /** Nothing helps. */
  | 'final'

/** The connection was lost, or could not be made: what the driver and the network say of it. */
class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super(said(cause), { cause })
  }
}

/** What the driver raised: an error of the server as it is, a lost connection as such. */
export function driverError(error: unknown): unknown {
  const known = error instanceof CoterieError || error instanceof ConnectionLost
  return known || isMistake(error) || sqlState(error) !== undefined ? error : new ConnectionLost(error)
}

/** The error code of the server, if it was the server that raised it. */
export function sqlState(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return undefined
  return /^[0-9A-Z]{5}$/.test(error.code) && 'severity' in error ? error.code : undefined
}

/** What follows from an error of the driver or the server. */
export function troubleOf(error: unknown): Trouble {
  if (error instanceof ConnectionLost) return 'lost'
  const state = error instanceof CoterieError ? undefined : sqlState(error)
  if (state === undefined) return 'final'
  if (state.startsWith('08') || GONE.has(state)) return 'lost'
  if (AGAIN.has(state)) return 'again'
  if (state === UNIQUE_VIOLATION) return 'taken'
  return state === NO_SUCH_STATEMENT || state === STATEMENT_EXISTS ? 'unprepared' : 'final'
}

/**
 * True when the server has refused a statement of a transaction and goes on: then the transaction is rolled
 * back for certain, whatever becomes of the connection.
 */
export function isRefusal(error: unknown): boolean {
  return (
    sqlState(error) !== undefined &&
    error instanceof Error &&
    'severity' in error &&
    error.severity === 'ERROR'
  )
}

/** A bug here or in the driver, and not trouble on the way to the server. */
function isMistake(error: unknown): boolean {
  return error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError
}

/** The error to throw for anything that was thrown by the driver. Coterie's own errors pass. */
export function storeError(error: unknown, url: string): CoterieError {
  if (error instanceof CoterieError) return error
  const [code, message] = explain(error, url)
  return new CoterieError(code, message, { cause: error, details: { url } })
}

/** The error of a call after `close`. */
export function closedError(url: string): CoterieError {
  return new CoterieError('COTERIE_CLOSED', `The database ${url} is closed: open it again.`, {
    details: { url },
  })
}

/** The error after the last try. */
export function unavailable(error: unknown, url: string, patienceMs: number): CoterieError {
  if (sqlState(error) === READ_ONLY) return storeError(error, url)
  return new CoterieError(
    'COTERIE_STORE_UNAVAILABLE',
    `The database ${url} could not be used for ${patienceMs} ms (${said(error)}): nothing was written; try again.`,
    { cause: error, details: { url } },
  )
}

/** The error of a commit whose answer was lost, and whose outcome could not be found out in time. */
export function unknownOutcome(error: unknown, url: string, patienceMs: number): CoterieError {
  return new CoterieError(
    'COTERIE_STORE_UNAVAILABLE',
    `The connection to ${url} was lost during a commit, and the database could not be asked about it for ` +
      `${patienceMs} ms (${said(error)}): it was written as a whole or not at all. Look before you try again.`,
    { cause: error, details: { url, outcome: 'unknown' } },
  )
}

function said(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  // Of a host with several addresses, only the code says what happened at each.
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}

function explain(error: unknown, url: string): readonly [ErrorCode, string] {
  const what = said(error)
  const state = sqlState(error)
  switch (state) {
    case LOCK_NOT_AVAILABLE:
    case CANCELED:
    case '40001':
    case '40P01':
      return ['COTERIE_STORE_BUSY', `The database ${url} is busy (${what}): nothing was written; try again.`]
    case READ_ONLY:
      return [
        'COTERIE_STORE_READ_ONLY',
        `The database ${url} takes no writes: nothing was written. Name the primary, or all hosts of the cluster.`,
      ]
    case PRIVILEGE:
      return [
        'COTERIE_STORE_READ_ONLY',
        `The role of ${url} may not do this (${what}): nothing was written. Grant it what the guide lists.`,
      ]
    case DISK_FULL:
      return [
        'COTERIE_STORE_FULL',
        `There is no room left for the database ${url}: nothing was written. Free some and try again.`,
      ]
    case NO_DATABASE:
      return ['COTERIE_NOT_FOUND', `There is no such database (${what}): create it first (createdb).`]
    case undefined:
      break
    default:
      if (NO_ENTRY.has(state)) {
        return [
          'COTERIE_STORE_FAILED',
          `The server of ${url} does not let this role in (${what}): look at the role and the password in the URL.`,
        ]
      }
      if (state.startsWith('XX00')) {
        return [
          'COTERIE_STORE_CORRUPT',
          `The database ${url} is damaged (${what}): nothing was written. Restore it from a backup.`,
        ]
      }
      return [
        'COTERIE_STORE_FAILED',
        `The database ${url} refused a statement (${what}): nothing was written.`,
      ]
  }
  return error instanceof ConnectionLost
    ? ['COTERIE_STORE_UNAVAILABLE', `The database ${url} cannot be reached (${what}): try again.`]
    : ['COTERIE_STORE_FAILED', `The database ${url} failed: ${what}`]
}

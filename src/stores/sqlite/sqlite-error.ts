/**
 * The one place that turns errors of SQLite and of the file system into Coterie's.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import type { ErrorCode } from '../../core/errors.ts'

// Primary result codes, https://sqlite.org/rescode.html; the low byte of an extended code.
const BUSY = 5
const LOCKED = 6
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const CONSTRAINT = 19
const NOTADB = 26

/** The primary result code of an error raised by SQLite, or undefined for any other error. */
function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number')
    return undefined
  return error.errcode & 0xff
}

/** True when SQLite refused a row because of a unique index. */
export function isConstraint(error: unknown): boolean {
  return resultCode(error) === CONSTRAINT
}

/** True when another connection holds the lock. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error)
  return code === BUSY || code === LOCKED
}

/** True when there was no room for what was to be written. */
export function isFull(error: unknown): boolean {
  return resultCode(error) === FULL
}

/** The error to throw for anything that was thrown by the driver. Coterie's own errors pass. */
export function storeError(error: unknown, file: string): CoterieError {
  if (error instanceof CoterieError) return error
  const [code, message] = explain(error, file)
  return new CoterieError(code, message, { cause: error, details: { file } })
}

/** The error of a call after `close`. */
export function closedError(file: string): CoterieError {
  return new CoterieError('COTERIE_CLOSED', `The database ${file} is closed: open it again.`, {
    details: { file },
  })
}

function explain(error: unknown, file: string): readonly [ErrorCode, string] {
  const said = error instanceof Error ? error.message : String(error)
  switch (resultCode(error)) {
    case BUSY:
    case LOCKED:
      return [
        'COTERIE_STORE_BUSY',
        `Another process holds the database ${file}: nothing was written; try again.`,
      ]
    case READONLY:
      return [
        'COTERIE_STORE_READ_ONLY',
        `The database ${file} cannot be written: nothing was written. ` +
          'Give this process the right to write to the file and its folder.',
      ]
    case FULL:
      return [
        'COTERIE_STORE_FULL',
        `There is no room left for the database ${file}: nothing was written. Free some and try again.`,
      ]
    case CORRUPT:
    case NOTADB:
      return [
        'COTERIE_STORE_CORRUPT',
        `The database ${file} is damaged (${said}): nothing was written. Restore it from a backup.`,
      ]
    case CANTOPEN:
      return [
        'COTERIE_STORE_FAILED',
        `The database ${file} cannot be opened (${said}): look at the rights of the file and its folder.`,
      ]
    case IOERR:
      return [
        'COTERIE_STORE_FAILED',
        `Reading or writing the database ${file} failed (${said}): nothing was written. Look at the disk.`,
      ]
    case undefined:
      break
    default:
      return [
        'COTERIE_STORE_FAILED',
        `The database ${file} refused a statement (${said}): nothing was written.`,
      ]
  }
  return explainSystem(error, file, said)
}

function explainSystem(error: unknown, file: string, said: string): readonly [ErrorCode, string] {
  // What a row holds as JSON was JSON when it was written.
  if (error instanceof SyntaxError) {
    return [
      'COTERIE_STORE_CORRUPT',
      `The database ${file} is damaged (a row is no JSON: ${said}): nothing was written. Restore it from a backup.`,
    ]
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EROFS' || code === 'EACCES' || code === 'EPERM') {
    return [
      'COTERIE_STORE_READ_ONLY',
      `The file ${file} cannot be read or written by this process (${String(code)}): change its rights.`,
    ]
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return [
      'COTERIE_STORE_FULL',
      `There is no room left for the database ${file}: nothing was written. Free some and try again.`,
    ]
  }
  return ['COTERIE_STORE_FAILED', `The database ${file} failed: ${said}`]
}

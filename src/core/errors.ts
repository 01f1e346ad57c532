/**
 * Every error that Coterie raises: one class, one closed list of codes.
 * `docs/reference/errors.md` has a section for each code; a test proves that both lists are equal.
 *
 * @module
 */

import { clipText } from './clip.ts'

/** A stable, documented name for what went wrong. */
export type ErrorCode =
  | 'COTERIE_USAGE'
  | 'COTERIE_INVALID_ARGUMENT'
  | 'COTERIE_INVALID_DEFINITION'
  | 'COTERIE_INVALID_ADDRESS'
  | 'COTERIE_INVALID_JSON'
  | 'COTERIE_INVALID_PAYLOAD'
  | 'COTERIE_INVALID_REPLY'
  | 'COTERIE_INVALID_RULE'
  | 'COTERIE_PAYLOAD_TOO_LARGE'
  | 'COTERIE_UNKNOWN_RECIPIENT'
  | 'COTERIE_UNKNOWN_HANDLER'
  | 'COTERIE_NOT_FOUND'
  | 'COTERIE_LIMIT_EXCEEDED'
  | 'COTERIE_MAILBOX_FULL'
  | 'COTERIE_KEY_REUSED'
  | 'COTERIE_WAIT_CYCLE'
  | 'COTERIE_CANCELLED'
  | 'COTERIE_LEASE_LOST'
  | 'COTERIE_STALE_READ'
  | 'COTERIE_DEADLINE_PASSED'
  | 'COTERIE_JOURNAL_MISMATCH'
  | 'COTERIE_STEP_FAILED'
  | 'COTERIE_STEP_TIMEOUT'
  | 'COTERIE_ASK_FAILED'
  | 'COTERIE_TURN_FAILED'
  | 'COTERIE_TURN_CRASHED'
  | 'COTERIE_TURN_ENDED'
  | 'COTERIE_ROLLBACK_FAILED'
  | 'COTERIE_VERIFICATION_FAILED'
  | 'COTERIE_INVALID_CERTIFICATE'
  | 'COTERIE_DECISION_CLOSED'
  | 'COTERIE_NOT_APPROVED'
  | 'COTERIE_APPROVAL_USED'
  | 'COTERIE_KEY_MISSING'
  | 'COTERIE_KEY_UNREADABLE'
  | 'COTERIE_KEY_MISMATCH'
  | 'COTERIE_KEY_REVOKED'
  | 'COTERIE_KEY_ROTATED'
  | 'COTERIE_STORE_UNSUPPORTED'
  | 'COTERIE_STORE_CORRUPT'
  | 'COTERIE_STORE_FOREIGN'
  | 'COTERIE_STORE_NEWER'
  | 'COTERIE_STORE_OLDER'
  | 'COTERIE_STORE_READ_ONLY'
  | 'COTERIE_STORE_FULL'
  | 'COTERIE_STORE_BUSY'
  | 'COTERIE_STORE_UNAVAILABLE'
  | 'COTERIE_STORE_FAILED'
  | 'COTERIE_COUNCIL_HALTED'
  | 'COTERIE_COUNCIL_LEFT'
  | 'COTERIE_COUNCIL_UNREACHABLE'
  | 'COTERIE_COUNCIL_UNREADY'
  | 'COTERIE_CLOSED'
  | 'COTERIE_CLOCK_BACK'

/** How a code behaves: the CLI's exit code, and whether the same call may succeed later. */
export interface ErrorTrait {
  readonly exit: number
  readonly retryable: boolean
}

const trait = (exit: number, retryable = false): ErrorTrait => ({ exit, retryable })

/**
 * Exit codes of the CLI. 0 is success; the others group the error codes by what the caller can do.
 * 1 failed, 2 bad input, 3 verification, 4 not found, 5 refused, 6 store, 7 keys, 8 too late.
 */
export const ERROR_TRAITS: Readonly<Record<ErrorCode, ErrorTrait>> = {
  // Bad input: refused at the edge, nothing was written.
  COTERIE_USAGE: trait(2),
  COTERIE_INVALID_ARGUMENT: trait(2),
  COTERIE_INVALID_DEFINITION: trait(2),
  COTERIE_INVALID_ADDRESS: trait(2),
  COTERIE_INVALID_JSON: trait(2),
  COTERIE_INVALID_PAYLOAD: trait(2),
  COTERIE_INVALID_REPLY: trait(1),
  COTERIE_INVALID_RULE: trait(2),
  COTERIE_PAYLOAD_TOO_LARGE: trait(2),
  COTERIE_UNKNOWN_RECIPIENT: trait(4),
  COTERIE_UNKNOWN_HANDLER: trait(4),
  COTERIE_NOT_FOUND: trait(4),
  // Refused by a rule or a limit.
  COTERIE_LIMIT_EXCEEDED: trait(5),
  COTERIE_MAILBOX_FULL: trait(5, true),
  COTERIE_KEY_REUSED: trait(5),
  COTERIE_WAIT_CYCLE: trait(5),
  COTERIE_CANCELLED: trait(5),
  COTERIE_LEASE_LOST: trait(5, true),
  COTERIE_STALE_READ: trait(5),
  COTERIE_DEADLINE_PASSED: trait(8),
  // A turn or a step went wrong.
  COTERIE_JOURNAL_MISMATCH: trait(1),
  COTERIE_STEP_FAILED: trait(1, true),
  COTERIE_STEP_TIMEOUT: trait(8, true),
  COTERIE_ASK_FAILED: trait(1),
  COTERIE_TURN_FAILED: trait(1, true),
  COTERIE_TURN_CRASHED: trait(1),
  COTERIE_TURN_ENDED: trait(1),
  COTERIE_ROLLBACK_FAILED: trait(1),
  // Proof.
  COTERIE_VERIFICATION_FAILED: trait(3),
  COTERIE_INVALID_CERTIFICATE: trait(3),
  // Decisions.
  COTERIE_DECISION_CLOSED: trait(8),
  COTERIE_NOT_APPROVED: trait(5),
  COTERIE_APPROVAL_USED: trait(5),
  // Keys.
  COTERIE_KEY_MISSING: trait(7),
  COTERIE_KEY_UNREADABLE: trait(7),
  COTERIE_KEY_MISMATCH: trait(7),
  COTERIE_KEY_REVOKED: trait(7),
  COTERIE_KEY_ROTATED: trait(7),
  // The store.
  COTERIE_STORE_UNSUPPORTED: trait(6),
  COTERIE_STORE_CORRUPT: trait(6),
  COTERIE_STORE_FOREIGN: trait(6),
  COTERIE_STORE_NEWER: trait(6),
  COTERIE_STORE_OLDER: trait(6),
  COTERIE_STORE_READ_ONLY: trait(6),
  COTERIE_STORE_FULL: trait(6, true),
  COTERIE_STORE_BUSY: trait(6, true),
  COTERIE_STORE_UNAVAILABLE: trait(6, true),
  COTERIE_STORE_FAILED: trait(6),
  // A council.
  COTERIE_COUNCIL_HALTED: trait(3),
  COTERIE_COUNCIL_UNREACHABLE: trait(5, true),
  COTERIE_COUNCIL_LEFT: trait(5),
  COTERIE_COUNCIL_UNREADY: trait(5, true),
  COTERIE_CLOSED: trait(1),
  COTERIE_CLOCK_BACK: trait(6, true),
}

/** Facts about the failure, for machines: addresses, ids, limits. Never a secret. */
export type ErrorDetails = Readonly<Record<string, unknown>>

/**
 * The one error class. The message says what happened, to what, and what to do.
 *
 * @example
 * ```ts
 * import { CoterieError } from 'coterie'
 * const describe = (error: unknown): string =>
 *   error instanceof CoterieError && error.code === 'COTERIE_MAILBOX_FULL' ? 'slow down' : String(error)
 * ```
 */
export class CoterieError extends Error {
  override readonly name = 'CoterieError'
  readonly code: ErrorCode
  readonly retryable: boolean
  readonly details: ErrorDetails

  constructor(
    code: ErrorCode,
    message: string,
    options: { cause?: unknown; details?: ErrorDetails; retryable?: boolean } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.retryable = options.retryable ?? ERROR_TRAITS[code].retryable
    this.details = options.details ?? {}
  }
}

/** What is kept of an error in the log and sent to an asker: no stack, no object graph. */
export interface ErrorValue {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly details?: ErrorDetails
  readonly cause?: ErrorValue
}

const MAX_CAUSES = 5
const MAX_MESSAGE_CHARS = 4_000

/** The error as a plain value. Anything can be thrown, so anything is accepted. */
export function errorValue(error: unknown, depth = 0): ErrorValue {
  if (!(error instanceof Error)) {
    return {
      code: 'UNKNOWN',
      message: clip(typeof error === 'string' ? error : describe(error)),
      retryable: true,
    }
  }
  const code = error instanceof CoterieError ? error.code : foreignCode(error)
  const retryable = error instanceof CoterieError ? error.retryable : !isMarkedFinal(error)
  const cause =
    error.cause === undefined || depth >= MAX_CAUSES ? {} : { cause: errorValue(error.cause, depth + 1) }
  const details = error instanceof CoterieError ? jsonDetails(error.details) : undefined
  return {
    code,
    message: clip(error.message),
    retryable,
    ...(details === undefined ? {} : { details }),
    ...cause,
  }
}

/** The reverse of {@link errorValue}: an error to throw, made from a recorded one. */
export function errorFromValue(value: ErrorValue): Error {
  const cause = value.cause === undefined ? {} : { cause: errorFromValue(value.cause) }
  if (value.code in ERROR_TRAITS) {
    const details = value.details === undefined ? {} : { details: value.details }
    return new CoterieError(value.code as ErrorCode, value.message, {
      retryable: value.retryable,
      ...details,
      ...cause,
    })
  }
  const error = new Error(value.message, cause)
  return Object.assign(error, { code: value.code, retryable: value.retryable })
}

/** True when the same work may succeed if it is tried again. Unknown errors are taken as passing. */
export function isRetryable(error: unknown): boolean {
  return errorValue(error).retryable
}

function foreignCode(error: Error): string {
  const code: unknown = 'code' in error ? error.code : undefined
  return (typeof code === 'string' && code.length <= 100 ? code : String(error.name)).toWellFormed()
}

/** A thrown error may say of itself that trying again is pointless: `retryable: false`. */
function isMarkedFinal(error: Error): boolean {
  return 'retryable' in error && error.retryable === false
}

function jsonDetails(details: ErrorDetails): ErrorDetails | undefined {
  if (Object.keys(details).length === 0) return undefined
  try {
    return JSON.parse(JSON.stringify(details, signable)) as ErrorDetails
  } catch {
    return undefined
  }
}

/** Details go into signed bytes, which hold no fractions and no broken text. */
function signable(_key: string, value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed()
  return typeof value === 'number' && (!Number.isSafeInteger(value) || Object.is(value, -0))
    ? String(value)
    : value
}

function describe(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value)
  } catch {
    return String(value)
  }
}

function clip(text: string): string {
  return clipText(text, MAX_MESSAGE_CHARS, `... (${text.length} characters)`)
}

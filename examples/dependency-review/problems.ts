/**
 * How the program fails: one line for people, one JSON object for programs, and an exit code for both.
 *
 * @module
 */

import { CoterieError } from '../../src/index.ts'
import type { ErrorValue } from '../../src/index.ts'
import { ERROR_TRAITS, errorFromValue, errorValue } from '../../src/core/errors.ts'
import { cleanText } from './lockfile/text.ts'
import { LockfileError } from './lockfile/errors.ts'

const SHOWN_MAX = 3

/** A mistake in how the program was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'USAGE'
}

/** Some packages could not be decided. What was decided is kept. */
export class ReviewError extends Error {
  override readonly name = 'ReviewError'
  readonly code = 'REVIEW_FAILED'

  constructor(failures: readonly { readonly package: string; readonly error: ErrorValue }[], again: string) {
    const shown = failures.slice(0, SHOWN_MAX).map((one) => `${one.package}: ${one.error.message}`)
    const more = failures.length > SHOWN_MAX ? ` (and ${failures.length - SHOWN_MAX} more)` : ''
    const [first] = failures
    super(
      `${failures.length} of the packages could not be decided. ${shown.join(' ')}${more} ` +
        `Look with "npm run coterie -- dead list${again}", then run the same command again.`,
      first === undefined ? {} : { cause: errorFromValue(first.error) },
    )
  }
}

/** 2 for bad input, the documented code for an error of Coterie, 1 for anything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof LockfileError) return 2
  if (error instanceof ReviewError && error.cause !== undefined) return exitCodeOf(error.cause)
  return error instanceof CoterieError ? ERROR_TRAITS[error.code].exit : 1
}

/** What to say. With `json`, one object on one line. */
export function failureText(error: unknown, json: boolean): string {
  const value = errorValue(error)
  if (json) return JSON.stringify({ error: value })
  const hint = error instanceof UsageError ? ' See npm run demo -- --help.' : ''
  return `error: ${cleanText(value.message, 4_000)}${hint} (${value.code})`
}

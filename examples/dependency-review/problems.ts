import { CoterieError } from '../../src/index.ts'
import { ERROR_TRAITS } from '../../src/core/errors.ts'
import { LockfileError } from './lockfile/errors.ts'

/** A mistake in how the program was called. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** 2 for bad input, the documented code for an error of Coterie, 1 for anything else. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError || error instanceof LockfileError) return 2
  return error instanceof CoterieError ? ERROR_TRAITS[error.code].exit : 1
}

/** What to say. */
export function messageOf(error: unknown): string {
  if (error instanceof UsageError) return `${error.message}\nSee npm run demo -- --help`
  if (error instanceof CoterieError || error instanceof LockfileError) return `${error.message} (${error.code})`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

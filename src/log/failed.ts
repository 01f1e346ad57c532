import { CoterieError, type ErrorDetails } from '../core/errors.ts'

/** Where in the log something did not verify. */
export interface LogPlace {
  readonly position: number
  readonly author: string
}

/** The error for a record that does not verify. `reason` is a phrase in plain words, without a full stop. */
export function failed(place: LogPlace, reason: string, details: ErrorDetails = {}): CoterieError {
  const { position, author } = place
  const who = `The record at position ${position}, by ${JSON.stringify(author)},`
  return new CoterieError('COTERIE_VERIFICATION_FAILED', `${who} does not verify: ${reason}.`, {
    details: { position, author, reason, ...details },
  })
}

/**
 * What a wait is given: an answer that arrived, or the passing of time.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { Mail } from '../ports/store.ts'
import type { DoneEntry } from '../turn/journal.ts'
import type { OpenWait } from './turn-host.ts'

/** True for the trouble of a store: it passes, and says nothing about the message that was being looked at. */
export function isOfStore(error: unknown): boolean {
  if (!(error instanceof CoterieError)) return false
  return error.code.startsWith('COTERIE_STORE_') || error.code === 'COTERIE_CLOSED'
}

/** The result that an answer is. */
export function doneBy(wait: OpenWait, answer: Mail): DoneEntry {
  const reply = answer.envelope.id
  if (!answer.envelope.failed) return { t: 'done', i: wait.i, value: answer.payload, reply }
  return { t: 'done', i: wait.i, error: errorValueOf(answer.payload), reply }
}

function errorValueOf(payload: string): NonNullable<DoneEntry['error']> {
  const value: unknown = JSON.parse(payload)
  const known = typeof value === 'object' && value !== null && 'code' in value && 'message' in value
  return known
    ? (value as NonNullable<DoneEntry['error']>)
    : { code: 'UNKNOWN', message: payload.slice(0, 200), retryable: false }
}

/** The result when nobody answered in time, or when a sleep is over. */
export function doneByTime(wait: OpenWait): DoneEntry {
  if (wait.target === null) return { t: 'done', i: wait.i }
  const message = `${wait.target} had not answered when the deadline passed.`
  return { t: 'done', i: wait.i, error: { code: 'COTERIE_DEADLINE_PASSED', message, retryable: false } }
}

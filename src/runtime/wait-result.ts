/**
 * What a wait is given when it is over.
 *
 * @module
 */

import type { Mail } from '../ports/store.ts'
import type { DoneEntry } from '../turn/journal.ts'
import type { OpenWait } from './turn-engine.ts'

/** The result of a question, by its answer. */
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

/** The result of a wait whose time has come: a sleep is over, a question was not answered. */
export function doneByTime(wait: OpenWait): DoneEntry {
  if (wait.target === null) return { t: 'done', i: wait.i }
  const message = `${wait.target} had not answered when the deadline passed.`
  return { t: 'done', i: wait.i, error: { code: 'COTERIE_DEADLINE_PASSED', message, retryable: false } }
}

import type { ErrorValue } from '../../core/errors.ts'
import type { MessageKind, MessageState } from '../../core/message.ts'
import type { MessageRow } from '../../ports/store.ts'

/** A message as it is shown. */
export interface MessageView {
  readonly id: string
  readonly kind: MessageKind
  readonly from: string
  readonly to: string
  readonly handler: string
  readonly topic: string | null
  readonly state: MessageState
  readonly attempts: number
  readonly sentAt: number
  readonly deadline: number | null
  readonly dueAt: number | null
  readonly trace: string
  readonly correlation: string
  /** The turn that sent it. */
  readonly cause: string | null
  /** For a reply: the question. */
  readonly re: string | null
  /** For a reply: it carries an error. */
  readonly failed: boolean
  readonly payload: unknown
  /** The record that sent it, and the one that ended it. */
  readonly position: number
  readonly settledAt: number | null
  /** A dead letter's error. */
  readonly error: ErrorValue | null
  /** Why it expired or was cancelled. */
  readonly reason: string | null
}

/** A message as it is shown, from its row. */
export function messageView(row: MessageRow): MessageView {
  const { id, kind, from, to, handler, topic, sentAt, deadline, trace, correlation, cause, re, failed } =
    row.envelope
  return {
    id,
    kind,
    from,
    to,
    handler,
    topic,
    state: row.state,
    attempts: row.attempts,
    sentAt,
    deadline,
    dueAt: row.dueAt,
    trace,
    correlation,
    cause,
    re,
    failed,
    payload: jsonOr(row.payload),
    position: row.position,
    settledAt: row.settledAt,
    error: row.error === null ? null : errorOf(row.error),
    reason: row.reason,
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function errorOf(text: string): ErrorValue {
  const value = jsonOr(text)
  if (typeof value === 'object' && value !== null && 'code' in value && 'message' in value) {
    return value as ErrorValue
  }
  return { code: 'UNKNOWN', message: text, retryable: false }
}

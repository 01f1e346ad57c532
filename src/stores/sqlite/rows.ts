/**
 * Rows of the database as values of the port.
 *
 * @module
 */

import type { Envelope } from '../../core/message.ts'
import type { LogRecord, Mail, MessageRow } from '../../ports/store.ts'
import { unpackProof } from '../../log/packed-proof.ts'
import { stateOf } from '../../mailbox/states.ts'

/** A row as the driver gives it. */
export type Row = Record<string, unknown>

/** What every query for mail selects: `m` is the message, `c` its contents. */
export const MAIL_COLUMNS = `m.place, m.id, m.recipient, m.position, m.state, m.queue, m.attempts, m.segments,
  m.crashes, c.envelope, c.hash, c.payload`

/** What a query for message rows selects besides. */
export const MESSAGE_COLUMNS: string = `${MAIL_COLUMNS}, m.due_ms, m.settled, m.error, m.reason`

/** The tables of both. */
export const MAIL_TABLES = 'messages m join contents c on c.place = m.place'

/** A number column. The schema is strict, so anything else is a bug. */
export function num(row: Row, column: string): number {
  const value = row[column]
  if (typeof value !== 'number') throw new TypeError(`The column ${column} is not a number.`)
  return value
}

/** A number column that may be null. */
export function numOrNull(row: Row, column: string): number | null {
  return row[column] === null ? null : num(row, column)
}

/** A text column. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw new TypeError(`The column ${column} is not a text.`)
  return value
}

/** A text column that may be null. */
export function textOrNull(row: Row, column: string): string | null {
  return row[column] === null ? null : text(row, column)
}

/** A message. The envelope comes from its text alone: the other columns are only an index to it. */
export function mailOf(row: Row): Mail {
  const envelope = text(row, 'envelope')
  return {
    envelope: JSON.parse(envelope) as Envelope,
    text: envelope,
    hash: text(row, 'hash'),
    payload: text(row, 'payload'),
    position: num(row, 'position'),
    state: stateOf(num(row, 'state')),
    attempts: num(row, 'attempts'),
    segments: num(row, 'segments'),
    crashes: num(row, 'crashes'),
    queue: num(row, 'queue'),
  }
}

/** A message with what its sender may see. */
export function messageOf(row: Row): MessageRow {
  return {
    ...mailOf(row),
    dueAt: numOrNull(row, 'due_ms'),
    error: textOrNull(row, 'error'),
    reason: textOrNull(row, 'reason'),
    settledAt: numOrNull(row, 'settled'),
  }
}

/** A record; `first` is the place of the space's record 0. */
export function recordOf(row: Row, first: number): LogRecord {
  return {
    position: num(row, 'place') - first,
    author: text(row, 'author'),
    seq: num(row, 'seq'),
    prev: text(row, 'prev'),
    hash: text(row, 'hash'),
    body: text(row, 'body'),
    detail: textOrNull(row, 'detail'),
    proof: unpackProof(row['proof']),
  }
}

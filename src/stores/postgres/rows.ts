/**
 * Rows of the database as values of the port.
 *
 * @module
 */

import type { Envelope } from '../../core/message.ts'
import { unpackProof } from '../../log/packed-proof.ts'
import { stateOf } from '../../mailbox/states.ts'
import type { LogRecord, Mail, MessageRow } from '../../ports/store.ts'
import type { Row } from './driver.ts'

/** What every query for live mail selects: `m` is the message, `l` its row in `mail`. */
export const LIVE_COLUMNS = `m.place, m.position, m.envelope, m.hash, m.payload, l.state, l.queue, l.attempts,
  l.segments, l.crashes`

/** What a query for messages in any state selects: `l` and `e` are left joined, and at most one is there. */
export const MESSAGE_COLUMNS = `m.place, m.position, m.envelope, m.hash, m.payload,
  coalesce(l.state, e.state, 9) as state, coalesce(l.queue, 0) as queue,
  coalesce(l.attempts, e.attempts, 0) as attempts, coalesce(l.segments, e.segments, 0) as segments,
  coalesce(l.crashes, e.crashes, 0) as crashes, l.due_ms, coalesce(l.error, e.error) as error,
  coalesce(l.reason, e.reason) as reason,
  case when l.place is not null then l.settled else coalesce(e.settled, m.position) end as settled`

/** The tables of both. */
export const MESSAGE_TABLES = `coterie.messages m
  left join coterie.mail l on l.place = m.place
  left join coterie.ends e on e.place = m.place`

/** A number column. */
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

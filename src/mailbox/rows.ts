/**
 * Rows of a store's tables as values of the port: every store names its columns alike.
 *
 * @module
 */

import type { Envelope, MessageState } from '../core/message.ts'
import { unpackProof } from '../log/packed-proof.ts'
import type {
  JournalChunk,
  LogRecord,
  Mail,
  MailboxRow,
  MessageRow,
  NewDecision,
  SpaceStatus,
  StoredEvent,
  Wait,
} from '../ports/store.ts'
import { stateOf } from './states.ts'

/** A row as the driver gives it. */
export type Row = Record<string, unknown>

/** A decision as it is kept. */
export type KeptDecision = NewDecision & { position: number }

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

/** A chunk of a journal. */
export function chunkOf(row: Row): JournalChunk {
  return {
    turn: text(row, 'turn'),
    chunk: num(row, 'chunk'),
    text: text(row, 'text'),
    hash: text(row, 'hash'),
    signature: text(row, 'signature'),
  }
}

/** A wait of a turn. */
export function waitOf(row: Row): Wait {
  return {
    index: num(row, 'number'),
    target: textOrNull(row, 'target'),
    request: textOrNull(row, 'request'),
    dueAt: num(row, 'due_ms'),
  }
}

/** An event of a stream. */
export function eventOf(row: Row): StoredEvent {
  return {
    stream: text(row, 'stream'),
    version: num(row, 'version'),
    position: num(row, 'position'),
    type: text(row, 'type'),
    data: text(row, 'data'),
    hash: text(row, 'hash'),
  }
}

/** A decision. */
export function decisionOf(row: Row): KeptDecision {
  return {
    id: text(row, 'id'),
    hash: text(row, 'hash'),
    certificate: text(row, 'certificate'),
    position: num(row, 'position'),
  }
}

/** A mailbox, for people. */
export function mailboxRowOf(row: Row): MailboxRow {
  return {
    address: text(row, 'address'),
    depth: num(row, 'depth'),
    ready: num(row, 'ready'),
    records: num(row, 'seq') + 1,
    epoch: num(row, 'epoch'),
    worker: textOrNull(row, 'worker'),
    leaseUntil: numOrNull(row, 'until_ms'),
    waiting: num(row, 'waiting'),
    dead: num(row, 'dead'),
    oldestAt: numOrNull(row, 'oldest'),
  }
}

/** A worker, for people. */
export function workerOf(row: Row): SpaceStatus['workers'][number] {
  return {
    id: text(row, 'worker'),
    until: num(row, 'until_ms'),
    agents: JSON.parse(text(row, 'agents')) as readonly string[],
    addresses: num(row, 'addresses'),
  }
}

/** How many messages are in each state: those that are handled are kept as a number, the others are counted. */
export function countsOf(handled: number, rows: readonly Row[]): Record<MessageState, number> {
  const counts: Record<MessageState, number> = {
    scheduled: 0,
    queued: 0,
    delivered: 0,
    waiting: 0,
    answered: 0,
    cancelling: 0,
    handled,
    dead: 0,
    expired: 0,
    cancelled: 0,
  }
  for (const row of rows) counts[stateOf(num(row, 'state'))] = num(row, 'n')
  return counts
}

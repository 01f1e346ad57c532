/**
 * One message as a batch knows it: what is stored of it, and what the batch has made of it.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { laneOf } from '../../core/message.ts'
import type { Envelope } from '../../core/message.ts'
import { num, numOrNull, text, textOrNull } from '../../mailbox/rows.ts'
import { CODE, isLive, stateOf } from '../../mailbox/states.ts'
import type { Mail, NewMessage } from '../../ports/store.ts'
import type { Row } from './driver.ts'

/** The columns that {@link storedEntry} reads; `m`, `l` and `e` as in `MESSAGE_TABLES`. */
export const ENTRY_COLUMNS = `m.place, m.position, m.id, m.recipient, m.trace, m.cause, m.re,
  l.place is not null as live, l.lane, coalesce(l.state, e.state, 9) as state, coalesce(l.queue, 0) as queue,
  coalesce(l.attempts, e.attempts, 0) as attempts, coalesce(l.segments, e.segments, 0) as segments,
  coalesce(l.crashes, e.crashes, 0) as crashes, coalesce(l.undo, false) as undo, l.due_ms, l.deadline_ms,
  l.settled, l.error, l.reason`

/** What makes the message itself, for entries whose text is needed. */
interface Content {
  readonly text: string
  readonly hash: string
  readonly payload: string
}

/** A message in a batch. */
export interface MessageEntry {
  readonly place: number
  readonly position: number
  readonly id: string
  readonly recipient: string
  readonly trace: string
  readonly cause: string | null
  readonly re: string | null
  readonly lane: string
  readonly deadline: number | null
  /** Written by this batch. */
  isNew: boolean
  /** It had a row in `mail` before this batch. */
  wasLive: boolean
  /** Present where the message was written by this batch, or was loaded whole. */
  content: Content | undefined
  /** The journal chunks of its turn, where that is known. */
  chunks: number | undefined
  readonly keyFrom: string | null
  readonly key: string | null
  state: number
  queue: number
  attempts: number
  segments: number
  crashes: number
  undo: boolean
  dueAt: number | null
  settled: number | null
  error: string | null
  reason: string | null
  changed: boolean
}

/** A message that is stored. */
export function storedEntry(row: Row): MessageEntry {
  const whole = typeof row['envelope'] === 'string'
  return {
    place: num(row, 'place'),
    position: num(row, 'position'),
    id: text(row, 'id'),
    recipient: text(row, 'recipient'),
    trace: text(row, 'trace'),
    cause: textOrNull(row, 'cause'),
    re: textOrNull(row, 're'),
    lane: textOrNull(row, 'lane') ?? '',
    deadline: numOrNull(row, 'deadline_ms'),
    isNew: false,
    wasLive: row['live'] === true,
    content: whole
      ? { text: text(row, 'envelope'), hash: text(row, 'hash'), payload: text(row, 'payload') }
      : undefined,
    chunks: undefined,
    keyFrom: null,
    key: null,
    state: num(row, 'state'),
    queue: num(row, 'queue'),
    attempts: num(row, 'attempts'),
    segments: num(row, 'segments'),
    crashes: num(row, 'crashes'),
    undo: row['undo'] === true,
    dueAt: numOrNull(row, 'due_ms'),
    settled: numOrNull(row, 'settled'),
    error: textOrNull(row, 'error'),
    reason: textOrNull(row, 'reason'),
    changed: false,
  }
}

/** A message that this batch writes. */
export function newEntry(
  message: NewMessage,
  at: { readonly place: number; readonly number: number; readonly position: number },
  state: number,
): MessageEntry {
  const e = message.envelope
  return {
    place: at.place,
    position: at.position,
    id: e.id,
    recipient: e.to,
    trace: e.trace,
    cause: e.cause,
    re: e.re,
    lane: laneOf(e),
    deadline: e.deadline,
    isNew: true,
    wasLive: false,
    content: message,
    chunks: 0,
    keyFrom: e.key === null ? null : nameOf(e.from),
    key: e.key,
    state,
    queue: state === CODE.queued ? at.number : 0,
    attempts: 0,
    segments: 0,
    crashes: 0,
    undo: false,
    dueAt: state === CODE.scheduled ? e.dueAt : null,
    settled: state === CODE.handled ? at.position : null,
    error: null,
    reason: null,
    changed: false,
  }
}

/** True for a message that has a row in `mail`: it is not over, or an operator may take it up again. */
export function isInMail(entry: MessageEntry): boolean {
  return isLive(entry.state) || entry.state === CODE.dead
}

/** The message as a mailbox gives it out. */
export function entryMail(entry: MessageEntry): Mail {
  const { content } = entry
  if (content === undefined) throw new Error(`The message ${entry.id} was not loaded whole.`)
  return {
    envelope: JSON.parse(content.text) as Envelope,
    text: content.text,
    hash: content.hash,
    payload: content.payload,
    position: entry.position,
    state: stateOf(entry.state),
    attempts: entry.attempts,
    segments: entry.segments,
    crashes: entry.crashes,
    queue: entry.queue,
  }
}

/**
 * A batch as the rules of a commit see it. SQLite is a library, and reads what it has just written: each question and
 * each change is a statement.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { laneOf } from '../../core/message.ts'
import type { SealedRecord } from '../../core/record.ts'
import { packProof } from '../../log/packed-proof.ts'
import type { BatchState, MessageFacts, OwnEnd } from '../../mailbox/batch-state.ts'
import { mailOf, num, numOrNull, text, textOrNull } from '../../mailbox/rows.ts'
import { CODE } from '../../mailbox/states.ts'
import type { JournalChunk, Mail, NewDecision, NewEvent, NewMessage, Wait } from '../../ports/store.ts'
import { Batch } from './batch.ts'
import { MAIL_COLUMNS, MAIL_TABLES } from './columns.ts'
import { LIVE } from './states.ts'

const BY_KEY = `select ${MAIL_COLUMNS} from ${MAIL_TABLES}
  where m.space = ? and m.key_from = ? and m.recipient = ? and m.key = ? and m.key is not null`
const BY_ID = `select ${MAIL_COLUMNS} from ${MAIL_TABLES} where m.space = ? and m.id = ?`
const FACTS = 'select recipient, state, undo, deadline_ms from messages where space = ? and id = ?'
const LAST_CHUNK = 'select max(chunk) as chunk from journal where space = ? and turn = ?'
const DECISION = 'select 1 from decisions where space = ? and id = ?'
// A wait holds its turn only while the question is open: an answered one ends it as soon as the turn looks.
const TARGETS = `select distinct w.target from waits w indexed by waits_waiter
  join messages q on q.space = w.space and q.id = w.request
  where w.space = ? and w.waiter = ? and w.target is not null and q.${LIVE}`
const CAUSED = 'select id from messages where space = ? and cause = ? and cause is not null order by place'
const OF_TRACE = 'select id from messages where space = ? and trace = ? order by place'
const ASKER = `select q.cause from messages m join messages q on q.space = m.space and q.id = m.re
  where m.space = ? and m.id = ?`

const INSERT_RECORD = `insert into records (place, space, author, seq, prev, hash, body, detail, proof,
  first_message)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
const INSERT_MESSAGE = `insert into messages (place, space, id, recipient, lane, trace, cause, re, key_from,
  key,
  position, state, queue, attempts, segments, crashes, undo, due_ms, deadline_ms, settled)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, 0, ?, ?, ?)`
const INSERT_CONTENT = 'insert into contents (place, envelope, hash, payload) values (?, ?, ?, ?)'
const INSERT_EVENT = `insert into events (space, stream, version, position, type, data, hash)
  values (?, ?, ?, ?, ?, ?, ?)`
const INSERT_CHUNK =
  'insert into journal (space, turn, chunk, text, hash, signature) values (?, ?, ?, ?, ?, ?)'
const INSERT_WAIT =
  'insert into waits (space, turn, number, waiter, target, request, due_ms) values (?, ?, ?, ?, ?, ?, ?)'
const INSERT_DECISION =
  'insert into decisions (space, id, hash, certificate, position) values (?, ?, ?, ?, ?)'

// One statement checks the message and moves it. Its states are tried in the order of their frequency: the
// counters of the mailbox need to know which it was, and `returning` tells only the new values.
const END_TURN = (
  states: string,
): string => `update messages set state = ?, attempts = ?, segments = segments + ?,
  due_ms = ?, settled = ?, error = ?, reason = coalesce(reason, ?)
  where space = ? and id = ? and recipient = ? and ${states} and (deadline_ms is null or deadline_ms > ?)`
const END_RUNNING = END_TURN(`state between ${CODE.queued} and ${CODE.delivered}`)
const END_WAITING = END_TURN(`state = ${CODE.waiting}`)
const END_CANCELLING = END_TURN(`state = ${CODE.cancelling}`)

const DELIVER = `update messages set state = ${CODE.delivered}, due_ms = null, undo = max(undo, ?)
  where space = ? and id = ? and recipient = ? and state = ${CODE.queued}`
const NOTE_UNDO = `update messages set undo = 1 where space = ? and id = ? and undo = 0`
const DELETE_WAITS = 'delete from waits where space = ? and turn = ?'
const CONSUME_REPLY = `update messages set state = ${CODE.handled}, settled = ?, reason = ?
  where space = ? and id = ? and state = ${CODE.answered}`
// Its dead end counts as a segment: so nobody takes it for a message that was never begun and has no journal.
const REQUEUE = `update messages set state = ${CODE.queued}, queue = ?, attempts = 0, crashes = 0,
  segments = segments + 1, due_ms = null, settled = null,
  error = null, reason = null where space = ? and id = ?`
const FINISH = `update messages set state = ?, due_ms = null, settled = ?, reason = ? where space = ?
  and id = ?`
const START_UNDO = `update messages set state = ${CODE.cancelling}, due_ms = null, reason = ? where space = ?
  and id = ?`

/** A batch in a write transaction. */
export class SqliteBatch extends Batch implements BatchState {
  chunks(turn: string): number {
    const last = this.db.sql(LAST_CHUNK).get(this.space, turn)?.['chunk']
    return typeof last === 'number' ? last + 1 : 0
  }

  message(id: string): MessageFacts | undefined {
    const row = this.db.sql(FACTS).get(this.space, id)
    if (row === undefined) return undefined
    return {
      id,
      recipient: text(row, 'recipient'),
      state: num(row, 'state'),
      undo: num(row, 'undo') === 1,
      deadline: numOrNull(row, 'deadline_ms'),
    }
  }

  keyed(fromName: string, to: string, key: string): Mail | undefined {
    const row = this.db.sql(BY_KEY).get(this.space, fromName, to, key)
    return row === undefined ? undefined : mailOf(row)
  }

  targets(waiter: string): Iterable<string> {
    return this.db
      .sql(TARGETS)
      .all(this.space, waiter)
      .map((row) => text(row, 'target'))
  }

  existing(id: string): Mail | undefined {
    return this.mail(id)
  }

  hasDecision(id: string): boolean {
    return this.db.sql(DECISION).get(this.space, id) !== undefined
  }

  ofTrace(trace: string): Iterable<string> {
    return this.db
      .sql(OF_TRACE)
      .all(this.space, trace)
      .map((row) => text(row, 'id'))
  }

  causedBy(turn: string): Iterable<string> {
    return this.db
      .sql(CAUSED)
      .all(this.space, turn)
      .map((row) => text(row, 'id'))
  }

  askerOf(id: string): string | null {
    const row = this.db.sql(ASKER).get(this.space, id)
    return row === undefined ? null : textOrNull(row, 'cause')
  }

  mail(id: string): Mail | undefined {
    const row = this.db.sql(BY_ID).get(this.space, id)
    return row === undefined ? undefined : mailOf(row)
  }

  addRecord(record: SealedRecord, position: number): void {
    this.db
      .sql(INSERT_RECORD)
      .run(
        this.place(position),
        this.space,
        record.author,
        record.seq,
        record.prev,
        record.hash,
        record.body,
        record.detail,
        packProof(record.proof),
        this.counters.number,
      )
  }

  addMessage(message: NewMessage, position: number, state: number): void {
    const e = message.envelope
    const number = this.nextNumber()
    const place = this.place(number)
    this.db
      .sql(INSERT_MESSAGE)
      .run(
        place,
        this.space,
        e.id,
        e.to,
        laneOf(e),
        e.trace,
        e.cause,
        e.re,
        e.key === null ? null : nameOf(e.from),
        e.key,
        position,
        state,
        state === CODE.queued ? number : 0,
        state === CODE.scheduled ? e.dueAt : null,
        e.deadline,
        state === CODE.handled ? position : null,
      )
    this.db.sql(INSERT_CONTENT).run(place, message.text, message.hash, message.payload)
  }

  addEvent(e: NewEvent, position: number): void {
    this.db.sql(INSERT_EVENT).run(this.space, e.stream, e.version, position, e.type, e.data, e.hash)
    this.grew(e.stream, e.version)
  }

  addChunk(c: JournalChunk): void {
    this.db.sql(INSERT_CHUNK).run(this.space, c.turn, c.chunk, c.text, c.hash, c.signature)
  }

  addDecision(d: NewDecision, position: number): void {
    this.db.sql(INSERT_DECISION).run(this.space, d.id, d.hash, d.certificate, position)
  }

  addWait(turn: string, waiter: string, w: Wait): void {
    this.db.sql(INSERT_WAIT).run(this.space, turn, w.index, waiter, w.target, w.request, w.dueAt)
  }

  endWaits(turn: string): void {
    this.db.sql(DELETE_WAITS).run(this.space, turn)
  }

  endTurn(author: string, end: OwnEnd): number | undefined {
    if (this.#move(END_RUNNING, author, end)) return CODE.delivered
    if (this.#move(END_WAITING, author, end)) return CODE.waiting
    const undone = end.turn.end === 'cancelled' && this.#move(END_CANCELLING, author, end)
    return undone ? CODE.cancelling : undefined
  }

  deliver(id: string, address: string, undo: boolean): void {
    const { changes } = this.db.sql(DELIVER).run(undo ? 1 : 0, this.space, id, address)
    if (changes === 0 && undo) this.db.sql(NOTE_UNDO).run(this.space, id)
  }

  consume(id: string, position: number, reason: string): boolean {
    return this.db.sql(CONSUME_REPLY).run(position, reason, this.space, id).changes === 1
  }

  finish(id: string, to: number, position: number, reason: string): void {
    this.db.sql(FINISH).run(to, position, reason, this.space, id)
  }

  startUndo(id: string, reason: string): void {
    this.db.sql(START_UNDO).run(reason, this.space, id)
  }

  requeue(id: string): void {
    this.db.sql(REQUEUE).run(this.nextNumber(), this.space, id)
  }

  #move(statement: string, author: string, end: OwnEnd): boolean {
    const { turn, to, segments, dueAt, settled, reason, late } = end
    const { changes } = this.db
      .sql(statement)
      .run(
        to,
        turn.attempts,
        segments,
        dueAt,
        settled,
        turn.error,
        reason,
        this.space,
        turn.message,
        author,
        late ? -1 : this.now,
      )
    return changes === 1
  }
}

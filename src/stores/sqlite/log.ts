/**
 * Reads of what was committed: records, messages, events, journals, decisions.
 *
 * @module
 */

import type { MessageState } from '../../core/message.ts'
import {
  chunkOf,
  decisionOf,
  eventOf,
  mailOf,
  messageOf,
  num,
  recordOf,
  text,
  waitOf,
} from '../../mailbox/rows.ts'
import type { KeptDecision, Row } from '../../mailbox/rows.ts'
import type {
  JournalChunk,
  LogRecord,
  Mail,
  MessageRow,
  MessagesQuery,
  StoredEvent,
  Wait,
} from '../../ports/store.ts'
import { MAIL_COLUMNS, MAIL_TABLES, MESSAGE_COLUMNS } from './columns.ts'
import type { Database } from './database.ts'
import { CODE, placeOf } from '../../mailbox/states.ts'
import { IN_ASIDE, IN_DELIVERED, IN_QUEUE } from './states.ts'

const RECORD_COLUMNS = 'place, author, seq, prev, hash, body, detail, proof'
const RECORDS = `select ${RECORD_COLUMNS} from records where place >= ? and place < ? order by place limit ?`
const CHAIN = `select ${RECORD_COLUMNS} from records where space = ? and author = ? and seq >= ?
  order by seq limit ?`
const MESSAGE = `select ${MESSAGE_COLUMNS} from ${MAIL_TABLES}`
const BY_ID = `${MESSAGE} where m.space = ? and m.id = ?`
const BY_KEY = `${MESSAGE} where m.space = ? and m.key_from = ? and m.recipient = ? and m.key = ?
  and m.key is not null`
const BY_TRACE = `${MESSAGE} where m.space = ? and m.trace = ? order by m.place limit ?`
const BY_CAUSE = `${MESSAGE} where m.space = ? and m.cause = ? and m.cause is not null
  order by m.place limit ?`
const IN_RANGE = `${MESSAGE} where m.place >= ? and m.place < ? order by m.place limit ?`
const HANDLED = `${MESSAGE} where m.place >= ? and m.place < ? and m.state = ${CODE.handled}
  order by m.place limit ?`
// The places are found and sorted first: sorting whole messages would carry every payload along. The unary
// plus keeps SQLite from walking all places of the space instead of the short index.
const inState = (index: string, condition: string): string => `select ${MESSAGE_COLUMNS} from
  (select place from messages indexed by ${index} where space = ? and ${condition} and state = ?
  order by +place limit ?) p
  join messages m on m.place = p.place join contents c on c.place = m.place order by m.place`
const ASIDE = inState('messages_aside', IN_ASIDE)
const IN_HAND = inState('messages_delivered', IN_DELIVERED)
const QUEUED = inState('messages_queue', IN_QUEUE)
const FIRST_MESSAGE =
  'select first_message from records where place >= ? and place < ? order by place limit 1'
const REPLY = `select ${MAIL_COLUMNS} from ${MAIL_TABLES} where m.space = ? and m.re = ? and m.re is not null
  and m.state in (${CODE.answered}, ${CODE.handled}) order by m.place limit 1`
const ENDED = `select ${MAIL_COLUMNS} from ${MAIL_TABLES} where m.space = ? and m.id = ?
  and m.state in (${CODE.expired}, ${CODE.cancelled}, ${CODE.cancelling})`
const JOURNAL =
  'select turn, chunk, text, hash, signature from journal where space = ? and turn = ? order by chunk'
const WAITS = 'select number, target, request, due_ms from waits where space = ? and turn = ? order by number'
const EVENTS = `select stream, version, position, type, data, hash from events
  where space = ? and stream = ? and version <= ? order by version`
const STREAMS = 'select distinct stream from events where space = ? and stream > ? order by stream limit ?'
const JOURNALS = 'select distinct turn from journal where space = ? and turn > ? order by turn limit ?'
const DECISION = 'select id, hash, certificate, position from decisions where space = ? and id = ?'
const DECISIONS = `select id, hash, certificate, position from decisions
  where space = ? and id > ? order by id limit ?`

/** Reads the log of one space. */
export class LogReader {
  readonly #db: Database
  readonly #space: number

  constructor(db: Database, space: number) {
    this.#db = db
    this.#space = space
  }

  records(position: number, limit: number): readonly LogRecord[] {
    const first = placeOf(this.#space, 0)
    const rows = this.#db
      .sql(RECORDS)
      .all(placeOf(this.#space, Math.max(position, 0)), placeOf(this.#space + 1, 0), limit)
    return rows.map((row) => recordOf(row, first))
  }

  chain(author: string, seq: number, limit: number): readonly LogRecord[] {
    const first = placeOf(this.#space, 0)
    return this.#db
      .sql(CHAIN)
      .all(this.#space, author, seq, limit)
      .map((row) => recordOf(row, first))
  }

  message(id: string): MessageRow | undefined {
    return optional(this.#db.sql(BY_ID).get(this.#space, id), messageOf)
  }

  messageByKey(fromName: string, to: string, key: string): MessageRow | undefined {
    return optional(this.#db.sql(BY_KEY).get(this.#space, fromName, to, key), messageOf)
  }

  messages(query: MessagesQuery): readonly MessageRow[] {
    return this.#messageRows(query).map(messageOf)
  }

  answers(requests: readonly string[]): readonly Mail[] {
    const reply = this.#db.sql(REPLY)
    return requests.flatMap((id) => optional(reply.get(this.#space, id), mailOf) ?? [])
  }

  ended(messages: readonly string[]): readonly Mail[] {
    const message = this.#db.sql(ENDED)
    return messages.flatMap((id) => optional(message.get(this.#space, id), mailOf) ?? [])
  }

  journal(turn: string): readonly JournalChunk[] {
    return this.#db.sql(JOURNAL).all(this.#space, turn).map(chunkOf)
  }

  waits(turn: string): readonly Wait[] {
    return this.#db.sql(WAITS).all(this.#space, turn).map(waitOf)
  }

  events(stream: string, upTo: number): readonly StoredEvent[] {
    return this.#db.sql(EVENTS).all(this.#space, stream, upTo).map(eventOf)
  }

  streams(after: string | null, limit: number): readonly string[] {
    const rows = this.#db.sql(STREAMS).all(this.#space, after ?? '', limit)
    return rows.map((row) => text(row, 'stream'))
  }

  journals(after: string | null, limit: number): readonly string[] {
    const rows = this.#db.sql(JOURNALS).all(this.#space, after ?? '', limit)
    return rows.map((row) => text(row, 'turn'))
  }

  decision(id: string): KeptDecision | undefined {
    return optional(this.#db.sql(DECISION).get(this.#space, id), decisionOf)
  }

  decisions(after: string | null, limit: number): readonly KeptDecision[] {
    return this.#db
      .sql(DECISIONS)
      .all(this.#space, after ?? '', limit)
      .map(decisionOf)
  }

  #messageRows(query: MessagesQuery): readonly Row[] {
    const { limit } = query
    if ('trace' in query) return this.#db.sql(BY_TRACE).all(this.#space, query.trace, limit)
    if ('cause' in query) return this.#db.sql(BY_CAUSE).all(this.#space, query.cause, limit)
    if ('state' in query) return this.#inState(query.state, limit)
    if ('position' in query) {
      return this.#db
        .sql(IN_RANGE)
        .all(this.#firstPlace(query.position), this.#firstPlace(query.position + 1), limit)
    }
    return this.#wholeRecords(query.after, limit)
  }

  #inState(state: MessageState, limit: number): readonly Row[] {
    const code = CODE[state]
    if (state === 'handled') {
      return this.#db.sql(HANDLED).all(placeOf(this.#space, 0), placeOf(this.#space + 1, 0), limit)
    }
    return this.#db
      .sql(state === 'queued' ? QUEUED : state === 'delivered' ? IN_HAND : ASIDE)
      .all(this.#space, code, limit)
  }

  /** A page that ends between two records: `after` could not lead on from the middle of one. */
  #wholeRecords(after: number, limit: number): readonly Row[] {
    const start = this.#firstPlace(after + 1)
    const rows: Row[] = this.#db.sql(IN_RANGE).all(start, placeOf(this.#space + 1, 0), limit)
    const last = rows.at(-1)
    if (rows.length < limit || last === undefined) return rows
    const rest = this.#db
      .sql(IN_RANGE)
      .all(num(last, 'place') + 1, this.#firstPlace(num(last, 'position') + 1), Number.MAX_SAFE_INTEGER)
    return [...rows, ...rest]
  }

  /** Messages are numbered in the order of their records, so a record's messages are a range of places. */
  #firstPlace(position: number): number {
    const from = placeOf(this.#space, Math.max(position, 0))
    const row = this.#db.sql(FIRST_MESSAGE).get(from, placeOf(this.#space + 1, 0))
    return row === undefined ? placeOf(this.#space + 1, 0) : placeOf(this.#space, num(row, 'first_message'))
  }
}

function optional<T>(row: Row | undefined, read: (row: Row) => T): T | undefined {
  return row === undefined ? undefined : read(row)
}

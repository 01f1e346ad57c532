/**
 * Reads of what was committed: records, messages, events, journals, decisions.
 *
 * @module
 */

import { OWNER } from '../../core/address.ts'
import { KEYS_STREAM } from '../../mailbox/names.ts'
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
import type { KeptDecision } from '../../mailbox/rows.ts'
import { CODE, placeOf } from '../../mailbox/states.ts'
import type {
  ChainHead,
  JournalChunk,
  LogRecord,
  Mail,
  MessageRow,
  MessagesQuery,
  StoredEvent,
  Wait,
} from '../../ports/store.ts'
import { MESSAGE_COLUMNS, MESSAGE_TABLES } from './columns.ts'
import type { Row } from './driver.ts'
import type { SpaceContext } from './transaction.ts'
import { texts } from './wire.ts'

const RECORD_COLUMNS = 'place, author, seq, prev, hash, body, detail, proof'
const RECORDS = `select ${RECORD_COLUMNS} from coterie.records where place >= $1 and place < $2
  order by place limit $3`
const CHAIN = `select ${RECORD_COLUMNS} from coterie.records where space = $1 and author = $2 and seq >= $3
  order by seq limit $4`
const HEAD = 'select seq, hash from coterie.mailboxes where space = $1 and address = $2'
const MESSAGE = `select ${MESSAGE_COLUMNS} from ${MESSAGE_TABLES}`
const BY_ID = `${MESSAGE} where m.space = $1 and m.id = $2`
const BY_KEY = `${MESSAGE} where m.space = $1 and m.key_from = $2 and m.recipient = $3 and m.key = $4
  and m.key is not null`
const BY_TRACE = `${MESSAGE} where m.space = $1 and m.trace = $2 order by m.place limit $3`
const BY_CAUSE = `${MESSAGE} where m.space = $1 and m.cause = $2 and m.cause is not null
  order by m.place limit $3`
const HANDLED = `${MESSAGE} where m.place >= $1 and m.place < $2 and l.place is null
  and coalesce(e.state, 9) = 9 order by m.place limit $3`
// The places are found first: sorting whole messages would carry every payload along.
const inState = (table: string): string =>
  `${MESSAGE.replace(
    'from coterie.messages m',
    `from (select place from ${table} where space = $1 and state = $2 order by place limit $3) p
  join coterie.messages m on m.place = p.place`,
  )} order by m.place`
const IN_MAIL = inState('coterie.mail')
const OVER = inState('coterie.ends')
// Messages are numbered in the order of their records, so a record's messages are a range of places. A page
// ends between two records: `after` could not lead on from the middle of one. `$2` is the first place of the next
// space.
const first = (place: string): string => `coalesce((select r.first_message from coterie.records r
  where r.place >= ${place} and r.place < $2 order by r.place limit 1), $2)`
const OF_RECORD = `${MESSAGE} where m.place >= ${first('$1')} and m.place < ${first('$1::bigint + 1')}
  order by m.place limit $3`
const WHOLE_RECORDS = `with page as materialized (select m.place, m.position from coterie.messages m
    where m.place >= ${first('$1')} and m.place < $2 order by m.place limit $3)
  ${MESSAGE} where m.place >= (select min(place) from page)
  and m.place < ${first('(select max(position) from page) + $4::bigint + 1')} order by m.place`
const ANSWERS = `select ${MESSAGE_COLUMNS} from unnest($2::text[]) with ordinality w(re, rank)
  cross join lateral (select q.place from coterie.messages q
    where q.re = w.re and q.re is not null and q.space = $1 offset 0) a
  join ${MESSAGE_TABLES.replace('coterie.messages m', 'coterie.messages m on m.place = a.place')}
  where coalesce(l.state, e.state, 9) in (3, 9) order by w.rank, m.place`
const ENDED = `select ${MESSAGE_COLUMNS} from unnest($2::text[]) w(id)
  cross join lateral (select q.place from coterie.messages q where q.id = w.id and q.space = $1 offset 0) a
  join ${MESSAGE_TABLES.replace('coterie.messages m', 'coterie.messages m on m.place = a.place')}
  where coalesce(l.state, e.state, 9) in (${CODE.expired}, ${CODE.cancelled}, ${CODE.cancelling})`
const JOURNAL = `select turn, chunk, text, hash, signature from coterie.journal
  where space = $1 and turn = $2 order by chunk`
const WAITS = `select number, target, request, due_ms from coterie.waits where space = $1 and turn = $2
  order by number`
const STREAMS = `select distinct stream from coterie.events where space = $1 and stream > $2
  order by stream limit $3`
const JOURNALS = `select distinct turn from coterie.journal where space = $1 and turn > $2 order by turn limit $3`
// There is always a row: it tells the version.
const STREAM = `select v.version as last, e.* from
  (select least(coalesce(max(version), 0), $3) as version from coterie.events where space = $1 and stream = $2) v
  left join lateral (select stream, version, position, type, data, hash from coterie.events
    where space = $1 and stream = $2 and version <= v.version) e on true order by e.version`
const VERSION = `select coalesce(max(version), 0) as version from coterie.events
  where space = $1 and stream = $2`
const DECISION = `select id, hash, certificate, position from coterie.decisions where space = $1 and id = $2`
const DECISIONS = `select id, hash, certificate, position from coterie.decisions
  where space = $1 and id > $2 order by id limit $3`

/** Reads the log of one space. */
export class LogReader {
  readonly #context: SpaceContext

  constructor(context: SpaceContext) {
    this.#context = context
  }

  async records(position: number, limit: number): Promise<readonly LogRecord[]> {
    const { pool, statements } = this.#context
    const { start, end } = this.#range
    const from = start + Math.max(position, 0)
    const rows = await pool.read(statements.get(RECORDS), [from, end, limit])
    return rows.map((row) => recordOf(row, start))
  }

  async chain(author: string, seq: number, limit: number): Promise<readonly LogRecord[]> {
    const { start } = this.#range
    return (await this.#read(CHAIN, author, seq, limit)).map((row) => recordOf(row, start))
  }

  async head(address: string): Promise<ChainHead> {
    const [row] = await this.#read(HEAD, address)
    return row === undefined ? { seq: -1, hash: '' } : { seq: num(row, 'seq'), hash: text(row, 'hash') }
  }

  async message(id: string): Promise<MessageRow | undefined> {
    return (await this.#read(BY_ID, id)).map(messageOf)[0]
  }

  async messageByKey(fromName: string, to: string, key: string): Promise<MessageRow | undefined> {
    return (await this.#read(BY_KEY, fromName, to, key)).map(messageOf)[0]
  }

  async messages(query: MessagesQuery): Promise<readonly MessageRow[]> {
    return (await this.#messageRows(query)).map(messageOf)
  }

  /** The first reply to each question. */
  async answers(requests: readonly string[]): Promise<readonly Mail[]> {
    if (requests.length === 0) return []
    const answers = new Map<string, Mail>()
    for (const row of await this.#read(ANSWERS, texts(requests))) {
      const mail = mailOf(row)
      const { re } = mail.envelope
      if (re !== null && !answers.has(re)) answers.set(re, mail)
    }
    return [...answers.values()]
  }

  async ended(messages: readonly string[]): Promise<readonly Mail[]> {
    return messages.length === 0 ? [] : (await this.#read(ENDED, texts(messages))).map(mailOf)
  }

  async journal(turn: string): Promise<readonly JournalChunk[]> {
    return (await this.#read(JOURNAL, turn)).map(chunkOf)
  }

  async waits(turn: string): Promise<readonly Wait[]> {
    return (await this.#read(WAITS, turn)).map(waitOf)
  }

  async stream(stream: string, upTo: number): Promise<{ version: number; events: readonly StoredEvent[] }> {
    if (stream === KEYS_STREAM) return { version: (await this.head(OWNER)).seq + 1, events: [] }
    const rows = await this.#read(STREAM, stream, upTo)
    const version = Number(rows[0]?.['last'] ?? 0)
    return { version, events: version === 0 ? [] : rows.map(eventOf) }
  }

  async streams(after: string | null, limit: number): Promise<readonly string[]> {
    return (await this.#read(STREAMS, after ?? '', limit)).map((row) => text(row, 'stream'))
  }

  async journals(after: string | null, limit: number): Promise<readonly string[]> {
    return (await this.#read(JOURNALS, after ?? '', limit)).map((row) => text(row, 'turn'))
  }

  async version(stream: string): Promise<number> {
    const [row] = await this.#read(VERSION, stream)
    return Number(row?.['version'] ?? 0)
  }

  async decision(id: string): Promise<KeptDecision | undefined> {
    return (await this.#read(DECISION, id)).map(decisionOf)[0]
  }

  async decisions(after: string | null, limit: number): Promise<readonly KeptDecision[]> {
    return (await this.#read(DECISIONS, after ?? '', limit)).map(decisionOf)
  }

  async #messageRows(query: MessagesQuery): Promise<readonly Row[]> {
    const { limit } = query
    if ('trace' in query) return this.#read(BY_TRACE, query.trace, limit)
    if ('cause' in query) return this.#read(BY_CAUSE, query.cause, limit)
    if ('position' in query || 'after' in query) return this.#byPosition(query)
    if (query.state === 'handled') {
      const { pool, statements } = this.#context
      return pool.read(statements.get(HANDLED), [this.#range.start, this.#range.end, limit])
    }
    const over = query.state === 'expired' || query.state === 'cancelled'
    return this.#read(over ? OVER : IN_MAIL, CODE[query.state], limit)
  }

  async #byPosition(
    query: Extract<MessagesQuery, { readonly position: number } | { readonly after: number }>,
  ): Promise<readonly Row[]> {
    const { pool, statements } = this.#context
    const { start, end } = this.#range
    if ('position' in query) {
      return pool.read(statements.get(OF_RECORD), [start + Math.max(query.position, 0), end, query.limit])
    }
    const from = start + Math.max(query.after + 1, 0)
    return pool.read(statements.get(WHOLE_RECORDS), [from, end, query.limit, start])
  }

  /** The places of this space. */
  get #range(): { readonly start: number; readonly end: number } {
    const { space } = this.#context
    return { start: placeOf(space, 0), end: placeOf(space + 1, 0) }
  }

  async #read(sql: string, ...values: readonly unknown[]): Promise<readonly Row[]> {
    const { pool, statements, space } = this.#context
    return pool.read(statements.get(sql), [space, ...values])
  }
}

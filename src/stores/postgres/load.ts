/**
 * Loads what a batch needs to be judged: set-based, one statement for each kind of thing, and only the kinds
 * that the batch has.
 *
 * @module
 */

import type { Mailbox } from '../../mailbox/batch-state.ts'
import { num, text, textOrNull } from '../../mailbox/rows.ts'
import type { CommitTerms } from '../../ports/store.ts'
import { PostgresBatch, keyOf } from './batch.ts'
import type { Head } from './batch.ts'
import type { Call } from './connection.ts'
import type { Row } from './driver.ts'
import { ENTRY_COLUMNS, storedEntry } from './message-entry.ts'
import type { Need } from './need.ts'
import { BY_INDEX, nowSql } from './statements.ts'
import type { Statements } from './statements.ts'
import { texts } from './wire.ts'

/** Waiting for the head of a space is given up after this time, and begun again. */
const LOCK_MS = 10_000
/** A transaction whose client has gone without a word lets go of the head after this time. */
const IDLE_MS = 15_000

/**
 * Locks the space: every write of it goes through here, so that positions have no gap and come in the order of
 * commits. Nothing else is read in this statement: if it has to wait, its snapshot is older than what it waited
 * for. The statements behind it see all that was committed before.
 *
 * The settings are those of the transaction, and come before the lock, as the join needs them first. There is no
 * statement timeout: it would cut short a commit's wait for its standby, and the server would report that as
 * success.
 */
export const LOCK: string = `with c as materialized (select set_config('synchronous_commit', $3, true),
    set_config('statement_timeout', '0', true), set_config('lock_timeout', '${LOCK_MS}', true),
    set_config('idle_in_transaction_session_timeout', '${IDLE_MS}', true), ${BY_INDEX}),
  s as materialized (select position, number, handled, version, stamp, clock_ms from c, coterie.spaces
    where space = $1 for no key update of spaces)
  select position, number, handled, version, stamp, ${nowSql('$2')} as now from s`

const MAILBOXES = `select address, worker, epoch, seq, hash, depth, ready, waiting, dead from coterie.mailboxes
  where space = $1 and address = any($2::text[])`
// `offset 0` keeps PostgreSQL from joining in another order than this: for each row that is wanted, one step into
// an index. On a table that was small when the plan was made it would rather read all of it.
const MESSAGES = `select ${ENTRY_COLUMNS} from unnest($2::text[]) w(id)
  cross join lateral (select * from coterie.messages m where m.id = w.id and m.space = $1 offset 0) m
  left join lateral (select * from coterie.mail l where l.place = m.place offset 0) l on true
  left join lateral (select * from coterie.ends e where e.place = m.place offset 0) e on true`
const WHOLE_MESSAGES = `select ${ENTRY_COLUMNS}, m.envelope, m.hash, m.payload
  ${MESSAGES.slice(MESSAGES.indexOf('from unnest'))}`
const KEYED = `select ${ENTRY_COLUMNS}, m.envelope, m.hash, m.payload, m.key_from, m.key
  from unnest($2::text[], $3::text[], $4::text[]) w(key_from, recipient, key)
  cross join lateral (select * from coterie.messages m where m.key = w.key and m.recipient = w.recipient
    and m.key_from = w.key_from and m.space = $1 and m.key is not null offset 0) m
  left join lateral (select * from coterie.mail l where l.place = m.place offset 0) l on true
  left join lateral (select * from coterie.ends e where e.place = m.place offset 0) e on true`
const VERSIONS = `select w.stream, (select max(e.version) from coterie.events e
  where e.space = $1 and e.stream = w.stream) as version from unnest($2::text[]) w(stream)`
const CHUNKS = `select w.turn, (select max(j.chunk) from coterie.journal j
  where j.turn = w.turn and j.space = $1) as chunk from unnest($2::text[]) w(turn)`
const DECISIONS = 'select id from coterie.decisions where space = $1 and id = any($2::text[])'
// A wait holds its turn only while the question is open: an answered one ends it as soon as the turn looks.
const OPEN_WAITS = `lateral (select w.turn, w.waiter, w.target, w.request from coterie.waits w
    where w.waiter = r.address and w.space = $1 and w.target is not null and exists (
      select 1 from coterie.messages q, coterie.mail l where q.id = w.request and q.space = $1
      and l.place = q.place and l.state between 3 and 8) offset 0) w`
const EDGES = `with recursive reached(address) as (
    select w.address collate "C" from unnest($2::text[]) w(address)
    union
    select w.target from reached r cross join ${OPEN_WAITS})
  select w.waiter, w.turn, w.target, w.request from reached r cross join ${OPEN_WAITS}`
// Of what is over, only the links are read: it may well have live messages behind it.
const TREE = `with recursive tree(place, id) as (
    select m.place, m.id from coterie.messages m where m.id = any($2::text[]) and m.space = $1
    union
    select m.place, m.id from coterie.messages m where m.trace = any($3::text[]) and m.space = $1
    union
    select c.place, c.id from tree t cross join lateral (select * from coterie.messages c
      where c.cause = 'turn_' || substr(t.id, 5) and c.cause is not null and c.space = $1 offset 0) c)
  select ${ENTRY_COLUMNS}, case when l.place is not null then m.envelope end as envelope,
    case when l.place is not null then m.hash end as hash,
    case when l.place is not null then m.payload end as payload,
    case when l.state = 3 then (select q.cause from coterie.messages q where q.id = m.re and q.space = $1)
    end as asker
  from tree t cross join lateral (select * from coterie.messages m where m.place = t.place offset 0) m
  left join lateral (select * from coterie.mail l where l.place = m.place offset 0) l on true
  left join lateral (select * from coterie.ends e where e.place = m.place offset 0) e on true`

/** A statement with what becomes of its rows. */
interface Loading {
  readonly call: Call
  readonly take: (batch: PostgresBatch, rows: readonly Row[]) => void
}

/** The statements of one batch, to be sent together behind the lock. */
export class Loader {
  readonly #need: Need
  readonly #loadings: readonly Loading[]

  constructor(statements: Statements, space: number, need: Need) {
    this.#need = need
    this.#loadings = loadings(statements, space, need)
  }

  get calls(): readonly Call[] {
    return this.#loadings.map((loading) => loading.call)
  }

  /** Puts the answers together. */
  batch(head: Head, terms: CommitTerms, answers: readonly (readonly Row[])[]): PostgresBatch {
    const batch = new PostgresBatch(head, terms)
    this.#loadings.forEach((loading, at) => loading.take(batch, answers[at] ?? []))
    batch.expect(this.#need.addresses)
    return batch
  }
}

/** Mailboxes whose counters may change with the state of messages that were not known before. */
export function unloaded(batch: PostgresBatch): readonly string[] {
  const missing = new Set<string>()
  for (const { recipient, wasLive, state } of batch.entries.values()) {
    // A reply is counted in no mailbox.
    if (wasLive && state !== 3 && !batch.mailboxes.has(recipient)) missing.add(recipient)
  }
  return [...missing]
}

/** The statement that loads mailboxes. */
export function mailboxesCall(statements: Statements, space: number, addresses: readonly string[]): Call {
  return [statements.get(MAILBOXES), [space, texts(addresses)]]
}

/** Takes up mailboxes that were loaded. */
export function takeMailboxes(batch: PostgresBatch, rows: readonly Row[]): void {
  for (const row of rows) {
    const mailbox = mailboxOf(row)
    batch.mailboxes.set(mailbox.address, mailbox)
  }
}

function loadings(statements: Statements, space: number, need: Need): readonly Loading[] {
  const list: Loading[] = []
  const add = (sql: string, lists: readonly (readonly string[])[], take: Loading['take']): void => {
    if (lists.every((values) => values.length === 0)) return
    list.push({ call: [statements.get(sql), [space, ...lists.map((values) => texts(values))]], take })
  }
  const takeEntries: Loading['take'] = (batch, rows) => {
    for (const row of rows) batch.take(storedEntry(row))
  }
  add(MAILBOXES, [[...need.addresses]], takeMailboxes)
  add(MESSAGES, [[...need.ids]], takeEntries)
  add(WHOLE_MESSAGES, [[...need.wholeIds]], takeEntries)
  const keys = [...need.keys.values()]
  add(KEYED, [keys.map(([from]) => from), keys.map(([, to]) => to), keys.map(([, , key]) => key)], takeKeyed)
  add(VERSIONS, [[...need.streams]], (batch, rows) => {
    for (const row of rows) batch.versions.set(text(row, 'stream'), Number(row['version'] ?? 0))
  })
  add(CHUNKS, [[...need.turns]], (batch, rows) => {
    for (const row of rows) batch.chunkCounts.set(text(row, 'turn'), Number(row['chunk'] ?? -1) + 1)
  })
  add(DECISIONS, [[...need.decisions]], (batch, rows) => {
    for (const row of rows) batch.decisionIds.add(text(row, 'id'))
  })
  add(EDGES, [[...need.targets]], (batch, rows) => {
    batch.edges = rows.map((row) => ({
      waiter: text(row, 'waiter'),
      turn: text(row, 'turn'),
      target: text(row, 'target'),
      request: text(row, 'request'),
    }))
  })
  add(TREE, [[...need.roots], [...need.traces]], (batch, rows) => {
    takeEntries(batch, rows)
    for (const row of rows) {
      const [re, asker] = [textOrNull(row, 're'), textOrNull(row, 'asker')]
      if (re !== null && asker !== null) batch.askers.set(re, asker)
    }
  })
  return list
}

function takeKeyed(batch: PostgresBatch, rows: readonly Row[]): void {
  for (const row of rows) {
    const entry = storedEntry(row)
    batch.take(entry)
    batch.keyedIds.set(keyOf(text(row, 'key_from'), entry.recipient, text(row, 'key')), entry.id)
  }
}

/** A mailbox that is stored. */
export function mailboxOf(row: Row): Mailbox {
  return {
    address: text(row, 'address'),
    worker: textOrNull(row, 'worker'),
    epoch: num(row, 'epoch'),
    seq: num(row, 'seq'),
    hash: text(row, 'hash'),
    depth: num(row, 'depth'),
    ready: num(row, 'ready'),
    waiting: num(row, 'waiting'),
    dead: num(row, 'dead'),
    changed: false,
  }
}

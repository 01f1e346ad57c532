/**
 * Writes down what a batch has changed: in one statement that has a part for each table that is touched, with
 * whole columns as parameters.
 *
 * @module
 */

import { packProof } from '../../log/packed-proof.ts'
import { CODE, placeOf } from '../../mailbox/states.ts'
import type { Head, PostgresBatch } from './batch.ts'
import type { Call } from './connection.ts'
import { isInMail } from './message-entry.ts'
import type { MessageEntry } from './message-entry.ts'
import { nowSql } from './statements.ts'
import type { Statements } from './statements.ts'
import { booleans, byteStrings, numbers, texts } from './wire.ts'

/**
 * What is written depends on this row: the space as the batch was judged by, at a time that does not change the
 * judgement. A batch that was judged by what this process remembers may find another. One that was judged by what
 * another would leave must find that one written, and not somebody else's in its place: its number is looked at.
 */
const GUARD = `select ${nowSql('$4')} as now from coterie.spaces s
  where s.space = $1 and s.stamp = $2 and ${nowSql('$4')} < $3 and ($6::bigint is null or exists
  (select from coterie.writers w where w.space = $1 and w.writer = $5 and w.batch = $6))`
const UNCHANGED = 'where exists (select from g)'
const RECORDS = `insert into coterie.records
  (space, place, author, seq, prev, hash, body, detail, proof, first_message)
  select $1, * from unnest($2::bigint[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::bytea[], $10::bigint[]) ${UNCHANGED}`
const MESSAGES = `insert into coterie.messages
  (space, place, position, id, recipient, trace, cause, re, key_from, key, envelope, hash, payload)
  select $1, * from unnest($2::bigint[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[]) ${UNCHANGED}`
// What has just arrived has no history.
const ARRIVED = `insert into coterie.mail (space, place, recipient, lane, state, queue, due_ms, deadline_ms)
  select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[]) ${UNCHANGED}`
const MAIL = `insert into coterie.mail
  (space, place, recipient, lane, state, queue, attempts, segments, crashes, undo, due_ms, deadline_ms, settled,
  error, reason)
  select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::bigint[], $9::bigint[], $10::boolean[], $11::bigint[], $12::bigint[], $13::bigint[], $14::text[],
    $15::text[]) ${UNCHANGED}`
const CHANGE = `update coterie.mail l set state = w.state, queue = w.queue, attempts = w.attempts,
  segments = w.segments, crashes = w.crashes, undo = w.undo, due_ms = w.due_ms, settled = w.settled,
  error = w.error, reason = w.reason
  from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::boolean[],
    $9::bigint[], $10::bigint[], $11::text[], $12::text[])
    w(place, state, queue, attempts, segments, crashes, undo, due_ms, settled, error, reason)
  where l.place = w.place and l.space = $1 and exists (select from g)`
const REMOVE = `delete from coterie.mail where place = any($2::bigint[]) and space = $1
  and exists (select from g)`
const ENDS = `insert into coterie.ends (space, place, state, settled, attempts, segments, crashes, error, reason)
  select $1, * from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[],
    $8::text[], $9::text[]) ${UNCHANGED}`
const MAILBOXES = `insert into coterie.mailboxes as m
  (space, address, worker, epoch, seq, hash, depth, ready, waiting, dead)
  select $1, w.address, null, 0, w.seq, w.hash, w.depth, w.ready, w.waiting, w.dead
  from unnest($2::text[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[])
    w(address, seq, hash, depth, ready, waiting, dead) ${UNCHANGED}
  on conflict (space, address) do update set seq = excluded.seq, hash = excluded.hash, depth = excluded.depth,
  ready = excluded.ready, waiting = excluded.waiting, dead = excluded.dead`
const EVENTS = `insert into coterie.events (space, stream, version, position, type, data, hash)
  select $1, * from unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::text[]) ${UNCHANGED}`
const JOURNAL = `insert into coterie.journal (space, turn, chunk, text, hash, signature)
  select $1, * from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[]) ${UNCHANGED}`
const DECISIONS = `insert into coterie.decisions (space, id, hash, certificate, position)
  select $1, * from unnest($2::text[], $3::text[], $4::text[], $5::bigint[]) ${UNCHANGED}`
const END_WAITS = 'delete from coterie.waits where space = $1 and turn = any($2::text[])'
const WAITS = `insert into coterie.waits (space, turn, number, waiter, target, request, due_ms)
  select $1, * from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::text[], $7::bigint[]) ${UNCHANGED}`
const WRITER = `insert into coterie.writers (space, writer, batch, at_ms)
  select $1, $2, $3, g.now from g
  on conflict (space, writer) do update set batch = excluded.batch, at_ms = excluded.at_ms`
const HEAD = `update coterie.spaces s set clock_ms = g.now, position = $2, number = $3, handled = $4, version = $5,
  stamp = s.stamp + 1 from g where s.space = $1 returning s.clock_ms as now`

/** Who writes, and its how-manieth batch this is: so that it can be asked later whether it was committed. */
export interface Mark {
  readonly writer: string
  readonly batch: number
}

/** Under what the batch is written, if it was not judged under the lock: otherwise nothing is. */
export interface Guard {
  /** The time from which on the batch would be judged otherwise. */
  readonly untilMs: number
  /** A clock to use instead of the database's: for tests. */
  readonly clockMs: number | null
  /** The batch that this one follows, if that was not known to be written when this one was judged. */
  readonly behind?: Mark
}

/** The parts of the one statement that writes a batch. */
class Parts {
  readonly #head: readonly unknown[]
  readonly #texts: string[] = []
  readonly #values: unknown[] = []

  constructor({ space, stamp }: Head, { untilMs, clockMs, behind }: Guard) {
    this.#head = [space, stamp, untilMs, clockMs, behind?.writer ?? null, behind?.batch ?? null]
  }

  /** Adds a statement if there are rows for it. Its `$1` is the space, the others are its own. */
  add(sql: string, rows: readonly unknown[], columns: () => readonly unknown[]): void {
    if (rows.length === 0) return
    this.#texts.push(sql)
    this.#values.push(...columns())
  }

  call(statements: Statements): Call {
    return [statements.joined(GUARD, this.#texts), [...this.#head, ...this.#values]]
  }
}

/** The statements that write the batch, in order. The last answers with the time of the commit, if it wrote. */
export function flushCalls(
  statements: Statements,
  batch: PostgresBatch,
  mark: Mark,
  guard: Guard,
): readonly Call[] {
  const { head, counters, endedWaits, newWaits: waits } = batch
  const parts = new Parts(head, guard)
  addLog(parts, batch)
  addMessages(parts, batch)
  const mailboxes = [...batch.mailboxes.values()].filter((mailbox) => mailbox.changed)
  for (const mailbox of mailboxes) requireCounters(mailbox)
  parts.add(MAILBOXES, mailboxes, () => [
    texts(mailboxes.map((m) => m.address)),
    numbers(mailboxes.map((m) => m.seq)),
    texts(mailboxes.map((m) => m.hash)),
    numbers(mailboxes.map((m) => m.depth)),
    numbers(mailboxes.map((m) => m.ready)),
    numbers(mailboxes.map((m) => m.waiting)),
    numbers(mailboxes.map((m) => m.dead)),
  ])
  parts.add(WAITS, waits, () => [
    texts(waits.map((w) => w.turn)),
    numbers(waits.map((w) => w.wait.index)),
    texts(waits.map((w) => w.waiter)),
    texts(waits.map((w) => w.wait.target)),
    texts(waits.map((w) => w.wait.request)),
    numbers(waits.map((w) => w.wait.dueAt)),
  ])
  parts.add(WRITER, [mark], () => [mark.writer, mark.batch])
  const { position, number, handled } = counters
  parts.add(HEAD, [head], () => [position, number, handled, versionAfter(batch)])
  // The parts of one statement do not see each other: old waits must be gone before new ones come.
  const ended: readonly Call[] =
    endedWaits.size === 0 ? [] : [[statements.get(END_WAITS), [head.space, texts([...endedWaits])]]]
  return [...ended, parts.call(statements)]
}

/** A batch without a record changes nothing that another process would want to know of at once. */
export function versionAfter({ head, records }: PostgresBatch): number {
  return head.version + (records.length > 0 ? 1 : 0)
}

function addLog(parts: Parts, batch: PostgresBatch): void {
  const { space } = batch.head
  const { records, events, journal, decisions } = batch
  parts.add(RECORDS, records, () => [
    numbers(records.map((r) => placeOf(space, r.position))),
    texts(records.map((r) => r.record.author)),
    numbers(records.map((r) => r.record.seq)),
    texts(records.map((r) => r.record.prev)),
    texts(records.map((r) => r.record.hash)),
    texts(records.map((r) => r.record.body)),
    texts(records.map((r) => r.record.detail)),
    byteStrings(records.map((r) => packProof(r.record.proof))),
    numbers(records.map((r) => placeOf(space, r.first))),
  ])
  parts.add(EVENTS, events, () => [
    texts(events.map((e) => e.event.stream)),
    numbers(events.map((e) => e.event.version)),
    numbers(events.map((e) => e.position)),
    texts(events.map((e) => e.event.type)),
    texts(events.map((e) => e.event.data)),
    texts(events.map((e) => e.event.hash)),
  ])
  parts.add(JOURNAL, journal, () => [
    texts(journal.map((c) => c.turn)),
    numbers(journal.map((c) => c.chunk)),
    texts(journal.map((c) => c.text)),
    texts(journal.map((c) => c.hash)),
    texts(journal.map((c) => c.signature)),
  ])
  parts.add(DECISIONS, decisions, () => [
    texts(decisions.map((d) => d.decision.id)),
    texts(decisions.map((d) => d.decision.hash)),
    texts(decisions.map((d) => d.decision.certificate)),
    numbers(decisions.map((d) => d.position)),
  ])
}

function addMessages(parts: Parts, batch: PostgresBatch): void {
  const { newEntries } = batch
  parts.add(MESSAGES, newEntries, () => [
    numbers(newEntries.map((m) => m.place)),
    numbers(newEntries.map((m) => m.position)),
    texts(newEntries.map((m) => m.id)),
    texts(newEntries.map((m) => m.recipient)),
    texts(newEntries.map((m) => m.trace)),
    texts(newEntries.map((m) => m.cause)),
    texts(newEntries.map((m) => m.re)),
    texts(newEntries.map((m) => m.keyFrom)),
    texts(newEntries.map((m) => m.key)),
    texts(newEntries.map((m) => m.content?.text ?? '')),
    texts(newEntries.map((m) => m.content?.hash ?? '')),
    texts(newEntries.map((m) => m.content?.payload ?? '')),
  ])
  const arrived: MessageEntry[] = []
  const added: MessageEntry[] = []
  const kept: MessageEntry[] = []
  const removed: MessageEntry[] = []
  const over: MessageEntry[] = []
  for (const entry of newEntries) {
    if (isInMail(entry)) (entry.changed ? added : arrived).push(entry)
    else if (entry.changed || entry.state !== CODE.handled) over.push(entry)
  }
  for (const entry of batch.entries.values()) {
    if (!entry.wasLive || !entry.changed) continue
    if (isInMail(entry)) kept.push(entry)
    else {
      removed.push(entry)
      over.push(entry)
    }
  }
  parts.add(REMOVE, removed, () => [numbers(removed.map((m) => m.place))])
  parts.add(ENDS, over, () => [
    numbers(over.map((m) => m.place)),
    numbers(over.map((m) => m.state)),
    numbers(over.map((m) => m.settled)),
    numbers(over.map((m) => m.attempts)),
    numbers(over.map((m) => m.segments)),
    numbers(over.map((m) => m.crashes)),
    texts(over.map((m) => m.error)),
    texts(over.map((m) => m.reason)),
  ])
  parts.add(ARRIVED, arrived, () => [
    numbers(arrived.map((m) => m.place)),
    texts(arrived.map((m) => m.recipient)),
    texts(arrived.map((m) => m.lane)),
    numbers(arrived.map((m) => m.state)),
    numbers(arrived.map((m) => m.queue)),
    numbers(arrived.map((m) => m.dueAt)),
    numbers(arrived.map((m) => m.deadline)),
  ])
  parts.add(MAIL, added, () => [
    numbers(added.map((m) => m.place)),
    texts(added.map((m) => m.recipient)),
    texts(added.map((m) => m.lane)),
    ...liveColumns(added),
    numbers(added.map((m) => m.dueAt)),
    numbers(added.map((m) => m.deadline)),
    ...endColumns(added),
  ])
  parts.add(CHANGE, kept, () => [
    numbers(kept.map((m) => m.place)),
    ...liveColumns(kept),
    numbers(kept.map((m) => m.dueAt)),
    ...endColumns(kept),
  ])
}

function liveColumns(entries: readonly MessageEntry[]): readonly Buffer[] {
  return [
    numbers(entries.map((m) => m.state)),
    numbers(entries.map((m) => m.queue)),
    numbers(entries.map((m) => m.attempts)),
    numbers(entries.map((m) => m.segments)),
    numbers(entries.map((m) => m.crashes)),
    booleans(entries.map((m) => m.undo)),
  ]
}

function endColumns(entries: readonly MessageEntry[]): readonly Buffer[] {
  return [
    numbers(entries.map((m) => m.settled)),
    texts(entries.map((m) => m.error)),
    texts(entries.map((m) => m.reason)),
  ]
}

function requireCounters(mailbox: {
  readonly address: string
  readonly depth: number
  readonly ready: number
  readonly waiting: number
  readonly dead: number
}): void {
  if (mailbox.depth < 0 || mailbox.ready < 0 || mailbox.waiting < 0 || mailbox.dead < 0) {
    throw new RangeError(
      `The counters of the mailbox ${mailbox.address} fell below zero: ${JSON.stringify(mailbox)}.`,
    )
  }
}

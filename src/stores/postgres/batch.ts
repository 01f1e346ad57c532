/**
 * A batch in memory: what was loaded of the space, and what the batch's writes have made of it. It answers the
 * rules of a commit without asking the database; `flush.ts` writes down what has changed.
 *
 * @module
 */

import { messageOf } from '../../core/ids.ts'
import type { SealedRecord } from '../../core/record.ts'
import type { BatchState, Counters, Mailbox, MessageFacts, OwnEnd } from '../../mailbox/batch-state.ts'
import { emptyMailbox } from '../../mailbox/batch-state.ts'
import { CODE, isLive, placeOf } from '../../mailbox/states.ts'
import type {
  CommitTerms,
  JournalChunk,
  Mail,
  NewDecision,
  NewEvent,
  NewMessage,
  Wait,
} from '../../ports/store.ts'
import { entryMail, newEntry } from './message-entry.ts'
import type { MessageEntry } from './message-entry.ts'

/** The head of a space, under its lock. */
export interface Head extends Counters {
  readonly space: number
  readonly now: number
  readonly version: number
  /** See `spaces` in migrations/0001_init.sql. */
  readonly stamp: number
}

/** A wait whose question was open when the batch was loaded. */
export interface Edge {
  readonly waiter: string
  readonly turn: string
  readonly target: string
  readonly request: string
}

/** A wait that this batch writes. */
export interface NewWait {
  readonly turn: string
  readonly waiter: string
  readonly wait: Wait
}

/** A key of a message: sender's name, recipient, key. */
export function keyOf(fromName: string, to: string, key: string): string {
  return `${fromName}\n${to}\n${key}`
}

/** The state of one batch. */
export class PostgresBatch implements BatchState {
  readonly now: number
  readonly terms: CommitTerms
  readonly counters: Counters
  readonly head: Head

  readonly mailboxes: Map<string, Mailbox> = new Map()
  readonly entries: Map<string, MessageEntry> = new Map()
  readonly newEntries: MessageEntry[] = []
  readonly versions: Map<string, number> = new Map()
  readonly chunkCounts: Map<string, number> = new Map()
  readonly keyedIds: Map<string, string> = new Map()
  readonly askers: Map<string, string> = new Map()
  readonly decisionIds: Set<string> = new Set()
  edges: readonly Edge[] = []

  readonly records: { readonly record: SealedRecord; readonly position: number; readonly first: number }[] =
    []
  readonly events: { readonly event: NewEvent; readonly position: number }[] = []
  readonly decisions: { readonly decision: NewDecision; readonly position: number }[] = []
  readonly journal: JournalChunk[] = []
  readonly endedWaits: Set<string> = new Set()
  newWaits: NewWait[] = []

  constructor(head: Head, terms: CommitTerms) {
    this.head = head
    this.now = head.now
    this.terms = terms
    this.counters = { position: head.position, number: head.number, handled: head.handled }
  }

  mailbox(address: string): Mailbox {
    const mailbox = this.mailboxes.get(address)
    if (mailbox === undefined) throw new Error(`The mailbox ${address} was not loaded.`)
    return mailbox
  }

  /** Makes the mailboxes that the database does not have. */
  expect(addresses: Iterable<string>): void {
    for (const address of addresses) {
      if (!this.mailboxes.has(address)) this.mailboxes.set(address, emptyMailbox(address))
    }
  }

  /** Takes up a message that was loaded; one that was loaded whole replaces one that was not. */
  take(entry: MessageEntry): void {
    const known = this.entries.get(entry.id)
    if (known === undefined || known.content === undefined) this.entries.set(entry.id, entry)
  }

  version(stream: string): number {
    return this.versions.get(stream) ?? 0
  }

  chunks(turn: string): number {
    return this.chunkCounts.get(turn) ?? 0
  }

  message(id: string): MessageFacts | undefined {
    return this.entries.get(id)
  }

  keyed(fromName: string, to: string, key: string): Mail | undefined {
    const id = this.keyedIds.get(keyOf(fromName, to, key))
    return id === undefined ? undefined : this.mail(id)
  }

  *targets(waiter: string): Iterable<string> {
    for (const edge of this.edges) {
      if (edge.waiter === waiter && !this.endedWaits.has(edge.turn) && this.#isOpen(edge.request))
        yield edge.target
    }
    for (const { waiter: author, wait } of this.newWaits) {
      if (author === waiter && wait.target !== null && this.#isOpen(wait.request)) yield wait.target
    }
  }

  existing(id: string): Mail | undefined {
    return this.mail(id)
  }

  hasDecision(id: string): boolean {
    return this.decisionIds.has(id)
  }

  *ofTrace(trace: string): Iterable<string> {
    for (const entry of this.#inOrder()) if (entry.trace === trace) yield entry.id
  }

  *causedBy(turn: string): Iterable<string> {
    for (const entry of this.#inOrder()) if (entry.cause === turn) yield entry.id
  }

  askerOf(id: string): string | null {
    const question = this.entries.get(id)?.re ?? null
    if (question === null) return null
    return this.askers.get(question) ?? this.entries.get(question)?.cause ?? null
  }

  mail(id: string): Mail | undefined {
    const entry = this.entries.get(id)
    return entry === undefined ? undefined : entryMail(entry)
  }

  addRecord(record: SealedRecord, position: number): void {
    this.records.push({ record, position, first: this.counters.number })
  }

  addMessage(message: NewMessage, position: number, state: number): void {
    const number = this.counters.number++
    const entry = newEntry(message, { place: placeOf(this.head.space, number), number, position }, state)
    this.entries.set(entry.id, entry)
    this.newEntries.push(entry)
    if (entry.keyFrom !== null && entry.key !== null) {
      this.keyedIds.set(keyOf(entry.keyFrom, entry.recipient, entry.key), entry.id)
    }
  }

  addEvent(event: NewEvent, position: number): void {
    this.events.push({ event, position })
    this.versions.set(event.stream, event.version)
  }

  addChunk(chunk: JournalChunk): void {
    this.journal.push(chunk)
    this.chunkCounts.set(chunk.turn, chunk.chunk + 1)
  }

  /** The next time after `now` at which the rules might have judged this batch otherwise. */
  get untilMs(): number {
    let until = Number.MAX_SAFE_INTEGER
    for (const { isNew, deadline, dueAt } of this.entries.values()) {
      const time = isNew ? dueAt : deadline
      if (time !== null && time > this.now && time < until) until = time
    }
    return until
  }

  addDecision(decision: NewDecision, position: number): void {
    this.decisions.push({ decision, position })
    this.decisionIds.add(decision.id)
  }

  addWait(turn: string, waiter: string, wait: Wait): void {
    this.newWaits.push({ turn, waiter, wait })
  }

  endWaits(turn: string): void {
    this.endedWaits.add(turn)
    this.newWaits = this.newWaits.filter((wait) => wait.turn !== turn)
  }

  endTurn(author: string, { turn, to, late, ...end }: OwnEnd): number | undefined {
    const entry = this.entries.get(turn.message)
    if (entry === undefined || entry.recipient !== author) return undefined
    if (entry.deadline !== null && entry.deadline <= this.now && !late) return undefined
    const from = openState(entry.state, turn.end === 'cancelled')
    if (from === undefined) return undefined
    entry.state = to
    entry.attempts = turn.attempts
    entry.segments += end.segments
    entry.dueAt = end.dueAt
    entry.settled = end.settled
    entry.error = turn.error
    entry.reason ??= end.reason
    entry.changed = true
    return from
  }

  deliver(id: string, address: string, undo: boolean): void {
    const entry = this.entries.get(id)
    if (entry === undefined || entry.recipient !== address) return
    const queued = entry.state === CODE.queued
    if (!queued && (!undo || entry.undo)) return
    if (queued) {
      entry.state = CODE.delivered
      entry.dueAt = null
    }
    entry.undo ||= undo
    entry.changed = true
  }

  consume(id: string, position: number, reason: string): boolean {
    const entry = this.entries.get(id)
    if (entry?.state !== CODE.answered) return false
    entry.state = CODE.handled
    entry.settled = position
    entry.reason = reason
    entry.changed = true
    return true
  }

  finish(id: string, to: number, position: number, reason: string): void {
    const entry = this.#entry(id)
    entry.state = to
    entry.dueAt = null
    entry.settled = position
    entry.reason = reason
    entry.changed = true
  }

  startUndo(id: string, reason: string): void {
    const entry = this.#entry(id)
    entry.state = CODE.cancelling
    entry.dueAt = null
    entry.reason = reason
    entry.changed = true
  }

  requeue(id: string): void {
    const entry = this.#entry(id)
    entry.state = CODE.queued
    entry.queue = this.counters.number++
    entry.attempts = 0
    entry.crashes = 0
    // Its dead end counts as a segment: so nobody takes it for a message that was never begun and has no
    // journal.
    entry.segments += 1
    entry.dueAt = null
    entry.settled = null
    entry.error = null
    entry.reason = null
    entry.changed = true
  }

  #entry(id: string): MessageEntry {
    const entry = this.entries.get(id)
    if (entry === undefined) throw new Error(`The message ${id} was not loaded.`)
    return entry
  }

  #isOpen(request: string | null): boolean {
    if (request === null) return false
    const question = this.entries.get(request)
    return question === undefined || isLive(question.state)
  }

  /** Only for cancelling, which is rare: then most of what was loaded belongs to the tree. */
  #inOrder(): readonly MessageEntry[] {
    return [...this.entries.values()].toSorted((a, b) => a.place - b.place)
  }
}

/** The state from which a turn's own message may be ended: queued counts as delivered. */
function openState(state: number, cancelled: boolean): number | undefined {
  if (state === CODE.queued || state === CODE.delivered) return CODE.delivered
  if (state === CODE.waiting) return state
  return state === CODE.cancelling && cancelled ? state : undefined
}

/** The message at the root of what a cancel names, if it names one; a trace otherwise. */
export function rootOf(target: string): string | undefined {
  if (target.startsWith('turn_')) return messageOf(target)
  return target.startsWith('msg_') ? target : undefined
}

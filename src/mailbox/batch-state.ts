/**
 * What the rules of a commit see of a store while a batch is written: the state as the earlier writes of the
 * batch have left it, and the changes that they may make. A store that reads its own writes can answer from
 * the database; one that is far away loads what the batch needs beforehand, and writes what has changed
 * afterwards.
 *
 * @module
 */

import type { SealedRecord } from '../core/record.ts'
import type {
  CommitTerms,
  JournalChunk,
  Mail,
  NewDecision,
  NewEvent,
  NewMessage,
  TurnWrite,
  Wait,
} from '../ports/store.ts'
import { CODE, inDepth, inReady } from './states.ts'

/** One mailbox, with its author's chain and its lease. */
export interface Mailbox {
  readonly address: string
  readonly worker: string | null
  readonly epoch: number
  seq: number
  hash: string
  depth: number
  ready: number
  waiting: number
  dead: number
  changed: boolean
}

/** A mailbox that nobody has used yet. */
export function emptyMailbox(address: string): Mailbox {
  return {
    address,
    worker: null,
    epoch: 0,
    seq: -1,
    hash: '',
    depth: 0,
    ready: 0,
    waiting: 0,
    dead: 0,
    changed: false,
  }
}

/** What the rules ask about a message. `state` is a number of `states.ts`. */
export interface MessageFacts {
  readonly id: string
  readonly recipient: string
  readonly state: number
  readonly undo: boolean
  readonly deadline: number | null
}

/** Where a turn leaves its own message. */
export interface OwnEnd {
  readonly turn: TurnWrite
  /** The new state. */
  readonly to: number
  /** The position of the record that ends it; null while it is not final. */
  readonly settled: number | null
  /** Segments that this commit adds. */
  readonly segments: number
  readonly dueAt: number | null
  readonly reason: string | null
  /** The end is accepted after the deadline. */
  readonly late: boolean
}

/** The counters of a space. */
export interface Counters {
  position: number
  number: number
  handled: number
}

/** A batch in progress. All questions are answered as of now, the batch's earlier writes included. */
export interface BatchState {
  /** The store's clock for the whole batch. */
  readonly now: number
  /** What the batch is committed under. */
  readonly terms: CommitTerms
  readonly counters: Counters

  /** The mailbox of an address, made when it is new. */
  mailbox(address: string): Mailbox
  /** The number of events in a stream. */
  version(stream: string): number
  /** The number of journal chunks of a turn. */
  chunks(turn: string): number
  message(id: string): MessageFacts | undefined
  /** The message with this idempotency key. */
  keyed(fromName: string, to: string, key: string): Mail | undefined
  /** Whom an address waits for, by questions that are still open. */
  targets(waiter: string): Iterable<string>
  /** The message with this id, whole. Asked only in a careful batch. */
  existing(id: string): Mail | undefined
  /** Asked only in a careful batch. */
  hasDecision(id: string): boolean

  /** Ids of the messages of a trace, in the order sent. */
  ofTrace(trace: string): Iterable<string>
  /** Ids of the messages that a turn has caused, in the order sent. */
  causedBy(turn: string): Iterable<string>
  /** The turn that asked the question that this reply answers. */
  askerOf(id: string): string | null
  /** The message, whole, in its present state. */
  mail(id: string): Mail | undefined

  /** Writes a record; its author's mailbox has the new head already. */
  addRecord(record: SealedRecord, position: number): void
  /** Writes a message that arrives in this state. */
  addMessage(message: NewMessage, position: number, state: number): void
  addEvent(event: NewEvent, position: number): void
  addChunk(chunk: JournalChunk): void
  addDecision(decision: NewDecision, position: number): void
  addWait(turn: string, waiter: string, wait: Wait): void
  /** Ends all waits of a turn. */
  endWaits(turn: string): void

  /**
   * Moves a turn's own message if it is in the mailbox of its author, open (or being cancelled, for that end),
   * and in time. Answers the state from which it was moved, queued as delivered; undefined: nothing changed.
   */
  endTurn(author: string, end: OwnEnd): number | undefined
  /** Notes that a queued message was delivered, and that its turn has something to undo. */
  deliver(id: string, address: string, undo: boolean): void
  /** Ends a reply that waits for its turn: false when there is none. */
  consume(id: string, position: number, reason: string): boolean
  /** Makes a message final. */
  finish(id: string, to: number, position: number, reason: string): void
  /** Leaves a message to its agent, to undo what it did. */
  startUndo(id: string, reason: string): void
  /** Puts a dead letter back into its mailbox, at the end. */
  requeue(id: string): void
}

/** Keeps the counters true when a message of this mailbox changes its state. `from` null: it is new. */
export function countMove(
  batch: Pick<BatchState, 'counters' | 'mailbox'>,
  address: string,
  from: number | null,
  to: number,
): void {
  if (to === CODE.handled) batch.counters.handled++
  const mailbox = batch.mailbox(address)
  mailbox.depth += inDepth(to) - (from === null ? 0 : inDepth(from))
  mailbox.ready += inReady(to) - (from === null ? 0 : inReady(from))
  mailbox.waiting += Number(to === CODE.waiting) - Number(from === CODE.waiting)
  mailbox.dead += Number(to === CODE.dead) - Number(from === CODE.dead)
  mailbox.changed = true
}

/**
 * What this process knows of a space without asking: the state that its own last commit has left, as far as it was
 * loaded or written here. While nobody else changes the space, a batch is judged by that, and is written in one round
 * trip. Whether it is still so is looked at under the lock, where the batch is written: each transaction that changes
 * what a commit is judged by moves the stamp of the space.
 *
 * @module
 */

import { messageOf } from '../../core/ids.ts'
import type { Mailbox } from '../../mailbox/batch-state.ts'
import { CODE } from '../../mailbox/states.ts'
import type { CommitTerms } from '../../ports/store.ts'
import { PostgresBatch } from './batch.ts'
import type { Head } from './batch.ts'
import { isInMail } from './message-entry.ts'
import type { MessageEntry } from './message-entry.ts'
import type { Need } from './need.ts'

/** Of each kind of thing, the oldest are forgotten beyond this. */
const THINGS_MAX = 10_000
/** Others change the space, too, until so many transactions in a row have found it as the one before had left it. */
const ALONE_AFTER = 1

/** The state of one space as this process last saw it. */
export class Known {
  #head: Head | undefined
  /** The stamp that this process has seen last, and how often in a row it found the one that it had left. */
  #stamp = -1
  #alone = 0
  readonly #mailboxes = new Map<string, Mailbox>()
  readonly #entries = new Map<string, MessageEntry>()
  readonly #versions = new Map<string, number>()

  /**
   * A batch on what is known; undefined when it needs something else, or others are at work. What is applied to it
   * is applied here: call `learn` when it is written, or else `drop` or `forget`.
   */
  batch(need: Need, terms: CommitTerms, version: number): PostgresBatch | undefined {
    const head = this.#head
    if (head === undefined || this.#alone < ALONE_AFTER || head.version < version) return undefined
    if (!need.isPlain) return undefined
    const batch = new PostgresBatch(head, terms)
    // What ends waits is written in two statements.
    for (const id of need.ids) if (this.#entries.get(id)?.state === CODE.waiting) return undefined
    const known =
      copy(need.addresses, this.#mailboxes, batch.mailboxes) &&
      copy(need.ids, this.#entries, batch.entries) &&
      copy(need.streams, this.#versions, batch.versions) &&
      this.#chunks(need, batch) &&
      this.#others(batch)
    return known ? batch : undefined
  }

  /** The batch was written; `now` is the time of its commit. */
  learn(batch: PostgresBatch, version: number, now: number): void {
    this.#continue(batch.head.stamp)
    this.#take(batch, version, now)
  }

  /**
   * The batch is on its way: from here on, everything is judged as if it were written. Call `confirm` when it is, or
   * else `forget`. Until then, the time is that of the batch before.
   */
  assume(batch: PostgresBatch, version: number): void {
    this.#take(batch, version, batch.head.now)
  }

  /** What was assumed is written: it was found under this stamp, at this time. */
  confirm(stamp: number, now: number): void {
    this.#found(stamp)
    if (this.#head !== undefined) this.#head = { ...this.#head, now: Math.max(this.#head.now, now) }
  }

  #take(batch: PostgresBatch, version: number, now: number): void {
    const { space, stamp } = batch.head
    this.#head = { space, ...batch.counters, version, now, stamp: stamp + 1 }
    for (const [address, mailbox] of batch.mailboxes) {
      mailbox.changed = false
      remember(this.#mailboxes, address, mailbox)
    }
    for (const [id, entry] of batch.entries) {
      if (isInMail(entry)) remember(this.#entries, id, settled(entry))
      else this.#entries.delete(id)
    }
    for (const [turn, count] of batch.chunkCounts) {
      const entry = this.#entries.get(messageOf(turn))
      if (entry !== undefined) entry.chunks = count
    }
    for (const [stream, events] of batch.versions) remember(this.#versions, stream, events)
  }

  /** A transaction of this process has changed these mailboxes, and put messages of the others into another state. */
  changed(head: Head, mailboxes: readonly Mailbox[], touched: ReadonlySet<string>): void {
    this.#continue(head.stamp)
    this.#head = { ...head, stamp: head.stamp + 1 }
    for (const mailbox of mailboxes) remember(this.#mailboxes, mailbox.address, mailbox)
    if (touched.size === 0) return
    for (const [id, { recipient }] of this.#entries) if (touched.has(recipient)) this.#entries.delete(id)
  }

  /** The batch was not written, because something in it must be looked at in the database. */
  drop(batch: PostgresBatch): void {
    for (const address of batch.mailboxes.keys()) this.#mailboxes.delete(address)
    for (const id of batch.entries.keys()) this.#entries.delete(id)
    for (const stream of batch.versions.keys()) this.#versions.delete(stream)
  }

  /** Nothing is known any more. */
  forget(): void {
    this.#head = undefined
    this.#mailboxes.clear()
    this.#entries.clear()
    this.#versions.clear()
  }

  /** What was found under the lock is what was known, or somebody else has been here. */
  #continue(found: number): void {
    if (this.#head?.stamp !== found) this.forget()
    this.#found(found)
  }

  #found(found: number): void {
    this.#alone = found === this.#stamp ? this.#alone + 1 : 0
    this.#stamp = found + 1
  }

  #chunks(need: Need, batch: PostgresBatch): boolean {
    for (const turn of need.turns) {
      const count = this.#entries.get(messageOf(turn))?.chunks
      if (count === undefined) return false
      batch.chunkCounts.set(turn, count)
    }
    return true
  }

  /** Mailboxes whose counters may change with messages that stand in them. A reply is counted in none. */
  #others(batch: PostgresBatch): boolean {
    const addresses = new Set<string>()
    for (const { recipient, state } of batch.entries.values())
      if (state !== CODE.answered) addresses.add(recipient)
    return copy(addresses, this.#mailboxes, batch.mailboxes)
  }
}

function copy<T>(wanted: ReadonlySet<string>, from: ReadonlyMap<string, T>, to: Map<string, T>): boolean {
  for (const name of wanted) {
    const value = from.get(name)
    if (value === undefined) return false
    to.set(name, value)
  }
  return true
}

function remember<T>(things: Map<string, T>, name: string, thing: T): void {
  things.set(name, thing)
  if (things.size <= THINGS_MAX) return
  const [oldest] = things.keys()
  if (oldest !== undefined) things.delete(oldest)
}

/** The entry as it is when its batch is written: stored, and without its text. */
function settled(entry: MessageEntry): MessageEntry {
  entry.isNew = false
  entry.wasLive = true
  entry.changed = false
  entry.content = undefined
  return entry
}

/**
 * What the log says of every message: who was sent it, and how it ended. A store's own columns for this can be
 * rewritten by anyone with access to it, and the log cannot, so the one is held against the other.
 *
 * Transitions (the same that a store makes when it commits):
 *   open -> open | waiting | final       by its own turn
 *   open, waiting -> stopped | final     by a settle or a cancel from outside
 *   stopped -> final                     a turn with compensations ends by itself, after it has undone its work
 *   arrived -> final                     a reply, taken or no longer wanted
 *   dead -> open | cancelled             by an operator
 *
 * Memory: about 400 bytes for each message, its trace included, so 400 MB for a million. No payloads,
 * envelopes or records.
 *
 * @module
 */

import { CLIENT, nameOf } from '../core/address.ts'
import { messageOf, turnOf } from '../core/ids.ts'
import { isFinal, type Envelope, type MessageState } from '../core/message.ts'
import type { RecordBody, TurnPart } from '../core/record.ts'
import type { MessageRow } from '../ports/store.ts'
import { HashColumn } from './hash-column.ts'

type Final = 'handled' | 'dead' | 'expired' | 'cancelled'
/** `stopped`: cancelled or expired from outside, or still undoing; the log does not tell which. */
type Status = 'open' | 'waiting' | 'arrived' | 'cancelled, stopped' | 'expired, stopped' | Final

interface Entry {
  /** Its place in the column of envelope hashes. */
  readonly number: number
  readonly to: string
  readonly isReply: boolean
  /** The message whose turn sent it. */
  readonly parent: Entry | undefined
  /** For a reply: the message whose turn asked. */
  readonly asker: Entry | undefined
  /** What its turn sent, and the rest of its trace, each as a chain from the newest to the oldest. */
  newestChild: Entry | undefined
  readonly olderSibling: Entry | undefined
  readonly olderOfTrace: Entry | undefined
  status: Status
  /** Position of the record that gave it this status. */
  since: number
  stored: MessageState
  storedSettledAt: number | null
}

/** A message whose state in the store is not what the log says. */
export interface StateDifference {
  readonly position: number
  readonly reason: string
}

/** The messages of a log that is read in order. */
export class MessageLedger {
  readonly #entries = new Map<string, Entry>()
  readonly #newestOfTrace = new Map<string, Entry>()
  readonly #hashes = new HashColumn()

  get size(): number {
    return this.#entries.size
  }

  /** True for a message that an earlier record sent. */
  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** To whom a message was sent, if a record sent it. */
  recipient(id: string): string | undefined {
    return this.#entries.get(id)?.to
  }

  /** Follows a record's turn, settles and cancels. Answers what is wrong with them, as a phrase. */
  follow(body: RecordBody, position: number): string | undefined {
    const problem = body.turn === undefined ? undefined : this.#turn(body.turn, body.author, position)
    if (problem !== undefined) return problem
    for (const { id, as } of body.settles ?? []) {
      const entry = this.#entries.get(id)
      if (entry === undefined) return `it settles the message ${id}, which no earlier record sent`
      // A message that is given up while it is open takes what it caused with it.
      if (as === 'cancelled' && (entry.status === 'open' || entry.status === 'waiting'))
        this.#cancel(id, position)
      else settle(entry, as, position)
    }
    if (body.cancels !== undefined) this.#cancel(body.cancels, position)
    return undefined
  }

  /** Adds a message that the record at `row.position` sent; it must be new, verified and of that record. */
  add(row: MessageRow): void {
    const { envelope, position } = row
    const parent = envelope.cause === null ? undefined : this.#entries.get(messageOf(envelope.cause))
    const question = envelope.re === null ? undefined : this.#entries.get(envelope.re)
    const isReply = envelope.kind === 'reply'
    const entry: Entry = {
      number: this.#hashes.push(row.hash),
      to: envelope.to,
      isReply,
      parent,
      asker: question?.parent,
      newestChild: undefined,
      olderSibling: parent?.newestChild,
      olderOfTrace: this.#newestOfTrace.get(envelope.trace),
      status: arrival(envelope),
      since: position,
      stored: row.state,
      storedSettledAt: row.settledAt,
    }
    if (parent !== undefined) parent.newestChild = entry
    this.#newestOfTrace.set(envelope.trace, entry)
    this.#entries.set(envelope.id, entry)
  }

  /** Holds the states that the store had, when the messages were added, against the log. */
  *differences(): Generator<StateDifference> {
    for (const [id, { status, since, stored, storedSettledAt }] of this.#entries) {
      if (!fits(status, stored)) {
        yield {
          position: since,
          reason: `the store has the message ${id} as "${stored}", and by the log it is ${shown(status)}`,
        }
      } else if (storedSettledAt !== (isFinal(stored) ? since : null)) {
        const claimed = storedSettledAt === null ? 'by no record' : `by the record at ${storedSettledAt}`
        yield {
          position: since,
          reason: `the store has the message ${id} as ended ${claimed}, and by the log it is ${shown(status)}`,
        }
      }
    }
  }

  #turn(turn: TurnPart, author: string, position: number): string | undefined {
    const { id, sha256 } = turn.message
    const entry = this.#entries.get(id)
    if (entry === undefined) return `its turn handles the message ${id}, which no earlier record sent`
    if (turn.id !== turnOf(id)) return `its turn ${turn.id} is not the one of the message ${id}`
    if (this.#hashes.at(entry.number) !== sha256) return `it handles another message ${id} than was sent`
    if (entry.to !== author) return `it handles the message ${id}, which was sent to "${entry.to}"`
    if (entry.isReply) return `it handles the reply ${id} in a turn of its own`
    if (isFinal(entry.status as MessageState)) {
      return `the message ${id} was already ${entry.status} by the record at position ${entry.since}`
    }
    const wasStopped = isStopped(entry.status)
    if (wasStopped && (turn.end === 'handled' || turn.end === 'waiting' || turn.end === 'retry')) {
      return `the message ${id} was stopped by the record at position ${entry.since}, and its turn went on`
    }
    entry.status = turn.end === 'retry' ? 'open' : turn.end
    entry.since = position
    return undefined
  }

  #cancel(target: string, position: number): void {
    const tree = new Set<Entry>()
    if (target.startsWith('msg_') || target.startsWith('turn_')) {
      const root = this.#entries.get(target.startsWith('turn_') ? messageOf(target) : target)
      if (root !== undefined) tree.add(root)
    } else {
      let entry = this.#newestOfTrace.get(target)
      for (; entry !== undefined; entry = entry.olderOfTrace) tree.add(entry)
    }
    // A Set is walked in the order of insertion, and that includes what is added on the way.
    for (const entry of tree) {
      for (let child = entry.newestChild; child !== undefined; child = child.olderSibling) tree.add(child)
    }
    for (const entry of tree) {
      // A reply for a turn outside of the tree is left: it is the result of work that was done.
      const isWanted = entry.isReply && (entry.asker === undefined || !tree.has(entry.asker))
      if (!isWanted && entry.status !== 'dead') settle(entry, 'cancelled', position)
    }
  }
}

function arrival(envelope: Envelope): Status {
  if (envelope.kind !== 'reply') return 'open'
  return nameOf(envelope.to) === CLIENT ? 'handled' : 'arrived'
}

// A settle of what has ended already changes nothing: it lost a race, which is no fault.
function settle(entry: Entry, as: Final | 'queued', position: number): void {
  const to = settled(entry.status, as)
  if (to === undefined) return
  entry.status = to
  entry.since = position
}

function settled(status: Status, as: Final | 'queued'): Status | undefined {
  switch (status) {
    case 'arrived':
      return as === 'queued' ? undefined : as
    case 'open':
    case 'waiting':
      if (as === 'cancelled' || as === 'expired') return `${as}, stopped`
      return as === 'queued' ? undefined : as
    case 'dead':
      return as === 'queued' ? 'open' : as === 'cancelled' ? 'cancelled' : undefined
    default:
      return undefined
  }
}

function fits(status: Status, stored: MessageState): boolean {
  switch (status) {
    case 'open':
      return stored === 'scheduled' || stored === 'queued' || stored === 'delivered'
    case 'arrived':
      return stored === 'answered'
    case 'cancelled, stopped':
      return stored === 'cancelled' || stored === 'cancelling'
    case 'expired, stopped':
      return stored === 'expired' || stored === 'cancelling'
    default:
      return stored === status
  }
}

function isStopped(status: Status): boolean {
  return status === 'cancelled, stopped' || status === 'expired, stopped'
}

function shown(status: Status): string {
  if (status === 'open') return 'not ended'
  if (status === 'arrived') return 'a reply that nobody has taken yet'
  return isStopped(status) ? `"${status.split(',')[0]}" or undoing its work` : `"${status}"`
}

/**
 * What the present segment of a turn has done and not yet committed.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { Limits } from '../core/limits.ts'
import type { NewDecision, NewMessage, Settle, StoredEvent } from '../ports/store.ts'
import type { DoneEntry, JournalEntry } from '../turn/journal.ts'
import { isSameMessage } from './outbox.ts'
import { keyReused } from './refusals.ts'

/** A publication waits for the commit to learn its subscribers. */
export interface Publication {
  readonly topic: string
  /** Makes one subscriber's copy. */
  readonly copy: (agent: string, handler: string) => NewMessage
}

/** An event to be appended; its version is found when the segment commits. */
export interface Appended {
  readonly stream: string
  readonly type: string
  readonly data: string
  readonly hash: string
}

/** A stream as this turn has read it. */
export interface ReadStream {
  version: number
  readonly events: readonly StoredEvent[]
  /** The call that read it: a stale read forgets the journal from there on. */
  readonly call: number
}

/** A certificate to be kept, as long as its members' keys hold. */
export interface Decided extends NewDecision {
  readonly keys: readonly { readonly member: string; readonly key: string }[]
  /** Marks an error as one of the call that decided: when the turn is tried again, it decides anew. */
  readonly fail: (error: CoterieError) => CoterieError
}

export class Effects {
  readonly #limits: Limits
  readonly #keyed = new Map<string, NewMessage>()
  messages: NewMessage[] = []
  /** Copies of publications that exist already: they are not written again. */
  readonly omitted: Set<string> = new Set()
  publications: Publication[] = []
  events: Appended[] = []
  settles: Settle[] = []
  decisions: Decided[] = []
  reasons: string[] = []
  reads: Map<string, ReadStream> = new Map()
  /** Journal entries that no chunk holds yet. */
  entries: JournalEntry[] = []
  /** Hashes of chunks that are durable and that no record lists yet. */
  chunks: string[] = []
  /** What the turn answered by `turn.reply`, as JSON. */
  reply: string | undefined
  /** How many calls the handler had made at the wait that closes it: what it waits for later is not part of it. */
  calls: number = Number.MAX_SAFE_INTEGER

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /**
   * Adds a message. One that is there already, by its idempotency key, is not added again. Throws COTERIE_KEY_REUSED
   * when the key stands for another content.
   */
  addMessage(message: NewMessage): void {
    const { id, key } = message.envelope
    if (key !== null) {
      const twin = this.#keyed.get(id)
      if (twin !== undefined && !isSameMessage(message, twin)) throw keyReused(key, id)
      if (twin !== undefined) return
      this.#keyed.set(id, message)
    }
    this.#room()
    this.messages.push(message)
  }

  addPublication(publication: Publication): void {
    this.#room()
    this.publications.push(publication)
  }

  addEvent(event: Appended): void {
    this.#room()
    this.events.push(event)
  }

  /** What the result of a question means for other messages: a reply was taken, or the question given up. */
  settle({ reply, givenUp }: DoneEntry): void {
    if (reply !== undefined) this.settles.push({ id: reply, as: 'handled', reason: 'taken by the asker' })
    if (givenUp !== undefined)
      this.settles.push({ id: givenUp, as: 'cancelled', reason: 'given up by the asker' })
  }

  /** The segment is committed: the next one starts empty. Reads stay, for later segments bind them anew. */
  clear(): void {
    this.#keyed.clear()
    this.omitted.clear()
    this.messages = []
    this.publications = []
    this.events = []
    this.settles = []
    this.decisions = []
    this.reasons = []
    this.entries = []
    this.chunks = []
    this.reads = new Map()
  }

  #room(): void {
    const count = this.messages.length + this.publications.length + this.events.length
    if (count < this.#limits.effectsPerSegment) return
    throw new CoterieError(
      'COTERIE_LIMIT_EXCEEDED',
      `One segment may send, publish and append ${this.#limits.effectsPerSegment} things (limit ` +
        `"effectsPerSegment"). ` +
        'Split the work over several messages.',
      { details: { limit: 'effectsPerSegment' } },
    )
  }
}

/** Entries whose effect commits with the segment: they are never durable before it. */
export function hasEffect(entry: JournalEntry): boolean {
  if (entry.t !== 'call') return false
  return entry.op !== 'step' && entry.op !== 'now' && entry.op !== 'random' && entry.op !== 'read'
}

/**
 * The journal of a turn: what the handler did, in the order of its calls, and what came back, in the order in
 * which it came. A restarted handler is led through it: each call is held against the recorded one, each result
 * is given back in the recorded order, and the first difference is an error that names it.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { ErrorValue } from '../core/errors.ts'

/** What a handler can do. */
export type Operation =
  | 'step'
  | 'ask'
  | 'sleep'
  | 'read'
  | 'send'
  | 'publish'
  | 'append'
  | 'reply'
  | 'reason'
  | 'now'
  | 'random'
  | 'decide'

/** A call, by its place among the handler's calls. */
export interface CallEntry {
  readonly t: 'call'
  readonly i: number
  readonly op: Operation
  /** The step's name, or the target. */
  readonly name: string
  /** Hash of what was passed, where it must not change. */
  readonly print?: string
  /** The id of what the call made: a message, a decision. */
  readonly id?: string
  /** When a wait is due. */
  readonly due?: number
  /** A result that was known at once, as JSON. */
  readonly value?: string
}

/** The result of the call at `i`: a value as JSON (absent: undefined), or an error. */
export interface DoneEntry {
  readonly t: 'done'
  readonly i: number
  readonly value?: string
  readonly error?: ErrorValue
  readonly usage?: Readonly<Record<string, number>>
  /** The reply that was taken. */
  readonly reply?: string
  /** The question that the turn gave up: no answer to it is wanted any more. */
  readonly givenUp?: string
}

/** One line of the journal. `cut` forgets the calls from `i` on: what they knew has become stale, or failed. */
export type JournalEntry =
  | CallEntry
  | DoneEntry
  | { readonly t: 'cut'; readonly i: number }
  | { readonly t: 'rollback'; readonly error: ErrorValue }
  | { readonly t: 'undone'; readonly i: number }
  /** Everything above is part of a committed segment: its reads bind no more. */
  | { readonly t: 'segment' }

/** What the journal says of a call that the handler makes. */
export type Recorded =
  /** Never recorded: do it. */
  | { readonly type: 'new'; readonly i: number; readonly occurrence: number }
  /** Recorded without a result: take the wait up again, or run the step again. */
  | { readonly type: 'open'; readonly i: number; readonly occurrence: number; readonly call: CallEntry }
  | {
      readonly type: 'done'
      readonly i: number
      readonly occurrence: number
      readonly call: CallEntry
      readonly done: DoneEntry
    }

/** The journal, folded, with a cursor for the present run. */
export class Journal {
  readonly #calls = new Map<number, CallEntry>()
  readonly #results = new Map<number, DoneEntry>()
  #order: number[] = []
  readonly #undone = new Set<number>()
  readonly #committed = new Set<number>()
  readonly #occurrences = new Map<string, number>()
  #rollback: ErrorValue | undefined
  #next = 0

  constructor(entries: readonly JournalEntry[]) {
    for (const entry of entries) this.#fold(entry)
  }

  /** The error that a rollback under way is for. */
  get rollback(): ErrorValue | undefined {
    return this.#rollback
  }

  /** How many calls the handler has made in this run. */
  get calls(): number {
    return this.#next
  }

  /** Results in the order in which they were recorded, by call. */
  get order(): readonly number[] {
    return this.#order
  }

  /** True while the handler is still among recorded calls. */
  get replaying(): boolean {
    for (const i of this.#calls.keys()) if (i >= this.#next) return true
    return false
  }

  /** True when the call belongs to a segment that has committed. */
  isCommitted(i: number): boolean {
    return this.#committed.has(i)
  }

  /** True when the compensation of the call at `i` has run. */
  isUndone(i: number): boolean {
    return this.#undone.has(i)
  }

  /** The recorded calls that never got a result and are waits: index and entry. */
  openWaits(): readonly CallEntry[] {
    return [...this.#calls.values()].filter(
      (call) => (call.op === 'ask' || call.op === 'sleep') && !this.#results.has(call.i),
    )
  }

  /**
   * The handler's next call; `print` makes the fingerprint of what is passed, if there is one to compare with.
   * Throws COTERIE_JOURNAL_MISMATCH when another call stands in its place.
   */
  call(op: Operation, name: string, print?: () => string): Recorded {
    const i = this.#next
    const call = this.#calls.get(i)
    if (call !== undefined && (call.op !== op || call.name !== name)) {
      throw mismatch(i, `the journal has ${shown(call)}, the handler now calls ${shown({ op, name })}`)
    }
    if (call?.print !== undefined && print !== undefined && call.print !== print()) {
      throw mismatch(i, `${shown(call)} was recorded with other contents than the handler passes now`)
    }
    this.#next += 1
    const place = `${op} ${name}`
    const occurrence = (this.#occurrences.get(place) ?? 0) + 1
    this.#occurrences.set(place, occurrence)
    if (call === undefined) return { type: 'new', i, occurrence }
    const done = this.#results.get(i)
    return done === undefined
      ? { type: 'open', i, occurrence, call }
      : { type: 'done', i, occurrence, call, done }
  }

  /** Throws COTERIE_JOURNAL_MISMATCH when the handler ended before it made every recorded call. */
  checkEnded(): void {
    let first: CallEntry | undefined
    for (const call of this.#calls.values()) {
      if (call.i >= this.#next && (first === undefined || call.i < first.i)) first = call
    }
    if (first !== undefined)
      throw mismatch(first.i, `the journal has ${shown(first)}, the handler ended before it`)
  }

  /** Nothing is left of a run that was undone: the next one begins as if it had never been. */
  #startAnew(): void {
    this.#rollback = undefined
    this.#undone.clear()
  }

  #fold(entry: JournalEntry): void {
    switch (entry.t) {
      case 'call':
        this.#calls.set(entry.i, entry)
        break
      case 'done':
        this.#results.set(entry.i, entry)
        this.#order.push(entry.i)
        break
      case 'cut':
        for (const i of this.#calls.keys()) if (i >= entry.i) this.#calls.delete(i)
        for (const i of this.#results.keys()) if (i >= entry.i) this.#results.delete(i)
        for (const i of this.#committed) if (i >= entry.i) this.#committed.delete(i)
        this.#order = this.#order.filter((i) => i < entry.i)
        if (entry.i === 0) this.#startAnew()
        break
      case 'rollback':
        this.#rollback = entry.error
        break
      case 'undone':
        this.#undone.add(entry.i)
        break
      case 'segment':
        for (const i of this.#calls.keys()) this.#committed.add(i)
        break
    }
  }
}

/**
 * From which call on a failed attempt is to be forgotten before the next one: a recorded failure of a step or an
 * answer that the handler let through must not be given back for ever. Undefined: keep everything.
 */
export function cutAfterFailure(failures: ReadonlyMap<unknown, number>, thrown: unknown): number | undefined {
  let error = thrown
  for (let depth = 0; depth < 10 && error instanceof Error; depth++) {
    const i = failures.get(error)
    if (i !== undefined) return i
    error = error.cause
  }
  return undefined
}

function shown(call: { readonly op: string; readonly name: string }): string {
  return call.name === '' ? `a call of ${call.op}` : `${call.op} "${call.name}"`
}

function mismatch(i: number, difference: string): CoterieError {
  return new CoterieError(
    'COTERIE_JOURNAL_MISMATCH',
    `The handler no longer follows the journal of its turn: at operation ${i}, ${difference}. ` +
      'Finish such turns with the version that began them, or give the changed handler a new name.',
    { details: { operation: i } },
  )
}

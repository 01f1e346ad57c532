/**
 * Virtual time: a heap of events. What is due at one moment happens in an order that the seed decides, and
 * between two events everything that is ready runs to its end.
 *
 * @module
 */

import { setImmediate } from 'node:timers'
import type { Prng } from './prng.ts'
import type { TraceDigest } from './trace-digest.ts'

const DEFERS_PER_MS = 32

/** A run that has more events goes round in circles. */
const EVENTS_MAX = 200_000

/** Whose event it is: a process that may be dead, or paused. */
export interface Owner {
  readonly name: string
  readonly alive: boolean
  /** Its events are held until then. */
  readonly heldUntil: number
}

interface Entry {
  at: number
  readonly order: number
  readonly owner: Owner | undefined
  readonly label: string
  run: (() => void) | undefined
}

export class Timeline {
  readonly #heap: Entry[] = []
  readonly #prng: Prng
  readonly #digest: TraceDigest
  readonly #deferred = new Map<Owner, (() => void)[]>()
  #now: number
  /** Events that have happened. */
  count = 0

  constructor(startMs: number, prng: Prng, digest: TraceDigest) {
    this.#now = startMs
    this.#prng = prng
    this.#digest = digest
  }

  /** Whole milliseconds since the Unix epoch. */
  get now(): number {
    return Math.floor(this.#now)
  }

  /** Runs `run` at a time; the returned function forgets it. Events of a dead owner never happen. */
  at(timeMs: number, owner: Owner | undefined, label: string, run: () => void): () => void {
    const entry: Entry = { at: Math.max(this.#now, timeMs), order: this.#prng.next(), owner, label, run }
    this.#push(entry)
    return () => {
      entry.run = undefined
    }
  }

  /** Runs `run` now, but after what runs already, and behind all that this owner has deferred before. */
  defer(owner: Owner, run: () => void): void {
    const queue = this.#deferred.get(owner) ?? []
    this.#deferred.set(owner, queue)
    queue.push(run)
    // It costs a little time, or whoever defers again and again would stop the clock.
    this.at(this.#now + this.#prng.number() / DEFERS_PER_MS, owner, 'defer', () => queue.shift()?.())
  }

  /** Resolves after a time that belongs to the owner; never, when it dies before. */
  wait(ms: number, owner: Owner | undefined, label: string): Promise<void> {
    return new Promise((resolve) => this.at(this.#now + ms, owner, label, resolve))
  }

  /** Lets every promise that is ready settle, and all that depends on it. */
  drain(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** Lets the next event happen. False when there is none before `untilMs`. */
  async step(untilMs: number): Promise<boolean> {
    for (;;) {
      const entry = this.#pop(untilMs)
      if (entry === undefined) {
        this.#now = Math.max(this.#now, untilMs)
        return false
      }
      const { owner, run } = entry
      if (run === undefined || owner?.alive === false) continue
      this.#now = Math.max(this.#now, entry.at)
      if (owner !== undefined && owner.heldUntil > this.#now) {
        entry.at = owner.heldUntil
        this.#push(entry)
        continue
      }
      this.count += 1
      if (this.count > EVENTS_MAX)
        throw new RangeError(`More than ${EVENTS_MAX} events, the last by ${owner?.name}.`)
      this.#digest.event(this.now, owner?.name ?? '', entry.label)
      run()
      await this.drain()
      return true
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.push(entry) - 1
    while (i > 0) {
      const above = (i - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || !isBefore(entry, parent)) break
      heap[i] = parent
      i = above
    }
    heap[i] = entry
  }

  #pop(untilMs: number): Entry | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.at > untilMs) return undefined
    const last = heap.pop()
    if (last === undefined || last === first) return first
    let i = 0
    for (;;) {
      let below = 2 * i + 1
      let child = heap[below]
      if (child === undefined) break
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, child)) {
        below += 1
        child = right
      }
      if (!isBefore(child, last)) break
      heap[i] = child
      i = below
    }
    heap[i] = last
    return first
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}

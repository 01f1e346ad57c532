/**
 * Gives recorded results back to a handler in the order in which they were recorded, each after the handler has
 * come to rest, so that its parallel branches meet again as they did the first time.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { Journal } from '../turn/journal.ts'

const STUCK_MS = 5_000

/** What the replay asks of, and tells, its turn. */
export interface ReplayHost {
  readonly turnId: string
  /** False: the handler is busy, or the turn is over, so that a missing call means nothing. */
  mayBeStuck(): boolean
  /** The handler has not made a recorded call: it has changed. */
  stuck(error: CoterieError): void
  /** The last result has been given back. */
  replayed(): void
}

export class Replay {
  readonly #journal: Journal
  readonly #clock: Clock
  readonly #host: ReplayHost
  readonly #calls = new Map<number, () => void>()
  #cursor = 0
  #pumping = false
  #stopped = false
  #alarm: (() => void) | undefined

  constructor(journal: Journal, clock: Clock, host: ReplayHost) {
    this.#journal = journal
    this.#clock = clock
    this.#host = host
  }

  /** True when every recorded result has been given back. */
  get done(): boolean {
    return this.#cursor >= this.#journal.order.length
  }

  /** The handler has made the call at `i`: `deliver` is called when its result's place has come. */
  await(i: number, deliver: () => void): void {
    this.#calls.set(i, deliver)
    this.#pumpSoon()
  }

  stop(): void {
    this.#stopped = true
    this.#alarm?.()
  }

  #pumpSoon(): void {
    if (this.#pumping) return
    this.#pumping = true
    this.#clock.defer(() => {
      this.#pumping = false
      this.#pump()
    })
  }

  #pump(): void {
    const i = this.#journal.order[this.#cursor]
    if (i === undefined || this.#stopped) return
    const deliver = this.#calls.get(i)
    this.#alarm?.()
    this.#alarm = undefined
    if (deliver === undefined) {
      // The handler has yet to make this call. If it never does, it has changed.
      this.#alarm = this.#clock.setTimer(STUCK_MS, () => {
        if (this.#host.mayBeStuck()) this.#host.stuck(this.#error(i))
      })
      return
    }
    this.#cursor += 1
    this.#calls.delete(i)
    deliver()
    this.#pumpSoon()
    if (this.done) this.#host.replayed()
  }

  #error(i: number): CoterieError {
    return new CoterieError(
      'COTERIE_JOURNAL_MISMATCH',
      `The handler no longer follows the journal of ${this.#host.turnId}: operation ${i} has a recorded result, ` +
        'and the handler has not made that call.',
      { details: { operation: i } },
    )
  }
}

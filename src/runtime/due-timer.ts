/**
 * One timer for whatever falls due next.
 *
 * @module
 */

import type { Clock } from '../ports/clock.ts'

const LONGEST_MS = 60_000
/** How much too early a timer may fire. */
const EARLY_MS = 1
/** Between looks at a clock that stands still. */
const STILL_MS = 50

export class DueTimer {
  readonly #clock: Clock
  readonly #due: () => void
  #set: { readonly at: number; readonly forget: () => void } | undefined
  #stopped = false

  /** `due` is called when the earliest of the given times has come. */
  constructor(clock: Clock, due: () => void) {
    this.#clock = clock
    this.#due = due
  }

  /** Something is due at a time of the clock. */
  at(timeMs: number): void {
    if (this.#stopped || (this.#set !== undefined && this.#set.at <= timeMs)) return
    this.#set?.forget()
    this.#start(timeMs, 0)
  }

  /** Nothing more is due. */
  stop(): void {
    this.#stopped = true
    this.#set?.forget()
  }

  /** A clock that was set back stands still until it has caught up: it is asked again, but not all the time. */
  #start(at: number, leastMs: number): void {
    const inMs = Math.min(Math.max(leastMs, at - this.#clock.now()), LONGEST_MS)
    const forget = this.#clock.setTimer(inMs, () => {
      this.#set = undefined
      if (at - this.#clock.now() > EARLY_MS) this.#start(at, STILL_MS)
      else this.#due()
    })
    this.#set = { at, forget }
  }
}

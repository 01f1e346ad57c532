/**
 * When to look again at who is alive, besides at each heartbeat: when a silent worker lapses, when others have changed
 * something, for one of them may have joined, and when addresses that fall to others lie free, for one may have left.
 *
 * @module
 */

import type { Clock } from '../ports/clock.ts'

/** Looks in a lease, at most, whatever others do. */
const DOUBTS = 20

export class Lookout {
  readonly #clock: Clock
  readonly #leaseMs: number
  readonly #glance: () => void
  readonly #look: () => void
  #doubts = false
  #rests = false
  #stopped = false
  #forgetLapse: (() => void) | undefined
  #forgetRest: (() => void) | undefined

  /** `glance` is called when there is a doubt, `look` when somebody should have lapsed. */
  constructor(clock: Clock, leaseMs: number, glance: () => void, look: () => void) {
    this.#clock = clock
    this.#leaseMs = leaseMs
    this.#glance = glance
    this.#look = look
  }

  /** Somebody may have joined or left. */
  doubt(): void {
    this.#doubts = true
    if (this.#rests || this.#stopped) return
    this.#doubts = false
    this.#rests = true
    this.#forgetRest = this.#clock.setTimer(Math.ceil(this.#leaseMs / DOUBTS), () => {
      this.#rests = false
      if (this.#doubts) this.doubt()
    })
    this.#glance()
  }

  /** Somebody lapses in so many milliseconds, if he stays silent. Longer than until the next heartbeat: no matter. */
  lapsesIn(ms: number | undefined, nextBeatMs: number): void {
    this.#forgetLapse?.()
    this.#forgetLapse = undefined
    if (ms === undefined || ms > nextBeatMs || this.#stopped) return
    this.#forgetLapse = this.#clock.setTimer(ms + 1, this.#look)
  }

  stop(): void {
    this.#stopped = true
    this.#forgetLapse?.()
    this.#forgetRest?.()
  }
}

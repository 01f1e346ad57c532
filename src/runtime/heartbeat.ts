/**
 * A worker's heartbeat, and how long ago the store has answered it.
 *
 * @module
 */

import type { Beat } from '../ports/store.ts'
import type { Context } from './context.ts'

export class Heartbeat {
  readonly #context: Context
  readonly #worker: string
  readonly #agents: () => readonly string[]
  readonly #lost: () => void
  /** When the store was last asked whether the leases hold, and said so. */
  #confirmed = { monotonic: -Infinity, wall: -Infinity }
  #confirming: Promise<unknown> | undefined
  #sending: Promise<unknown> = Promise.resolve()

  /** `lost` is called when some of the worker's leases have been taken by others. */
  constructor(context: Context, worker: string, agents: () => readonly string[], lost: () => void) {
    this.#context = context
    this.#worker = worker
    this.#agents = agents
    this.#lost = lost
  }

  /** Prolongs all leases, and tells which agents the worker runs. */
  async send(): Promise<Beat> {
    const { clock, limits, store } = this.#context
    // Before the store is asked: from then on at least it counts.
    const asked = { monotonic: clock.monotonic(), wall: clock.now() }
    const sending = store.heartbeat(this.#worker, limits.leaseMs, this.#agents())
    this.#sending = sending.catch(() => undefined)
    const beat = await sending
    this.#confirmed = asked
    if (!beat.held) this.#lost()
    return beat
  }

  /** Resolves when no heartbeat is under way: one that came after the worker was retired would announce it again. */
  async settled(): Promise<void> {
    await this.#sending
  }

  /**
   * Asks the store when its last word is older than a lease lasts: by the monotonic clock, or by the machine's, which
   * may have been set, and by which others judge.
   */
  async confirm(): Promise<void> {
    const { clock, limits } = this.#context
    const { monotonic, wall } = this.#confirmed
    const ageMs = Math.max(clock.monotonic() - monotonic, clock.now() - wall)
    if (ageMs < limits.leaseMs) return
    this.#confirming ??= this.send().finally(() => {
      this.#confirming = undefined
    })
    await this.#confirming
  }
}

/**
 * Watches, once the faults have stopped, that no address with work is without a worker for longer than a lease.
 *
 * @module
 */

import type { SpaceStatus } from '../../ports/store.ts'
import type { World } from './world.ts'

/** What a look may be late, and what taking an address may take. */
const SLACK_MS = 400

/** A moment by the clock of the run, and by the store's, which jumps and stands still. */
interface Moment {
  readonly run: number
  readonly store: number
}

export class Unowned {
  readonly #leaseMs: number
  readonly #world: World
  #since: ReadonlyMap<string, Moment> = new Map()

  constructor(leaseMs: number, world: World) {
    this.#leaseMs = leaseMs
    this.#world = world
  }

  /** Not all workers are there: nothing is promised. */
  forget(): void {
    this.#since = new Map()
  }

  /** Looks at all mailboxes; a break of the promise is noted in the world. */
  look(status: SpaceStatus, now: number): void {
    const since = new Map<string, Moment>()
    for (const { address, ready, worker, leaseUntil } of status.mailboxes) {
      const held = worker !== null && leaseUntil !== null && leaseUntil > status.now
      if (ready > 0 && !held) since.set(address, this.#since.get(address) ?? { run: now, store: status.now })
    }
    for (const [address, from] of since) {
      // While the store's clock stands still nobody lapses, and who is dead has his share.
      const ms = Math.min(now - from.run, status.now - from.store)
      if (ms <= this.#leaseMs + SLACK_MS) continue
      this.#world.violate('no address with work is long without a worker', `${address}: ${ms} ms`)
      since.delete(address)
    }
    this.#since = since
  }
}

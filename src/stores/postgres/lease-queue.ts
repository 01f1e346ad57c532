/**
 * Takes leases in groups: all that are asked for while one transaction is under way go into the next. A worker that
 * starts on ten thousand addresses makes a few dozen transactions, not ten thousand.
 *
 * @module
 */

import type { Grant } from '../../ports/store.ts'
import { takeLeases } from './leases.ts'
import type { SpaceContext } from './transaction.ts'

const MOST = 500

interface Asked {
  readonly address: string
  readonly worker: string
  readonly granted: (grant: Grant | undefined) => void
  readonly failed: (error: unknown) => void
}

/** Requests for leases of one space. */
export class LeaseQueue {
  readonly #context: SpaceContext
  #asked: Asked[] = []
  #busy = false

  constructor(context: SpaceContext) {
    this.#context = context
  }

  /** Takes an address; undefined when it is held. */
  take(address: string, worker: string): Promise<Grant | undefined> {
    return new Promise((granted, failed) => {
      this.#asked.push({ address, worker, granted, failed })
      if (this.#busy) return
      this.#busy = true
      setImmediate(() => void this.#work())
    })
  }

  async #work(): Promise<void> {
    for (let group = this.#next(); group.length > 0; group = this.#next()) {
      try {
        const worker = group[0]?.worker ?? ''
        const grants = await takeLeases(
          this.#context,
          worker,
          group.map((asked) => asked.address),
        )
        for (const { address, granted } of group) granted(grants.get(address))
      } catch (error) {
        for (const { failed } of group) failed(error)
      }
    }
    this.#busy = false
  }

  /** The next requests of one worker, each address once. */
  #next(): readonly Asked[] {
    const worker = this.#asked[0]?.worker
    const group: Asked[] = []
    const rest: Asked[] = []
    const addresses = new Set<string>()
    for (const asked of this.#asked) {
      const fits = group.length < MOST && asked.worker === worker && !addresses.has(asked.address)
      if (fits) addresses.add(asked.address)
      ;(fits ? group : rest).push(asked)
    }
    this.#asked = rest
    return group
  }
}

/**
 * Worker processes of one kind on one site, of which now one and now another is killed, or stopped for longer than its
 * lease lasts.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { Child } from '../helpers/processes.ts'
import { generator } from '../helpers/random.ts'
import type { Site } from './site.ts'

/** What a fleet is made of. */
export interface FleetPlan {
  /** Gets `URL KEYRING LEASE_MS`, reports "ready", and works until it is killed. */
  readonly script: URL
  readonly workers: number
  readonly leaseMs: number
  readonly seed: number
}

export class Fleet {
  kills = 0
  stops = 0
  readonly #site: Site
  readonly #plan: FleetPlan
  readonly #random: () => number
  readonly #workers: Child[] = []

  constructor(site: Site, plan: FleetPlan) {
    this.#site = site
    this.#plan = plan
    this.#random = generator(plan.seed)
    for (let i = 0; i < plan.workers; i++) this.#workers.push(this.#start())
  }

  /** Resolves when all are at work. */
  async ready(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.event('ready')))
  }

  /** A number in [0, 1) that the seed gives. */
  random(): number {
    return this.#random()
  }

  /** Kills one of them, and starts another in its place; or stops one until its leases are gone. */
  async strike(): Promise<void> {
    const at = Math.floor(this.#random() * this.#workers.length)
    const victim = this.#workers[at]
    if (victim === undefined) throw new Error('The fleet has no workers.')
    await victim.event('ready')
    if (this.#random() < 0.3) {
      this.stops += 1
      victim.kill('SIGSTOP')
      await delay(this.#plan.leaseMs * (1 + this.#random()))
      victim.kill('SIGCONT')
    } else {
      this.kills += 1
      await victim.end()
      this.#workers[at] = this.#start()
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.end()))
  }

  #start(): Child {
    const { script, leaseMs } = this.#plan
    return new Child(script.pathname, [this.#site.url, this.#site.keyring, String(leaseMs)])
  }
}

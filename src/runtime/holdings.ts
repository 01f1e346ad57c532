/**
 * The addresses that a worker holds. They are taken and given back many at a time, one call of the store after the
 * other: so what is given back and wanted again at once is given back first.
 *
 * @module
 */

import type { Grant, Lease, Mail } from '../ports/store.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import { FreshMail } from './fresh-mail.ts'

/** Addresses in one call of the store. */
const BATCH = 500
/** After a failure of the store. */
const PAUSE_MS = 250

/** A mailbox that this worker may run, and what it knows of it. */
export interface LeasedMailbox {
  readonly lease: Lease
  readonly fresh: FreshMail
  /** The worker that it fell to and that did not come for it, if it was taken in that one's stead. */
  readonly instead: string | undefined
}

/** What becomes of the addresses that were asked for. */
export interface Taker {
  granted(leased: LeasedMailbox, waiting: readonly Mail[]): void
  /** Another worker has it. */
  denied(address: string): void
  /** The store gave no answer, and may have granted it. */
  failed(address: string, error: unknown): void
}

export class Holdings {
  readonly #context: Context
  readonly #committer: Committer
  readonly #worker: string
  readonly #taker: Taker
  readonly #held = new Map<string, LeasedMailbox>()
  readonly #wanted = new Map<string, string | undefined>()
  readonly #leaving = new Set<string>()
  #working: Promise<void> | undefined
  #closed = false

  constructor(context: Context, committer: Committer, worker: string, taker: Taker) {
    this.#context = context
    this.#committer = committer
    this.#worker = worker
    this.#taker = taker
  }

  get(address: string): LeasedMailbox | undefined {
    return this.#held.get(address)
  }

  /** All that is held, in no order that means anything. */
  get all(): Iterable<LeasedMailbox> {
    return this.#held.values()
  }

  /** True while something is being taken or given back. */
  get busy(): boolean {
    return this.#working !== undefined
  }

  /** Takes an address soon, with whatever else is wanted by then; the taker hears of it. */
  take(address: string, instead?: string): void {
    this.#wanted.set(address, instead)
    this.#work()
  }

  /** Gives an address back soon. Of what is under way, the store refuses what comes behind it. */
  giveBack(address: string): void {
    this.forget(address)
    this.#leaving.add(address)
    this.#work()
  }

  /** The lease is gone. */
  forget(address: string): void {
    this.#held.delete(address)
    this.#committer.forget(address)
  }

  /** Takes nothing more; resolves when nothing is under way. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#working
  }

  #work(): void {
    if (this.#closed || this.#working !== undefined) return
    this.#working = this.#run()
  }

  async #run(): Promise<void> {
    // What else is woken in the present turn of the event loop goes into the same call.
    await new Promise<void>((resolve) => this.#context.clock.defer(resolve))
    while (!this.#closed && this.#leaving.size + this.#wanted.size > 0) {
      if (!(await this.#giveBackSome())) await this.#pause()
      else if (this.#wanted.size > 0) await this.#takeSome()
    }
    this.#working = undefined
  }

  /** False when the store failed: they are still held there, and have to be given back before anything else. */
  async #giveBackSome(): Promise<boolean> {
    const addresses = firstOf(this.#leaving, BATCH)
    if (addresses.length === 0) return true
    try {
      await this.#context.store.release(this.#worker, addresses)
    } catch (error) {
      this.#context.logger.log('error', `giving addresses back failed: ${String(error)}`, {
        worker: this.#worker,
      })
      return false
    }
    for (const address of addresses) this.#leaving.delete(address)
    return true
  }

  async #takeSome(): Promise<void> {
    const wanted = new Map(firstOf(this.#wanted, BATCH))
    for (const address of wanted.keys()) this.#wanted.delete(address)
    let grants: readonly Grant[]
    try {
      // A runner before this one may have been stopped while its last commit was under way.
      await this.#committer.settled(wanted)
      grants = await this.#context.store.leases([...wanted.keys()], this.#worker)
    } catch (error) {
      for (const address of wanted.keys()) this.#taker.failed(address, error)
      return
    }
    for (const grant of grants) {
      const { address } = grant.lease
      const leased = { lease: grant.lease, fresh: new FreshMail(), instead: wanted.get(address) }
      wanted.delete(address)
      this.#granted(leased, grant)
    }
    for (const address of wanted.keys()) this.#taker.denied(address)
  }

  #granted(leased: LeasedMailbox, { head, takenOver, waiting }: Grant): void {
    const { address, epoch } = leased.lease
    try {
      this.#committer.setHead(address, head)
    } catch (error) {
      this.#taker.failed(address, error)
      return
    }
    this.#held.set(address, leased)
    if (takenOver) this.#context.logger.log('warn', 'lease taken over', { agent: address, epoch })
    this.#taker.granted(leased, waiting)
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      this.#context.clock.setTimer(PAUSE_MS, resolve)
    })
  }
}

function firstOf<T>(all: Iterable<T>, count: number): T[] {
  const first: T[] = []
  for (const each of all) {
    if (first.length === count) break
    first.push(each)
  }
  return first
}

/**
 * How the work is spread: the live workers as this one last saw them, and which address falls to whom. See
 * `docs/adr/0009-spread.md`.
 *
 * @module
 */

import { Shares } from '../core/shares.ts'
import type { LiveWorker } from '../ports/store.ts'

/** An address with work that nobody has taken: whose it is, and at which heartbeat it was first seen so. */
interface Lying {
  readonly owner: string
  readonly since: number
}

/** Heartbeats that an address may lie before the next in line takes it, and before anybody does. */
const HEIR_BEATS = 2
const ANYBODY_BEATS = 3

export class Spread {
  readonly #id: string
  #shares: Shares
  #sweeps = true
  #beats = 0
  #lapseMs: number | undefined
  #lying = new Map<string, Lying>()
  #lyingBefore: ReadonlyMap<string, Lying> = new Map()

  constructor(id: string, agents: readonly string[]) {
    this.#id = id
    this.#shares = new Shares([{ id, agents }])
  }

  /** The store has said who is alive; this worker runs these agents. True when anything of it has changed. */
  saw(workers: readonly LiveWorker[], agents: readonly string[]): boolean {
    const others = workers.filter(({ id }) => id !== this.#id)
    this.#sweeps = others.every(({ id }) => id > this.#id)
    this.#lapseMs = others.length === 0 ? undefined : Math.min(...others.map(({ leftMs }) => leftMs))
    const shares = new Shares([...others, { id: this.#id, agents }])
    if (shares.key === this.#shares.key) return false
    this.#shares = shares
    return true
  }

  /** A heartbeat has been sent: time has passed, also where clocks stand still. */
  beat(): void {
    this.#beats += 1
  }

  /** How long, at the last look, until the first of the others lapses if it stays silent. */
  get lapseMs(): number | undefined {
    return this.#lapseMs
  }

  /** True for the one worker that ends what is past its deadline: there is no need for all to look. */
  get sweeps(): boolean {
    return this.#sweeps
  }

  /** The worker that an address falls to. */
  ownerOf(address: string): string {
    return this.#shares.ownerOf(address) ?? this.#id
  }

  isMine(address: string): boolean {
    return this.ownerOf(address) === this.#id
  }

  /** Another round begins: what is not seen lying in it has been taken. */
  nextRound(): void {
    this.#lyingBefore = this.#lying
    this.#lying = new Map()
  }

  /**
   * Notes that an address which falls to another lies free, with work. True when its owner has not come for it for
   * so long that this worker should: first the one to whom it would fall without its owner, later all.
   */
  isLeftLying(address: string): boolean {
    const owner = this.ownerOf(address)
    const before = this.#lyingBefore.get(address)
    const since = before?.owner === owner ? before.since : this.#beats
    this.#lying.set(address, { owner, since })
    const isHeir = this.#shares.ownerOf(address, owner) === this.#id
    return this.#beats - since >= (isHeir ? HEIR_BEATS : ANYBODY_BEATS)
  }
}

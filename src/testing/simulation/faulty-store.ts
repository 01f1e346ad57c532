/**
 * A store as one process sees it through the faults of a run: calls take time, throw, or end with the death of
 * the process, before or after the write was made.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import type { Genesis, Grant, Outcome, SpaceStore, Store, Write } from '../../ports/store.ts'
import type { Prng } from './prng.ts'
import type { Swarm } from './swarm.ts'
import type { Owner, Timeline } from './timeline.ts'
import type { TraceDigest } from './trace-digest.ts'
import type { World } from './world.ts'

/** What a store's wrapper knows of the run. */
export interface FaultySurroundings {
  readonly timeline: Timeline
  readonly prng: Prng
  readonly swarm: Swarm
  readonly world: World
  readonly digest: TraceDigest
  /** True while faults happen. */
  readonly turmoil: () => boolean
}

/** The process whose store it is. */
export interface Mortal extends Owner {
  /** It dies, here and now. */
  crash(why: string): void
}

const WRITES: ReadonlySet<string> = new Set([
  'commit',
  'heartbeat',
  'lease',
  'leases',
  'release',
  'retire',
  'promote',
])

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

export class FaultyStore implements Store {
  readonly url: string
  readonly #inner: Store
  readonly #around: FaultySurroundings
  readonly #owner: Mortal
  readonly #tamper: (space: SpaceStore) => SpaceStore
  #invented = 0

  constructor(
    inner: Store,
    around: FaultySurroundings,
    owner: Mortal,
    tamper: (space: SpaceStore) => SpaceStore,
  ) {
    this.url = inner.url
    this.#inner = inner
    this.#around = around
    this.#owner = owner
    this.#tamper = tamper
  }

  spaces(): Promise<readonly string[]> {
    return this.#call('spaces', () => this.#inner.spaces())
  }

  async space(name: string, genesis?: Genesis): Promise<SpaceStore | undefined> {
    const inner = await this.#call('space', () => this.#inner.space(name, genesis))
    return inner === undefined ? undefined : this.#wrap(this.#tamper(inner))
  }

  close(): Promise<void> {
    return this.#owner.alive ? this.#inner.close() : never()
  }

  #wrap(inner: SpaceStore): SpaceStore {
    return new Proxy(inner, {
      get: (target, name) => {
        // Calls that take their time: as with a store on another machine.
        if (name === 'isApart') return this.#around.swarm.latencyMs > 0
        const value: unknown = Reflect.get(target, name)
        if (typeof value !== 'function' || typeof name !== 'string') return value
        return (...args: readonly unknown[]) =>
          this.#call(name, async () => {
            const result: unknown = await Reflect.apply(value, target, args)
            if (name === 'pulse') return this.#pulse(Number(result))
            if (name === 'leases') for (const grant of result as readonly Grant[]) this.#granted(grant)
            if (name === 'commit') this.#committed(args[0] as readonly Write[], result as readonly Outcome[])
            return result
          })
      },
    })
  }

  async #call<T>(name: string, run: () => Promise<T>): Promise<T> {
    const { prng, swarm, timeline, world } = this.#around
    const owner = this.#owner
    if (!owner.alive) return never()
    const [there, back] = [this.#delay(), this.#delay()]
    if (there + back > 0) world.callsEndAt = Math.max(world.callsEndAt, timeline.now + there + back)
    if (there + back > swarm.leaseMs) this.#note(`${name} takes ${there} ms there and ${back} ms back`)
    if (there > 0) await timeline.wait(there, owner, `call ${name}`)
    if (this.#around.turmoil()) {
      if (prng.chance(swarm.storeErrors)) {
        world.faults += 1
        this.#note(`${name} throws`)
        throw storeError(prng)
      }
      if (WRITES.has(name) && prng.chance(swarm.crashesBefore)) {
        owner.crash(`before ${name}`)
        return never()
      }
      if (WRITES.has(name) && prng.chance(swarm.crashesAfter)) {
        await run()
        owner.crash(`after ${name}`)
        return never()
      }
    }
    const result = await run()
    // The process learns that it has lost its leases, and gives up what it was doing.
    const lost = name === 'heartbeat' && result === false
    if (lost) world.faults += 1
    if (back > 0) await timeline.wait(back, owner, `return ${name}`)
    if (lost) world.faults += 1
    return owner.alive ? result : never()
  }

  #granted(grant: Grant): void {
    const { world } = this.#around
    world.granted(grant.lease.address, this.#owner.name)
    if (grant.takenOver) world.faults += 1
  }

  #delay(): number {
    const { prng, swarm } = this.#around
    if (!this.#around.turmoil()) return 0
    if (prng.chance(swarm.slowCalls)) {
      this.#around.world.faults += 1
      return prng.between(1, 2 * swarm.leaseMs)
    }
    return swarm.latencyMs === 0 ? 0 : prng.between(0, swarm.latencyMs)
  }

  /** Invents commits of others. */
  #pulse(real: number): number {
    const { prng, swarm } = this.#around
    if (this.#around.turmoil() && prng.chance(swarm.falsePulses)) this.#invented += 1
    return real + this.#invented
  }

  #committed(writes: readonly Write[], outcomes: readonly Outcome[]): void {
    writes.forEach((write, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined) return
      const what =
        write.type === 'record'
          ? `${write.record.author} ${write.record.seq} ${write.turn?.end ?? ''} ${write.turn?.message ?? ''}`
          : `journal ${write.lease.address} ${write.chunk?.chunk ?? 'delivered'} ${write.message}`
      const at = outcome.type === 'accepted' && write.type === 'record' ? ` at ${outcome.position}` : ''
      this.#note(
        `${outcome.type}${at}: ${what}${write.type === 'record' ? ` ${write.record.hash.slice(0, 12)}` : ''}`,
      )
      if (outcome.type !== 'accepted') return
      if (write.type === 'record') this.#around.world.accepted(outcome.position)
      const chunk = write.type === 'journal' ? write.chunk : write.journal
      if (chunk !== null) this.#around.world.recorded(chunk)
    })
  }

  #note(line: string): void {
    this.#around.digest.note(`${this.#around.timeline.now} ${this.#owner.name} ${line}`)
  }
}

function storeError(prng: Prng): CoterieError {
  return prng.chance(0.5)
    ? new CoterieError('COTERIE_STORE_BUSY', 'Simulated: another process holds the database.')
    : new CoterieError('COTERIE_STORE_FULL', 'Simulated: the disk is full.')
}

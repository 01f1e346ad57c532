/**
 * One simulated run: the real runtime and the real store under a virtual clock, with clients, faults and an oracle,
 * all decided by one number.
 *
 * @module
 */

import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { CLIENT, OWNER } from '../../core/address.ts'
import { errorValue } from '../../core/errors.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { SpaceStore, Store } from '../../ports/store.ts'
import { createMemoryDatabase, openSqlite } from '../../stores/sqlite/index.ts'
import { memoryKeyring } from '../../adapters/memory/keyring.ts'
import { idealCrypto } from './ideal-crypto.ts'
import { Clients, writeLoad } from './load.ts'
import type { Request } from './load.ts'
import { judge } from './oracle.ts'
import { Prng } from './prng.ts'
import { JUDGE, KEYED, READERS, WORKERS } from './script.ts'
import { SimulatedProcess } from './simulated-process.ts'
import type { Surroundings } from './simulated-process.ts'
import { swarmOf } from './swarm.ts'
import type { Swarm } from './swarm.ts'
import { Timeline } from './timeline.ts'
import { TraceDigest } from './trace-digest.ts'
import { Unowned } from './unowned.ts'
import type { Violation } from './violation.ts'
import { World } from './world.ts'

/** What a run may be told besides its seed. */
export interface SimulationOptions {
  /** Replaces some of the faults that the seed would bring. */
  readonly swarm?: Partial<Swarm>
  /** Replaces the requests that the seed would bring. */
  readonly load?: readonly Request[]
  /** How many messages, about; by default as the seed says, 12 to 32. */
  readonly messages?: number
  /** Told line by line what happens. */
  readonly tell?: (line: string) => void
  /** Looks at the database when all is over. */
  readonly examine?: (space: SpaceStore) => Promise<void>
  /** Breaks the store on purpose, to see that the oracle notices. */
  readonly tamper?: (space: SpaceStore) => SpaceStore
}

/** What came of a run. */
export interface SimulationResult {
  readonly seed: number
  /** A hash over everything that happened: the same seed gives the same one. */
  readonly hash: string
  readonly violations: readonly Violation[]
  readonly swarm: Swarm
  readonly counts: {
    readonly events: number
    readonly records: number
    readonly messages: number
    readonly faults: number
    readonly virtualMs: number
  }
}

/** A time that no machine has now: nothing in a run may depend on the real one. */
const START_MS = 1_900_000_000_000
/** After the last fault, everything must have come to rest within this. */
const REST_MS = 150_000
const LOOK_MS = 100
/** Of questions that name no deadline: what nobody takes any more is in the way until then. */
const ASK_TIMEOUT_MS = 8_000
const AGENTS: readonly string[] = [...WORKERS, KEYED, ...READERS, JUDGE]

/** Runs a seed to its end and judges it. Runs of one thread must not overlap. */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<SimulationResult> {
  const run = new Simulation(seed, options)
  const stray = (reason: unknown): void => run.stray(reason)
  process.on('unhandledRejection', stray)
  try {
    return await run.run()
  } finally {
    process.off('unhandledRejection', stray)
  }
}

class Simulation {
  readonly #seed: number
  readonly #options: SimulationOptions
  readonly #prng: Prng
  readonly #swarm: Swarm
  readonly #digest: TraceDigest
  readonly #timeline: Timeline
  readonly #world = new World()
  readonly #crypto: Crypto
  readonly #clients: Clients
  readonly #database = createMemoryDatabase()
  readonly #store: Store
  #turmoil = false
  #clockOffMs = 0

  constructor(seed: number, options: SimulationOptions) {
    this.#seed = seed
    this.#options = options
    this.#prng = new Prng(seed, 'simulation')
    this.#swarm = { ...swarmOf(this.#prng.fork('swarm')), ...options.swarm }
    this.#digest = new TraceDigest(options.tell)
    this.#timeline = new Timeline(START_MS, this.#prng.fork('timeline'), this.#digest)
    this.#crypto = this.#swarm.realCrypto ? nodeCrypto : idealCrypto()
    this.#clients = new Clients(this.#prng.fork('clients'), this.#world)
    this.#store = this.#openStore()
    this.#digest.note(JSON.stringify(this.#swarm))
  }

  stray(reason: unknown): void {
    const { code, message } = errorValue(reason)
    this.#world.violate('no promise is left behind', `${code}: ${message}`)
  }

  async run(): Promise<SimulationResult> {
    try {
      await this.#play()
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.#world.violate('everything comes to rest', error.message)
    }
    try {
      return await this.#judged()
    } finally {
      this.#database.close()
    }
  }

  async #play(): Promise<void> {
    const around = this.#surroundings()
    await this.#setUp(around)
    const processes = this.#processes(around)
    this.#turmoil = true
    this.#join(processes)
    this.#schedule(processes)
    await this.#until(() => false, this.#swarm.turmoilMs)
    this.#turmoil = false
    this.#digest.note(`${this.#timeline.now} the faults stop`)
    await this.#rest(processes)
    await this.#finish(processes)
  }

  #openStore(): Store {
    return openSqlite({ database: this.#database }, { now: () => this.#timeline.now + this.#clockOffMs })
  }

  #surroundings(): Surroundings {
    const { leaseMs, pollMs, mailboxDepth } = this.#swarm
    return {
      timeline: this.#timeline,
      prng: this.#prng.fork('faults'),
      swarm: this.#swarm,
      world: this.#world,
      digest: this.#digest,
      turmoil: () => this.#turmoil,
      crypto: this.#crypto,
      keyring: memoryKeyring(this.#crypto, `simulation ${this.#seed}`),
      limits: { leaseMs, pollMs, mailboxDepth, askTimeoutMs: ASK_TIMEOUT_MS },
      openStore: () => this.#openStore(),
      clockOffMs: () => this.#clockOffMs,
      tamper: this.#options.tamper ?? ((space) => space),
    }
  }

  /** Makes the space, and makes all agents known to it, before anything goes wrong. */
  async #setUp(around: Surroundings): Promise<void> {
    const founder = new SimulatedProcess('founder', around, AGENTS, 0)
    founder.start()
    await this.#until(() => founder.space !== undefined, 10_000)
    await this.#settled(founder.finish(), 10_000)
  }

  #processes(around: Surroundings): readonly SimulatedProcess[] {
    const prng = this.#prng.fork('processes')
    const { processes, skewMs } = this.#swarm
    const casts = Array.from({ length: processes }, () => AGENTS.filter(() => prng.chance(0.75)))
    for (const name of AGENTS) if (!casts.some((cast) => cast.includes(name))) casts[0]?.push(name)
    return casts.map((cast, index) => {
      return new SimulatedProcess(`p${index + 1}`, around, cast, prng.between(-skewMs, skewMs))
    })
  }

  #schedule(processes: readonly SimulatedProcess[]): void {
    const prng = this.#prng.fork('schedule')
    const { turmoilMs, leaseMs } = this.#swarm
    const swarm = this.#swarm
    const messages = this.#options.messages ?? prng.between(12, 32)
    const load = this.#options.load ?? writeLoad(prng.fork('load'), messages, Math.round(turmoilMs * 0.8))
    for (const request of load) this.#request(processes, request, request.atMs)
    this.#every(swarm.crashEveryMs, () => prng.pick(processes).crash())
    this.#every(swarm.pauseEveryMs, () => prng.pick(processes).pause(prng.between(1, 3 * leaseMs)))
    this.#every(swarm.closeEveryMs, () => void prng.pick(processes).close())
    this.#every(swarm.rotateEveryMs, () => {
      void prng.pick(processes).rotate(prng.pick([...AGENTS, CLIENT, OWNER]))
    })
    this.#every(swarm.clockJumpEveryMs, () => {
      this.#clockOffMs += prng.between(-swarm.clockJumpMs, swarm.clockJumpMs)
      this.#world.faults += 1
      this.#digest.note(`${this.#timeline.now} the clock jumps: off by ${this.#clockOffMs} ms`)
    })
  }

  #join(processes: readonly SimulatedProcess[]): void {
    const prng = this.#prng.fork('joining')
    for (const [index, process] of processes.entries()) {
      const inMs = index === 0 ? 0 : prng.between(0, this.#swarm.joinMs)
      if (inMs === 0) process.start()
      else this.#timeline.at(this.#timeline.now + inMs, undefined, 'join', () => process.start())
    }
  }

  #request(processes: readonly SimulatedProcess[], request: Request, inMs: number): void {
    const timeline = this.#timeline
    timeline.at(timeline.now + inMs, undefined, 'request', () => {
      const up = processes.filter((process) => process.space !== undefined)
      if (up.length === 0) {
        this.#request(processes, request, LOOK_MS)
        return
      }
      const { space, life } = this.#prng.pick(up)
      if (space !== undefined && life !== undefined) this.#clients.call(space, life, request)
    })
  }

  /** Again and again until the faults stop, at random, this far apart on average. */
  #every(meanMs: number, fault: () => void): void {
    if (meanMs === 0) return
    const wait = 1 + Math.round(-Math.log(1 - this.#prng.number()) * meanMs)
    this.#timeline.at(this.#timeline.now + wait, undefined, 'fault', () => {
      if (!this.#turmoil) return
      fault()
      this.#every(meanMs, fault)
    })
  }

  /** Lets events happen until something holds. False when it does not within the time. */
  async #until(holds: () => boolean, withinMs: number): Promise<boolean> {
    const end = this.#timeline.now + withinMs
    // What was called from outside of an event may have something ready.
    await this.#timeline.drain()
    while (!holds()) if (!(await this.#timeline.step(end))) return holds()
    return true
  }

  async #settled(promise: Promise<unknown>, withinMs: number): Promise<boolean> {
    let over = false
    const done = (): void => {
      over = true
    }
    promise.then(done, (error: unknown) => {
      this.#world.violate('a process closes in good order', errorValue(error).message)
      done()
    })
    return this.#until(() => over, withinMs)
  }

  async #rest(processes: readonly SimulatedProcess[]): Promise<void> {
    const observer = await this.#store.space('simulation')
    const end = this.#timeline.now + REST_MS
    const unowned = new Unowned(this.#swarm.leaseMs, this.#world)
    while (this.#timeline.now < end) {
      await this.#until(() => false, LOOK_MS)
      // One that is paused has something to say when it wakes: what it was about to write comes too late.
      const { now } = this.#timeline
      const allUp = processes.every(({ space, life }) => space !== undefined && (life?.heldUntil ?? 0) <= now)
      const waiting = this.#clients.told.some(({ state, by }) => state === 'open' && by.alive)
      // Whoever waits for a slow answer from the time of the faults can do nothing else.
      if (!allUp || observer === undefined || now <= this.#world.callsEndAt) {
        unowned.forget()
        continue
      }
      const status = await observer.status()
      unowned.look(status, now)
      if (waiting) continue
      const { handled, dead, expired, cancelled, ...open } = status.messages
      if (Object.values(open).every((count) => count === 0) && handled + dead + expired + cancelled >= 0)
        return
    }
    for (const { state, by, request } of this.#clients.told) {
      if (state === 'open' && by.alive) {
        this.#world.violate(
          'everything comes to rest',
          `${request.do} ${request.script.id} was never answered`,
        )
      }
    }
    this.#world.violate('everything comes to rest', `not within ${REST_MS} ms`)
  }

  async #finish(processes: readonly SimulatedProcess[]): Promise<void> {
    for (const process of processes) {
      if (await this.#settled(process.finish(), 30_000)) continue
      this.#world.violate('a process closes in good order', `${process.name} did not`)
    }
  }

  async #judged(): Promise<SimulationResult> {
    const observer = await this.#store.space('simulation')
    if (observer === undefined) throw new Error('The space of the simulation was never made.')
    await this.#options.examine?.(observer)
    const { violations, evidence } = await judge(observer, this.#crypto, this.#world, this.#clients.told)
    for (const { record } of evidence.records) this.#digest.note(record.hash)
    for (const { row } of evidence.stories) this.#digest.note(`${row.envelope.id} ${row.state}`)
    for (const { rule, detail } of violations) this.#digest.note(`VIOLATED ${rule}: ${detail}`)
    return {
      seed: this.#seed,
      hash: this.#digest.value,
      violations,
      swarm: this.#swarm,
      counts: {
        events: this.#timeline.count,
        records: evidence.records.length,
        messages: evidence.stories.length,
        faults: this.#world.faults,
        virtualMs: this.#timeline.now - START_MS,
      },
    }
  }
}

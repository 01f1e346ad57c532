/**
 * A worker process of a simulation: it starts, crashes, pauses, closes and starts again, and runs the real
 * runtime in between.
 *
 * @module
 */

import { errorValue } from '../../core/errors.ts'
import type { Limits } from '../../core/limits.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { Keyring } from '../../ports/keyring.ts'
import type { SpaceStore, Store } from '../../ports/store.ts'
import { startSpace } from '../../runtime/start.ts'
import type { Space } from '../../runtime/space.ts'
import { actors } from './actors.ts'
import { FaultyStore } from './faulty-store.ts'
import type { FaultySurroundings, Mortal } from './faulty-store.ts'

/** What all processes of a run share. */
export interface Surroundings extends FaultySurroundings {
  readonly crypto: Crypto
  readonly keyring: Keyring
  readonly limits: Partial<Limits>
  /** Another handle on the one database. */
  readonly openStore: () => Store
  /** What the machine's clock is off, in milliseconds. */
  readonly clockOffMs: () => number
  /** Breaks the store on purpose: the control that the oracle sees it. */
  readonly tamper: (space: SpaceStore) => SpaceStore
}

/** One life of a process. */
class Life implements Mortal {
  readonly name: string
  alive = true
  heldUntil = 0
  space: Space | undefined
  readonly #crashed: (why: string) => void

  constructor(name: string, crashed: (why: string) => void) {
    this.name = name
    this.#crashed = crashed
  }

  crash(why: string): void {
    if (!this.alive) return
    this.alive = false
    this.#crashed(why)
  }
}

export class SimulatedProcess {
  readonly name: string
  readonly #around: Surroundings
  readonly #agents: readonly string[]
  readonly #offMs: number
  #life: Life | undefined
  #lives = 0
  #closing = false
  #wanted = true

  constructor(name: string, around: Surroundings, agents: readonly string[], offMs: number) {
    this.name = name
    this.#around = around
    this.#agents = agents
    this.#offMs = offMs
  }

  /** The space, if the process is up. */
  get space(): Space | undefined {
    return this.#life?.alive === true && !this.#closing ? this.#life.space : undefined
  }

  /** What its clients' promises hang on. */
  get life(): Mortal | undefined {
    return this.#life
  }

  /** Starts it, unless it runs. A start that fails is tried again, as a supervisor would. */
  start(): void {
    if (this.#life?.alive === true) return
    this.#lives += 1
    this.#closing = false
    const life = new Life(`${this.name}.${this.#lives}`, (why) => this.#died(why))
    this.#life = life
    this.#note('starts')
    this.#begin(life).catch((error: unknown) => {
      this.#note(`did not start: ${errorValue(error).code} ${errorValue(error).message}`)
      life.crash('while it started')
    })
  }

  /** It dies now, whatever it is doing. */
  crash(): void {
    this.#life?.crash('in the middle of something')
  }

  /** It does nothing for a while, and then goes on as if nothing had happened. */
  pause(ms: number): void {
    const life = this.#life
    if (life?.alive !== true) return
    const { timeline, world } = this.#around
    // It counts twice: what it did before is repeated by others, and what it does after is too late.
    world.faults += 1
    timeline.at(timeline.now + ms - 1, undefined, 'resume', () => {
      world.faults += 1
    })
    life.heldUntil = Math.max(life.heldUntil, timeline.now + ms)
    this.#note(`pauses for ${ms} ms`)
  }

  /** It closes in good order, and starts again later. */
  async close(): Promise<void> {
    const life = this.#life
    if (life?.alive !== true || life.space === undefined || this.#closing) return
    this.#closing = true
    this.#around.world.faults += 1
    this.#note('closes')
    try {
      await life.space.close()
    } catch (error) {
      this.#note(`did not close: ${errorValue(error).message}`)
    }
    life.crash('closed')
  }

  /** Somebody gets a new key, unless the process is not up, dies meanwhile, or another one was faster. */
  async rotate(agent: string): Promise<void> {
    const { space } = this
    if (space === undefined) return
    // Not counted as a fault: a rotation is no reason for anything to be repeated.
    this.#note(`rotates the key of ${agent}`)
    try {
      const { position } = await space.rotateKey(agent)
      this.#note(`has rotated the key of ${agent} at ${position}`)
    } catch (error) {
      this.#note(`did not rotate the key of ${agent}: ${errorValue(error).code}`)
    }
  }

  /** Ends it for good, in good order. Answers false when it is not up. */
  async finish(): Promise<boolean> {
    const { space } = this
    if (space === undefined) return false
    this.#wanted = false
    await space.close()
    return true
  }

  async #begin(life: Life): Promise<void> {
    const { timeline, prng, crypto, keyring, limits, openStore, digest, world } = this.#around
    const cast = actors({
      world,
      name: life.name,
      alive: () => life.alive,
      now: () => timeline.now,
      wait: (ms) => timeline.wait(ms, life, 'work'),
      note: (what) => digest.note(`${timeline.now} ${life.name} ${what}`),
    })
    const agents = this.#agents.map((name) => cast.get(name)).filter((found) => found !== undefined)
    const store = new FaultyStore(openStore(), this.#around, life, this.#around.tamper)
    const ports = {
      clock: this.#clock(life),
      crypto,
      keyring,
      random: prng.fork(life.name),
      logger: {
        log: (level: string, message: string): void => {
          if (life.alive) digest.note(`${timeline.now} ${life.name} ${level}: ${message}`)
        },
      },
    }
    const space = await startSpace(store, ports, { space: 'simulation', agents, limits })
    life.space = space
    this.#note('is up')
  }

  #clock(life: Life): Clock {
    const { timeline, clockOffMs } = this.#around
    return {
      now: () => timeline.now + clockOffMs() + this.#offMs,
      monotonic: () => timeline.now,
      setTimer: (ms, fn) => timeline.at(timeline.now + Math.max(1, ms), life, 'timer', fn),
      keepAlive: () => () => undefined,
      defer: (fn) => timeline.defer(life, fn),
    }
  }

  #died(why: string): void {
    const { timeline, prng, swarm, world } = this.#around
    world.faults += 1
    this.#note(`dies: ${why}`)
    if (!this.#wanted) return
    timeline.at(timeline.now + prng.between(1, swarm.restartMs), undefined, `restart ${this.name}`, () =>
      this.start(),
    )
  }

  #note(what: string): void {
    this.#around.digest.note(`${this.#around.timeline.now} ${this.#life?.name ?? this.name} ${what}`)
  }
}

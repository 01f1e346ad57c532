/**
 * The connections of one store: one that all single reads share, sent one behind the other without waiting;
 * and some that transactions have to themselves. Trouble on the way to the server is waited out here, up to the
 * location's patience; what the server says of a statement is for the caller.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { Connector } from './connection.ts'
import type { Connection, Statement } from './connection.ts'
import { loadDriver } from './driver.ts'
import type { Row } from './driver.ts'
import type { Location } from './location.ts'
import { closedError, storeError, troubleOf, unavailable } from './postgres-error.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500
/** An unused connection is closed after this time, but for the last ones used. */
const IDLE_MS = 30_000

/** Waits between tries, longer each time, with chance: so that many processes do not come back as one. */
export class Patience {
  readonly #endsMs: number
  #pauseMs = FIRST_PAUSE_MS

  constructor(ms: number) {
    this.#endsMs = performance.now() + ms
  }

  /** Waits a little. False: the time is over. */
  async pause(signal: AbortSignal): Promise<boolean> {
    if (performance.now() >= this.#endsMs || signal.aborted) return false
    const ms = this.#pauseMs * (0.5 + Math.random())
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
    await sleep(ms, undefined, { signal }).catch(() => undefined)
    return !signal.aborted
  }
}

/** Connections to one database. */
export class Pool {
  readonly location: Location
  readonly #closing = new AbortController()
  #idle: Connection[] = []
  #open = 0
  #waiting: (() => void)[] = []
  #shared: Promise<Connection> | undefined
  #prepare: boolean
  readonly #connector: Connector

  constructor(location: Location, standbyWillDo = false) {
    this.location = location
    this.#prepare = location.prepare
    this.#connector = new Connector(location, () => this.#prepare, standbyWillDo)
  }

  /** Aborted when the pool is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** A new connection of its own, for who listens. */
  async dedicated(): Promise<Connection> {
    this.check()
    return this.#connect()
  }

  /** Runs one statement that only reads. It is tried again when the connection is lost. */
  async read(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.persist(async () => {
      const connection = await this.#sharing()
      return connection.run(statement, values)
    })
  }

  /**
   * Runs `work` on a connection of its own, and again while trouble passes that leaves nothing behind. `work`
   * must be of that kind: if it ends its transaction itself, then as something that may be done twice.
   */
  async exclusive<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return this.persist(async () => {
      const connection = await this.acquire()
      try {
        const result = await work(connection)
        this.release(connection)
        return result
      } catch (error) {
        this.drop(connection)
        throw error
      }
    })
  }

  /** Tries until it succeeds, or fails for good, or patience is at its end. */
  async persist<T>(work: () => Promise<T>): Promise<T> {
    const patience = new Patience(this.location.patienceMs)
    for (;;) {
      this.check()
      try {
        return await work()
      } catch (error) {
        const trouble = this.judge(error)
        if (trouble === 'final' || trouble === 'taken') throw this.#error(error)
        if (trouble === 'unprepared') continue
        if (await patience.pause(this.closed)) continue
        this.check()
        throw trouble === 'again'
          ? this.#error(error)
          : unavailable(error, this.location.shown, this.location.patienceMs)
      }
    }
  }

  /** What follows from an error. Learns from it: a pooler that forgets prepared statements gets no more of them. */
  judge(error: unknown): ReturnType<typeof troubleOf> {
    const trouble = troubleOf(error)
    if (trouble !== 'unprepared') return trouble
    if (!this.#prepare) return 'final'
    this.#prepare = false
    return trouble
  }

  /** A connection for a transaction. Give it back with `release`, or `drop` it. */
  async acquire(): Promise<Connection> {
    for (;;) {
      this.check()
      const idle = this.#idle.pop()
      if (idle !== undefined) {
        if (!idle.broken) return idle
        this.#open -= 1
        continue
      }
      if (this.#open < this.location.connections) {
        this.#open += 1
        try {
          return await this.#connect()
        } catch (error) {
          this.#open -= 1
          this.#next()
          throw error
        }
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Gives a connection back. It must not be in a transaction. */
  release(connection: Connection): void {
    if (connection.broken || this.closed.aborted) {
      this.drop(connection)
      return
    }
    connection.lastUsedMs = performance.now()
    this.#idle.push(connection)
    this.#trim()
    this.#next()
  }

  /** Closes a connection that is in an unknown state. */
  drop(connection: Connection): void {
    connection.discard()
    this.#open -= 1
    this.#next()
  }

  /** Throws COTERIE_CLOSED after `close`. */
  check(): void {
    if (this.closed.aborted) throw closedError(this.location.shown)
  }

  async close(): Promise<void> {
    if (this.closed.aborted) return
    this.#closing.abort()
    for (const resolve of this.#waiting.splice(0)) resolve()
    const shared = this.#shared
    await Promise.all([
      ...this.#idle.splice(0).map((connection) => connection.end()),
      shared?.then((connection) => connection.end()).catch(() => undefined),
    ])
  }

  async #connect(): Promise<Connection> {
    const connection = await this.#connector.connect(await loadDriver())
    if (this.closed.aborted) {
      connection.discard()
      this.check()
    }
    return connection
  }

  async #sharing(): Promise<Connection> {
    const known = this.#shared
    if (known !== undefined) {
      const connection = await known
      if (!connection.broken) return connection
      if (this.#shared === known) this.#shared = undefined
    }
    if (this.#shared !== undefined) return this.#shared
    const opening = this.#connect()
    this.#shared = opening
    try {
      return await opening
    } catch (error) {
      if (this.#shared === opening) this.#shared = undefined
      throw error
    }
  }

  /** The oldest lie at the front. */
  #trim(): void {
    const oldest = this.#idle[0]
    if (oldest === undefined || performance.now() - oldest.lastUsedMs < IDLE_MS) return
    this.#idle.shift()
    this.drop(oldest)
  }

  #next(): void {
    this.#waiting.shift()?.()
  }

  #error(error: unknown): unknown {
    return storeError(error, this.location.shown)
  }
}

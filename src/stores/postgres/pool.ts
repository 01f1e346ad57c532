/**
 * How one store uses the connections that it shares with others of its URL. Trouble on the way to the server is waited
 * out here, up to the location's patience; what the server says of a statement is for the caller.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection, Statement } from './connection.ts'
import { Connections } from './connections.ts'
import type { Row } from './driver.ts'
import type { Listener } from './listener.ts'
import type { Location } from './location.ts'
import { closedError, storeError, troubleOf, unavailable } from './postgres-error.ts'

const FIRST_PAUSE_MS = 10
const LONGEST_PAUSE_MS = 500

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

/** One store's way to its database. */
export class Pool {
  readonly location: Location
  readonly #closing = new AbortController()
  readonly #connections: Connections

  constructor(location: Location, standbyWillDo = false) {
    this.location = location
    this.#connections = Connections.join(location, standbyWillDo)
  }

  /** Aborted when the pool is closed. */
  get closed(): AbortSignal {
    return this.#closing.signal
  }

  /** What is told by others who use the database. */
  get listener(): Listener {
    return this.#connections.listener
  }

  /** Runs one statement that may be run twice, as one that only reads. It is run again when the connection is lost. */
  async read(statement: Statement, values: readonly unknown[]): Promise<Row[]> {
    return this.persist(async () => {
      const connection = await this.#connections.reading()
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
    // Of several that were under way together, the first has done so already.
    return this.#connections.stopPreparing() ? trouble : 'again'
  }

  /** A connection for a transaction. Give it back with `release`, or `drop` it. */
  acquire(): Promise<Connection> {
    return this.#connections.acquire(() => this.check())
  }

  /** Gives a connection back. It must not be in a transaction. */
  release(connection: Connection): void {
    this.#connections.release(connection)
  }

  /** Closes a connection that is in an unknown state. */
  drop(connection: Connection): void {
    this.#connections.drop(connection)
  }

  /** Throws COTERIE_CLOSED after `close`. */
  check(): void {
    if (this.closed.aborted) throw closedError(this.location.shown)
  }

  async close(): Promise<void> {
    if (this.closed.aborted) return
    this.#closing.abort()
    await this.#connections.leave()
  }

  #error(error: unknown): unknown {
    return storeError(error, this.location.shown)
  }
}

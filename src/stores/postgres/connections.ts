/**
 * The connections of this process to one database, shared by all stores that were opened with one URL: one that all
 * single reads share, sent one behind the other without waiting; some that transactions have to themselves, at most as
 * many as the URL says; and one that listens. The last store to leave closes them.
 *
 * @module
 */

import { Connector } from './connection.ts'
import type { Connection } from './connection.ts'
import { loadDriver } from './driver.ts'
import { Listener } from './listener.ts'
import type { Location } from './location.ts'
import { closedError } from './postgres-error.ts'

/** An unused connection is closed after this time, but for the last ones used. */
const IDLE_MS = 30_000

const open = new Map<string, Connections>()

/** Connections that several stores use. */
export class Connections {
  readonly listener: Listener
  readonly #location: Location
  readonly #key: string
  readonly #connector: Connector
  readonly #closing = new AbortController()
  #users = 0
  #idle: Connection[] = []
  #count = 0
  #waiting: (() => void)[] = []
  #shared: Promise<Connection> | undefined
  #prepare: boolean

  constructor(location: Location, standbyWillDo: boolean, key: string) {
    this.#location = location
    this.#key = key
    this.#prepare = location.prepare
    this.#connector = new Connector(location, () => this.#prepare, standbyWillDo)
    this.listener = new Listener(location.schema, () => this.#connect(), this.#closing.signal)
  }

  /** Those that this process has for the URL. Each call is followed by one of `leave`. */
  static join(location: Location, standbyWillDo: boolean): Connections {
    const key = JSON.stringify([location, standbyWillDo])
    const connections = open.get(key) ?? new Connections(location, standbyWillDo, key)
    open.set(key, connections)
    connections.#users += 1
    return connections
  }

  /** One user less. The last one closes what is idle; what is in use is closed when it is given back. */
  async leave(): Promise<void> {
    this.#users -= 1
    // Whoever has left waits no longer; the others wait again.
    for (const resolve of this.#waiting.splice(0)) resolve()
    if (this.#users > 0) return
    open.delete(this.#key)
    this.#closing.abort()
    const shared = this.#shared
    await Promise.all([
      ...this.#idle.splice(0).map((connection) => connection.end()),
      shared?.then((connection) => connection.end()).catch(() => undefined),
    ])
  }

  /** Prepares no more statements. False: it did not before. */
  stopPreparing(): boolean {
    const before = this.#prepare
    this.#prepare = false
    return before
  }

  /** One for a transaction. Give it back with `release`, or `drop` it. `check` throws when it is wanted no more. */
  async acquire(check: () => void): Promise<Connection> {
    for (;;) {
      check()
      const idle = this.#idle.pop()
      if (idle !== undefined) {
        if (!idle.broken) return idle
        this.#count -= 1
        continue
      }
      if (this.#count < this.#location.connections) return this.#another()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
  }

  /** Gives one back. It must not be in a transaction. */
  release(connection: Connection): void {
    if (connection.broken || this.#closing.signal.aborted) {
      this.drop(connection)
      return
    }
    connection.lastUsedMs = performance.now()
    this.#idle.push(connection)
    this.#trim()
    this.#next()
  }

  /** Closes one that is in an unknown state. */
  drop(connection: Connection): void {
    connection.discard()
    this.#count -= 1
    this.#next()
  }

  /** The one that all reads share. */
  async reading(): Promise<Connection> {
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

  async #another(): Promise<Connection> {
    this.#count += 1
    try {
      return await this.#connect()
    } catch (error) {
      this.#count -= 1
      this.#next()
      throw error
    }
  }

  async #connect(): Promise<Connection> {
    const connection = await this.#connector.connect(await loadDriver())
    if (!this.#closing.signal.aborted) return connection
    connection.discard()
    throw closedError(this.#location.shown)
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
}

/**
 * One user's hold on a database: it can be closed, and counts its own commits.
 *
 * @module
 */

import type { Database } from './database.ts'
import { closedError } from './sqlite-error.ts'

/** A handle. Several of them may share the connection of a memory database. */
export class Handle {
  readonly database: Database
  /** The machine's clock, in milliseconds since the Unix epoch. */
  readonly wallMs: () => number
  readonly #shared: boolean
  #closed = false
  #commits = 0

  constructor(database: Database, wallMs: () => number, shared: boolean) {
    this.database = database
    this.wallMs = wallMs
    this.#shared = shared
  }

  query<T>(fn: (db: Database) => T): T {
    this.#check()
    return this.database.query(() => fn(this.database))
  }

  snapshot<T>(fn: (db: Database) => T): T {
    this.#check()
    return this.database.snapshot(() => fn(this.database))
  }

  /** `fn` runs its own transactions; they are counted as this handle's. */
  write<T>(fn: (db: Database) => T): T {
    this.#check()
    const before = this.database.commits
    try {
      return fn(this.database)
    } finally {
      this.#commits += this.database.commits - before
    }
  }

  /** Grows when somebody else has committed: on another connection, or on this one through another handle. */
  pulse(): number {
    this.#check()
    return this.database.dataVersion() + this.database.commits - this.#commits
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    if (this.#shared) return
    await this.database.settle()
    this.database.close()
  }

  #check(): void {
    if (this.#closed) throw closedError(this.database.file)
  }
}

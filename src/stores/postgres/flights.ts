/**
 * Batches that are on their way to the database one behind the other, on one connection and without waiting for an
 * answer: while the one is written there, the next one is sealed, judged and sent here. What it is judged by is what
 * the one before will leave; the database writes it only if it finds just that, and the one before by its number.
 *
 * @module
 */

import type { Connection } from './connection.ts'
import type { Mark } from './flush.ts'
import type { Pool } from './pool.ts'

/** A connection that is given back when the last of those who use it has done so. */
export class SharedConnection {
  readonly connection: Connection
  readonly #pool: Pool
  #users = 1
  #failed = false

  constructor(pool: Pool, connection: Connection) {
    this.#pool = pool
    this.connection = connection
  }

  /** One more uses it. */
  join(): void {
    this.#users += 1
  }

  /** One less. After a failure of one of them, the connection is in a state that is not known, and is closed. */
  leave(failed: boolean): void {
    this.#failed ||= failed
    this.#users -= 1
    if (this.#users > 0) return
    if (this.#failed) this.#pool.drop(this.connection)
    else this.#pool.release(this.connection)
  }
}

/** A batch under way. */
export interface Flight {
  readonly shared: SharedConnection
  readonly mark: Mark
  /** False: it was not written, and never will be. True: it was, or may have been. */
  readonly landed: Promise<boolean>
}

/** The batches of one space that are under way. */
export class Flights {
  #last: Flight | undefined

  /** The last batch that has begun, until it is known what became of it. */
  get last(): Flight | undefined {
    return this.#last
  }

  /** A batch is under way; call the returned function when it is known whether it was written. */
  begin(shared: SharedConnection, mark: Mark): (written: boolean) => void {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const flight = { shared, mark, landed: promise }
    this.#last = flight
    return (written) => {
      if (this.#last === flight) this.#last = undefined
      resolve(written)
    }
  }
}

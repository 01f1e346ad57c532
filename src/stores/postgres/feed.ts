/**
 * Notifications between processes: "the space has changed". They are sent after the commit, in a transaction of
 * their own and not for each: PostgreSQL lets one transaction with a notification commit at a time, in the whole
 * server. One that is lost costs time and nothing else, for everybody looks at the version now and then.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Pool } from './pool.ts'
import type { Pulse } from './pulse.ts'

/** At most one notification in this time, for each space. */
const APART_MS = 5
// Nobody waits for it, so it need not wait for the disk.
const NOTIFY = "select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)"

/** The notifications of one store. */
export class Feed {
  readonly #pool: Pool
  readonly #channel: string
  readonly #pulses = new Map<number, Pulse>()
  readonly #sending = new Set<number>()
  /** Looks at the versions of all spaces. */
  readonly #look: () => void
  #forget: (() => void) | undefined

  constructor(pool: Pool, channel: string, look: () => void) {
    this.#pool = pool
    this.#channel = channel
    this.#look = look
  }

  /** Notifications about a space go to its pulse. */
  add(space: number, pulse: Pulse): void {
    this.#pulses.set(space, pulse)
  }

  /** Listens from now on, in the background. */
  listen(): void {
    if (this.#forget !== undefined || !this.#pool.location.notify) return
    this.#forget = this.#pool.listener.add({
      heard: (payload) => this.#heard(payload),
      look: this.#look,
    })
  }

  /** Tells the others soon that a space has changed. */
  notify(space: number): void {
    if (!this.#pool.location.notify || this.#sending.has(space) || this.#pool.closed.aborted) return
    this.#sending.add(space)
    void this.#send(space)
  }

  close(): void {
    this.#forget?.()
  }

  async #send(space: number): Promise<void> {
    const version = this.#pulses.get(space)?.version ?? 0
    try {
      const connection = await this.#pool.acquire()
      try {
        await connection.run({ name: 'coterie_notify', text: NOTIFY }, [this.#channel, `${space}:${version}`])
        this.#pool.release(connection)
      } catch {
        this.#pool.drop(connection)
      }
    } catch {
      // The others find out by looking.
    }
    await sleep(APART_MS, undefined, { ref: false })
    this.#sending.delete(space)
    // What was committed meanwhile has found the door closed.
    if ((this.#pulses.get(space)?.version ?? 0) > version) this.notify(space)
  }

  #heard(payload: string): void {
    const [space, version] = payload.split(':').map(Number)
    if (space !== undefined && version !== undefined && Number.isSafeInteger(version))
      this.#pulses.get(space)?.saw(version)
  }
}

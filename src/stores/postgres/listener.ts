/**
 * The connection that listens for notifications, for all stores of this process that share one URL. It is made anew
 * when it is lost; what was missed meanwhile is looked for.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Connection } from './connection.ts'

const RETRY_MS = 1_000

/** Who wants to be told. */
export interface Hearer {
  heard(payload: string): void
  /** Notifications may have been missed: look for yourself. */
  look(): void
}

/** Listens on one channel. */
export class Listener {
  readonly #channel: string
  readonly #connect: () => Promise<Connection>
  readonly #closed: AbortSignal
  readonly #hearers = new Set<Hearer>()
  #staying = false

  constructor(channel: string, connect: () => Promise<Connection>, closed: AbortSignal) {
    this.#channel = channel
    this.#connect = connect
    this.#closed = closed
  }

  /** Tells the hearer from now on, until the returned function is called. */
  add(hearer: Hearer): () => void {
    this.#hearers.add(hearer)
    if (this.#staying) hearer.look()
    else void this.#stay()
    return () => void this.#hearers.delete(hearer)
  }

  async #stay(): Promise<void> {
    this.#staying = true
    while (!this.#closed.aborted) {
      await this.#hear().catch(() => undefined)
      if (this.#closed.aborted) return
      await sleep(RETRY_MS * (0.5 + Math.random()), undefined, { signal: this.#closed, ref: false }).catch(
        () => undefined,
      )
    }
  }

  /** Listens until the connection is gone. */
  async #hear(): Promise<void> {
    const connection = await this.#connect()
    const close = (): void => connection.discard()
    this.#closed.addEventListener('abort', close)
    const gone = new Promise<void>((resolve) => {
      connection.listen((payload) => {
        for (const hearer of this.#hearers) hearer.heard(payload)
      }, resolve)
    })
    try {
      await connection.run({ name: 'listen', text: `listen "${this.#channel}"` })
      // What was committed before is not told any more.
      for (const hearer of this.#hearers) hearer.look()
      await gone
    } finally {
      this.#closed.removeEventListener('abort', close)
      connection.discard()
    }
  }
}

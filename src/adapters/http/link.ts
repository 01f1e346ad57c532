/**
 * Connections to other replicas. Each replica connects to each other one, sends on its own connections, and reads on
 * those that others made to it.
 *
 * @module
 */

import { request } from 'node:http'
import type { Duplex } from 'node:stream'
import { acceptWelcome, greet, type LinkIdentity, type Purpose } from './handshake.ts'
import { FRAME_BYTES_MAX, FrameReader, FrameWriter } from './frames.ts'

export const COUNCIL_PATH = '/council/v1'
export const COUNCIL_PROTOCOL = 'coterie-council'
export const HELLO_HEADER = 'x-coterie-hello'

/** Bytes that wait for a slow peer; more are dropped, the oldest messages first. The protocol says them again. */
const QUEUE_BYTES_MAX = 16 * 1024 * 1024
/** Messages that wait for a peer that is away. */
const QUEUE_AWAY_MAX = 256
/** Messages to one peer go together in a frame up to this size. */
const FRAME_BYTES_TARGET = 256 * 1024
const CONNECT_TIMEOUT_MS = 5_000
const BACKOFF_MS_MIN = 50
const BACKOFF_MS_MAX = 5_000
/** An empty frame is sent after so long a silence. */
const ALIVE_MS = 5_000

/** A connection that both ends have authenticated. */
export interface OpenLink {
  readonly socket: Duplex
  readonly writer: FrameWriter
  readonly reader: FrameReader
  /** What came with the answer. */
  readonly head: Buffer
}

/** Connects to a member. Rejects when it cannot be reached, refuses, or is not who it should be. */
export function connect(
  identity: LinkIdentity,
  to: { readonly id: string; readonly url: string },
  purpose: Purpose,
): Promise<OpenLink> {
  const greeting = greet(identity, to.id, purpose)
  const { promise, resolve, reject } = Promise.withResolvers<OpenLink>()
  const headers = { connection: 'Upgrade', upgrade: COUNCIL_PROTOCOL, [HELLO_HEADER]: greeting.text }
  const asking = request(`${to.url}${COUNCIL_PATH}`, { headers, timeout: CONNECT_TIMEOUT_MS, agent: false })
  asking.on('upgrade', (response, socket, head) => {
    const keys = acceptWelcome(identity, greeting, response.headers[HELLO_HEADER])
    if (keys === undefined) {
      socket.destroy()
      reject(new Error(`${to.id} did not prove who it is`))
      return
    }
    socket.setTimeout?.(0)
    socket.setNoDelay?.(true)
    const link = {
      socket,
      head,
      writer: new FrameWriter(keys.toServer),
      reader: new FrameReader(keys.toClient),
    }
    socket.write(link.writer.frame(Buffer.alloc(0)))
    resolve(link)
  })
  asking.on('response', (response) => {
    response.resume()
    const why = response.headers['x-coterie-refused'] ?? `status ${String(response.statusCode)}`
    reject(new Error(`${to.id} refuses the connection: ${String(why)}`))
  })
  asking.on('timeout', () => asking.destroy(new Error(`${to.id} does not answer`)))
  asking.on('error', reject)
  asking.end()
  return promise
}

/** Sends to one peer; connects again when the connection is lost. */
export class PeerLink {
  readonly id: string
  readonly url: string
  /** It is not connected to again when the connection is lost, but when it has connected itself. */
  isPassive = false
  dropped = 0
  error: string | undefined
  readonly #identity: LinkIdentity
  #queue: string[] = []
  #queueBytes = 0
  #link: OpenLink | undefined
  #isBlocked = false
  #isClosed = false
  #isOpening = false
  #attempts = 0
  #timer: NodeJS.Timeout | undefined
  #alive: NodeJS.Timeout | undefined

  constructor(identity: LinkIdentity, peer: { readonly id: string; readonly url: string }) {
    this.#identity = identity
    this.id = peer.id
    this.url = peer.url
  }

  get isConnected(): boolean {
    return this.#link !== undefined
  }

  open(): void {
    this.#isOpening = true
    connect(this.#identity, this, 'peer').then(
      (link) => this.#opened(link),
      (error: unknown) => this.#lost(error),
    )
  }

  /** The peer has just been heard of: it is tried again at once. */
  hurry(): void {
    if (this.#link !== undefined || this.#isOpening || this.#isClosed) return
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#attempts = 0
    this.open()
  }

  send(text: string): void {
    if (this.#isClosed || text.length > FRAME_BYTES_MAX / 3) {
      this.dropped += 1
      return
    }
    this.#queue.push(text)
    this.#queueBytes += text.length
    const messagesMax = this.#link === undefined ? QUEUE_AWAY_MAX : Number.POSITIVE_INFINITY
    while (this.#queueBytes > QUEUE_BYTES_MAX || this.#queue.length > messagesMax) {
      this.#queueBytes -= this.#queue.shift()?.length ?? 0
      this.dropped += 1
    }
  }

  /** Writes what waits, in as few frames as is sensible. */
  flush(): void {
    const link = this.#link
    if (link === undefined) return
    while (!this.#isBlocked && this.#queue.length > 0) {
      let chars = 0
      let count = 0
      while (count < this.#queue.length && (count === 0 || chars < FRAME_BYTES_TARGET)) {
        chars += this.#queue[count]?.length ?? 0
        count += 1
      }
      const payload = Buffer.from(this.#queue.splice(0, count).join('\n'))
      this.#queueBytes -= chars
      this.#isBlocked = !link.socket.write(link.writer.frame(payload))
      this.#alive?.refresh()
    }
  }

  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#timer = undefined
    clearInterval(this.#alive)
    this.#link?.socket.destroy()
    this.#link = undefined
  }

  #opened(link: OpenLink): void {
    this.#isOpening = false
    if (this.#isClosed) {
      link.socket.destroy()
      return
    }
    this.#link = link
    this.#isBlocked = false
    this.#attempts = 0
    this.error = undefined
    const { socket, writer } = link
    socket.on('drain', () => {
      this.#isBlocked = false
      this.flush()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => this.#lost(new Error('the connection was closed')))
    // Nothing is said on this connection in the other direction.
    socket.on('data', () => socket.destroy())
    this.#alive = setInterval(() => socket.write(writer.frame(Buffer.alloc(0))), ALIVE_MS)
    this.#alive.unref()
    this.flush()
  }

  #lost(error: unknown): void {
    this.#link = undefined
    this.#isOpening = false
    clearInterval(this.#alive)
    if (this.#isClosed) return
    this.error = error instanceof Error ? error.message || error.name : String(error)
    if (this.isPassive) return
    const waitMs = Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN * 2 ** this.#attempts)
    this.#attempts = Math.min(this.#attempts + 1, 16)
    const jitter = 0.5 + (process.hrtime()[1] % 1_000) / 2_000
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.open()
    }, waitMs * jitter)
    this.#timer.unref()
  }
}

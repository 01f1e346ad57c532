/**
 * The side of a replica that others connect to. Nothing is believed of a connection before its hello was judged, little
 * is kept for it before its first frame came, and what one peer sends is limited, so that it cannot hold up others.
 *
 * @module
 */

import { createServer, STATUS_CODES, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { CoterieError } from '../../core/errors.ts'
import { FrameReader, FrameWriter } from './frames.ts'
import { answerHello, type Hello, type LinkIdentity } from './handshake.ts'
import { COUNCIL_PATH, COUNCIL_PROTOCOL, HELLO_HEADER } from './link.ts'

/** Limits of one side; see docs/guides/councils.md. */
export interface GateLimits {
  /** Connections at once, from anybody. */
  readonly connections: number
  /** Connections that have not sent their first frame. */
  readonly strangers: number
  /** Hellos judged in one second. */
  readonly hellosPerSecond: number
  readonly connectionsPerMember: number
  /** Connections of this member's own tools. */
  readonly toolConnections: number
  readonly bytesPerSecond: number
  readonly messagesPerSecond: number
  /** A hello, and the first frame behind it, come within this time. */
  readonly greetingMs: number
  /** A connection on which nothing came for so long is closed. */
  readonly silenceMs: number
}

export const GATE_LIMITS: GateLimits = Object.freeze({
  connections: 512,
  strangers: 64,
  hellosPerSecond: 200,
  connectionsPerMember: 4,
  toolConnections: 64,
  bytesPerSecond: 64 * 1024 * 1024,
  messagesPerSecond: 50_000,
  greetingMs: 5_000,
  silenceMs: 30_000,
})

const HEADER_BYTES_MAX = 8 * 1024

/** A request of this member's own tools, and its answer. */
export type ClientHandler = (request: unknown) => Promise<unknown>

/** Who is told what. */
export interface GateListener {
  message(from: string, text: string): void
  request: ClientHandler
  /** A member has connected. */
  admitted(from: string): void
  /** A connection was refused, or cut. */
  refused(why: string, from: string | undefined): void
}

interface Guest {
  readonly hello: Hello
  readonly socket: Duplex
  bytesLeft: number
  messagesLeft: number
  filledAt: number
}

/** The listening side. */
export class Gate {
  readonly #identity: LinkIdentity
  readonly #limits: GateLimits
  readonly #listener: GateListener
  readonly #server: Server
  readonly #guests = new Set<Guest>()
  readonly #sockets = new Set<Duplex>()
  #strangers = 0
  #hellosLeft: number
  #hellosAt = 0

  constructor(identity: LinkIdentity, listener: GateListener, limits: GateLimits = GATE_LIMITS) {
    this.#identity = identity
    this.#listener = listener
    this.#limits = limits
    this.#hellosLeft = limits.hellosPerSecond
    this.#server = createServer(
      {
        headersTimeout: limits.greetingMs,
        requestTimeout: limits.greetingMs,
        connectionsCheckingInterval: Math.max(50, limits.greetingMs / 5),
        maxHeaderSize: HEADER_BYTES_MAX,
      },
      (_request, response) => {
        response.writeHead(404, { connection: 'close' }).end()
      },
    )
    this.#server.maxConnections = limits.connections
    this.#server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
    })
    this.#server.on('upgrade', (request, socket, head) => this.#greeted(request, socket, head))
    this.#server.on('clientError', (_error, socket) => socket.destroy())
  }

  /** Listens; answers the port. */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<number>()
    this.#server.once('error', reject)
    this.#server.listen(port, host, () => resolve((this.#server.address() as AddressInfo).port))
    try {
      return await promise
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new CoterieError(
        'COTERIE_COUNCIL_UNREACHABLE',
        `Nothing can listen on ${host}:${port}: ${why}. Does this replica run already, or another program there?`,
        { cause, retryable: false },
      )
    }
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve())
    })
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #greeted(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined)
    if (request.url !== COUNCIL_PATH || request.headers.upgrade !== COUNCIL_PROTOCOL)
      return this.#refuse(socket, 404, 'no-such-path')
    if (!this.#mayGreet() || this.#strangers >= this.#limits.strangers)
      return this.#refuse(socket, 429, 'too-many')
    const result = answerHello(this.#identity, request.headers[HELLO_HEADER])
    if (typeof result === 'string') return this.#refuse(socket, result === 'malformed' ? 400 : 403, result)
    const { hello, answer, keys } = result
    this.#strangers += 1
    let isStranger = true
    const known = (): void => {
      if (isStranger) this.#strangers -= 1
      isStranger = false
    }
    socket.on('close', known)
    const timer = setTimeout(() => isStranger && socket.destroy(), this.#limits.greetingMs)
    ;(socket as Socket).setNoDelay?.(true)
    ;(socket as Socket).setTimeout?.(this.#limits.silenceMs, () => socket.destroy())
    const lines = [
      'HTTP/1.1 101 Switching Protocols',
      'Connection: Upgrade',
      `Upgrade: ${COUNCIL_PROTOCOL}`,
      `${HELLO_HEADER}: ${answer}`,
    ]
    socket.write(`${lines.join('\r\n')}\r\n\r\n`)
    const guest = {
      hello,
      socket,
      bytesLeft: this.#limits.bytesPerSecond,
      messagesLeft: this.#limits.messagesPerSecond,
      filledAt: performance.now(),
    }
    const reader = new FrameReader(keys.toServer)
    const writer = new FrameWriter(keys.toClient)
    const onData = (piece: Buffer): void => {
      const payloads = reader.read(piece)
      if (payloads === undefined) {
        this.#listener.refused('bad-frame', hello.from)
        socket.destroy()
        return
      }
      if (isStranger && reader.count > 0n) {
        clearTimeout(timer)
        known()
        this.#admit(guest)
        if (hello.purpose === 'client') socket.write(writer.frame(Buffer.alloc(0)))
      }
      for (const payload of payloads) if (payload.length > 0) this.#take(guest, payload, writer)
      this.#spend(guest, piece.length, 0)
    }
    socket.on('data', onData)
    // Whoever says no more is not listened to any more.
    socket.on('end', () => socket.destroy())
    if (head.length > 0) onData(head)
  }

  /** A new connection of a member takes the place of its oldest one. */
  #admit(guest: Guest): void {
    const { from, purpose } = guest.hello
    const same = [...this.#guests].filter(({ hello }) => hello.from === from && hello.purpose === purpose)
    const isTool = purpose === 'client'
    const { connectionsPerMember, toolConnections } = this.#limits
    if (same.length >= (isTool ? toolConnections : connectionsPerMember)) same[0]?.socket.destroy()
    // A tool may wait for its answer in silence.
    if (isTool) (guest.socket as Partial<Socket>).setTimeout?.(0)
    this.#guests.add(guest)
    if (!isTool) this.#listener.admitted(from)
    guest.socket.on('close', () => this.#guests.delete(guest))
  }

  #take(guest: Guest, payload: Buffer, writer: FrameWriter): void {
    const text = payload.toString('utf8')
    if (guest.hello.purpose === 'client') return this.#serve(guest, text, writer)
    const messages = text.split('\n')
    this.#spend(guest, 0, messages.length)
    for (const message of messages) this.#listener.message(guest.hello.from, message)
  }

  #serve({ socket }: Guest, text: string, writer: FrameWriter): void {
    const reply = (value: unknown): void => {
      if (!socket.destroyed) socket.write(writer.frame(Buffer.from(JSON.stringify(value))))
    }
    let request: unknown
    try {
      request = JSON.parse(text)
    } catch {
      socket.destroy()
      return
    }
    const id: unknown = typeof request === 'object' && request !== null && 'id' in request ? request.id : null
    this.#listener.request(request).then(
      (value) => reply({ id, ok: true, value }),
      (error: unknown) => reply({ id, ok: false, error: errorOf(error) }),
    )
  }

  /** Whoever sends too much is not read for a while; the network makes it wait, and nobody else. */
  #spend(guest: Guest, bytes: number, messages: number): void {
    const now = performance.now()
    const seconds = (now - guest.filledAt) / 1_000
    const { bytesPerSecond, messagesPerSecond } = this.#limits
    guest.filledAt = now
    guest.bytesLeft = Math.min(bytesPerSecond, guest.bytesLeft + seconds * bytesPerSecond) - bytes
    guest.messagesLeft =
      Math.min(messagesPerSecond, guest.messagesLeft + seconds * messagesPerSecond) - messages
    const owed = Math.max(-guest.bytesLeft / bytesPerSecond, -guest.messagesLeft / messagesPerSecond)
    if (owed <= 0 || guest.socket.isPaused()) return
    guest.socket.pause()
    setTimeout(() => guest.socket.resume(), Math.ceil(owed * 1_000))
  }

  /** Judging a hello costs two signatures, so strangers get only so many. */
  #mayGreet(): boolean {
    const now = performance.now()
    const { hellosPerSecond } = this.#limits
    const more = ((now - this.#hellosAt) / 1_000) * hellosPerSecond
    this.#hellosLeft = Math.min(hellosPerSecond, this.#hellosLeft + more)
    this.#hellosAt = now
    if (this.#hellosLeft < 1) return false
    this.#hellosLeft -= 1
    return true
  }

  #refuse(socket: Duplex, status: number, why: string): void {
    this.#listener.refused(why, undefined)
    const lines = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
      `x-coterie-refused: ${why}`,
      'Content-Length: 0',
      'Connection: close',
    ]
    socket.end(`${lines.join('\r\n')}\r\n\r\n`)
  }
}

function errorOf(error: unknown): unknown {
  if (!(error instanceof CoterieError)) {
    return { code: 'UNKNOWN', message: error instanceof Error ? error.message : String(error), details: {} }
  }
  const { code, message, details } = error
  return { code, message, details }
}

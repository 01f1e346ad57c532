/**
 * A TCP proxy between a client and a server of PostgreSQL. It follows the transactions on each connection, and a plan
 * tells it at which moment of which transaction to fail, and how.
 *
 * @module
 */

import { createConnection, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { Conversation } from './conversation.ts'
import type { Point } from './conversation.ts'
import { FrameReader } from './frames.ts'
import type { Frame } from './frames.ts'

/** What happens to a connection. */
export type Fault =
  /** Both sides see the connection end: in good order (FIN), or not (RST). */
  | {
      readonly how: 'end' | 'reset'
      /** The part of the message in hand that still gets through, from 0 to 1. By default none of it. */
      readonly share?: number
    }
  /** Nothing gets through for a while, then all of it. */
  | { readonly how: 'stall'; readonly ms: number }
  /** Nothing gets through any more, and neither side is told. */
  | { readonly how: 'hang' }

/** Asked at every point of every transaction. */
export type Plan = (point: Point, connection: number) => Fault | undefined

/** A fault that has happened. */
export interface Happened {
  readonly point: Point
  readonly fault: Fault
  readonly connection: number
}

type Side = 'client' | 'server'

/** A proxy on 127.0.0.1. */
export class PostgresProxy implements AsyncDisposable {
  /** By whom the next points are judged; undefined lets everything through. */
  plan: Plan | undefined
  /** All faults so far. */
  readonly happened: Happened[] = []
  readonly #links = new Set<Link>()
  #target: number
  #listener: Server | undefined
  #port = 0
  #connections = 0

  constructor(target: number) {
    this.#target = target
  }

  /** Starts a proxy in front of a port. */
  static async start(target: number): Promise<PostgresProxy> {
    const proxy = new PostgresProxy(target)
    await proxy.accept()
    return proxy
  }

  /** The same as long as it lives. */
  get port(): number {
    return this.#port
  }

  /** How many connections have been made in all. */
  get connections(): number {
    return this.#connections
  }

  /** How many connections stand now. */
  get open(): number {
    return this.#links.size
  }

  /** Leads new connections to another port. */
  redirect(target: number): void {
    this.#target = target
  }

  /** New connections are refused from now on, until `accept`. Those that stand are left alone. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    // The callback comes when the last connection has ended; the port is closed at once.
    listener?.close()
  }

  /** Takes new connections. */
  async accept(): Promise<void> {
    if (this.#listener !== undefined) return
    const listener = createServer((client) => this.#connected(client))
    this.#listener = listener
    await new Promise<void>((resolve, reject) => {
      listener.on('error', reject)
      listener.listen(this.#port, '127.0.0.1', resolve)
    })
    const address = listener.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
  }

  /** Breaks all connections that stand. */
  cutAll(how: 'end' | 'reset'): void {
    for (const link of this.#links) link.cut(how)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.plan = undefined
    await this.refuse()
    this.cutAll('end')
  }

  #connected(client: Socket): void {
    this.#connections += 1
    const connection = this.#connections
    const server = createConnection(this.#target, '127.0.0.1')
    const link = new Link(client, server, (point) => {
      const fault = this.plan?.(point, connection)
      if (fault !== undefined) this.happened.push({ point, fault, connection })
      return fault
    })
    this.#links.add(link)
    void link.done.then(() => this.#links.delete(link))
  }
}

/** One client's connection, and the one to the server in its name. */
class Link {
  readonly done: Promise<void>
  readonly #sockets: Readonly<Record<Side, Socket>>
  readonly #judge: (point: Point) => Fault | undefined
  readonly #conversation = new Conversation()
  /** Both directions wait for it before they forward anything. */
  #gate: Promise<unknown> = Promise.resolve()
  #over: () => void = () => undefined
  #isCut = false

  constructor(client: Socket, server: Socket, judge: (point: Point) => Fault | undefined) {
    this.#sockets = { client, server }
    this.#judge = judge
    const closed = new Promise<void>((resolve) => {
      this.#over = resolve
    })
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      // A broken connection is what this is for: the other side learns of it by its own end.
      socket.on('error', () => undefined).on('close', () => this.cut('end'))
    }
    this.done = closed
    void this.#pump('client').catch(() => this.cut('end'))
    void this.#pump('server').catch(() => this.cut('end'))
  }

  cut(how: 'end' | 'reset'): void {
    if (this.#isCut) return
    this.#isCut = true
    for (const socket of Object.values(this.#sockets))
      if (how === 'reset') socket.resetAndDestroy()
      else socket.destroySoon()
    this.#over()
  }

  async #pump(from: Side): Promise<void> {
    const isClient = from === 'client'
    const [source, sink] = [this.#sockets[from], this.#sockets[isClient ? 'server' : 'client']]
    const conversation = this.#conversation
    const reader = new FrameReader(from)
    for await (const piece of source) {
      // Written together when nothing happens in between, as they came.
      let through: Buffer[] = []
      const flush = async (): Promise<void> => {
        const bytes = Buffer.concat(through)
        through = []
        if (bytes.length > 0) await written(sink, bytes)
      }
      for (const frame of reader.push(piece as Buffer)) {
        await this.#gate
        if (frame.type === 'encryption') {
          source.write('N')
          continue
        }
        const point = isClient ? conversation.fromClient(frame) : conversation.fromServer(frame)
        if (!(await this.#pass(point, frame, sink, flush))) return
        through.push(frame.bytes)
        const behind = isClient ? sentOf(point) : conversation.afterServer(frame)
        const fault = behind === undefined ? undefined : this.#judge(behind)
        if (fault === undefined) continue
        await flush()
        if (!(await this.#suffer(fault))) return
      }
      await this.#gate
      await flush()
    }
    this.cut('end')
  }

  /** False when the connection is no more. */
  async #pass(
    point: Point | undefined,
    { bytes }: Frame,
    sink: Socket,
    flush: () => Promise<void>,
  ): Promise<boolean> {
    const fault = point === undefined ? undefined : this.#judge(point)
    if (fault === undefined) return true
    await flush()
    if ((fault.how === 'end' || fault.how === 'reset') && fault.share !== undefined)
      await written(sink, bytes.subarray(0, Math.floor(bytes.length * fault.share)))
    return this.#suffer(fault)
  }

  async #suffer(fault: Fault): Promise<boolean> {
    switch (fault.how) {
      case 'end':
      case 'reset':
        this.cut(fault.how)
        return false
      case 'stall':
        this.#gate = delay(fault.ms)
        await this.#gate
        return true
      case 'hang':
        // Until the proxy ends, or one of the two gives up.
        this.#gate = this.done
        await this.#gate
        return false
    }
  }
}

function sentOf(point: Point | undefined): Point | undefined {
  return point?.phase === 'commit' ? { phase: 'sent', sql: point.sql } : undefined
}

async function written(socket: Socket, bytes: Buffer): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

import type { CouncilPeer, CouncilReceiver, CouncilTransport } from '../../ports/council.ts'
import type { Logger } from '../../ports/logger.ts'
import { Gate, GATE_LIMITS, type ClientHandler, type GateLimits } from './gate.ts'
import type { LinkIdentity } from './handshake.ts'
import { PeerLink } from './link.ts'

/** How a transport is made. */
export interface HttpTransportOptions {
  readonly identity: LinkIdentity
  /** The other members. */
  readonly peers: readonly { readonly id: string; readonly url: string }[]
  /** Where to listen; the loopback address unless told otherwise. */
  readonly host?: string
  readonly port: number
  readonly logger: Logger
  /** Answers requests of this member's own tools. */
  readonly onRequest?: ClientHandler
  readonly limits?: GateLimits
}

/** Refusals of one kind are told once in this time. */
const TELL_MS = 10_000

/** Messages between replicas over HTTP connections that both ends have authenticated. */
export class HttpCouncilTransport implements CouncilTransport {
  readonly #options: HttpTransportOptions
  readonly #links: ReadonlyMap<string, PeerLink>
  readonly #told = new Map<string, number>()
  #gate: Gate | undefined
  #refusals = 0
  #receive: CouncilReceiver = () => undefined

  constructor(options: HttpTransportOptions) {
    this.#options = options
    this.#links = new Map(options.peers.map((peer) => [peer.id, new PeerLink(options.identity, peer)]))
  }

  async start(receive: CouncilReceiver): Promise<void> {
    this.#receive = receive
    const { identity, host = '127.0.0.1', port, limits = GATE_LIMITS, onRequest } = this.#options
    this.#gate = new Gate(
      identity,
      {
        message: (from, text) => this.#receive(from, text),
        request: onRequest ?? (() => Promise.reject(new Error('this replica takes no requests'))),
        admitted: (from) => this.#links.get(from)?.hurry(),
        refused: (why, from) => this.#refused(why, from),
      },
      limits,
    )
    await this.#gate.listen(host, port)
    for (const link of this.#links.values()) link.open()
  }

  send(to: string | null, text: string): void {
    if (to !== null) this.#links.get(to)?.send(text)
    else for (const link of this.#links.values()) link.send(text)
  }

  flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  peers(): readonly CouncilPeer[] {
    return [...this.#links.values()].map(({ id, url, isConnected, dropped, error }) => {
      return { id, url, isConnected, dropped, error }
    })
  }

  get refused(): number {
    return this.#refusals
  }

  async close(): Promise<void> {
    this.#receive = () => undefined
    for (const link of this.#links.values()) link.close()
    await this.#gate?.close()
  }

  #refused(why: string, from: string | undefined): void {
    this.#refusals += 1
    const now = performance.now()
    const name = `${why} ${from ?? ''}`
    if (now - (this.#told.get(name) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return
    this.#told.set(name, now)
    this.#options.logger.log('warn', 'a connection was refused', { why, from })
  }
}

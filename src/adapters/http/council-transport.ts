import type { CouncilContact, CouncilPeer, CouncilReceiver, CouncilTransport } from '../../ports/council.ts'
import type { Logger } from '../../ports/logger.ts'
import { Gate, GATE_LIMITS, type ClientHandler, type GateLimits } from './gate.ts'
import type { LinkIdentity } from './handshake.ts'
import { PeerLink } from './link.ts'

/** How a transport is made. */
export interface HttpTransportOptions {
  readonly identity: LinkIdentity
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
  /** Who the others are is said by the replica, and not by whoever has made the identity. */
  readonly #identity: LinkIdentity
  readonly #links = new Map<string, PeerLink>()
  #contacts: ReadonlyMap<string, CouncilContact> = new Map()
  readonly #told = new Map<string, number>()
  #gate: Gate | undefined
  #refusals = 0
  #receive: CouncilReceiver = () => undefined

  constructor(options: HttpTransportOptions) {
    this.#options = options
    const { identity } = options
    const publicKeyOf = (id: string): string | undefined =>
      id === identity.self ? identity.key.publicKey : this.#contacts.get(id)?.publicKey
    this.#identity = { ...identity, publicKeyOf }
  }

  meet(others: readonly CouncilContact[]): void {
    this.#contacts = new Map(others.map((other) => [other.id, other]))
    for (const [id, link] of this.#links) {
      if (this.#contacts.get(id)?.url === link.url) continue
      link.close()
      this.#links.delete(id)
    }
    for (const other of others) {
      const link = this.#links.get(other.id)
      if (link !== undefined) {
        link.isPassive = !other.isMember
        continue
      }
      const made = new PeerLink(this.#identity, other)
      made.isPassive = !other.isMember
      this.#links.set(other.id, made)
      if (this.#gate !== undefined && other.isMember) made.open()
    }
  }

  async start(receive: CouncilReceiver): Promise<void> {
    this.#receive = receive
    const { host = '127.0.0.1', port, limits = GATE_LIMITS, onRequest } = this.#options
    this.#gate = new Gate(
      this.#identity,
      {
        message: (from, text) => this.#receive(from, text),
        request: onRequest ?? (() => Promise.reject(new Error('this replica takes no requests'))),
        admitted: (from) => this.#links.get(from)?.hurry(),
        refused: (why, from) => this.#refused(why, from),
      },
      limits,
    )
    await this.#gate.listen(host, port)
    for (const link of this.#links.values()) if (!link.isPassive) link.open()
  }

  send(to: string | null, text: string): void {
    if (to !== null) this.#links.get(to)?.send(text)
    else for (const link of this.#links.values()) if (!link.isPassive) link.send(text)
  }

  flush(): void {
    for (const link of this.#links.values()) link.flush()
  }

  peers(): readonly CouncilPeer[] {
    const members = [...this.#links.values()].filter(({ isPassive }) => !isPassive)
    return members.map(({ id, url, isConnected, dropped, error }) => {
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

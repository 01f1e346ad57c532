/**
 * A member's seat in a space: the agent that its replica is there, and the replica once the space is open.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { toHex } from '../../core/bytes.ts'
import { agentOfUrl, type Roster } from '../../council/roster.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilLog, CouncilTransport } from '../../ports/council.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import { defineAgent, type AnyAgent } from '../../turn/definition.ts'
import type { Turn } from '../../turn/turn.ts'
import type { Space } from '../space.ts'
import type { Judge } from './member.ts'
import { CouncilReplica } from './replica.ts'
import { answerRequest } from './requests.ts'
import { askHandler, isProven, mailboxHandler, mailboxOf, type SpaceRequest } from './space-handlers.ts'
import { SpaceCouncilTransport } from './space-transport.ts'

/** Signs of life are rare: each one stays in the space's log for ever. */
const STATUS_MS = 60_000
/** Questions for certificates that may wait here: each has a turn under way. */
const WAITS_MAX = 256
/** What any agent of the space may ask for. */
const OPEN_METHODS: readonly string[] = ['open', 'wait']

/** What a seat is made of. */
export interface SeatParts {
  readonly roster: Roster
  readonly self: string
  /** `space:AGENT`: where the others reach it. */
  readonly url: string
  readonly key: KeyPair
  readonly crypto: Crypto
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly judge?: Judge | undefined
  readonly deltaMs?: number
  /** Which agents may put questions to the council through this member; by default all of the space. */
  readonly mayAsk?: ((agent: string) => boolean) | undefined
  readonly openLog: () => CouncilLog
  /** Puts another transport in its place: for tests that lie. */
  readonly wrap?: (transport: CouncilTransport) => CouncilTransport
}

/** The seat. */
export class CouncilSeat {
  /** Give it to `open`, among the other agents of this process. */
  readonly agent: AnyAgent
  readonly #parts: SeatParts
  #joined: { readonly transport: SpaceCouncilTransport; readonly replica: CouncilReplica } | undefined
  #space = ''
  #waits = 0

  constructor(parts: SeatParts) {
    this.#parts = parts
    const { self, url } = parts
    const name = agentOfUrl(url)
    if (name === undefined) {
      const message = `${JSON.stringify(self)} is reached at ${url}, and not in a space: see openReplica.`
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
    }
    this.agent = defineAgent(name, {
      council: mailboxHandler((turn, mail) => this.#take(turn, mail)),
      ask: askHandler((turn, request) => this.#answer(turn, request)),
    })
  }

  /**
   * Opens the replica in a space that was opened with this seat's agent, and joins the others. Takes as long as the
   * lease of an earlier process that was killed.
   *
   * @throws CoterieError COTERIE_COUNCIL_HALTED, COTERIE_COUNCIL_UNREADY when another process runs the agent,
   * COTERIE_KEY_*, COTERIE_STORE_*.
   */
  async join(space: Space): Promise<CouncilReplica> {
    if (this.#joined !== undefined)
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'This seat has joined a space before.')
    const { roster, self, key, crypto, clock, random, logger, openLog } = this.#parts
    const voice = space.voice(this.agent.name)
    const log = openLog()
    let opened: CouncilReplica | undefined
    try {
      const transport = new SpaceCouncilTransport({
        ...{ self, key, crypto, clock, logger, voice, url: this.#parts.url },
        instance: roster.instance,
        mailbox: mailboxOf,
        run: toHex(random.bytes(16)),
        // Its log says who was first, as soon as it is written to.
        onRival: () => void replica.durable().catch(() => undefined),
      })
      const replica: CouncilReplica = new CouncilReplica({
        ...{ roster, self, key, crypto, log, clock, random, logger },
        transport: this.#parts.wrap?.(transport) ?? transport,
        judge: this.#parts.judge,
        statusMs: STATUS_MS,
        ...(this.#parts.deltaMs !== undefined && { deltaMs: this.#parts.deltaMs }),
      })
      opened = replica
      this.#space = space.id
      this.#joined = { transport, replica }
      await replica.start()
      return replica
    } catch (error) {
      this.#joined = undefined
      await (opened === undefined ? log.close() : opened.close())
      throw error
    }
  }

  async #take(turn: Turn, mail: unknown): Promise<void> {
    const waitMs = this.#joined?.transport.take(turn.from, turn.self, mail) ?? 0
    if (waitMs > 0) await new Promise<void>((resolve) => void this.#parts.clock.setTimer(waitMs, resolve))
  }

  async #answer(turn: Turn, value: unknown): Promise<unknown> {
    const request = requestIn(value)
    const { roster, key, crypto, clock } = this.#parts
    const replica = this.#joined?.replica
    if (replica === undefined) {
      throw new CoterieError('COTERIE_COUNCIL_UNREADY', 'This replica has not joined its council yet.')
    }
    const place = { instance: roster.instance, space: this.#space, from: turn.from }
    const from = turn.from.split('/', 1)[0] ?? ''
    const isOpen = OPEN_METHODS.includes(request.method) && (this.#parts.mayAsk?.(from) ?? true)
    if (!isOpen && !isProven(crypto, key.publicKey, place, request, clock.now())) {
      const message = `${JSON.stringify(from)} may not ask ${JSON.stringify(request.method)} of this replica.`
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', message, { retryable: false })
    }
    switch (request.method) {
      case 'open':
        // It is put once, however often this turn is run.
        return turn.step('put the question', () => answerRequest(replica, request))
      case 'wait':
        return this.#wait(replica, request, Math.max(0, (turn.deadline ?? 0) - clock.now()))
      default:
        return answerRequest(replica, request)
    }
  }

  async #wait(replica: CouncilReplica, { params }: SpaceRequest, timeoutMs: number): Promise<unknown> {
    if (this.#waits >= WAITS_MAX) throw tooManyWait()
    this.#waits += 1
    try {
      return await answerRequest(replica, { method: 'wait', params: { ...params, timeoutMs } })
    } finally {
      this.#waits -= 1
    }
  }
}

function tooManyWait(): CoterieError {
  const details = { limit: 'WAITS_MAX', value: WAITS_MAX }
  const message = 'Too many wait for certificates of this replica.'
  return new CoterieError('COTERIE_LIMIT_EXCEEDED', message, { retryable: true, details })
}

function requestIn(value: unknown): SpaceRequest {
  const one = value as Partial<Record<keyof SpaceRequest, unknown>> | null
  const isRequest = typeof one === 'object' && one !== null && typeof one.method === 'string'
  if (isRequest && typeof one.params === 'object' && one.params !== null) return one as SpaceRequest
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'This is no request to a replica of a council.')
}

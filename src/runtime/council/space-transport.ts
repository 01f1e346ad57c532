/**
 * Messages between replicas that live in one space, as its durable mail. Each replica is an agent; from each peer it
 * has a mailbox of its own, `agent/peer`, so that one that floods it holds up nobody else. What counts is signed twice:
 * with the peer's key in the space, and with its key of the council.
 *
 * @module
 */

import { addressOf, nameOf } from '../../core/address.ts'
import { CoterieError } from '../../core/errors.ts'
import { agentOfUrl } from '../../council/roster.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilContact, CouncilPeer, CouncilReceiver, CouncilTransport } from '../../ports/council.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Logger } from '../../ports/logger.ts'
import type { HandlerRef } from '../../turn/definition.ts'
import type { Voice } from '../voice.ts'
import { LOOK_MS, MAIL_LIFE_MS, PeerPost } from './peer-post.ts'
import { readMail, signMail, TextAssembly, type CouncilMail, type MailRoute } from './space-mail.ts'

/** Refusals of one kind are told once in this time. */
const TELL_MS = 10_000
/** How long a replica waits for its own mailboxes when it starts: the lease of a process that was killed must lapse. */
const START_MS = 60_000
const PING_MS = 1_000
/** What one peer may send in a second; what is more waits in its own mailbox. */
const TEXTS_PER_SECOND = 20_000
const CHARS_PER_SECOND: number = 32 * 1024 * 1024
/** Longer than this no peer is made to wait at a time: its mail would expire meanwhile. */
const WAIT_MS_MAX = 1_000
/** A character takes three bytes at most, and what stands beside the texts of a mail less than this. */
const BYTES_PER_CHAR = 3
const MAIL_HEAD_BYTES = 8_192
const MAIL_CHARS_MIN = 256

/** What a transport is made of. */
export interface SpaceTransportParts {
  readonly instance: string
  readonly self: string
  /** `space:AGENT`: where the others reach it. */
  readonly url: string
  /** The member's key of the council. */
  readonly key: KeyPair
  /** The name of this run: 32 hex digits, used once. */
  readonly run: string
  readonly voice: Pick<Voice, 'space' | 'payloadBytes' | 'say' | 'state'>
  /** The handler of an agent that takes mail of the council. */
  readonly mailbox: (agent: string) => HandlerRef
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
  /** Another process has taken the member's mailboxes. */
  readonly onRival: () => void
}

interface Peer {
  readonly id: string
  readonly url: string
  readonly publicKey: string
  isMember: boolean
  readonly post: PeerPost
  readonly assembly: TextAssembly
  textsLeft: number
  charsLeft: number
  filledAt: number
}

/** The transport. */
export class SpaceCouncilTransport implements CouncilTransport {
  readonly #parts: SpaceTransportParts
  readonly #agent: string
  #contacts: readonly CouncilContact[] = []
  readonly #peers = new Map<string, Peer>()
  readonly #charsMax: number
  readonly #told = new Map<string, number>()
  readonly #ready = Promise.withResolvers<void>()
  #receive: CouncilReceiver = () => undefined
  #refusals = 0
  #pings = 0
  #isReady = false
  #isSaying = false
  #isLookDue = false
  #isClosed = false

  constructor(parts: SpaceTransportParts) {
    this.#parts = parts
    this.#agent = agentAt(parts.url)
    const room = Math.floor((parts.voice.payloadBytes - MAIL_HEAD_BYTES) / BYTES_PER_CHAR)
    this.#charsMax = Math.max(MAIL_CHARS_MIN, room)
  }

  meet(others: readonly CouncilContact[]): void {
    this.#contacts = others
    for (const { id, url } of this.#peers.values()) {
      if (!others.some((other) => other.id === id && other.url === url)) this.#peers.delete(id)
    }
    for (const { id, url, publicKey, isMember } of others) {
      const known = this.#peers.get(id)
      if (known !== undefined) known.isMember = isMember
      else {
        const post = new PeerPost(id, agentAt(url))
        const budget = { textsLeft: TEXTS_PER_SECOND, charsLeft: CHARS_PER_SECOND, filledAt: 0 }
        this.#peers.set(id, { id, url, publicKey, isMember, post, assembly: new TextAssembly(), ...budget })
      }
    }
  }

  get refused(): number {
    return this.#refusals
  }

  /**
   * Begins to take mail, and says nothing before it has heard itself: until then another process may have the
   * mailboxes. Throws COTERIE_COUNCIL_UNREADY when that takes longer than a minute.
   */
  async start(receive: CouncilReceiver): Promise<void> {
    this.#receive = receive
    const { clock } = this.#parts
    const until = clock.monotonic() + START_MS
    while (!this.#isReady && !this.#isClosed) {
      if (clock.monotonic() > until) {
        throw new CoterieError(
          'COTERIE_COUNCIL_UNREADY',
          `The mail of the agent ${this.#agent} does not come to this process: another one runs it.`,
        )
      }
      await this.#ping()
      await Promise.race([
        this.#ready.promise,
        new Promise<void>((resolve) => void clock.setTimer(PING_MS, resolve)),
      ])
    }
    this.flush()
  }

  send(to: string | null, text: string): void {
    const now = this.#parts.clock.now()
    for (const peer of this.#peers.values()) {
      if (to === null ? peer.isMember : to === peer.id) peer.post.push(text, this.#charsMax, now)
    }
  }

  flush(): void {
    if (!this.#isReady || this.#isClosed || this.#isSaying) return
    const now = this.#parts.clock.now()
    const mails: { readonly peer: Peer; readonly mail: CouncilMail }[] = []
    for (const peer of this.#peers.values()) {
      if (peer.post.mustLook(now)) void this.#look(peer.post, now)
      for (
        let next = peer.post.next(this.#charsMax);
        next !== undefined;
        next = peer.post.next(this.#charsMax)
      )
        mails.push({ peer, mail: this.#sign(peer.id, next) })
    }
    if (mails.length > 0) void this.#say(mails, now + MAIL_LIFE_MS)
  }

  /**
   * What has come into a mailbox of this replica; the space has verified from whom. Answers how long the next one from
   * there is to wait, in milliseconds.
   */
  take(from: string, to: string, payload: unknown): number {
    const agent = nameOf(from)
    const { self, crypto, key } = this.#parts
    const other = this.#contacts.find(({ url }) => agentOfUrl(url) === agent)
    const sender = agent === this.#agent ? { id: self, publicKey: key.publicKey } : other
    if (sender === undefined) return this.#refuse('no-member', agent)
    if (to !== addressOf(this.#agent, sender.id)) return this.#refuse('wrong-mailbox', agent)
    const mail = readMail(crypto, this.#route(sender.id, self), sender.publicKey, payload)
    if (mail === undefined) return this.#refuse('not-signed-by-the-member', agent)
    const peer = this.#peers.get(sender.id)
    if (peer === undefined) {
      this.#heardItself(mail.run)
      return 0
    }
    peer.post.heard()
    for (const text of peer.assembly.take(mail)) this.#receive(peer.id, text)
    return this.#charge(peer, mail.texts)
  }

  peers(): readonly CouncilPeer[] {
    const members = [...this.#peers.values()].filter(({ isMember }) => isMember)
    return members.map(({ id, url, post: { isConnected, dropped, error } }) => {
      return { id, url, isConnected, dropped, error }
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#receive = () => undefined
    this.#ready.resolve()
  }

  #sign(to: string, next: Pick<CouncilMail, 'texts' | 'part' | 'number'>): CouncilMail {
    const { instance, self, key, run, crypto, voice } = this.#parts
    const head = {
      v: 1,
      type: 'coterie.council-mail',
      instance,
      from: self,
      to,
      run,
    } as const
    return signMail(crypto, key, voice.space, { ...head, ...next })
  }

  /** One record for all that goes out; what comes up meanwhile goes with the next one. */
  async #say(
    mails: readonly { readonly peer: Peer; readonly mail: CouncilMail }[],
    deadline: number,
  ): Promise<void> {
    const { voice, mailbox, self } = this.#parts
    this.#isSaying = true
    const results = await voice.say(
      mails.map(({ peer, mail }) => {
        return { to: mailbox(peer.post.agent), payload: mail, options: { key: self, deadline } }
      }),
    )
    this.#isSaying = false
    mails.forEach(({ peer }, at) => {
      const result = results[at]
      if (result !== undefined) peer.post.sent(result, deadline)
    })
    this.#lookLater()
    this.flush()
  }

  /** Also when nothing more is said, it is noticed that somebody does not take its mail. */
  #lookLater(): void {
    if (this.#isLookDue) return
    this.#isLookDue = true
    this.#parts.clock.setTimer(MAIL_LIFE_MS + LOOK_MS, () => {
      this.#isLookDue = false
      this.flush()
      if ([...this.#peers.values()].some(({ post }) => post.hasOpenMail)) this.#lookLater()
    })
  }

  async #look(post: PeerPost, now: number): Promise<void> {
    const { voice, clock } = this.#parts
    // What cannot be looked up now is looked up again.
    await post.look((id) => voice.state(id), now).catch(() => undefined)
    if (this.#isClosed) return
    this.flush()
    if (post.isWaiting) clock.setTimer(LOOK_MS, () => this.flush())
  }

  async #ping(): Promise<void> {
    const { voice, mailbox, self, clock } = this.#parts
    this.#pings += 1
    const payload = this.#sign(self, { texts: [], part: null, number: this.#pings })
    const options = { key: self, deadline: clock.now() + MAIL_LIFE_MS }
    const [result] = await voice.say([{ to: mailbox(this.#agent), payload, options }])
    if (result?.status === 'rejected') {
      this.#parts.logger.log('warn', 'the space does not take the mail of this replica', {
        why: String(result.reason),
      })
    }
  }

  #heardItself(run: string): void {
    if (run !== this.#parts.run) return this.#parts.onRival()
    this.#isReady = true
    this.#ready.resolve()
  }

  #route(from: string, to: string): MailRoute {
    return { instance: this.#parts.instance, space: this.#parts.voice.space, from, to }
  }

  #refuse(why: string, from: string): number {
    this.#refusals += 1
    const { logger, clock } = this.#parts
    const now = clock.monotonic()
    if (now - (this.#told.get(why) ?? Number.NEGATIVE_INFINITY) >= TELL_MS) {
      this.#told.set(why, now)
      logger.log('warn', 'mail to a replica was refused', { why, from })
    }
    return 0
  }

  #charge(peer: Peer, texts: readonly string[]): number {
    const now = this.#parts.clock.monotonic()
    const share = Math.min(1, (now - peer.filledAt) / 1_000)
    peer.filledAt = now
    peer.textsLeft = Math.min(TEXTS_PER_SECOND, peer.textsLeft + share * TEXTS_PER_SECOND) - texts.length
    const chars = texts.reduce((sum, { length }) => sum + length, 0)
    peer.charsLeft = Math.min(CHARS_PER_SECOND, peer.charsLeft + share * CHARS_PER_SECOND) - chars
    const lack = Math.max(-peer.textsLeft / TEXTS_PER_SECOND, -peer.charsLeft / CHARS_PER_SECOND)
    return lack > 0 ? Math.min(WAIT_MS_MAX, Math.ceil(lack * 1_000)) : 0
  }
}

function agentAt(url: string): string {
  const agent = agentOfUrl(url)
  if (agent !== undefined) return agent
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${JSON.stringify(url)} is no agent of a space.`)
}

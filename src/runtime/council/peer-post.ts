/**
 * What is on its way to one replica in the same space. Only so many mails lie in its mailbox at a time: whoever is away
 * leaves no growing heap there, only a short one that expires, and what cannot go yet waits here until newer messages
 * push it out. A council's messages may be lost: the protocol says again what matters.
 *
 * @module
 */

import { isFinal, type MessageState } from '../../core/message.ts'
import { piecesOf, takeMail, TEXT_CHARS_MAX, type CouncilMail, type Piece } from './space-mail.ts'

/** Mails that lie unhandled in the mailbox of a peer that takes them. */
const MAILS_OPEN_MAX = 16
/** How long a mail is good for: after that it expires, in silence. */
export const MAIL_LIFE_MS = 10_000
/** How often it is looked up what a peer has handled, while something waits for that. */
export const LOOK_MS = 100
/** Pieces and characters that wait here. */
const WAITING_MAX = 256
/** The same while the peer is away: enough for it to see how far the others are. */
const WAITING_AWAY_MAX = 8
const WAITING_CHARS_MAX: number = 2 * TEXT_CHARS_MAX

/** Under load, repetitions of long texts would crowd out what is new: a space loses nothing in so short a time. */
const AGAIN_MS = 2_000
const REMEMBERED_CHARS_MIN = 2_048
const REMEMBERED_MAX = 512

interface OpenMail {
  readonly id: string
  readonly until: number
}

/** Looks up what has become of a mail. */
export type StateOf = (id: string) => Promise<MessageState | undefined>

/** The way to one peer. */
export class PeerPost {
  readonly id: string
  readonly agent: string
  dropped = 0
  error: string | undefined
  /** It has let a mail expire, and nothing was heard of it since. */
  isAway = false
  /** It was heard, or has taken a mail, since it was last away. */
  isConnected = false
  readonly #queue: Piece[] = []
  #chars = 0
  /** Long texts that were queued of late, and when they may be said again. */
  readonly #said = new Map<string, number>()
  #open: OpenMail[] = []
  /** Mails whose commit is under way. */
  #sending = 0
  #number = 0
  #isLooking = false
  #lookAt = 0

  constructor(id: string, agent: string) {
    this.id = id
    this.agent = agent
  }

  /** Queues a text. The oldest go when too much waits; what was just said is on its way, and not said again. */
  push(text: string, charsMax: number, now: number): void {
    if (text.length > TEXT_CHARS_MAX) {
      this.dropped += 1
      return
    }
    if (text.length >= REMEMBERED_CHARS_MIN && !this.#isNew(text, now)) return
    for (const piece of piecesOf(text, charsMax)) {
      this.#queue.push(piece)
      this.#chars += piece.text.length
    }
    this.#trim()
  }

  #trim(): void {
    const piecesMax = this.isAway ? WAITING_AWAY_MAX : WAITING_MAX
    while (this.#queue.length > piecesMax || this.#chars > WAITING_CHARS_MAX) {
      this.#chars -= this.#queue.shift()?.text.length ?? 0
      this.dropped += 1
    }
  }

  #isNew(text: string, now: number): boolean {
    if ((this.#said.get(text) ?? 0) > now) return false
    this.#said.delete(text)
    this.#said.set(text, now + AGAIN_MS)
    for (const [oldest, until] of this.#said) {
      if (until > now && this.#said.size <= REMEMBERED_MAX) break
      this.#said.delete(oldest)
    }
    return true
  }

  /** What goes out now, mail by mail; nothing when too many lie there already. */
  next(charsMax: number): (Pick<CouncilMail, 'texts' | 'part'> & { readonly number: number }) | undefined {
    if (this.#queue.length === 0 || !this.#hasRoom) return undefined
    const mail = takeMail(this.#queue, charsMax)
    for (const text of mail.texts) this.#chars -= text.length
    this.#number += 1
    this.#sending += 1
    return { ...mail, number: this.#number }
  }

  /** A mail that `next` gave lies in the mailbox, or could not be sent. */
  sent(result: PromiseSettledResult<string>, until: number): void {
    this.#sending -= 1
    if (result.status === 'fulfilled') {
      this.error = undefined
      this.#open.push({ id: result.value, until })
      return
    }
    this.dropped += 1
    this.error = result.reason instanceof Error ? result.reason.message : String(result.reason)
  }

  /** The peer was heard. */
  heard(): void {
    this.isAway = false
    this.isConnected = true
  }

  /** Whether it is to be looked up what was handled: something waits for room, or a mail should have been. */
  mustLook(now: number): boolean {
    if (this.#isLooking || now < this.#lookAt) return false
    const isFull = this.#queue.length > 0 && !this.#hasRoom
    return isFull || (this.#open[0]?.until ?? now) < now
  }

  /** Looks up what was handled. True when there is room again for something that waits. */
  async look(stateOf: StateOf, now: number): Promise<boolean> {
    this.#isLooking = true
    try {
      // They are handled in order: one that is done stands for all before it.
      for (const at of new Set([this.#open.length - 1, this.#open.length >> 1, 0])) {
        const mail = this.#open[at]
        if (mail === undefined) break
        const state = await stateOf(mail.id)
        if (state === 'handled') {
          this.heard()
          this.#open = this.#open.filter(({ id }, place) => place > at && id !== mail.id)
          break
        }
        if (at > 0) continue
        if (mail.until > now && !(state !== undefined && isFinal(state))) continue
        this.isAway = true
        this.isConnected = false
        this.#trim()
        this.#open = this.#open.filter(({ until }) => until > now)
      }
    } finally {
      this.#isLooking = false
      this.#lookAt = now + LOOK_MS
    }
    return this.#queue.length > 0 && this.#hasRoom
  }

  /** Whether something waits for room in the mailbox. */
  get isWaiting(): boolean {
    return this.#queue.length > 0
  }

  /** Whether it is not known yet of some mail that it was handled. */
  get hasOpenMail(): boolean {
    return this.#open.length > 0
  }

  /** One that is away is sent a mail at a time, to find out when it is back. */
  get #hasRoom(): boolean {
    return this.#open.length + this.#sending < (this.isAway ? 1 : MAILS_OPEN_MAX)
  }
}

/**
 * Callers from outside: programs and the CLI. Each process has one client address; everything that is sent while the
 * disk is busy goes into one signed record.
 *
 * @module
 */

import { addressOf, CLIENT, nameOf } from '../core/address.ts'
import { CoterieError, errorValue } from '../core/errors.ts'
import { turnOf, ulid } from '../core/ids.ts'
import { isShortText } from '../core/readable.ts'
import type { RecordBody } from '../core/record.ts'
import type { Mail, NewMessage, Outcome, RecordWrite, Settle, Write } from '../ports/store.ts'
import type { SendOptions } from '../turn/turn.ts'
import type { Committer } from './committer.ts'
import type { Draft } from './sealing.ts'
import { newTraceId } from './context.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { isSameMessage, makeMessage, makeReply } from './outbox.ts'
import { keyReused, mailboxFull, notHandledInTime } from './refusals.ts'
import type { Origin, Target } from './outbox.ts'
import type { Trust } from './trust.ts'

const GROUP = 256
const SWEEP_LIMIT = 200
/** After a failure of the store. */
const LOOK_AGAIN_MS = 250

interface PendingSend {
  readonly message: NewMessage
  /** The one behind it is a copy of the same publication: they go into one record. */
  readonly more: boolean
  readonly done: (id: string) => void
  readonly failed: (error: unknown) => void
}

/** An answer as it arrived, or the reason why there is none. */
export type Answer = { readonly failed: boolean; readonly payload: string }

interface PendingAsk {
  readonly answer: (answer: Answer) => void
  readonly forget: () => void
}

const NOTHING: Omit<RecordWrite, 'type' | 'record' | 'messages' | 'settles' | 'cancels'> = {
  lease: null,
  turn: null,
  reads: [],
  events: [],
  journal: null,
  decisions: [],
}

export class Outside {
  readonly address: string
  readonly #context: Context
  readonly #committer: Committer
  readonly #directory: Directory
  readonly #trust: Trust
  #sends: PendingSend[] = []
  #submitted = false
  readonly #asks = new Map<string, PendingAsk[]>()

  /** `name` is whose key signs: that of callers from outside, or an agent's that speaks outside of its turns. */
  constructor(
    context: Context,
    committer: Committer,
    directory: Directory,
    trust: Trust,
    name: string = CLIENT,
  ) {
    this.#context = context
    this.#committer = committer
    this.#directory = directory
    this.#trust = trust
    this.address = addressOf(name, ulid(context.clock.now(), context.random.bytes(10)))
    committer.setHead(this.address, { seq: -1, hash: '' })
  }

  /** Where an outside message starts: its own trace. */
  origin(trace?: string, correlation?: string): Origin {
    if (trace !== undefined && !/^[0-9a-f]{32}$/.test(trace)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'A trace id has 32 lower-case hex digits (W3C trace context).',
      )
    }
    if (correlation !== undefined && !isShortText(correlation, 200)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'A correlation has 1 to 200 characters, none of them invisible.',
      )
    }
    return {
      from: this.address,
      cause: null,
      trace: trace ?? newTraceId(this.#context),
      correlation,
      deadline: null,
    }
  }

  /** A message to be sent; throws before anything is written. */
  async message(target: Target, payload: unknown, options: SendOptions, origin: Origin): Promise<NewMessage> {
    if (!this.#directory.isKnown(target.agent, target.handler)) {
      await this.#directory.requireHandler(target.agent, target.handler)
    }
    return makeMessage(this.#context, target, payload, options, origin, this.#context.clock.now())
  }

  /** Sends; answers the id when it is durable. A message with the same idempotency key answers with its own id. */
  async send(message: NewMessage): Promise<string> {
    const [id = ''] = await this.sendAll([message])
    return id
  }

  /**
   * Sends the copies of one publication, in one record: every subscriber sees publications in one order. Answers as
   * `send` does.
   */
  async sendAll(messages: readonly NewMessage[]): Promise<readonly string[]> {
    const { pendingSends } = this.#context.limits
    if (this.#sends.length + messages.length > pendingSends) {
      throw new CoterieError(
        'COTERIE_LIMIT_EXCEEDED',
        `${pendingSends} sends wait for the disk (limit "pendingSends"). Await some of them before you send more.`,
        { details: { limit: 'pendingSends' }, retryable: true },
      )
    }
    const known = new Map<NewMessage, string>()
    for (const message of messages) {
      const { key, to } = message.envelope
      const from = nameOf(this.address)
      const existing = key === null ? undefined : await this.#context.store.messageByKey(from, to, key)
      if (existing !== undefined) known.set(message, sameOrThrow(message, existing))
    }
    const last = messages.findLast((message) => !known.has(message))
    return Promise.all(
      messages.map(async (message): Promise<string> => {
        const id = known.get(message)
        if (id !== undefined) return id
        return new Promise((done, failed) => {
          this.#sends.push({ message, more: message !== last, done, failed })
          this.#submit()
        })
      }),
    )
  }

  /** Waits for the reply to a question that was sent. */
  answer(
    request: string,
    deadline: number,
  ): { readonly arrived: Promise<Answer>; readonly look: () => void } {
    const arrived = new Promise<Answer>((resolve) => {
      const left = Math.max(0, deadline - this.#context.clock.now())
      const entry: PendingAsk = {
        answer: resolve,
        forget: this.#context.clock.setTimer(left, () => void this.#late(request, entry)),
      }
      this.#asks.set(request, [...(this.#asks.get(request) ?? []), entry])
    })
    return { arrived, look: () => void this.#lookFor(request) }
  }

  /** Looks whether an answer is there already. The question has been sent: trouble of the store does not fail it. */
  async #lookFor(request: string): Promise<void> {
    try {
      await this.check([request])
    } catch {
      if (this.#asks.has(request))
        this.#context.clock.setTimer(LOOK_AGAIN_MS, () => void this.#lookFor(request))
    }
  }

  /** Something was committed by this process: an answer may be among it. */
  committed(write: Write): void {
    if (write.type !== 'record' || this.#asks.size === 0) return
    for (const { envelope, payload } of write.messages) {
      if (envelope.kind === 'reply' && envelope.re !== null)
        this.#deliver(envelope.re, { failed: envelope.failed, payload })
    }
  }

  /** Looks for answers that another process has written. */
  async check(requests: readonly string[] = [...this.#asks.keys()]): Promise<void> {
    if (requests.length === 0) return
    for (const mail of await this.#context.store.answers(requests)) {
      const { re, failed } = mail.envelope
      if (re === null || !this.#asks.has(re)) continue
      try {
        await this.#trust.check(mail)
        this.#deliver(re, { failed, payload: mail.payload })
      } catch (error) {
        this.#deliver(re, { failed: true, payload: JSON.stringify(errorValue(error)) })
      }
    }
  }

  /** Cancels a message, a turn or a trace, with everything that it caused; answers how many messages that were. */
  async cancel(id: string): Promise<readonly Mail[]> {
    const now = this.#context.clock.now()
    const outcome = await this.#committer.submit(this.address, () => ({
      body: { ...this.#body('cancel', now), cancels: id },
      detail: null,
      write: { ...NOTHING, messages: [], settles: [], cancels: id },
    }))
    if (outcome?.type !== 'accepted') throw refusedError(outcome)
    // An asker whose own turn was cancelled too needs no answer.
    const ended = new Set(outcome.cancelled.map((mail) => turnOf(mail.envelope.id)))
    const error = new CoterieError('COTERIE_CANCELLED', `The question was cancelled by ${this.address}.`)
    const asked = outcome.cancelled.filter(
      ({ envelope }) => envelope.kind === 'ask' && (envelope.cause === null || !ended.has(envelope.cause)),
    )
    await this.#fail(asked, error)
    return outcome.cancelled
  }

  /**
   * Ends what is past its deadline and in no turn, and tells those who asked; and replies that came too late for the
   * turn that asked. Answers whether there was anything to end.
   */
  async sweep(): Promise<boolean> {
    const ended = await this.#context.store.expirable(SWEEP_LIMIT)
    if (ended.length === 0) return false
    const settles: Settle[] = ended.map(({ envelope, state }) => ({
      id: envelope.id,
      as: 'expired',
      reason: state === 'answered' ? 'nobody took it in time' : 'the deadline passed',
    }))
    const asks = ended.filter(({ envelope }) => envelope.kind === 'ask')
    await this.#settle(
      settles,
      asks.flatMap((mail) => this.#failures([mail], notHandledInTime(mail.envelope))),
    )
    return true
  }

  /** An operator puts a dead letter back, or drops it. */
  async settleDead(id: string, as: 'queued' | 'cancelled'): Promise<void> {
    await this.#settle(
      [{ id, as, reason: as === 'queued' ? 'retried by an operator' : 'dropped by an operator' }],
      [],
    )
  }

  #body(kind: RecordBody['kind'], at: number): Omit<RecordBody, 'key' | 'prev' | 'seq' | 'space' | 'v'> {
    return { at, author: this.address, kind }
  }

  async #fail(asks: readonly Mail[], error: CoterieError): Promise<void> {
    const messages = this.#failures(asks, error)
    if (messages.length > 0) await this.#settle([], messages)
  }

  #failures(asks: readonly Mail[], error: CoterieError): NewMessage[] {
    const payload = JSON.stringify(errorValue(error))
    const now = this.#context.clock.now()
    return asks.map(({ envelope }) =>
      makeReply(this.#context, envelope, { from: this.address, cause: null }, payload, true, now),
    )
  }

  async #settle(settles: readonly Settle[], messages: readonly NewMessage[]): Promise<void> {
    const outcome = await this.#committer.submit(this.address, () => ({
      body: {
        ...this.#body('settle', this.#context.clock.now()),
        ...(messages.length > 0 && { sends: messages.map(sendEntry) }),
        ...(settles.length > 0 && { settles: settles.map(({ as, id }) => ({ as, id })) }),
      },
      detail: null,
      write: { ...NOTHING, messages, settles, cancels: null },
    }))
    if (outcome?.type !== 'accepted') throw refusedError(outcome)
  }

  #submit(): void {
    if (this.#submitted) return
    this.#submitted = true
    let group: readonly PendingSend[] = []
    const source = (): Draft | undefined => {
      // Taken as late as possible: whatever has been sent until now shares the record.
      const { sends, messages } = distinct(this.#sends.splice(0, this.#groupLength()))
      group = sends
      this.#submitted = false
      if (this.#sends.length > 0) this.#submit()
      return group.length === 0 ? undefined : this.#draft(messages)
    }
    this.#committer.submit(this.address, source).then(
      (outcome) => (outcome === undefined ? undefined : this.#sent(group, outcome)),
      (error: unknown) => {
        this.#submitted = false
        for (const send of group) send.failed(error)
        for (const send of this.#sends.splice(0)) send.failed(error)
      },
    )
  }

  #groupLength(): number {
    let length = Math.min(GROUP, this.#sends.length)
    while (length > 0 && this.#sends[length - 1]?.more === true) length += 1
    return length
  }

  #draft(messages: readonly NewMessage[]): Draft {
    return {
      body: { ...this.#body('send', this.#context.clock.now()), sends: messages.map(sendEntry) },
      detail: null,
      write: { ...NOTHING, messages, settles: [], cancels: null },
    }
  }

  /** A refused group is mended: the send that cannot be is answered, the others go again in the same order. */
  #sent(group: readonly PendingSend[], outcome: Outcome): void {
    switch (outcome.type) {
      case 'accepted':
        for (const send of group) send.done(send.message.envelope.id)
        return
      case 'duplicate': {
        const isDouble = ({ message }: PendingSend): boolean => message.envelope.id === outcome.id
        for (const send of group) if (isDouble(send)) settleDouble(send, outcome.existing)
        this.#repeat(group.filter((send) => !isDouble(send)))
        return
      }
      case 'full': {
        const { address } = outcome
        for (const send of group) if (send.message.envelope.to === address) send.failed(mailboxFull(outcome))
        this.#repeat(group.filter((send) => send.message.envelope.to !== address))
        return
      }
      case 'conflict':
        this.#repeat(group)
        return
      default:
        for (const send of group) send.failed(refusedError(outcome))
    }
  }

  #repeat(group: readonly PendingSend[]): void {
    if (group.length === 0) return
    this.#sends.unshift(...group)
    this.#submit()
  }

  #deliver(request: string, answer: Answer): void {
    const entries = this.#asks.get(request)
    if (entries === undefined) return
    this.#asks.delete(request)
    for (const entry of entries) {
      entry.forget()
      entry.answer(answer)
    }
  }

  async #late(request: string, entry: PendingAsk): Promise<void> {
    try {
      await this.check([request])
      if (!(this.#asks.get(request)?.includes(entry) ?? false)) return
      await this.sweep()
    } catch (error) {
      this.#context.logger.log('warn', `sweeping failed: ${errorValue(error).message}`)
    }
    const message = `The question ${request} was not answered before its deadline.`
    this.#deliver(request, {
      failed: true,
      payload: JSON.stringify(
        errorValue(new CoterieError('COTERIE_DEADLINE_PASSED', message, { details: { message: request } })),
      ),
    })
  }

  /** The space is closing: whoever waits for an answer is told. */
  close(): void {
    const payload = JSON.stringify(
      errorValue(
        new CoterieError(
          'COTERIE_CLOSED',
          'The space was closed before the answer came; ask again with the same idempotency key to get it.',
        ),
      ),
    )
    for (const request of [...this.#asks.keys()]) this.#deliver(request, { failed: true, payload })
  }
}

function sendEntry(message: NewMessage): { readonly id: string; readonly sha256: string } {
  return { id: message.envelope.id, sha256: message.hash }
}

/** Sends of the same message share one; one that only has the key of another before it is told so. */
function distinct(group: readonly PendingSend[]): {
  readonly sends: readonly PendingSend[]
  readonly messages: readonly NewMessage[]
} {
  const byId = new Map<string, NewMessage>()
  const sends = group.filter((send) => {
    const { id, key } = send.message.envelope
    const twin = byId.get(id)
    if (twin === undefined) byId.set(id, send.message)
    if (twin === undefined || isSameMessage(send.message, twin)) return true
    send.failed(keyReused(key ?? '', id))
    return false
  })
  return { sends, messages: [...byId.values()] }
}

function settleDouble(send: PendingSend, existing: Mail): void {
  try {
    send.done(sameOrThrow(send.message, existing))
  } catch (error) {
    send.failed(error)
  }
}

function sameOrThrow(message: NewMessage, existing: Pick<Mail, 'envelope'>): string {
  const { envelope } = existing
  if (!isSameMessage(message, existing)) throw keyReused(message.envelope.key ?? '', envelope.id)
  return envelope.id
}

function refusedError(outcome: Outcome | undefined): CoterieError {
  return new CoterieError(
    'COTERIE_STORE_FAILED',
    `The store refused a record: ${outcome?.type ?? 'nothing written'}.`,
  )
}

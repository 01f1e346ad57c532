/**
 * A space as a program uses it: define agents, open, send, ask, look, close.
 *
 * @module
 */

import { CLIENT, nameOf, OWNER, parseAddress } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { ErrorValue } from '../core/errors.ts'
import { messageOf } from '../core/ids.ts'
import { parseWith } from '../core/schema.ts'
import type { MessageState } from '../core/message.ts'
import type { Accepted, MessageRow, SpaceStatus, SpaceStore, Write } from '../ports/store.ts'
import { handlerEntries } from '../turn/definition.ts'
import type { AnyAgent, HandlerRef, Topic } from '../turn/definition.ts'
import { isPerson } from '../turn/person.ts'
import type { SendOptions, Settled } from '../turn/turn.ts'
import { Committer } from './committer.ts'
import type { CommitListener } from './committer.ts'
import type { Context } from './context.ts'
import { Desk } from './desk.ts'
import type { Approval, ApprovalsOptions, PersonAnswer } from './desk.ts'
import { Directory } from './directory.ts'
import { KeyOffice } from './key-office.ts'
import type { KeyChange, RevokeOptions } from './key-office.ts'
import { deadlineFor, makeMessage } from './outbox.ts'
import type { Target } from './outbox.ts'
import { Outside } from './outside.ts'
import { Trust } from './trust.ts'
import { checkLimit } from './refusals.ts'
import { askError, readReply } from './reply.ts'
import { Voice } from './voice.ts'
import { Worker } from './worker.ts'

const GRACE_MS_MAX = 86_400_000

/** Options of a send from outside. */
export interface OutsideOptions extends SendOptions {
  /** Joins an existing trace (32 hex digits). */
  readonly trace?: string
  /** The caller's own name for what this belongs to; by default the first message's id. */
  readonly correlation?: string
}

/** What a sender can see of a message. */
export interface Receipt {
  readonly id: string
  readonly state: MessageState
  readonly to: string
  readonly handler: string
  readonly attempts: number
  readonly trace: string
  readonly deadline: number | null
  readonly dueAt: number | null
  /** For a dead letter: the whole error. */
  readonly error: ErrorValue | undefined
  /** Why it expired or was cancelled. */
  readonly reason: string | undefined
}

export class Space {
  readonly #context: Context
  readonly #committer: Committer
  readonly #directory: Directory
  readonly #speaker: (name: string) => Outside
  readonly #outside: Outside
  readonly #worker: Worker
  readonly #keys: KeyOffice
  readonly #desk: Desk
  readonly #closeStore: () => Promise<void>
  #pulse = -1
  #polling: (() => void) | undefined
  #looking = false
  #lookedAt = 0
  #forgetChanges: (() => void) | undefined
  #closing: Promise<void> | undefined
  readonly #release: () => void

  /** Made by `open`. */
  constructor(context: Context, agents: readonly AnyAgent[], closeStore: () => Promise<void>) {
    this.#context = context
    this.#closeStore = closeStore
    // An open space keeps its process alive, as an open server does.
    this.#release = context.clock.keepAlive()
    this.#directory = new Directory(context)
    const trust = new Trust(context, this.#directory)
    const committed: CommitListener = (...told) => this.#committed(trust, ...told)
    this.#committer = new Committer(context, this.#directory, committed, (author, head) =>
      trust.headProblem(author, head),
    )
    this.#speaker = (name) => new Outside(context, this.#committer, this.#directory, trust, name)
    this.#outside = this.#speaker(CLIENT)
    const parts = { context, committer: this.#committer, directory: this.#directory, trust }
    this.#runs = agents.filter((agent) => !isPerson(agent))
    this.#worker = new Worker({ ...parts, outside: this.#outside }, this.#runs)
    this.#desk = new Desk(parts)
    this.#agents = agents
    this.#keys = new KeyOffice(context, this.#directory, this.#committer)
    this.#directory.onChange = () => this.#worker.rekeyed()
  }

  readonly #agents: readonly AnyAgent[]
  /** Those that this process runs: nobody runs a person. */
  readonly #runs: readonly AnyAgent[]

  /** For `open`: registers the agents and starts to work. */
  async start(): Promise<void> {
    const client = { name: CLIENT, handlers: [] }
    await this.#directory.register(this.#committer, [
      client,
      ...this.#agents.map((agent) => ({ name: agent.name, handlers: handlerEntries(agent) })),
    ])
    this.#pulse = await this.#context.store.pulse()
    if (this.#runs.length > 0) await this.#worker.start()
    this.#forgetChanges = this.#context.store.changed?.(() => this.#hear())
    this.#poll()
  }

  get name(): string {
    return this.#context.store.name
  }

  /** The hash of the space's first record: no two spaces share it. */
  get id(): string {
    return this.#context.store.id
  }

  /** The address of this process as a sender. */
  get address(): string {
    return this.#outside.address
  }

  /** Reads the log, messages and decisions; see `SpaceStore`. */
  get store(): SpaceStore {
    return this.#context.store
  }

  /**
   * Sends a message; answers its id once it is durable. Throws COTERIE_INVALID_PAYLOAD, COTERIE_UNKNOWN_RECIPIENT,
   * COTERIE_PAYLOAD_TOO_LARGE, COTERIE_MAILBOX_FULL, COTERIE_KEY_REUSED.
   */
  async send<I>(target: HandlerRef<I, unknown>, payload: I, options: OutsideOptions = {}): Promise<string> {
    return this.#send(refTarget('send', target), payload, options)
  }

  /** Sends to an address given as text; the recipient checks the payload. */
  async sendTo(
    address: string,
    handler: string,
    payload: unknown,
    options: OutsideOptions = {},
  ): Promise<string> {
    const { name, key } = parseAddress(address)
    const target: Target = { kind: 'send', agent: name, handler, topic: null, schema: undefined }
    return this.#send(target, payload, key === undefined ? options : { ...options, key })
  }

  /**
   * Asks and waits for the answer. The question and its answer are durable: with an `idempotencyKey`, asking again
   * after a crash gives the same answer. Throws COTERIE_ASK_FAILED and COTERIE_DEADLINE_PASSED, and what `send` throws.
   */
  async ask<I, O>(target: HandlerRef<I, O>, payload: I, options: OutsideOptions = {}): Promise<O> {
    const answer = await this.#ask(refTarget('ask', target), payload, options)
    if (!answer.failed) return readReply(target, target.agent, answer.payload)
    throw askError(target, JSON.parse(answer.payload) as ErrorValue)
  }

  /** As `ask`, but a failure of the other side is a value. */
  async askSettled<I, O>(
    target: HandlerRef<I, O>,
    payload: I,
    options: OutsideOptions = {},
  ): Promise<Settled<O>> {
    const answer = await this.#ask(refTarget('ask', target), payload, options)
    if (answer.failed) return { ok: false, error: JSON.parse(answer.payload) as ErrorValue }
    return { ok: true, value: readReply(target, target.agent, answer.payload) }
  }

  /** Asks an address given as text. */
  async askTo(
    address: string,
    handler: string,
    payload: unknown,
    options: OutsideOptions = {},
  ): Promise<unknown> {
    const { name, key } = parseAddress(address)
    const target: Target = { kind: 'ask', agent: name, handler, topic: null, schema: undefined }
    const answer = await this.#ask(target, payload, key === undefined ? options : { ...options, key })
    if (!answer.failed) return JSON.parse(answer.payload)
    throw askError({ agent: address, handler }, JSON.parse(answer.payload) as ErrorValue)
  }

  /**
   * What an agent of this space says outside of its turns, signed with its key, which this process must have. Throws
   * COTERIE_UNKNOWN_RECIPIENT and COTERIE_KEY_*.
   */
  voice(agent: string): Voice {
    this.#checkOpen()
    const isAgent = agent !== CLIENT && agent !== OWNER
    if (!isAgent || this.#directory.registry.agent(agent) === undefined)
      throw this.#directory.unknown(agent, '')
    this.#directory.signer(agent)
    return new Voice(this.#context, agent, () => this.#speaker(agent))
  }

  /** Sends one copy to each subscriber of a topic; answers their ids. */
  async publish<I>(
    topic: Topic<I>,
    payload: I,
    options: Omit<OutsideOptions, 'key'> = {},
  ): Promise<readonly string[]> {
    parseWith(topic.input, payload, `topic "${topic.topic}"`)
    const registry = await this.#directory.refresh()
    const origin = this.#outside.origin(options.trace, options.correlation)
    const now = this.#context.clock.now()
    const copies = registry
      .subscribers(topic.topic)
      .map(({ agent, handler }) =>
        makeMessage(
          this.#context,
          { kind: 'topic', agent, handler, topic: topic.topic, schema: undefined },
          payload,
          options,
          origin,
          now,
        ),
      )
    return this.#outside.sendAll(copies)
  }

  /** What has become of a message. Throws COTERIE_NOT_FOUND. */
  async receipt(id: string): Promise<Receipt> {
    const row = await this.#message(id)
    return {
      id: row.envelope.id,
      state: row.state,
      to: row.envelope.to,
      handler: row.envelope.handler,
      attempts: row.attempts,
      trace: row.envelope.trace,
      deadline: row.envelope.deadline,
      dueAt: row.dueAt,
      error: row.error === null ? undefined : (JSON.parse(row.error) as ErrorValue),
      reason: row.reason ?? undefined,
    }
  }

  /** Cancels a message, a turn or a trace with everything that it caused; answers the ids that were ended. */
  async cancel(id: string): Promise<readonly string[]> {
    if (/^[0-9a-f]{32}$/.test(id)) {
      const found = await this.#context.store.messagesOf({ trace: id, limit: 1 })
      if (found.length === 0) throw notFound(id)
    } else await this.#message(id)
    const mails = await this.#outside.cancel(id)
    return mails.map((mail) => mail.envelope.id)
  }

  /** The dead letters, oldest first. */
  async dead(limit = 100): Promise<readonly MessageRow[]> {
    checkLimit(limit)
    return this.#context.store.messagesOf({ state: 'dead', limit })
  }

  /** Puts a dead letter back into its mailbox with fresh attempts. */
  async retryDead(id: string): Promise<void> {
    await this.#settleDead(id, 'queued')
  }

  /** Gives a dead letter up: it counts as cancelled. */
  async dropDead(id: string): Promise<void> {
    await this.#settleDead(id, 'cancelled')
  }

  /**
   * What waits for people, the longest wait first. Each was verified: throws COTERIE_VERIFICATION_FAILED, and
   * COTERIE_UNKNOWN_RECIPIENT for a person that the space does not have.
   */
  async approvals(options: ApprovalsOptions = {}): Promise<readonly Approval[]> {
    this.#checkOpen()
    return this.#desk.waiting(options)
  }

  /**
   * Answers an approval with a ballot signed with the person's key, over exactly what was asked. `id` is that of the
   * request or of the decision. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_ARGUMENT (no option, or several people are
   * asked), COTERIE_DEADLINE_PASSED, COTERIE_DECISION_CLOSED, COTERIE_KEY_* and COTERIE_LEASE_LOST (somebody else
   * answers for this person at the same moment).
   */
  async answer(id: string, answer: PersonAnswer): Promise<Approval> {
    this.#checkOpen()
    return this.#desk.answer(id, answer)
  }

  /**
   * Gives an agent a new key, signed for by the owner; the old private key is removed. Workers that have the keyring
   * go on with the new key, without a restart. Also lets an agent act again whose key was revoked. Throws
   * COTERIE_UNKNOWN_RECIPIENT, COTERIE_KEY_* and COTERIE_STALE_READ when another process was faster.
   */
  async rotateKey(agent: string): Promise<KeyChange> {
    this.#checkOpen()
    return this.#keys.rotate(agent)
  }

  /**
   * Revokes an agent's key, or an earlier one of its keys: what it signs from now on is refused. Without another key,
   * the agent can not act until its key is rotated. What it signed before stays valid. Throws as `rotateKey` does,
   * and COTERIE_INVALID_ARGUMENT for a key that it does not have.
   */
  async revokeKey(agent: string, options: RevokeOptions = {}): Promise<KeyChange> {
    this.#checkOpen()
    return this.#keys.revoke(agent, options)
  }

  /** Positions, mailboxes, leases, workers. */
  async status(): Promise<SpaceStatus> {
    return this.#context.store.status()
  }

  /**
   * Resolves when this process has nothing left to do: no mail for its agents, no turn that runs or waits, nothing that
   * is to be ended as expired.
   */
  async idle(): Promise<void> {
    for (;;) {
      await this.#committer.idle()
      if (this.#worker.quiet && !(await this.#hasWork())) return
      await new Promise<void>((resolve) => this.#context.clock.setTimer(5, resolve))
    }
  }

  async #hasWork(): Promise<boolean> {
    await this.#worker.scanAll()
    if (!this.#worker.quiet || (await this.#outside.sweep())) return true
    const own = new Set(this.#worker.agentNames)
    const { mailboxes } = await this.#context.store.status()
    return mailboxes.some(({ address, ready, waiting }) => ready + waiting > 0 && own.has(nameOf(address)))
  }

  /**
   * Stops; what was not committed is run again by the next process. Steps under way get their signal at once, or with
   * `graceMs` when they have not ended by then: who ends in time is recorded, and not run again. Safe to call twice.
   * Throws COTERIE_INVALID_ARGUMENT.
   */
  async close({ graceMs = 0 }: { readonly graceMs?: number } = {}): Promise<void> {
    if (!Number.isSafeInteger(graceMs) || graceMs < 0 || graceMs > GRACE_MS_MAX) {
      const message = `graceMs is a whole number of milliseconds from 0 to ${GRACE_MS_MAX}, not ${graceMs}.`
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
    }
    this.#closing ??= this.#close(graceMs)
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(graceMs: number): Promise<void> {
    const { clock, underWay } = this.#context
    await underWay.drain(clock, graceMs)
    this.#forgetChanges?.()
    this.#polling?.()
    this.#polling = undefined
    await this.#committer.idle()
    await this.#worker.stop()
    underWay.release()
    this.#committer.close()
    this.#outside.close()
    await this.#closeStore()
    this.#release()
  }

  async #send(target: Target, payload: unknown, options: OutsideOptions): Promise<string> {
    this.#checkOpen()
    const origin = this.#outside.origin(options.trace, options.correlation)
    return this.#outside.send(await this.#outside.message(target, payload, options, origin))
  }

  async #ask(
    target: Target,
    payload: unknown,
    options: OutsideOptions,
  ): Promise<{ failed: boolean; payload: string }> {
    this.#checkOpen()
    const now = this.#context.clock.now()
    const deadline = deadlineFor(this.#context, options, null, now) ?? now + this.#context.limits.askTimeoutMs
    const origin = this.#outside.origin(options.trace, options.correlation)
    const message = await this.#outside.message(target, payload, { ...options, deadline }, origin)
    const mine = this.#outside.answer(message.envelope.id, deadline)
    const id = await this.#outside.send(message)
    if (id === message.envelope.id) {
      // Asked before with this key, it may have been answered already.
      if (message.envelope.key !== null) mine.look()
      return mine.arrived
    }
    // Asked before: the earlier question's answer is this one's.
    const earlier = this.#outside.answer(id, deadline)
    earlier.look()
    return earlier.arrived
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new CoterieError('COTERIE_CLOSED', `The space "${this.name}" is closed; open it again.`)
  }

  async #message(id: string): Promise<MessageRow> {
    const row = await this.#context.store.message(id.startsWith('turn_') ? messageOf(id) : id)
    if (row === undefined) throw notFound(id)
    return row
  }

  async #settleDead(id: string, as: 'queued' | 'cancelled'): Promise<void> {
    const row = await this.#message(id)
    if (row.state !== 'dead') {
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${id} is not a dead letter: it is ${row.state}.`, {
        details: { message: id, state: row.state },
      })
    }
    await this.#outside.settleDead(row.envelope.id, as)
  }

  #committed(trust: Trust, write: Write, outcome: Accepted, batch: number): void {
    if (write.type === 'record') trust.wrote(write, outcome.position)
    this.#worker.committed(write, outcome, batch)
    this.#outside.committed(write)
  }

  /** The store's pulse shows that others have committed. Some stores tell of it, and all can be asked. */
  #poll(): void {
    this.#polling = this.#context.clock.setTimer(this.#context.limits.pollMs, () => this.#lookNow())
  }

  /** Others have committed. However many commits there are, they are looked for once in `pollMs`. */
  #hear(): void {
    const { clock, limits } = this.#context
    if (this.#looking || clock.now() - this.#lookedAt < limits.pollMs) return
    this.#polling?.()
    this.#lookNow()
  }

  #lookNow(): void {
    if (this.#closing !== undefined) return
    this.#looking = true
    void this.#look()
      .catch((error: unknown) => this.#context.logger.log('error', `polling failed: ${String(error)}`))
      .then(() => {
        this.#looking = false
        if (this.#closing === undefined) this.#poll()
      })
  }

  async #look(): Promise<void> {
    const pulse = await this.#context.store.pulse()
    if (pulse === this.#pulse) return
    this.#pulse = pulse
    this.#lookedAt = this.#context.clock.now()
    // Agents and keys that joined elsewhere may be written to, and verified by, from now on; revoked ones no more.
    await this.#directory.keepUp(pulse)
    await this.#outside.check()
    await this.#worker.changed()
  }
}

function refTarget(kind: 'send' | 'ask', ref: HandlerRef): Target {
  return { kind, agent: ref.agent, handler: ref.handler, topic: null, schema: ref.definition.input }
}

function notFound(id: string): CoterieError {
  return new CoterieError('COTERIE_NOT_FOUND', `There is no message, turn or trace "${id}" in this space.`, {
    details: { id },
  })
}

/**
 * What a handler is given: each method finds its place in the journal first, and only then does something new.
 *
 * @module
 */

import { addressOf } from '../core/address.ts'
import { clipText } from '../core/clip.ts'
import { CoterieError } from '../core/errors.ts'
import { encodePayload } from '../core/json.ts'
import { isShortText } from '../core/readable.ts'
import { parseWith } from '../core/schema.ts'
import type { HandlerRef, Topic } from '../turn/definition.ts'
import type { DoneEntry, Operation, Recorded } from '../turn/journal.ts'
import type {
  AskOptions,
  DecideOptions,
  Decision,
  SendOptions,
  Settled,
  StepContext,
  StepOptions,
  Turn,
  TurnEvent,
} from '../turn/turn.ts'
import type { CouncilDecideOptions, CouncilDecision } from '../turn/council.ts'
import { decideByCouncil } from './council/decide.ts'
import { runDecision } from './decide.ts'
import { onAbort } from './on-abort.ts'
import { checkHorizon, deadlineFor, encode, makeMessage } from './outbox.ts'
import type { Origin, Target } from './outbox.ts'
import { checkStream } from './refusals.ts'
import { askError, readReply } from './reply.ts'
import { runStep } from './step.ts'
import type { TrustedStream } from './trusted-streams.ts'
import type { TurnEngine } from './turn-engine.ts'
import { approvalProblem } from '../voting/approval.ts'
import type { ActionSubject, ApprovalTerms } from '../voting/approval.ts'
import { verifyCertificate } from '../voting/certificate.ts'
import type { Member } from '../voting/proposal.ts'
import { keysBefore } from '../log/registry.ts'

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

/** A promise that the handler may leave alone: what it did not await must not stop the process when it fails. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

/** The number goes up with what `guard` needs of a turn. */
const BRAND = Symbol.for('coterie.turn.1')

/** True for what a handler was given, by whichever copy of this library: a module of agents may have its own. */
export function isTurn(value: unknown): value is TurnHandle {
  return typeof value === 'object' && value !== null && BRAND in value
}

export class TurnHandle implements Turn<unknown> {
  readonly #engine: TurnEngine
  readonly id: string
  readonly self: string
  readonly from: string
  readonly trace: string
  readonly correlation: string
  readonly deadline: number | null
  readonly attempt: number

  constructor(engine: TurnEngine) {
    const { envelope } = engine.mail
    this.#engine = engine
    this.id = engine.turnId
    this.self = engine.host.lease.address
    this.from = envelope.from
    this.trace = envelope.trace
    this.correlation = envelope.correlation
    this.deadline = envelope.deadline
    this.attempt = engine.mail.attempts + 1
  }

  get signal(): AbortSignal {
    return this.#engine.signal
  }

  step<T>(
    name: string,
    fn: (context: StepContext) => T | Promise<T>,
    options: StepOptions<T> = {},
  ): Promise<T> {
    return quiet(this.#step(name, fn, options))
  }

  async #step<T>(
    name: string,
    fn: (context: StepContext) => T | Promise<T>,
    options: StepOptions<T>,
  ): Promise<T> {
    if (typeof name !== 'string' || name.length === 0 || name.length > 200) {
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'A step needs a name of 1 to 200 characters.')
    }
    const recorded = this.#call('step', name)
    return runStep(this.#engine, recorded, name, fn, options)
  }

  ask<I, O>(target: HandlerRef<I, O>, payload: I, options: AskOptions = {}): Promise<O> {
    return quiet(this.#ask(target, payload, options))
  }

  async #ask<I, O>(target: HandlerRef<I, O>, payload: I, options: AskOptions): Promise<O> {
    const { i, answer } = await this.#question(target, payload, options)
    if (answer.ok) return answer.value
    const error = askError(target, answer.error)
    this.#engine.failures.set(error, i)
    throw error
  }

  askSettled<I, O>(target: HandlerRef<I, O>, payload: I, options: AskOptions = {}): Promise<Settled<O>> {
    return quiet(this.#question(target, payload, options).then(({ answer }) => answer))
  }

  async #question<I, O>(
    target: HandlerRef<I, O>,
    payload: I,
    options: AskOptions,
  ): Promise<{ readonly i: number; readonly answer: Settled<O> }> {
    const { context } = this.#engine.host
    const to = addressOf(target.agent, options.key)
    const text = encodePayload(payload)
    const recorded = this.#call('ask', `${to} ${target.handler}`, () => context.crypto.sha256(text))
    const { i } = recorded
    const done = await this.#askDone(recorded, target, to, payload, options)
    if (done.error !== undefined) return { i, answer: { ok: false, error: done.error } }
    return { i, answer: { ok: true, value: readReply(target, to, done.value) } }
  }

  #askDone(
    recorded: Recorded,
    target: HandlerRef,
    to: string,
    payload: unknown,
    options: AskOptions,
  ): Promise<DoneEntry> {
    const engine = this.#engine
    if (recorded.type === 'done') return this.#replayed(recorded)
    if (engine.rollingBack) return never()
    const { i } = recorded
    if (recorded.type === 'open') {
      return this.#wait(i, to, recorded.call.id ?? null, recorded.call.due ?? 0, false)
    }
    const { context } = engine.host
    const now = context.clock.now()
    const timed = deadlineFor(context, options, this.deadline, now)
    const deadline = timed ?? now + context.limits.askTimeoutMs
    const message = makeMessage(
      context,
      this.#target('ask', target),
      payload,
      { ...options, deadline },
      this.#origin(),
      now,
    )
    engine.effects.addMessage(message)
    engine.effects.entries.push({
      t: 'call',
      i,
      op: 'ask',
      name: `${to} ${target.handler}`,
      print: message.envelope.payload.sha256,
      id: message.envelope.id,
      due: deadline,
    })
    return this.#wait(i, to, message.envelope.id, deadline, true)
  }

  sleep(ms: number): Promise<void> {
    return quiet(this.#sleep(ms))
  }

  async #sleep(ms: number): Promise<void> {
    const engine = this.#engine
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', `sleep takes whole milliseconds from 0, not ${ms}.`)
    }
    const recorded = this.#call('sleep', '')
    if (recorded.type === 'done') {
      await this.#replayed(recorded)
      return
    }
    if (engine.rollingBack) return never()
    const now = engine.host.context.clock.now()
    const due =
      recorded.type === 'open' ? (recorded.call.due ?? now) : checkHorizon(engine.host.context, now + ms, now)
    if (recorded.type === 'new')
      engine.effects.entries.push({ t: 'call', i: recorded.i, op: 'sleep', name: '', due })
    await this.#wait(recorded.i, null, null, due, recorded.type === 'new')
  }

  #wait(
    i: number,
    target: string | null,
    request: string | null,
    dueAt: number,
    isNew: boolean,
  ): Promise<DoneEntry> {
    return new Promise((resolve, reject) => {
      const part = onAbort(this.signal, () => reject(this.signal.reason))
      const settle = (done: DoneEntry): void => {
        part()
        resolve(done)
      }
      this.#engine.addWait({ i, target, request, dueAt, settle }, isNew)
    })
  }

  read(stream: string): Promise<{ readonly version: number; readonly events: readonly TurnEvent[] }> {
    return quiet(this.#read(stream))
  }

  async #read(stream: string): Promise<{ readonly version: number; readonly events: readonly TurnEvent[] }> {
    const engine = this.#engine
    checkStream(stream, true)
    const recorded = this.#call('read', stream)
    let upTo: number | undefined
    if (recorded.type === 'done') {
      const done = await this.#replayed(recorded)
      upTo = Number(done.value)
    } else if (engine.rollingBack) return never()
    else await engine.host.barrier()
    const { version, events } = await this.#stream(stream, upTo)
    this.#live()
    if (recorded.type !== 'done') {
      engine.effects.entries.push({ t: 'call', i: recorded.i, op: 'read', name: stream })
      engine.effects.entries.push({ t: 'done', i: recorded.i, value: String(version) })
    }
    if (
      !engine.effects.reads.has(stream) &&
      (recorded.type !== 'done' || !engine.journal.isCommitted(recorded.i))
    ) {
      engine.effects.reads.set(stream, { version: upTo ?? version, events, call: recorded.i })
    }
    return {
      version: upTo ?? version,
      events: events.map((e) => ({ type: e.type, version: e.version, data: JSON.parse(e.data) })),
    }
  }

  /** A stream that somebody has changed ends the attempt, whatever the handler makes of the error. */
  async #stream(stream: string, upTo: number | undefined): Promise<TrustedStream> {
    const engine = this.#engine
    try {
      return await engine.host.trust.readStream(stream, upTo)
    } catch (error) {
      const isUntrue = error instanceof CoterieError && error.code === 'COTERIE_VERIFICATION_FAILED'
      if (isUntrue && !engine.rollingBack) {
        engine.onFailure(error)
        engine.stop(error)
      }
      throw error
    }
  }

  send<I>(target: HandlerRef<I, unknown>, payload: I, options: SendOptions = {}): string {
    const to = addressOf(target.agent, options.key)
    const recorded = this.#call('send', `${to} ${target.handler}`, () => this.#print(payload))
    if (recorded.type !== 'new') return recorded.call.id ?? ''
    const { context } = this.#engine.host
    const message = makeMessage(
      context,
      this.#target('send', target),
      payload,
      options,
      this.#origin(),
      context.clock.now(),
    )
    if (this.#engine.rollingBack) return message.envelope.id
    this.#engine.effects.addMessage(message)
    const { id, payload: print } = message.envelope
    this.#engine.effects.entries.push({
      t: 'call',
      i: recorded.i,
      op: 'send',
      name: `${to} ${target.handler}`,
      print: print.sha256,
      id,
    })
    return id
  }

  publish<I>(topic: Topic<I>, payload: I, options: Omit<SendOptions, 'key'> = {}): void {
    const recorded = this.#call('publish', topic.topic, () => this.#print(payload))
    if (recorded.type !== 'new' || this.#engine.rollingBack) return
    const { context } = this.#engine.host
    const now = context.clock.now()
    parseWith(topic.input, payload, `topic "${topic.topic}"`)
    encode(context, payload, `The payload for topic "${topic.topic}"`)
    const origin = this.#origin()
    this.#engine.effects.addPublication({
      topic: topic.topic,
      copy: (agent, handler) =>
        makeMessage(
          context,
          { kind: 'topic', agent, handler, topic: topic.topic, schema: undefined },
          payload,
          options,
          origin,
          now,
        ),
    })
    this.#engine.effects.entries.push({
      t: 'call',
      i: recorded.i,
      op: 'publish',
      name: topic.topic,
      print: this.#print(payload),
    })
  }

  append(stream: string, type: string, data: unknown): void {
    checkStream(stream, false)
    if (!isShortText(type, 100)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'The type of an event has 1 to 100 characters, none of them invisible.',
      )
    }
    this.#append(stream, type, data)
  }

  #append(stream: string, type: string, data: unknown): void {
    const { text } = encode(this.#engine.host.context, data, `The event "${type}"`)
    const hash = this.#engine.host.context.crypto.sha256(text)
    const recorded = this.#call('append', `${stream} ${type}`, () => hash)
    if (recorded.type !== 'new' || this.#engine.rollingBack) return
    this.#engine.effects.addEvent({ stream, type, data: text, hash })
    this.#engine.effects.entries.push({
      t: 'call',
      i: recorded.i,
      op: 'append',
      name: `${stream} ${type}`,
      print: hash,
    })
  }

  reply(value: unknown): void {
    const recorded = this.#call('reply', '')
    const { ballot, output } = this.#engine.handler
    if (ballot)
      throw new CoterieError(
        'COTERIE_INVALID_REPLY',
        `${this.self} votes by what its handler returns, not by reply.`,
      )
    if (output !== undefined) parseWith(output, value, `the reply of ${this.self}`, 'COTERIE_INVALID_REPLY')
    this.#engine.effects.reply = encode(
      this.#engine.host.context,
      value ?? null,
      `The reply of ${this.self}`,
    ).text
    if (recorded.type === 'new')
      this.#engine.effects.entries.push({ t: 'call', i: recorded.i, op: 'reply', name: '' })
  }

  reason(text: string): void {
    const recorded = this.#call('reason', '')
    if (recorded.type !== 'new' || this.#engine.rollingBack) return
    const { reasonChars } = this.#engine.host.context.limits
    this.#engine.effects.reasons.push(clipText(String(text), reasonChars))
    this.#engine.effects.entries.push({ t: 'call', i: recorded.i, op: 'reason', name: '' })
  }

  now(): number {
    return this.#known('now', () => this.#engine.host.context.clock.now())
  }

  random(): number {
    return this.#known('random', () => this.#engine.host.context.random.number())
  }

  decide(options: DecideOptions): Promise<Decision>
  decide(options: CouncilDecideOptions): Promise<CouncilDecision>
  decide(options: DecideOptions | CouncilDecideOptions): Promise<Decision | CouncilDecision> {
    if ('by' in options) return quiet(decideByCouncil(this, options))
    return quiet(runDecision(this.#engine, this, options))
  }

  /** For `guard`: why a certificate does not approve of an action, under the keys that hold now; null when it does. */
  approvalProblem(
    certificate: unknown,
    subject: ActionSubject,
    terms: readonly ApprovalTerms[],
  ): string | null {
    const { context, directory } = this.#engine.host
    const keys = keysBefore(directory.registry, Number.MAX_SAFE_INTEGER)
    const verdict = verifyCertificate(context.crypto, certificate, keys)
    if (!verdict.ok) return `its certificate does not hold: ${verdict.problem}`
    return approvalProblem(verdict.certificate, context.store.id, subject, terms) ?? null
  }

  /**
   * For `guard`: resolves once it is durable that this turn, and no other, acts on a decision. Throws
   * COTERIE_APPROVAL_USED.
   */
  async useDecision(decision: string, action: string): Promise<void> {
    const { crypto } = this.#engine.host.context
    const stream = `@guard/${crypto.sha256(decision)}`
    const { events } = await this.read(stream)
    const [first] = events
    const user = (first?.data as { readonly turn?: unknown } | undefined)?.turn
    if (user === this.id) return
    if (first !== undefined) {
      throw new CoterieError(
        'COTERIE_APPROVAL_USED',
        `The action ${action} was not run: decision ${decision} was used before, by ${String(user)}.`,
        { details: { decision, turn: user } },
      )
    }
    this.#append(stream, 'used', { turn: this.id, action })
    // A wait commits what came before it; only then may the action begin.
    await this.sleep(0)
  }

  /** For `decide`: the decision's own id and the members' keys, journaled: a key may be rotated before it is over. */
  decision(
    makeId: () => string,
    membersOf: () => readonly Member[],
  ): { readonly id: string; readonly members: readonly Member[] } {
    const recorded = this.#call('decide', '')
    if (recorded.type !== 'new') {
      const { id = '', value } = recorded.call
      return { id, members: value === undefined ? membersOf() : (JSON.parse(value) as readonly Member[]) }
    }
    const id = makeId()
    const call = { t: 'call', i: recorded.i, op: 'decide', name: '', id } as const
    try {
      const members = membersOf()
      this.#engine.effects.entries.push({ ...call, value: JSON.stringify(members) })
      return { id, members }
    } catch (error) {
      this.#engine.effects.entries.push(call)
      throw error
    }
  }

  #known(op: 'now' | 'random', make: () => number): number {
    const recorded = this.#call(op, '')
    if (recorded.type !== 'new') return Number(recorded.call.value)
    const value = make()
    this.#engine.effects.entries.push({ t: 'call', i: recorded.i, op, name: '', value: String(value) })
    return value
  }

  #call(op: Operation, name: string, print?: () => string): Recorded {
    const engine = this.#engine
    this.#live()
    const { operationsPerTurn } = engine.host.context.limits
    if (engine.journal.calls >= operationsPerTurn) {
      throw new CoterieError(
        'COTERIE_LIMIT_EXCEEDED',
        `One turn may make ${operationsPerTurn} calls (limit "operationsPerTurn"). Hand the rest on in a message.`,
        { details: { limit: 'operationsPerTurn' } },
      )
    }
    return engine.journal.call(op, name, print)
  }

  #live(): void {
    this.#engine.checkLive()
  }

  #print(payload: unknown): string {
    return this.#engine.host.context.crypto.sha256(encodePayload(payload))
  }

  #replayed(recorded: Extract<Recorded, { type: 'done' }>): Promise<DoneEntry> {
    const { done } = recorded
    // The result may have become durable before the record that settles what it speaks of.
    this.#engine.effects.settle(done)
    return new Promise((resolve) => this.#engine.replay(recorded.i, () => resolve(done)))
  }

  #target(kind: 'send' | 'ask', ref: HandlerRef): Target {
    const { directory } = this.#engine.host
    if (!directory.isKnown(ref.agent, ref.handler)) throw directory.unknown(ref.agent, ref.handler)
    return { kind, agent: ref.agent, handler: ref.handler, topic: null, schema: ref.definition.input }
  }

  #origin(): Origin {
    return {
      from: this.self,
      cause: this.id,
      trace: this.trace,
      correlation: this.correlation,
      deadline: this.deadline,
    }
  }
}

Object.defineProperty(TurnHandle.prototype, BRAND, { value: true })

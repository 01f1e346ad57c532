/**
 * One attempt at a turn: leads the handler through it and decides how it ends.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError, errorValue, isRetryable } from '../core/errors.ts'
import type { ErrorValue } from '../core/errors.ts'
import { turnOf } from '../core/ids.ts'
import { canonicalize } from '../core/json.ts'
import type { Json } from '../core/json.ts'
import type { TurnEnd } from '../core/record.ts'
import { backoffMs, DEFAULT_RETRY } from '../core/retry.ts'
import { parseWith } from '../core/schema.ts'
import { verifyChunk } from '../log/journal-chunk.ts'
import type { KeyPeriod } from '../log/registry.ts'
import type { JournalChunk, Mail, Outcome } from '../ports/store.ts'
import type { Handler } from '../turn/definition.ts'
import { cutAfterFailure } from '../turn/journal.ts'
import type { JournalEntry } from '../turn/journal.ts'
import type { Proposal } from '../voting/proposal.ts'
import { knownAnswer, signVote } from './ballot.ts'
import { encode, makeReply } from './outbox.ts'
import { TurnEngine } from './turn-engine.ts'
import { isLate, SegmentFailure } from './turn-host.ts'
import type { TurnHost } from './turn-host.ts'
import { journalRevoked, leaseLost } from './refusals.ts'
import type { SegmentRest } from './segment.ts'
import { TurnHandle } from './turn-handle.ts'

/** How long a handler may take to be led through its journal before a rollback goes on with what it found. */
const REPLAY_MS = 5_000
const REPLAY_ROUNDS = 1_000
const REPLAY_PAUSE_MS = 5

/** Prepares an attempt: reads and verifies the journal, if there is one. `begin` calls the handler. */
export async function prepareTurn(host: TurnHost, mail: Mail, handler: Handler): Promise<TurnRun> {
  const fresh = mail.state === 'queued' && mail.attempts === 0 && mail.segments === 0
  // A message that nobody has begun has no journal: the hot path reads nothing.
  const chunks = fresh ? [] : await host.context.store.journal(turnOf(mail.envelope.id))
  return new TurnRun(new TurnEngine(host, mail, handler, chunks, readJournal(host, mail, chunks)))
}

/** The entries of a journal, each chunk verified: nothing is given to the handler that its own agent did not sign. */
function readJournal(host: TurnHost, mail: Mail, chunks: readonly JournalChunk[]): readonly JournalEntry[] {
  if (chunks.length === 0) return []
  const author = nameOf(host.lease.address)
  const keys = host.directory.registry.keys().filter((key) => key.agent === author)
  const valid = keys.filter((key) => key.revoked === null)
  try {
    return entriesOf(host, mail, chunks, valid)
  } catch (error) {
    if (valid.length === keys.length) throw error
    // Is it only the revoked key that is missing? Then that is what the dead letter says.
    entriesOf(host, mail, chunks, keys)
    throw journalRevoked(turnOf(mail.envelope.id), error)
  }
}

function entriesOf(
  { context, lease }: TurnHost,
  mail: Mail,
  chunks: readonly JournalChunk[],
  keys: readonly KeyPeriod[],
): readonly JournalEntry[] {
  const { crypto, store } = context
  const turn = turnOf(mail.envelope.id)
  const publicKeys = keys.map((key) => key.publicKey)
  let prev = ''
  return chunks.flatMap((chunk, index) => {
    const place = { space: store.id, turn, author: lease.address, chunk: index, prev }
    const body = verifyChunk(crypto, chunk, place, publicKeys)
    prev = chunk.hash
    return body.entries as unknown as readonly JournalEntry[]
  })
}

export class TurnRun {
  readonly engine: TurnEngine
  #deadline: (() => void) | undefined
  #failing = false

  constructor(engine: TurnEngine) {
    this.engine = engine
    engine.onFailure = (error) => void this.#fail(error)
  }

  /** Calls the handler; how it goes on is told by `engine.halted()`. */
  begin(): void {
    this.#watchDeadline()
    void this.#invoke()
    if (this.engine.rollingBack) void this.#rollbackWhenReplayed()
  }

  /** A timer may fire a millisecond before its time: then it is set again. */
  #watchDeadline(): void {
    const { deadline } = this.engine.mail.envelope
    if (deadline === null) return
    const { clock } = this.engine.host.context
    this.#deadline = clock.setTimer(Math.max(0, deadline - clock.now()), () => {
      if (!this.#isPast()) this.#watchDeadline()
      else if (this.engine.handler.failure === 'rollback' && !this.#isLed())
        this.engine.halt({ type: 'restart' })
      else void this.#fail(this.engine.deadlineError())
    })
  }

  async #invoke(): Promise<void> {
    const { engine } = this
    try {
      const { mail, handler } = engine
      const handle = new TurnHandle(engine)
      const input = parseWith(
        handler.input,
        JSON.parse(mail.payload),
        `${mail.envelope.to} ${mail.envelope.handler}`,
      )
      // A ballot is the only thing besides records and journals that an agent's key signs.
      const known =
        handler.ballot && !engine.rollingBack ? await knownAnswer(engine, input as Proposal) : undefined
      let value: unknown = known ?? (await handler.run(handle, input as never))
      if (engine.ended || engine.rollingBack || this.#failing) return
      if (known === undefined) engine.journal.checkEnded()
      if (handler.ballot && known === undefined) value = await signVote(engine, input as Proposal, value)
      if (engine.ended || this.#failing) return
      await this.#finish(this.#replyText(value))
    } catch (error) {
      await this.#fail(error)
    }
  }

  #replyText(value: unknown): string | undefined {
    const { engine } = this
    const { envelope } = engine.mail
    if (envelope.kind !== 'ask') return undefined
    if (engine.effects.reply !== undefined) return engine.effects.reply
    const what = `the reply of ${envelope.to} ${envelope.handler}`
    if (engine.handler.output !== undefined)
      parseWith(engine.handler.output, value, what, 'COTERIE_INVALID_REPLY')
    return encode(engine.host.context, value ?? null, `T${what.slice(1)}`).text
  }

  async #finish(reply: string | undefined): Promise<void> {
    if (reply !== undefined) this.#reply(reply, false)
    await this.#end('handled', {})
  }

  #reply(payload: string, failed: boolean): void {
    const { engine } = this
    const { context, lease } = engine.host
    const origin = { from: lease.address, cause: engine.turnId }
    engine.effects.messages.push(
      makeReply(context, engine.mail.envelope, origin, payload, failed, context.clock.now()),
    )
  }

  /** Commits the last segment; the runner may go on to the next message at once. */
  async #end(end: TurnEnd, rest: SegmentRest): Promise<void> {
    const { engine } = this
    this.#deadline?.()
    const committed = engine.commit(end, rest, () => {
      if (!engine.ended) engine.halt({ type: 'ended', outcome: settled })
    })
    const settled = committed.then(
      (outcome) => this.#afterEnd(outcome),
      async (error: unknown) => {
        if (!(error instanceof SegmentFailure)) throw error
        return this.#failAgain(error.error)
      },
    )
    settled.catch(() => undefined)
    // A failure before the first draft was queued has not been announced yet.
    await committed.catch(() => undefined)
    // Behind a segment that was lost, whoever deals with that says how the turn ends.
    if (engine.broken && rest.failure === undefined) return
    if (!engine.ended) engine.halt({ type: 'ended', outcome: settled })
  }

  /** The last segment was refused: a moved stream, or a full mailbox, fails or repeats the attempt. */
  async #afterEnd(outcome: Outcome): Promise<Outcome> {
    const { engine } = this
    switch (outcome.type) {
      case 'stale':
        if (engine.handler.stale !== 'fail') {
          if (engine.staleCall !== undefined) await engine.cut(engine.staleCall)
          return outcome
        }
        break
      case 'full':
        break
      case 'expired':
        engine.host.late.add(engine.mail.envelope.id)
        // There is something to undo, and the runner is past this turn: it comes back to it, too late, and rolls back.
        if (this.#wantsUndo()) return outcome
        return this.#failAgain(engine.deadlineError())
      case 'accepted':
      case 'fenced':
      case 'conflict':
      case 'duplicate':
      case 'ended':
      case 'cycle':
        return outcome
    }
    try {
      engine.refused(outcome)
    } catch (error) {
      if (error instanceof SegmentFailure) return this.#failAgain(error.error, outcome)
      throw error
    }
    return outcome
  }

  /** The last segment could not be written. The runner may be past this turn. */
  async #failAgain(error: CoterieError, refused: Outcome = RUN_AGAIN): Promise<Outcome> {
    if (this.#wantsUndo() && this.#isFinal(error)) {
      // The runner comes back to it, finds the rollback in the journal, and leads it.
      await this.#beginRollback(errorValue(error))
      return refused
    }
    const { end, rest } = this.#failure(error)
    return this.engine.commit(end, rest)
  }

  async #fail(thrown: unknown): Promise<void> {
    const { engine } = this
    const error = thrown instanceof SegmentFailure ? thrown.error : thrown
    if (engine.ended || this.#failing || engine.rollingBack) return
    if (engine.stopped !== undefined && engine.stopped === error) return
    this.#failing = true
    this.#deadline?.()
    const late = error instanceof CoterieError && error.code === 'COTERIE_DEADLINE_PASSED' && this.#isPast()
    if (late) engine.stop(error)
    try {
      if (this.#wantsUndo() && this.#isFinal(error)) await this.#rollback(errorValue(error))
      else {
        const { end, rest } = this.#failure(error)
        await this.#end(end, rest)
      }
    } catch (problem) {
      engine.halt({ type: 'ended', outcome: later(Promise.reject(problem)) })
    }
  }

  #wantsUndo(): boolean {
    const { handler, compensations } = this.engine
    return handler.failure === 'rollback' && compensations.length > 0
  }

  #isPast(): boolean {
    return isLate(this.engine.host, this.engine.mail)
  }

  #isFinal(error: unknown): boolean {
    return (
      this.#isPast() ||
      !isRetryable(error) ||
      this.engine.mail.attempts + 1 >= this.engine.handler.retry.attempts
    )
  }

  /** How a failed attempt ends, with the failed answer if it is final. What it had buffered is dropped. */
  #failure(error: unknown): { readonly end: TurnEnd; readonly rest: SegmentRest } {
    const { engine } = this
    const { context } = engine.host
    const attempts = engine.mail.attempts + 1
    const value = errorValue(error)
    const { reasons, chunks, settles } = engine.effects
    engine.effects.clear()
    engine.effects.reasons = reasons
    engine.effects.chunks = chunks
    const failure = value as unknown as Json
    // A read that went stale is not given back from the journal either: it would be stale for ever.
    const isStale = error instanceof CoterieError && error.code === 'COTERIE_STALE_READ'
    const cut = isStale ? engine.staleCall : cutAfterFailure(engine.failures, error)
    if (cut !== undefined) engine.effects.entries.push({ t: 'cut', i: cut })
    if (!this.#isFinal(error)) {
      const dueAt = context.clock.now() + backoffMs(engine.handler.retry, attempts, context.random.number())
      return { end: 'retry', rest: { attempts, dueAt, failure, keepJournal: cut !== undefined } }
    }
    engine.effects.settles = settles
    this.#failedReply(value)
    const text = canonicalize(failure)
    if (this.#isPast()) return { end: 'expired', rest: { attempts, error: text, failure } }
    if (engine.handler.failure === 'continue') return { end: 'handled', rest: { attempts, failure } }
    // What failed is forgotten here too: an operator may put the dead letter back.
    return { end: 'dead', rest: { attempts, error: text, failure, keepJournal: cut !== undefined } }
  }

  #failedReply(value: ErrorValue): void {
    if (this.engine.mail.envelope.kind === 'ask') this.#reply(JSON.stringify(value), true)
  }

  /** From here on the turn is rolled back, after a crash too. */
  async #beginRollback(error: ErrorValue): Promise<void> {
    const { effects, journal } = this.engine
    const { reasons, chunks, settles } = effects
    effects.clear()
    Object.assign(effects, { reasons, chunks, settles })
    if (journal.rollback !== undefined) return
    effects.entries.push({ t: 'rollback', error })
    await this.engine.persist(true)
  }

  /** Undoes what was registered, newest first, each durably, and then ends the turn. */
  async #rollback(error: ErrorValue): Promise<void> {
    const { engine } = this
    await this.#beginRollback(error)
    if (engine.steps > 0) engine.stopSteps()
    const cancelled = engine.mail.state === 'cancelling'
    const undone: string[] = []
    let problem: ErrorValue = error
    for (const compensation of engine.compensations.toReversed()) {
      const failed = engine.journal.isUndone(compensation.i) ? undefined : await this.#undo(compensation)
      if (failed === undefined) undone.push(compensation.name)
      else {
        problem = errorValue(failed)
        break
      }
    }
    this.#failedReply(problem)
    // All is undone: a dead letter that is put back begins anew. Otherwise it goes on with its rollback.
    const anew = problem === error && !cancelled
    if (anew) engine.effects.entries.push({ t: 'cut', i: 0 })
    const rest = {
      attempts: engine.mail.attempts + 1,
      error: canonicalize(problem as unknown as Json),
      failure: problem as unknown as Json,
      undone,
      keepJournal: anew,
    }
    await this.#end(cancelled ? 'cancelled' : this.#isPast() ? 'expired' : 'dead', rest)
  }

  /** Runs one compensation under the handler's retry policy. Answers the error when it is given up. */
  async #undo(compensation: TurnEngine['compensations'][number]): Promise<CoterieError | undefined> {
    const { engine } = this
    const { context } = engine.host
    // The signal of a turn that was stopped has fired: what undoes it gets one that has not.
    const signal = engine.stopped === undefined ? engine.signal : new AbortController().signal
    for (let attempt = 1; ; attempt++) {
      try {
        await engine.host.confirm()
        if (engine.ended) throw leaseLost(engine.host.lease.address)
        await compensation.undo(compensation.result, signal)
        engine.effects.entries.push({ t: 'undone', i: compensation.i })
        await engine.persist(true)
        return undefined
      } catch (error) {
        if (engine.ended) throw error
        if (attempt >= engine.handler.retry.attempts) {
          return new CoterieError(
            'COTERIE_ROLLBACK_FAILED',
            `The compensation of step "${compensation.name}" failed ${attempt} times: ` +
              `${errorValue(error).message}. What it should undo still stands.`,
            { cause: error, details: { step: compensation.name } },
          )
        }
        const waitMs = backoffMs(engine.handler.retry, attempt, context.random.number())
        await new Promise<void>((resolve) => context.clock.setTimer(waitMs, resolve))
      }
    }
  }

  /** True when the handler has been led through its whole journal: every compensation is registered. */
  #isLed(): boolean {
    return this.engine.replayed && !this.engine.journal.replaying
  }

  /** A rollback that a crash or a cancel left to do: the handler is led through its journal to find what to undo. */
  async #rollbackWhenReplayed(): Promise<void> {
    const { engine } = this
    const { clock } = engine.host.context
    const until = clock.now() + REPLAY_MS
    for (let quiet = 0, round = 0; quiet < 3 && clock.now() < until; round++) {
      // A handler that waits for something else is not waited for at full speed.
      await new Promise<void>((resolve) =>
        round < REPLAY_ROUNDS ? clock.defer(resolve) : clock.setTimer(REPLAY_PAUSE_MS, resolve),
      )
      quiet = this.#isLed() ? quiet + 1 : 0
    }
    this.#failing = true
    try {
      await this.#rollback(
        engine.journal.rollback ??
          errorValue(
            engine.mail.state === 'cancelling'
              ? new CoterieError('COTERIE_CANCELLED', `${engine.turnId} was cancelled.`)
              : engine.deadlineError(),
          ),
      )
    } catch (problem) {
      engine.halt({ type: 'ended', outcome: later(Promise.reject(problem)) })
    }
  }
}

/** The answer for a turn that has to be run again: as if it stood behind one that was refused. */
const RUN_AGAIN: Outcome = { type: 'conflict', head: { seq: -1, hash: '' } }

/** For a promise that is awaited later, or by nobody once the lease is lost: a failure before then ends no process. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined)
  return promise
}

const NO_HANDLER: Handler = {
  input: { '~standard': { version: 1, vendor: 'coterie', validate: (value) => ({ value }) } },
  output: undefined,
  topic: null,
  retry: DEFAULT_RETRY,
  failure: 'retry',
  stale: 'retry',
  ballot: false,
  run: () => undefined,
}

/**
 * Ends a message without running a handler: too late, nobody to handle it, or not what its sender signed. An asker
 * is told, unless the message is not to be believed.
 */
export async function endUnhandled(
  host: TurnHost,
  mail: Mail,
  end: 'expired' | 'dead',
  error: CoterieError,
): Promise<Outcome> {
  const chunks =
    mail.segments === 0 && mail.state === 'queued'
      ? []
      : await host.context.store.journal(turnOf(mail.envelope.id))
  const engine = new TurnEngine(host, mail, NO_HANDLER, chunks, [])
  const value = errorValue(error)
  if (mail.envelope.kind === 'ask' && error.code !== 'COTERIE_VERIFICATION_FAILED') {
    const origin = { from: host.lease.address, cause: engine.turnId }
    const now = host.context.clock.now()
    engine.effects.messages.push(
      makeReply(host.context, mail.envelope, origin, JSON.stringify(value), true, now),
    )
  }
  const failure = value as unknown as Json
  return engine.commit(end, { attempts: mail.attempts, error: canonicalize(failure), failure })
}

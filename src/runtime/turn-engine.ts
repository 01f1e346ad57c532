/**
 * The engine of one turn: its journal, its buffered effects, its waits, and the commits of its segments.
 * `turn-handle.ts` is what the handler sees of it, `turn-run.ts` decides how the turn ends.
 *
 * Modes: replaying (the handler is led through the journal) -> live -> suspended (only waits are left; the mailbox is
 * held) -> live ... -> ended, or aborted from anywhere.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { ErrorValue } from '../core/errors.ts'
import { turnOf } from '../core/ids.ts'
import type { Json } from '../core/json.ts'
import type { TurnEnd } from '../core/record.ts'
import { sealChunk } from '../log/journal-chunk.ts'
import type { JournalChunk, Mail, Outcome } from '../ports/store.ts'
import type { Handler } from '../turn/definition.ts'
import { Journal } from '../turn/journal.ts'
import type { DoneEntry, JournalEntry } from '../turn/journal.ts'
import type { Draft } from './sealing.ts'
import { Effects, hasEffect } from './effects.ts'
import { Mutex } from './mutex.ts'
import { deadlinePassed, keyReused, leaseLost, mailboxFull, staleRead, waitCycle } from './refusals.ts'
import { isSameMessage } from './outbox.ts'
import { Replay } from './replay.ts'
import { isPlain, plainEffects, sealEffects, segmentDraft } from './segment.ts'
import type { SealedEffects, SegmentParts, SegmentRest } from './segment.ts'
import { isLate, SegmentFailure } from './turn-host.ts'
import type { Compensation, Halt, OpenWait, TurnHost } from './turn-host.ts'

/** Only a segment that waits has bound its reads; a failed attempt has not. */
const BOUND: JournalEntry = { t: 'segment' }

export class TurnEngine {
  readonly host: TurnHost
  readonly mail: Mail
  readonly handler: Handler
  readonly turnId: string
  readonly journal: Journal
  /** Why the turn was stopped. */
  stopped: CoterieError | undefined
  readonly waits: Map<number, OpenWait> = new Map()
  readonly compensations: Compensation[] = []
  /** Errors that recorded results gave to the handler, by the call they came from. */
  readonly failures: Map<unknown, number> = new Map()
  effects: Effects
  /** Steps whose function is running. */
  steps = 0
  segments: number
  /** How many keys of this agent had been revoked when its journal was verified. */
  readonly revocations: number
  ended = false
  /** The last segment that waits was not written. */
  broken = false
  /** The runner is giving it what it waited for: it is not at rest. */
  feeding = false
  /** What this turn submits is not written when an earlier record of its author has been refused since. */
  line: number
  /** How the last segment leaves the turn; undefined when it has not been submitted. */
  lastEnd: TurnEnd | undefined
  /** In rollback nothing new is done: the handler is only led to its compensations. */
  readonly rollingBack: boolean
  #abortion: AbortController | undefined
  #chunks: number
  #lastChunk: string
  readonly #mutex = new Mutex()
  #newWaits = false
  /** Segments that wait and are being written. */
  #committing = 0
  #checking = false
  /** Undefined when nothing is recorded: the usual case. */
  readonly #replay: Replay | undefined
  #halt: ((halt: Halt) => void) | undefined
  #halted: Halt | undefined
  /** How the handler fails when a commit in the middle of it cannot go on. */
  onFailure: (error: unknown) => void = () => undefined

  constructor(
    host: TurnHost,
    mail: Mail,
    handler: Handler,
    chunks: readonly JournalChunk[],
    entries: readonly JournalEntry[],
  ) {
    this.host = host
    this.mail = mail
    this.handler = handler
    this.turnId = turnOf(mail.envelope.id)
    this.journal = new Journal(entries)
    this.effects = new Effects(host.context.limits)
    this.segments = mail.segments
    this.line = host.line
    this.revocations = host.directory.registry.revocations(nameOf(host.lease.address))
    this.#chunks = chunks.length
    this.#lastChunk = chunks.at(-1)?.hash ?? ''
    const mustUndo = handler.failure === 'rollback' && entries.length > 0 && isLate(host, mail)
    this.rollingBack = mail.state === 'cancelling' || this.journal.rollback !== undefined || mustUndo
    if (entries.length === 0) return
    this.#replay = new Replay(this.journal, host.context.clock, {
      turnId: this.turnId,
      mayBeStuck: () => this.steps === 0 && !this.rollingBack,
      stuck: (error) => this.onFailure(error),
      replayed: () => this.checkSoon(),
    })
  }

  /** Made when it is first asked for: most handlers never look, and it costs 2 us. */
  get signal(): AbortSignal {
    if (this.#abortion === undefined) {
      this.#abortion = new AbortController()
      if (this.stopped !== undefined) this.#abortion.abort(this.stopped)
    }
    return this.#abortion.signal
  }

  /** Resolves when the turn is suspended or over. */
  halted(): Promise<Halt> {
    if (this.#halted !== undefined) {
      const halt = this.#halted
      this.#halted = undefined
      return Promise.resolve(halt)
    }
    return new Promise((resolve) => {
      this.#halt = resolve
    })
  }

  halt(halt: Halt): void {
    if (this.ended) return
    if (halt.type !== 'suspended') {
      this.ended = true
      if (this.steps > 0) this.stopSteps()
      this.#replay?.stop()
    }
    const resolve = this.#halt
    this.#halt = undefined
    if (resolve === undefined) this.#halted = halt
    else resolve(halt)
  }

  /** Fires the signal, refuses everything further, and gives the turn up. */
  abort(error: CoterieError): void {
    if (this.ended) return
    this.stop(error)
    this.halt({ type: 'aborted', error })
  }

  /** Fires the signal and lets the handler's waits fail, without saying how the turn ends. */
  stop(error: CoterieError): void {
    this.stopped ??= error
    this.#abortion?.abort(this.stopped)
    this.waits.clear()
  }

  /** Fires the signal for steps that still run when the attempt is over: what they do now is for nothing. */
  stopSteps(): void {
    this.stop(this.#endedError())
  }

  /** Throws when the turn is over: a handler that outlives its turn does nothing. */
  checkLive(): void {
    if (this.stopped !== undefined) throw this.stopped
    if (this.ended) throw this.#endedError()
  }

  #endedError(): CoterieError {
    const message = `${this.turnId} has ended; await everything that the handler starts.`
    return new CoterieError('COTERIE_TURN_ENDED', message)
  }

  /** Gives a recorded result back when its place in the recorded order has come. */
  replay(i: number, deliver: () => void): void {
    this.#replay?.await(i, deliver)
  }

  /** True when every recorded result has been given back. */
  get replayed(): boolean {
    return this.#replay?.done ?? true
  }

  /** Registers a wait; it is committed when the handler has nothing more to do at once. */
  addWait(wait: OpenWait, isNew: boolean): void {
    this.waits.set(wait.i, wait)
    if (isNew) this.#newWaits = true
    this.checkSoon()
  }

  /** Settles a wait: the result is journaled with the next commit, in this order. */
  settleWait(wait: OpenWait, done: DoneEntry): void {
    // What has ended has its record: nothing may be added to what that says.
    if (this.ended || !this.waits.delete(wait.i)) return
    this.effects.entries.push(done)
    this.effects.settle(done)
    wait.settle(done)
    this.checkSoon()
  }

  /**
   * Gives the question of the call at `i` up, unless its answer is there: whoever works on it is cancelled with the
   * next commit, and what that caused too.
   */
  giveUp(i: number): void {
    const wait = this.waits.get(i)
    if (wait === undefined || wait.request === null) return
    const error: ErrorValue = {
      code: 'COTERIE_CANCELLED',
      message: `${this.turnId} gave the question up.`,
      retryable: false,
    }
    this.settleWait(wait, { t: 'done', i, error, givenUp: wait.request })
  }

  /** Looks, once the handler has come to rest, whether there is something to commit or only waits are left. */
  checkSoon(): void {
    if (this.#checking || this.ended || this.rollingBack) return
    this.#checking = true
    this.host.context.clock.defer(() => {
      this.#checking = false
      void this.#check()
    })
  }

  async #check(): Promise<void> {
    if (this.ended || this.stopped !== undefined || this.waits.size === 0) return
    try {
      if (this.#newWaits) {
        this.#newWaits = false
        this.#committing += 1
        const outcome = await this.commit('waiting', {}).finally(() => {
          this.#committing -= 1
        })
        if (outcome.type !== 'accepted') {
          this.refused(outcome)
          return
        }
        this.checkSoon()
        return
      }
    } catch (error) {
      this.onFailure(error instanceof SegmentFailure ? error.error : error)
      return
    }
    // With a segment on its way, the handler may go on at once: its question can be refused.
    const busy = this.steps > 0 || this.#committing > 0 || this.feeding
    if (!busy && this.replayed) this.halt({ type: 'suspended' })
  }

  /** Makes the results of steps durable, with everything that they may depend on. */
  async persist(undo: boolean): Promise<void> {
    await this.#mutex.run(async () => {
      const keep = this.effects.entries.filter(hasEffect)
      const entries = this.effects.entries.filter((entry) => !hasEffect(entry))
      if (entries.length === 0) return
      this.effects.entries = keep
      await this.#catchUpKey()
      const chunk = this.#seal(entries)
      const lease = this.host.lease
      const outcome = await this.host.committer.journal({
        type: 'journal',
        lease,
        message: this.mail.envelope.id,
        chunk,
        undo: undo || this.compensations.length > 0,
      })
      if (outcome.type === 'accepted') {
        this.#chained(chunk)
        this.effects.chunks.push(chunk.hash)
        return
      }
      this.refused(outcome)
      throw this.stopped ?? leaseLost(lease.address)
    })
  }

  /**
   * Commits the present segment. What can be mended (a duplicate, a moved subscriber list) is mended and committed
   * again; any other refusal is the answer. `submitted` is called when the first draft has its place in the queue:
   * what the runner submits afterwards comes behind it. Throws {@link SegmentFailure} when the attempt must fail.
   */
  async commit(end: TurnEnd, rest: SegmentRest, submitted?: () => void): Promise<Outcome> {
    return this.#mutex.run(async () => {
      // The handler may have gone on behind a wait whose segment was lost: only the failure of both may be written.
      if (this.broken && rest.failure === undefined) throw this.#endedError()
      const segment = this.effects
      if (end !== 'waiting') return this.#write(segment, end, rest, submitted)
      // What follows a wait starts a segment of its own; nothing follows an end.
      segment.calls = this.journal.calls
      this.effects = new Effects(this.host.context.limits)
      this.effects.reply = segment.reply
      this.broken = true
      const outcome = await this.#write(segment, end, rest, submitted)
      this.broken = outcome.type !== 'accepted'
      return outcome
    })
  }

  async #write(segment: Effects, end: TurnEnd, rest: SegmentRest, submitted?: () => void): Promise<Outcome> {
    const { committer, lease } = this.host
    this.lastEnd = undefined
    for (;;) {
      const effects = isPlain(segment) ? plainEffects(segment) : await sealEffects(this.host, segment)
      if (!this.host.directory.canSign([lease.address])) await this.#catchUpKey()
      const draft = this.#draft(segment, effects, end, rest)
      this.lastEnd = end
      const answer = committer.submit(lease.address, () => draft, this.line)
      submitted?.()
      const outcome = await answer
      if (outcome === undefined) throw new Error('a segment was not written')
      if (outcome.type === 'accepted') {
        if (draft.write.journal !== null) this.#chained(draft.write.journal)
        if (end === 'waiting') this.segments += 1
        return outcome
      }
      this.line = committer.line(lease.address)
      if (this.stopped !== undefined || !(await this.#mend(outcome, segment, effects))) {
        if (outcome.type === 'stale') this.staleCall = segment.reads.get(outcome.stream)?.call
        return outcome
      }
    }
  }

  #draft(segment: Effects, sealed: SealedEffects, end: TurnEnd, rest: SegmentRest): Draft {
    const { context, lease } = this.host
    const { revocations } = this
    const keepJournal = end === 'waiting' || rest.keepJournal === true
    return segmentDraft(context, {
      lease,
      mail: this.mail,
      turn: this.turnId,
      segment: this.segments,
      end,
      effects: segment,
      sealed,
      revocations,
      chunk: keepJournal
        ? this.#seal(end === 'waiting' ? [...segment.entries, BOUND] : segment.entries)
        : null,
      waits: end === 'waiting' ? this.#openWaits(segment) : [],
      rest,
    })
  }

  /** A turn whose only question was refused waits for nothing: after a crash, the next worker goes on at once. */
  #openWaits({ calls }: Effects): SegmentParts['waits'] {
    const waits = [...this.waits.values()].filter(({ i }) => i < calls)
    if (waits.length > 0) return waits
    return [{ i: this.journal.calls, target: null, request: null, dueAt: this.host.context.clock.now() }]
  }

  /** Mends a segment that was refused for something that can be put right. False: it stays refused. */
  async #mend(outcome: Outcome, segment: Effects, sealed: SealedEffects): Promise<boolean> {
    if (outcome.type === 'stale') {
      if (outcome.stream === '@agents') {
        await this.host.directory.refresh()
        return true
      }
      const read = segment.reads.get(outcome.stream)
      // What the runtime keeps in streams of its own binds, whatever the handler accepts.
      const binds = this.handler.stale !== 'accept' || outcome.stream.startsWith('@')
      if (read !== undefined && binds) return false
      if (read !== undefined) read.version = outcome.actual
      return true
    }
    if (outcome.type === 'duplicate') {
      this.#adopt(outcome, segment, sealed)
      return true
    }
    if (outcome.type === 'cycle') {
      this.#refuseCycle(outcome.cycle, segment)
      return true
    }
    return false
  }

  /** What a refusal in the middle of the turn means. Throws {@link SegmentFailure} when the attempt must fail. */
  refused(outcome: Outcome): void {
    const { address } = this.host.lease
    switch (outcome.type) {
      case 'fenced':
        this.abort(leaseLost(address))
        return
      case 'ended':
        this.abort(
          new CoterieError('COTERIE_CANCELLED', `${this.turnId} was ended from outside: ${outcome.state}.`),
        )
        return
      case 'expired':
        this.host.late.add(this.mail.envelope.id)
        this.onFailure(this.deadlineError())
        return
      case 'full':
        throw new SegmentFailure(mailboxFull(outcome))
      case 'stale':
        if (this.handler.stale === 'fail') throw new SegmentFailure(staleRead(this.turnId, outcome))
        this.halt({ type: 'restart' })
        return
      case 'conflict':
      case 'duplicate':
      case 'cycle':
        this.halt({ type: 'restart' })
        return
      case 'accepted':
        return
    }
  }

  /** The read that went stale: the journal is cut there before the turn is run again. */
  staleCall: number | undefined

  /** Forgets the journal from a call on, durably. */
  async cut(i: number): Promise<void> {
    this.effects.entries = [{ t: 'cut', i }]
    if (this.#chunks > 0) await this.persist(false)
  }

  deadlineError(): CoterieError {
    return deadlinePassed(this.mail.envelope)
  }

  /** A message that exists is not written again. Its id was another one before ids followed from the key. */
  #adopt(outcome: Extract<Outcome, { type: 'duplicate' }>, segment: Effects, sealed: SealedEffects): void {
    const mine = sealed.messages.find((m) => m.envelope.id === outcome.id)
    const { envelope } = outcome.existing
    if (mine === undefined || !isSameMessage(mine, outcome.existing))
      throw new SegmentFailure(keyReused(mine?.envelope.key ?? '', envelope.id))
    segment.messages = segment.messages.filter((m) => m !== mine)
    segment.omitted.add(outcome.id)
    if (envelope.id === outcome.id) return
    segment.entries = segment.entries.map((entry) =>
      entry.t === 'call' && entry.id === outcome.id ? { ...entry, id: envelope.id } : entry,
    )
    for (const wait of this.waits.values()) if (wait.request === outcome.id) wait.request = envelope.id
  }

  #refuseCycle(cycle: readonly string[], segment: Effects): void {
    const target = cycle[1]
    const error = waitCycle(cycle)
    for (const wait of this.waits.values()) {
      if (wait.target !== target || wait.i >= segment.calls) continue
      segment.messages = segment.messages.filter((m) => m.envelope.id !== wait.request)
      this.waits.delete(wait.i)
      const done: DoneEntry = {
        t: 'done',
        i: wait.i,
        error: { code: error.code, message: error.message, retryable: false, details: error.details },
      }
      segment.entries.push(done)
      wait.settle(done)
    }
  }

  #catchUpKey(): Promise<void> {
    return this.host.directory.catchUpKeys([this.host.lease.address])
  }

  #seal(entries: readonly JournalEntry[]): JournalChunk {
    const { context, lease } = this.host
    return sealChunk(context.crypto, this.host.directory.signer(lease.address), {
      v: 1,
      space: context.store.id,
      turn: this.turnId,
      author: lease.address,
      chunk: this.#chunks,
      prev: this.#lastChunk,
      entries: entries as unknown as readonly Json[],
    })
  }

  /** A chunk has become durable: the next one follows it. */
  #chained(chunk: JournalChunk): void {
    this.#chunks = chunk.chunk + 1
    this.#lastChunk = chunk.hash
  }
}

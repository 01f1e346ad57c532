/**
 * Drives the machine of one replica: carries out what it wants done, in order, against the ports. Everything that one
 * turn of the event loop wants to be durable goes down in one commit; only then are the votes signed that wait for it.
 *
 * @module
 */

import type { Decision } from '../../bft/decision.ts'
import type { Evidence } from '../../bft/evidence.ts'
import { restore, start, step } from '../../bft/machine.ts'
import type { Membership } from '../../bft/membership.ts'
import type { Effect, Event, LogEntry } from '../../bft/messages.ts'
import type { Operation } from '../../bft/proposal.ts'
import { parseMessage } from '../../bft/shape.ts'
import { VoteSigner } from '../../bft/signer.ts'
import type { Replica, ReplicaRules } from '../../bft/state.ts'
import type { Statement, Vote } from '../../bft/statements.ts'
import { changesIn, type ChangeLink } from '../../council/chain.ts'
import { isRetryable } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilBatch, CouncilLog, CouncilTransport } from '../../ports/council.ts'
import type { Logger } from '../../ports/logger.ts'
import { PendingBatch } from './batch.ts'
import { entryIn, entryText, heightOf, messageOf, replyText } from './wire.ts'

/** Pieces of evidence that are kept against one member: one is enough to convict it. */
const EVIDENCE_PER_MEMBER_MAX = 16
/** After a full disk or a busy file. */
const RETRY_MS = 250
/** Decisions that nobody here waits for are durable after so long. */
const SOON_MS = 20

/** What a driver works with. */
export interface DriverParts {
  readonly rules: ReplicaRules
  readonly genesis: Membership
  /** Signs with the member's key. */
  readonly seal: (statement: Statement) => string
  readonly log: CouncilLog
  readonly transport: CouncilTransport
  readonly clock: Clock
  readonly logger: Logger
  /** Digests a text, to know evidence again. */
  readonly sha256: (text: string) => string
  /** A fresh random text, for a replica that may have forgotten votes. */
  readonly nonce: string
}

/** Who listens to a driver. */
export interface DriverListener {
  /** The member that a piece of evidence speaks against. */
  culprit(evidence: Evidence): string
  /** A height was decided here; it is not durable yet, and what is kept now goes down with it. */
  decided(decision: Decision): void
  evidence(culprit: string, evidence: Evidence): void
  halted(reason: string): void
  /** The replica has stopped: its log cannot be written, or something is wrong with the program. */
  failed(error: unknown): void
}

/** One replica at work. */
export class CouncilDriver {
  readonly replica: Replica
  readonly #parts: DriverParts
  readonly #listener: DriverListener
  readonly #signer: VoteSigner
  readonly #events: Event[] = []
  #pending = new PendingBatch()
  #votes: Vote[] = []
  #isRunning = false
  #isFlushDue = false
  #isSoonDue = false
  #isStopped = false
  #forgot: boolean
  #forgetTimer: () => void = () => undefined
  /** The changes of the members in the log that it began with. */
  readonly changes: readonly ChangeLink[]
  /** Messages from each peer that were none. */
  readonly rejected: Map<string, number> = new Map()

  constructor(parts: DriverParts, listener: DriverListener) {
    this.#parts = parts
    this.#listener = listener
    const { rules, genesis, log, seal, nonce } = parts
    const entries = log.history.entries.map(({ type, text }): LogEntry => entryIn(type, text))
    this.#forgot = log.history.forgot !== undefined
    const { replica, register } = restore(rules, genesis, entries, this.#forgot ? nonce : undefined)
    this.replica = replica
    this.changes = entries.flatMap((entry) =>
      entry.type === 'decision' && changesIn(entry.decision.value).length > 0 ? [entry.decision] : [],
    )
    this.#signer = new VoteSigner(seal, register)
  }

  /** Begins: says where it is, and takes messages. */
  async start(): Promise<void> {
    const { log, logger, transport } = this.#parts
    const { forgot } = log.history
    if (forgot !== undefined) {
      logger.log('warn', `this replica may have forgotten votes, and casts none until it is safe: ${forgot}`)
    }
    this.#isRunning = true
    this.#performAll(start(this.replica, this.#now()))
    this.#isRunning = false
    this.#run()
    await transport.start((from, text) => this.#receive(from, text))
  }

  /** Whether it casts no votes, because it may have forgotten some. */
  get isForgetful(): boolean {
    return this.#forgot
  }

  /** Hands an operation of this member to the machine. It must be durable. */
  submit(operation: Operation): void {
    this.#events.push({ type: 'submit', operation, now: this.#now() })
    this.#run()
  }

  /** Writes something beside the machine's own entries; `then` runs when it is durable. */
  keep(more: Partial<CouncilBatch>, then?: () => void): void {
    if (this.#isStopped) return
    this.#pending.add(more)
    this.#pending.isUrgent = true
    if (then !== undefined) this.#pending.after.push(then)
    this.#scheduleFlush()
  }

  /** Writes something that nobody waits for: with the next commit, or in a moment. `then` runs when it is durable. */
  note(more: Partial<CouncilBatch>, then?: () => void): void {
    if (this.#isStopped) return
    this.#pending.add(more)
    if (then !== undefined) this.#pending.after.push(then)
    this.#flushSoon()
  }

  /** Stops. What was not durable was not said. */
  async stop(): Promise<void> {
    this.#pending.isUrgent = true
    if (!this.#isStopped) this.#flush()
    this.#isStopped = true
    this.#forgetTimer()
    await this.#parts.transport.close()
    await this.#parts.log.close()
  }

  #receive(from: string, text: string): void {
    if (this.#isStopped) return
    const message = parseMessage(text)
    // A leader sends its proposal itself; what others hand on comes in replies.
    const isHandedOn = message?.type === 'proposal' && this.#idOf(message.proposal.statement.sender) !== from
    if (message === undefined || isHandedOn) {
      this.rejected.set(from, (this.rejected.get(from) ?? 0) + 1)
      return
    }
    this.#events.push({ type: 'message', from, message, now: this.#now() })
    this.#run()
  }

  #run(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    try {
      for (let event = this.#events.shift(); event !== undefined; event = this.#events.shift()) {
        if (this.#isStopped) return
        this.#performAll(step(this.replica, event))
      }
    } catch (error) {
      this.#fail(error)
    } finally {
      this.#isRunning = false
    }
    this.#scheduleFlush()
  }

  #performAll(effects: readonly Effect[]): void {
    for (const effect of effects) this.#perform(effect)
    const until = this.replica.amnesia?.until
    if (!this.#forgot || until === undefined || this.replica.height <= until) return
    this.#forgot = false
    this.#parts.logger.log('info', 'nothing that was forgotten can matter any more: this replica votes again')
    this.keep({ recovered: true })
  }

  #perform(effect: Effect): void {
    const { transport, log } = this.#parts
    switch (effect.type) {
      case 'append':
        return this.#append(effect.entry)
      case 'vote':
        return this.#prepare(effect.vote)
      case 'say': {
        const message = messageOf(effect, this.#signer.signFree(effect.statement))
        if (message.type === 'complaint') {
          const from = this.#parts.rules.self
          this.#events.push({ type: 'message', from, message, now: this.#now() })
        }
        return transport.send(effect.to, JSON.stringify(message))
      }
      case 'send':
        return transport.send(effect.to, JSON.stringify(effect.message))
      case 'serve': {
        const fresh = this.#pending.parts.entries.filter(
          ({ type, height }) => type === 'decision' && height >= effect.first && height <= effect.last,
        )
        const texts = [...log.decisions(effect.first, effect.last), ...fresh.map(({ text }) => text)]
        if (texts.length > 0) transport.send(effect.to, replyText(texts))
        return
      }
      case 'decided': {
        const { height } = effect.value
        this.#listener.decided(effect.decision)
        // Unless somebody waits for it, it goes down with the next vote: a flush less for each height.
        this.#pending.add({ decided: height })
        this.#pending.after.push(() => this.#signer.decided(height))
        return this.#flushSoon()
      }
      case 'wake':
        return this.#wakeAt(effect.at)
      case 'evidence':
        return this.#accuse(effect.evidence)
      case 'halt':
        this.#parts.logger.log('error', 'this replica has halted for good', { reason: effect.reason })
        return this.keep({}, () => this.#listener.halted(effect.reason))
    }
  }

  #append(entry: LogEntry): void {
    this.#pending.add({
      entries: [{ type: entry.type, height: heightOf(entry), text: entryText(entry) }],
    })
  }

  #prepare(vote: Vote): void {
    const entry = this.#signer.prepare(vote)
    if (entry === 'refused') {
      this.#parts.logger.log('debug', 'a vote was refused by the register', {
        type: vote.type,
        height: vote.height,
      })
      return
    }
    if (entry !== 'durable') this.#append({ type: 'voted', entry })
    this.#votes.push(vote)
    this.#pending.isUrgent = true
  }

  #accuse(evidence: Evidence): void {
    const { log, sha256, logger } = this.#parts
    const culprit = this.#listener.culprit(evidence)
    const waiting = this.#pending.parts.evidence.filter((one) => one.culprit === culprit).length
    if (log.evidenceAgainst(culprit) + waiting >= EVIDENCE_PER_MEMBER_MAX) return
    const text = JSON.stringify(evidence)
    logger.log('warn', 'there is proof that a member broke the rules', { culprit, type: evidence.type })
    this.keep({ evidence: [{ hash: sha256(text), culprit, text }] })
    this.#listener.evidence(culprit, evidence)
  }

  #wakeAt(at: number): void {
    this.#forgetTimer()
    // A timer may be early by a part of a millisecond, and the machine asks only once.
    const waitMs = Math.ceil(Math.max(0, at - this.#now()))
    this.#forgetTimer = this.#parts.clock.setTimer(waitMs, () => {
      if (this.#now() < at) return this.#wakeAt(at)
      this.#events.push({ type: 'wake', now: this.#now() })
      this.#run()
    })
  }

  /** What nobody waits for is durable in a moment, too. */
  #flushSoon(): void {
    if (this.#isSoonDue) return
    this.#isSoonDue = true
    this.#parts.clock.setTimer(SOON_MS, () => {
      this.#isSoonDue = false
      if (this.#isStopped || this.#pending.isEmpty) return
      this.#pending.isUrgent = true
      this.#scheduleFlush()
    })
  }

  #scheduleFlush(): void {
    if (this.#isFlushDue || this.#isStopped) return
    this.#isFlushDue = true
    this.#parts.clock.defer(() => this.#flush())
  }

  /** One commit for all that waits; then the votes are signed, and everything is sent. */
  #flush(): void {
    this.#isFlushDue = false
    if (this.#isStopped) return
    const { transport, log } = this.#parts
    if (!this.#pending.isUrgent) return transport.flush()
    const batch = this.#pending
    try {
      log.commit(batch.parts)
    } catch (error) {
      if (!isRetryable(error)) return this.#fail(error)
      this.#parts.logger.log('warn', 'the log of the council cannot be written; tried again soon')
      this.#isFlushDue = true
      this.#parts.clock.setTimer(RETRY_MS, () => this.#flush())
      return transport.flush()
    }
    this.#pending = new PendingBatch()
    this.#signer.durable()
    const now = this.#now()
    for (const vote of this.#votes.splice(0)) {
      this.#events.push({ type: 'signed', vote: { ...vote, signature: this.#signer.sign(vote) }, now })
    }
    this.#run()
    for (const then of batch.after) then()
    transport.flush()
  }

  #fail(error: unknown): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#forgetTimer()
    this.#listener.failed(error)
  }

  #idOf(place: number): string | undefined {
    return this.replica.ledger.membership.members[place]?.id
  }

  #now(): number {
    return this.#parts.clock.monotonic()
  }
}

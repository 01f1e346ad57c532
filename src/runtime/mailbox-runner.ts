/**
 * One leased mailbox: takes its messages in order, runs one turn at a time, and holds the mailbox while turns wait.
 *
 * Turns are pipelined: while the record of one is on its way to the disk, the next handler already runs. Nothing
 * of it is seen outside before: its commit chains on the one before, and a step waits for the barrier. If a
 * commit is refused, everything behind it is refused with it, and the mailbox is read again.
 *
 * @module
 */

import { CoterieError, errorValue } from '../core/errors.ts'
import { backoffMs } from '../core/retry.ts'
import type { Lease, Mail, Outcome } from '../ports/store.ts'
import type { AnyAgent } from '../turn/definition.ts'
import type { DoneEntry } from '../turn/journal.ts'
import { doneBy, doneByTime, isOfStore } from './answers.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import type { FreshMail } from './fresh-mail.ts'
import type { LeasedMailbox } from './holdings.ts'
import type { Trust } from './trust.ts'
import type { TurnEngine } from './turn-engine.ts'
import type { Halt, OpenWait, TurnHost } from './turn-host.ts'
import { endUnhandled, later, prepareTurn } from './turn-run.ts'
import type { TurnRun } from './turn-run.ts'
import { unfit } from './unfit-mail.ts'

/** What the runner needs of its worker. */
export interface RunnerHost {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  /** Waits for a place among the agents that work at the same moment. */
  enter(): Promise<void>
  leave(): void
  /** The lease is gone. */
  lost(address: string): void
  /** False: the address falls to another worker, who is to have it as soon as no turn is under way. */
  keeps(address: string): boolean
  /** Resolves when the store has said lately that this worker's leases hold; those that do not are given up. */
  confirm(): Promise<void>
}

interface Held {
  readonly engine: TurnEngine
  readonly next: Promise<Halt>
  halt: Halt | undefined
}

const NOTE_AFTER_MS = 20
/** After a failure of the store. */
const STORE_PAUSE_MS = 250
/** Between tries of a turn whose reads keep moving. */
const CONTENTION = { attempts: 1, firstMs: 1, factor: 2, maxMs: 200 }

/** A turn that has ended here, and is on its way to the store. */
interface InFlight {
  readonly outcome: Promise<Outcome | undefined>
  readonly engine?: TurnEngine
}

export class MailboxRunner implements TurnHost {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly lease: Lease
  readonly late: Set<string> = new Set()
  readonly #host: RunnerHost
  readonly #agent: AnyAgent
  readonly #held = new Map<string, Held>()
  #inFlight: InFlight[] = []
  #line: number
  #reload = false
  #current: { readonly engine: TurnEngine; readonly since: number; noted: boolean } | undefined
  #woken = true
  /** Commits in a row that found their reads moved: the next try waits a little longer each time. */
  #contended = 0
  #wake: (() => void) | undefined
  #stopped = false
  #waiting: readonly Mail[]
  readonly #fresh: FreshMail

  constructor(host: RunnerHost, agent: AnyAgent, { lease, fresh }: LeasedMailbox, waiting: readonly Mail[]) {
    this.#host = host
    this.#agent = agent
    this.context = host.context
    this.committer = host.committer
    this.directory = host.directory
    this.trust = host.trust
    this.lease = lease
    this.#waiting = waiting
    this.#fresh = fresh
    this.#line = host.committer.line(lease.address)
  }

  /** There may be something to do. */
  wake(): void {
    this.#woken = true
    this.#wake?.()
  }

  /** True when `wake` was called too late for `run` to see it. */
  get wokenLate(): boolean {
    return this.#woken && !this.#stopped
  }

  /** True when the mailbox is to be leased anew, at once. */
  get reloads(): boolean {
    return this.#reload
  }

  get line(): number {
    return this.#line
  }

  /** The messages whose turns are under way here. */
  turns(): readonly string[] {
    const ids = [...this.#held.values()].map((held) => held.engine.mail.envelope.id)
    return this.#current === undefined ? ids : [...ids, this.#current.engine.mail.envelope.id]
  }

  /** A message of this mailbox was ended from outside. */
  cancelled(messageId: string, error: CoterieError): void {
    this.#fresh.forget()
    for (const { engine } of this.#held.values())
      if (engine.mail.envelope.id === messageId) engine.abort(error)
    if (this.#current?.engine.mail.envelope.id === messageId) this.#current.engine.abort(error)
    this.wake()
  }

  /** Gives everything up: what is not committed is run again by whoever has the lease next. */
  stop(error: CoterieError): void {
    this.#stopped = true
    this.#current?.engine.abort(error)
    for (const { engine } of this.#held.values()) engine.abort(error)
    this.wake()
  }

  /** Notes, once a turn has run for a while, that its message was delivered, for the sender to see. */
  async note(now: number): Promise<void> {
    const current = this.#current
    if (current === undefined || current.noted || now - current.since < NOTE_AFTER_MS) return
    current.noted = true
    const { mail, compensations } = current.engine
    if (mail.state !== 'queued') return
    await this.committer.journal({
      type: 'journal',
      lease: this.lease,
      message: mail.envelope.id,
      chunk: null,
      undo: compensations.length > 0,
    })
  }

  /** {@inheritDoc TurnHost.barrier} */
  async barrier(): Promise<void> {
    if (this.#inFlight.length === 0) return
    const ends = await Promise.all(
      this.#inFlight.map(async ({ outcome, engine }) => ({ outcome: await outcome, engine })),
    )
    // Refused, and then put back for another attempt: its lane waits.
    const isOver = ends.every(
      ({ outcome, engine }) => outcome?.type === 'accepted' && engine?.lastEnd !== 'retry',
    )
    if (isOver) {
      // One of them may have been refused and mended: it is there now, and nothing is overtaken.
      this.#line = this.committer.line(this.lease.address)
      if (this.#current !== undefined) this.#current.engine.line = this.#line
      return
    }
    this.#current?.engine.halt({ type: 'restart' })
    throw new CoterieError(
      'COTERIE_LEASE_LOST',
      `A turn before this one at ${this.lease.address} was refused; both are run again.`,
    )
  }

  /** {@inheritDoc TurnHost.confirm} */
  confirm(): Promise<void> {
    return this.#host.confirm()
  }

  /** Runs until there is nothing left to do, or the lease is gone. */
  async run(): Promise<void> {
    await this.#host.enter()
    try {
      for (const mail of this.#waiting) await this.#take(mail)
      this.#waiting = []
      // One that failed at once must be in its place before the mailbox is read: it holds its lane back.
      await this.#settle()
      while (!this.#stopped) {
        if (this.#reload) {
          await this.#giveUp()
          return
        }
        this.#woken = false
        if (await this.#resume()) continue
        const worked = await this.#page()
        await this.#settle()
        const more = worked || this.#woken
        if (this.#held.size === 0 && !(more && this.#host.keeps(this.lease.address))) return
        if (more) continue
        await this.#sleep()
      }
    } finally {
      this.#host.leave()
    }
  }

  /** A turn that waits was refused. Only with the lease does the store give it out again. */
  async #giveUp(): Promise<void> {
    await this.#settle()
    if (this.#stopped) return
    this.stop(
      new CoterieError('COTERIE_LEASE_LOST', `The mailbox of ${this.lease.address} is taken up anew.`),
    )
    this.#host.lost(this.lease.address)
  }

  async #sleep(): Promise<void> {
    this.#host.leave()
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (this.#woken || this.#stopped) resolve()
    })
    this.#wake = undefined
    await this.#host.enter()
  }

  /** Handles the next messages. False when there are none. */
  async #page(): Promise<boolean> {
    const { store } = this.context
    const outer = this.#held.values().next().value
    if (outer !== undefined) {
      // While a turn waits, only what it caused itself is handled: messages of its trace.
      this.#fresh.forget()
      const { mail } = await store.mail(this.lease.address, {
        limit: 1,
        trace: outer.engine.mail.envelope.trace,
      })
      for (const message of mail) await this.#take(message)
      return mail.length > 0
    }
    const mail = await this.#next()
    let worked = false
    for (const message of mail) {
      if (this.#stopped || !this.#host.keeps(this.lease.address)) {
        this.#fresh.forget()
        return worked
      }
      worked = true
      if ((await this.#take(message)) && this.#held.size === 0) continue
      // What lies behind it may have to wait: it is read again when that is known.
      this.#fresh.forget()
      break
    }
    return worked
  }

  /** What there is to handle: from memory if that is all there is, else from the store. */
  async #next(): Promise<readonly Mail[]> {
    const { store, limits } = this.context
    const pulse = await store.pulse()
    await this.directory.keepUp(pulse)
    const fresh = this.#fresh.take(pulse)
    if (fresh !== undefined) return fresh
    const read = this.#fresh.reading(pulse)
    const query = { limit: limits.mailPage, bytes: limits.mailPageBytes }
    const { mail, more, nextDueAt } = await store.mail(this.lease.address, query)
    read(!more && nextDueAt === null, this.committer.batches)
    // What others have committed during the read may be in it.
    await this.directory.keepUp(await store.pulse())
    return mail
  }

  /** Runs one message's turn until it waits or ends. False: what was read behind it must be read again. */
  async #take(mail: Mail): Promise<boolean> {
    const refusal = await unfit(this, this.#agent, mail)
    if (refusal !== undefined) {
      const end = refusal.code === 'COTERIE_DEADLINE_PASSED' ? 'expired' : 'dead'
      if (end === 'dead') this.#log('error', 'message not handled', mail, refusal)
      this.#inFlight.push({ outcome: later(endUnhandled(this, mail, end, refusal)) })
      return false
    }
    const handler = this.#agent.handlers[mail.envelope.handler]
    if (handler === undefined) throw new Error('unreachable: an unknown handler makes a message unfit')
    let run: TurnRun
    try {
      run = await prepareTurn(this, mail, handler)
    } catch (error) {
      if (isOfStore(error)) throw error
      const problem =
        error instanceof CoterieError
          ? error
          : new CoterieError('COTERIE_TURN_FAILED', errorValue(error).message, { cause: error })
      this.#inFlight.push({ outcome: later(endUnhandled(this, mail, 'dead', problem)) })
      return false
    }
    // Given up while its journal was read: whoever has the lease next runs it.
    if (this.#stopped) return false
    const { engine } = run
    this.#current = { engine, since: this.context.clock.now(), noted: false }
    run.begin()
    const halt = await engine.halted()
    this.#current = undefined
    return this.#halted(engine, halt)
  }

  #halted(engine: TurnEngine, halt: Halt): boolean {
    // It has a new line when it was refused and mended: that was not for something before it.
    if (halt.type === 'suspended' || halt.type === 'ended') this.#line = engine.line
    switch (halt.type) {
      case 'suspended': {
        const held: Held = {
          engine,
          halt: undefined,
          next: engine.halted().then((next) => {
            held.halt = next
            this.wake()
            return next
          }),
        }
        this.#held.set(engine.turnId, held)
        return true
      }
      case 'ended':
        this.#inFlight.push({ outcome: halt.outcome, engine })
        this.#reloadUnless(engine, halt.outcome)
        // Behind what is to be repeated, or could not be submitted, its lane waits: it must be read again.
        return engine.lastEnd !== undefined && engine.lastEnd !== 'retry'
      case 'restart':
        this.#reload ||= engine.segments > 0
        this.#inFlight.push({ outcome: later(this.#cutStale(engine)) })
        return false
      case 'aborted':
        if (halt.error.code === 'COTERIE_LEASE_LOST') this.#lose()
        return false
    }
  }

  #reloadUnless(engine: TurnEngine, outcome: Promise<Outcome | undefined>): void {
    const refused = (): void => {
      this.#reload ||= engine.segments > 0
    }
    outcome.then((result) => (result?.type === 'accepted' ? undefined : refused()), refused)
  }

  async #cutStale(engine: TurnEngine): Promise<undefined> {
    this.#contended += 1
    if (engine.staleCall !== undefined) await engine.cut(engine.staleCall)
    return undefined
  }

  /** Gives waiting turns what they wait for. True when one of them went on. */
  async #resume(): Promise<boolean> {
    let moved = false
    for (const held of [...this.#held.values()]) {
      if (held.halt === undefined && !(await this.#feed(held.engine))) continue
      moved = true
      held.engine.line = this.#line
      this.#held.delete(held.engine.turnId)
      this.#current = { engine: held.engine, since: this.context.clock.now(), noted: true }
      const halt = await held.next
      this.#current = undefined
      this.#halted(held.engine, halt)
      if (this.#stopped) return true
    }
    if (moved) await this.#settle()
    return moved
  }

  async #feed(engine: TurnEngine): Promise<boolean> {
    engine.feeding = true
    const fed = await this.#settleWaits(engine)
    engine.feeding = false
    if (fed) engine.checkSoon()
    return fed
  }

  async #settleWaits(engine: TurnEngine): Promise<boolean> {
    const waits = [...engine.waits.values()]
    const requests = waits.map((wait) => wait.request).filter((id) => id !== null)
    const answers = requests.length === 0 ? [] : await this.context.store.answers(requests)
    const now = this.context.clock.now()
    let fed = false
    for (const answer of answers.toSorted((a, b) => a.position - b.position)) {
      const wait = waits.find((w) => w.request === answer.envelope.re)
      if (wait === undefined || !engine.waits.has(wait.i)) continue
      engine.settleWait(wait, await this.#answered(wait, answer))
      fed = true
    }
    for (const wait of waits) {
      if (!engine.waits.has(wait.i) || wait.dueAt > now) continue
      engine.settleWait(wait, doneByTime(wait))
      fed = true
    }
    return fed
  }

  /** An answer that is not what its sender signed fails the question; it is never handed on. */
  async #answered(wait: OpenWait, answer: Mail): Promise<DoneEntry> {
    try {
      await this.trust.check(answer)
      return doneBy(wait, answer)
    } catch (error) {
      if (isOfStore(error)) throw error
      this.#log('error', 'answer refused', answer, error as CoterieError)
      return { t: 'done', i: wait.i, error: { ...errorValue(error), retryable: false } }
    }
  }

  /** Waits for what is in flight. A refused commit has undone nothing: its message is still there and is read again. */
  async #settle(): Promise<void> {
    const flying = this.#inFlight
    this.#inFlight = []
    let error: unknown
    for (const outcome of await Promise.allSettled(flying.map(({ outcome }) => outcome))) {
      if (outcome.status === 'rejected') error = outcome.reason
      else if (outcome.value?.type === 'fenced') this.#lose()
      else if (outcome.value?.type === 'accepted') this.#contended = 0
      else if (outcome.value !== undefined) {
        if (outcome.value.type === 'stale') this.#contended += 1
        this.#woken = true
        this.#fresh.forget()
      }
    }
    this.#line = this.committer.line(this.lease.address)
    if (this.#contended > 0 && !this.#stopped)
      await this.#pause(backoffMs(CONTENTION, this.#contended, this.context.random.number()))
    if (error === undefined || this.#stopped) return
    this.context.logger.log('error', `commit failed: ${errorValue(error).message}`, {
      agent: this.lease.address,
      code: errorValue(error).code,
    })
    this.#woken = true
    this.#fresh.forget()
    await this.#pause(STORE_PAUSE_MS)
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.context.clock.setTimer(ms, resolve)
    })
  }

  #lose(): void {
    if (this.#stopped) return
    const { address, epoch } = this.lease
    const fields = { agent: address, epoch, worker: this.lease.worker, code: 'COTERIE_LEASE_LOST' }
    this.context.logger.log('warn', 'fenced: another worker has taken this address over', fields)
    this.stop(new CoterieError('COTERIE_LEASE_LOST', `Another worker runs ${address} now.`))
    this.#host.lost(this.lease.address)
  }

  #log(level: 'error' | 'warn', message: string, mail: Mail, error: CoterieError): void {
    const { trace, id } = mail.envelope
    this.context.logger.log(level, `${message}: ${error.message}`, {
      agent: this.lease.address,
      trace,
      message: id,
      code: error.code,
    })
  }
}

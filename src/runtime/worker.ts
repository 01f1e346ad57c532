/**
 * The worker: leases the mailboxes of its agents, runs those that have something to do, keeps its leases alive, and
 * looks for the work of others: at once when this process commits, by the store's pulse when another does,
 * by one timer when something falls due. An idle agent costs nothing.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError, errorValue } from '../core/errors.ts'
import { ulid } from '../core/ids.ts'
import type { Accepted, Mail, NewMessage, Write } from '../ports/store.ts'
import type { AnyAgent } from '../turn/definition.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { FreshMail } from './fresh-mail.ts'
import { MailboxRunner } from './mailbox-runner.ts'
import type { LeasedMailbox, RunnerHost } from './mailbox-runner.ts'
import type { Outside } from './outside.ts'
import { builtOnRevoked } from './refusals.ts'
import type { Trust } from './trust.ts'

const SCAN_LIMIT = 1_000
const SWEEP_MS = 1_000
const NOTE_MS = 25
/** After a failure of the store: the pause before a mailbox is tried again. */
const RETRY_MS = 250

const DUE_TIMER_MAX_MS = 60_000
/** How much too early a timer may fire. */
const TIMER_EARLY_MS = 1
/** Between looks at a clock that stands still. */
const STILL_MS = 50

/** The parts that a worker works with. */
export interface WorkerParts {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly outside: Outside
}

export class Worker implements RunnerHost {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly #outside: Outside
  readonly id: string
  readonly #agents = new Map<string, AnyAgent>()
  readonly #leases = new Map<string, LeasedMailbox>()
  readonly #runners = new Map<string, MailboxRunner>()
  /** Addresses whose runner is being started; true when they were woken meanwhile. */
  readonly #starting = new Map<string, boolean>()
  #places: number
  readonly #queue: (() => void)[] = []
  readonly #timers = new Set<() => void>()
  /** Agents that have no key to sign with: they do nothing until they have one. */
  readonly #keyless = new Map<string, string>()
  /** How many keys of each agent had been revoked when its turns began. */
  readonly #revocations = new Map<string, number>()
  #dueTimer: { readonly at: number; readonly forget: () => void } | undefined
  #noting = false
  #closed = false
  #scanning: Promise<void> | undefined
  #again = false
  #ends: (() => void)[] = []
  #started = false
  /** When the store was last asked whether the leases hold, and said so. */
  #confirmed = { monotonic: -Infinity, wall: -Infinity }
  #confirming: Promise<void> | undefined

  constructor(parts: WorkerParts, agents: readonly AnyAgent[]) {
    this.context = parts.context
    this.committer = parts.committer
    this.directory = parts.directory
    this.trust = parts.trust
    this.#outside = parts.outside
    this.id = `w_${ulid(this.context.clock.now(), this.context.random.bytes(10))}`
    this.#places = this.context.limits.activeAgents
    for (const agent of agents) this.#agents.set(agent.name, agent)
  }

  /** Announces the worker and starts on what is there. */
  async start(): Promise<void> {
    await this.#beat()
    this.#started = true
    this.rekeyed()
    this.#every(Math.ceil(this.context.limits.leaseMs / 3), () => this.#beat())
    this.#every(Math.ceil(this.context.limits.leaseMs / 2), () => {
      // The keyring may have got the missing key without a word in the log.
      if (this.#keyless.size > 0) this.rekeyed()
      return this.scan()
    })
    this.#every(SWEEP_MS, () => this.#sweep())
    await this.scan()
  }

  /** True when no mailbox is being worked on (turns that wait are not work). */
  get quiet(): boolean {
    if (this.#starting.size > 0 || this.#scanning !== undefined) return false
    return this.#places === this.context.limits.activeAgents && this.#queue.length === 0
  }

  get agentNames(): readonly string[] {
    return [...this.#agents.keys()].filter((name) => !this.#keyless.has(name))
  }

  /**
   * The owner has written something: agents without a key stop, those that have got one begin. A turn that a revoked
   * key has a part in is given up; a key that was only replaced is taken up with the next record.
   */
  rekeyed(): void {
    if (this.#closed || !this.#started) return
    const { registry } = this.directory
    let some = false
    for (const name of this.#agents.keys()) {
      const problem = this.#keyProblem(name)
      const had = this.#keyless.get(name)
      const revocations = registry.revocations(name)
      const isRevoked = revocations !== (this.#revocations.get(name) ?? revocations)
      this.#revocations.set(name, revocations)
      if (problem === undefined) this.#keyless.delete(name)
      else this.#keyless.set(name, problem.message)
      if (problem !== undefined && problem.message !== had) {
        const { code } = errorValue(problem)
        this.context.logger.log('error', `agent "${name}" stops: ${problem.message}`, { agent: name, code })
      }
      if (problem === undefined && had !== undefined) {
        this.context.logger.log('info', `agent "${name}" has a key again`, { agent: name })
        some = true
      }
      if (isRevoked || (problem !== undefined && had === undefined)) {
        this.#giveUp(name, problem ?? builtOnRevoked(name))
        some = true
      }
    }
    if (some) void this.scan()
  }

  #keyProblem(name: string): CoterieError | undefined {
    try {
      this.directory.signer(name)
      return undefined
    } catch (error) {
      if (error instanceof CoterieError) return error
      throw error
    }
  }

  /** Stops what runs of an agent, and gives its mailboxes back. */
  #giveUp(name: string, error: CoterieError): void {
    const isOwn = (address: string): boolean => nameOf(address) === name
    const addresses = [...this.#leases.keys()].filter(isOwn)
    for (const [address, runner] of this.#runners) {
      if (!isOwn(address)) continue
      runner.stop(error)
      this.#later(address)
    }
    for (const address of addresses) {
      this.#leases.delete(address)
      this.committer.giveUp(address)
    }
    this.context.store
      .release(this.id, addresses)
      .catch((problem: unknown) => this.#report('giving mailboxes back', problem))
  }

  /** Stops: turns under way are given up and are run again by whoever is next. */
  async stop(): Promise<void> {
    this.#closed = true
    for (const forget of this.#timers) forget()
    this.#dueTimer?.forget()
    const closed = new CoterieError(
      'COTERIE_CLOSED',
      'The space was closed while this turn ran; it is run again.',
    )
    for (const runner of this.#runners.values()) runner.stop(closed)
    if (this.#runners.size > 0) await new Promise<void>((resolve) => this.#ends.push(resolve))
    await this.#scanning
    await this.context.store.retire(this.id)
  }

  /** Something was committed by this process. */
  committed(write: Write, outcome: Accepted): void {
    if (write.type !== 'record') return
    for (const message of write.messages) {
      const { envelope } = message
      if (envelope.dueAt !== null) this.#dueAt(envelope.dueAt)
      else
        this.#wakeAddress(
          envelope.to,
          envelope.kind === 'reply' ? undefined : justSent(message, outcome.position),
        )
    }
    const turn = write.turn
    if (turn !== null) {
      if (turn.dueAt !== null) this.#dueAt(turn.dueAt)
      for (const wait of turn.waits) this.#dueAt(wait.dueAt)
    }
    for (const settle of write.settles) if (settle.as === 'queued') void this.scan()
    this.cancelled(outcome.cancelled)
  }

  /** Messages were ended from outside: their turns stop at once. */
  cancelled(mails: readonly Mail[]): void {
    for (const { envelope } of mails) {
      const error = new CoterieError('COTERIE_CANCELLED', `Message ${envelope.id} was cancelled.`, {
        details: { message: envelope.id },
      })
      this.#runners.get(envelope.to)?.cancelled(envelope.id, error)
      this.#wakeAddress(envelope.to)
    }
  }

  /** Looks for everything that there is to do. */
  scan(): Promise<void> {
    if (this.#scanning !== undefined) {
      this.#again = true
      return this.#scanning
    }
    this.#scanning = this.#scan()
      .catch((error: unknown) => this.#report('scan', error))
      .finally(() => {
        this.#scanning = undefined
        if (this.#again && !this.#closed) {
          this.#again = false
          void this.scan()
        }
      })
    return this.#scanning
  }

  /** Another process has committed. */
  async changed(): Promise<void> {
    await this.scan()
    for (const [address, runner] of this.#runners) await this.#checkCancelled(address, runner)
  }

  async #checkCancelled(address: string, runner: MailboxRunner): Promise<void> {
    for (const id of runner.turns()) {
      const row = await this.context.store.message(id)
      if (row === undefined || this.#runners.get(address) !== runner) continue
      if (row.state === 'cancelled' || row.state === 'cancelling' || row.state === 'expired')
        this.cancelled([row])
    }
    if (runner.holds) runner.wake()
  }

  async #scan(): Promise<void> {
    const { store } = this.context
    if (this.#closed || this.agentNames.length === 0) return
    const now = this.context.clock.now()
    for (const address of await store.promote(SCAN_LIMIT)) this.#wakeAddress(address)
    for (const address of await store.due(SCAN_LIMIT)) this.#wakeAddress(address)
    for (const address of await store.work(this.id, this.agentNames, SCAN_LIMIT)) this.#wakeAddress(address)
    // What was due before this scan began has been looked at, or is another worker's: only what has become due
    // since, or is to come, sets the timer. (A timer may fire a millisecond before its time.)
    const next = await store.nextDueAt()
    if (next !== null && next > now) this.#dueAt(next)
  }

  /** There may be mail: this message, or, without one, whatever the store has. */
  #wakeAddress(address: string, mail?: Mail): void {
    const name = nameOf(address)
    if (this.#closed || !this.#agents.has(name) || this.#keyless.has(name)) return
    const fresh = this.#leases.get(address)?.fresh
    if (mail === undefined) fresh?.forget()
    else fresh?.offer(mail, this.committer.batches)
    const runner = this.#runners.get(address)
    if (runner !== undefined) runner.wake()
    else if (this.#starting.has(address)) this.#starting.set(address, true)
    else void this.#start(address)
  }

  async #start(address: string): Promise<void> {
    this.#starting.set(address, false)
    let again = false
    try {
      const runner = await this.#runner(address)
      if (runner !== undefined && !this.#closed) {
        this.#runners.set(address, runner)
        this.#starting.delete(address)
        this.#note()
        await runner.run()
      }
    } catch (error) {
      this.#report(`running ${address}`, error)
      // Its turns are run again by the next runner: these must not go on beside them.
      const { message } = errorValue(error)
      const given = new CoterieError(
        'COTERIE_LEASE_LOST',
        `The mailbox of ${address} was given up: ${message}`,
      )
      this.#runners.get(address)?.stop(given)
      this.#leases.delete(address)
      again = true
    }
    again ||= this.#starting.get(address) === true
    this.#starting.delete(address)
    const ended = this.#runners.get(address)
    this.#runners.delete(address)
    if (this.#closed) {
      if (this.#runners.size === 0) for (const resolve of this.#ends.splice(0)) resolve()
    } else if (again) this.#later(address)
    else if (ended?.wokenLate === true || ended?.reloads === true) this.#wakeAddress(address)
  }

  async #runner(address: string): Promise<MailboxRunner | undefined> {
    const agent = this.#agents.get(nameOf(address))
    if (agent === undefined) return undefined
    const known = this.#leases.get(address)
    if (known !== undefined) return new MailboxRunner(this, agent, known, [])
    // A runner before this one may have been stopped while its last commit was under way.
    await this.committer.settled(address)
    const grant = await this.context.store.lease(address, this.id)
    if (grant === undefined) return undefined
    const leased = { lease: grant.lease, fresh: new FreshMail() }
    this.#leases.set(address, leased)
    this.committer.setHead(address, grant.head)
    if (grant.takenOver)
      this.context.logger.log('warn', 'lease taken over', { agent: address, epoch: grant.lease.epoch })
    return new MailboxRunner(this, agent, leased, grant.waiting)
  }

  #later(address: string): void {
    this.#after(RETRY_MS, () => this.#wakeAddress(address))
  }

  enter(): Promise<void> {
    if (this.#places > 0) {
      this.#places -= 1
      return Promise.resolve()
    }
    return new Promise((resolve) => this.#queue.push(resolve))
  }

  leave(): void {
    const next = this.#queue.shift()
    if (next === undefined) this.#places += 1
    else next()
  }

  lost(address: string): void {
    this.#leases.delete(address)
    this.committer.forget(address)
  }

  /**
   * Asks the store when its last word is older than a lease lasts: by the monotonic clock, or by the machine's, which
   * may have been set, and by which others judge.
   */
  async confirm(): Promise<void> {
    const { clock, limits } = this.context
    const { monotonic, wall } = this.#confirmed
    const ageMs = Math.max(clock.monotonic() - monotonic, clock.now() - wall)
    if (ageMs < limits.leaseMs) return
    this.#confirming ??= this.#beat().finally(() => {
      this.#confirming = undefined
    })
    await this.#confirming
  }

  async #beat(): Promise<void> {
    const { clock, limits, store } = this.context
    // Before the store is asked: from then on at least it counts.
    const asked = { monotonic: clock.monotonic(), wall: clock.now() }
    const held = await store.heartbeat(this.id, limits.leaseMs)
    this.#confirmed = asked
    if (held) return
    this.context.logger.log('warn', 'leases lost: this worker was silent for too long', { worker: this.id })
    const error = new CoterieError('COTERIE_LEASE_LOST', 'This worker was silent for longer than its lease.')
    for (const [address, runner] of this.#runners) {
      runner.stop(error)
      this.lost(address)
    }
    this.#leases.clear()
    await this.scan()
  }

  async #sweep(): Promise<void> {
    await this.#outside.sweep()
    // What fell due while the timer was not set (by another process, after a restart) is found here.
    const next = await this.context.store.nextDueAt()
    if (next === null || this.#agents.size === 0) return
    if (next > this.context.clock.now()) this.#dueAt(next)
    else await this.scan()
  }

  #dueAt(at: number): void {
    if (this.#closed || (this.#dueTimer !== undefined && this.#dueTimer.at <= at)) return
    this.#dueTimer?.forget()
    this.#setDueTimer(at, 0)
  }

  /** A clock that was set back stands still until it has caught up: it is asked again, but not all the time. */
  #setDueTimer(at: number, leastMs: number): void {
    const { clock } = this.context
    const forget = clock.setTimer(Math.min(Math.max(leastMs, at - clock.now()), DUE_TIMER_MAX_MS), () => {
      this.#dueTimer = undefined
      if (at - clock.now() > TIMER_EARLY_MS) this.#setDueTimer(at, STILL_MS)
      else void this.scan()
    })
    this.#dueTimer = { at, forget }
  }

  /** While turns run, tells the store now and then which messages have been delivered. */
  #note(): void {
    if (this.#noting || this.#closed) return
    this.#noting = true
    this.context.clock.setTimer(NOTE_MS, () => {
      this.#noting = false
      if (this.#runners.size === 0 || this.#closed) return
      const now = this.context.clock.now()
      for (const runner of this.#runners.values())
        runner.note(now).catch((error: unknown) => this.#report('note', error))
      this.#note()
    })
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#after(ms, () => {
      void work()
        .catch((error: unknown) => this.#report('background work', error))
        .then(() => (this.#closed ? undefined : this.#every(ms, work)))
    })
  }

  #after(ms: number, work: () => void): void {
    const forget = this.context.clock.setTimer(ms, () => {
      this.#timers.delete(forget)
      work()
    })
    this.#timers.add(forget)
  }

  #report(what: string, error: unknown): void {
    if (this.#closed) return
    const { code, message } = errorValue(error)
    this.context.logger.log('error', `${what} failed: ${message}`, { code, worker: this.id })
  }
}

/** A message as its mailbox would give it out. */
function justSent(message: NewMessage, position: number): Mail {
  return { ...message, position, state: 'queued', attempts: 0, segments: 0, crashes: 0, queue: 0 }
}

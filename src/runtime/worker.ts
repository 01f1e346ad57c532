/**
 * The worker: leases those mailboxes of its agents that fall to it, runs those that have something to do, keeps its
 * leases alive, and looks for the work of others: at once when this process commits, by the store's pulse when
 * another does, by one timer when something falls due. An idle agent costs nothing.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError, errorValue } from '../core/errors.ts'
import { ulid } from '../core/ids.ts'
import type { Accepted, Beat, Mail, Write } from '../ports/store.ts'
import type { AnyAgent } from '../turn/definition.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { DueTimer } from './due-timer.ts'
import { justSent } from './fresh-mail.ts'
import { Heartbeat } from './heartbeat.ts'
import { Holdings } from './holdings.ts'
import type { LeasedMailbox, Taker } from './holdings.ts'
import { KeyWatch } from './key-watch.ts'
import type { KeyChange } from './key-watch.ts'
import { Lookout } from './lookout.ts'
import { MailboxRunner } from './mailbox-runner.ts'
import type { RunnerHost } from './mailbox-runner.ts'
import type { Outside } from './outside.ts'
import { Spread } from './spread.ts'
import type { Trust } from './trust.ts'

const SCAN_LIMIT = 1_000
const SWEEP_MS = 1_000
const NOTE_MS = 25
/** The pause before a mailbox is tried again after a failure of the store, or a time of another clock is. */
const RETRY_MS = 250
/** Heartbeats in a lease. */
const BEATS = 3

/** The parts that a worker works with. */
export interface WorkerParts {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly outside: Outside
}

export class Worker implements RunnerHost, Taker {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly #outside: Outside
  readonly id: string
  readonly #agents = new Map<string, AnyAgent>()
  readonly #spread: Spread
  readonly #holdings: Holdings
  readonly #runners = new Map<string, MailboxRunner>()
  /** Addresses that the store is being asked for. */
  readonly #asked = new Set<string>()
  /** Addresses that another worker was found to hold: asked for again when the store says that they are free. */
  readonly #elsewhere = new Set<string>()
  /** Something may be held that falls to another. */
  #uneven = false
  #beats = 0
  #places: number
  readonly #queue: (() => void)[] = []
  readonly #timers = new Set<() => void>()
  readonly #keys: KeyWatch
  readonly #due: DueTimer
  readonly #heartbeat: Heartbeat
  readonly #lookout: Lookout
  #noting = false
  #closed = false
  #scanning: Promise<void> | undefined
  #again = false
  /** What the next scan looks at besides new work: all pages of it, and what is due. */
  #round = false
  #times = false
  /** The scan that begins now need not look for work: the store has just said that there is none. */
  #nothing = false
  #ends: (() => void)[] = []
  #started = false

  constructor(parts: WorkerParts, agents: readonly AnyAgent[]) {
    this.context = parts.context
    this.committer = parts.committer
    this.directory = parts.directory
    this.trust = parts.trust
    this.#outside = parts.outside
    this.id = `w_${ulid(this.context.clock.now(), this.context.random.bytes(10))}`
    this.#places = this.context.limits.activeAgents
    for (const agent of agents) this.#agents.set(agent.name, agent)
    this.#keys = new KeyWatch(this.directory, this.context.logger, (changes) => this.#rekeyed(changes))
    this.#spread = new Spread(this.id, this.agentNames)
    this.#holdings = new Holdings(this.context, this.committer, this.id, this)
    this.#due = new DueTimer(this.context.clock, () => void this.scan())
    this.#lookout = new Lookout(
      this.context.clock,
      this.context.limits.leaseMs,
      () => this.#lookSoon(false),
      () => this.#lookSoon(true),
    )
    this.#heartbeat = new Heartbeat(
      this.context,
      this.id,
      () => this.agentNames,
      () => this.#giveUpAll(),
    )
  }

  /** Announces the worker and starts on what is there. */
  async start(): Promise<void> {
    const { leaseMs } = this.context.limits
    await this.#heartbeat.send()
    this.#started = true
    this.rekeyed()
    this.#every(Math.ceil(leaseMs / BEATS), () => this.#beat())
    this.#every(SWEEP_MS, () => this.#sweep())
    this.#times = true
    await this.#look(true)
  }

  /** True when no mailbox is being worked on (turns that wait are not work). */
  get quiet(): boolean {
    if (this.#holdings.busy || this.#scanning !== undefined) return false
    return this.#places === this.context.limits.activeAgents && this.#queue.length === 0
  }

  get agentNames(): readonly string[] {
    return [...this.#agents.keys()].filter((name) => !this.#keys.isKeyless(name))
  }

  /**
   * The owner has written something: agents without a key stop, those that have got one begin. A turn that a revoked
   * key has a part in is given up; a key that was only replaced is taken up with the next record.
   */
  rekeyed(): void {
    if (!this.#closed && this.#started) this.#keys.look(this.#agents.keys())
  }

  #rekeyed(changes: readonly KeyChange[]): void {
    if (this.#closed) return
    for (const { name, stops } of changes) if (stops !== undefined) this.#giveUp(name, stops)
    // Others hear of it with the next heartbeat.
    if (changes.length > 0) this.#lookSoon(true)
  }

  /** Stops what runs of an agent, and gives its mailboxes back. */
  #giveUp(name: string, error: CoterieError): void {
    for (const [address, runner] of this.#runners) {
      if (nameOf(address) !== name) continue
      runner.stop(error)
      this.#after(RETRY_MS, () => this.#wakeAddress(address))
    }
    for (const { lease } of [...this.#holdings.all]) {
      if (nameOf(lease.address) !== name) continue
      this.committer.giveUp(lease.address)
      this.#holdings.giveBack(lease.address)
    }
  }

  /** Stops: turns under way are given up and are run again by whoever is next. */
  async stop(): Promise<void> {
    this.#closed = true
    for (const forget of this.#timers) forget()
    this.#due.stop()
    this.#lookout.stop()
    const closed = new CoterieError(
      'COTERIE_CLOSED',
      'The space was closed while this turn ran; it is run again.',
    )
    for (const runner of this.#runners.values()) runner.stop(closed)
    if (this.#runners.size > 0) await new Promise<void>((resolve) => this.#ends.push(resolve))
    await this.#scanning
    await this.#holdings.close()
    await this.#heartbeat.settled()
    await this.context.store.retire(this.id)
  }

  /** Something was committed by this process. */
  committed(write: Write, outcome: Accepted, batch: number): void {
    if (write.type !== 'record') return
    for (const message of write.messages) {
      const { envelope } = message
      if (envelope.dueAt !== null) this.#due.at(envelope.dueAt)
      else
        this.#wakeAddress(
          envelope.to,
          envelope.kind === 'reply' ? undefined : justSent(message, outcome.position),
          batch,
        )
    }
    const turn = write.turn
    if (turn !== null) {
      if (turn.dueAt !== null) this.#due.at(turn.dueAt)
      for (const wait of turn.waits) this.#due.at(wait.dueAt)
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

  /** Looks for everything that there is to do now. */
  scanAll(): Promise<void> {
    this.#times = true
    return this.scan()
  }

  /** Looks for work. */
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
    this.#lookout.doubt()
    await this.scan()
    // Many at a time: with a question for each turn, 2,000 that wait held all else up by 200 ms (measured on SQLite).
    const turns = [...this.#runners.values()].flatMap((runner) => runner.turns())
    while (turns.length > 0) this.cancelled(await this.context.store.ended(turns.splice(0, SCAN_LIMIT)))
  }

  async #scan(): Promise<void> {
    const { store } = this.context
    if (this.#closed || this.agentNames.length === 0) return
    const [round, times, nothing] = [this.#round, this.#times, this.#nothing]
    this.#round = false
    this.#times = false
    this.#nothing = false
    if (nothing) this.#spread.nextRound()
    else await this.#findWork(round)
    if (round && !times) return
    const now = this.context.clock.now()
    let next = await store.nextDueAt()
    if (times || (next !== null && next <= now)) {
      for (const address of await store.promote(SCAN_LIMIT)) this.#wakeAddress(address)
      for (const address of await store.due(SCAN_LIMIT)) this.#wakeAddress(address)
      next = await store.nextDueAt()
    }
    // What is due here and not there: the store's clock is behind this one, or there was too much at once.
    if (next !== null) this.#due.at(next > now ? next : now + RETRY_MS)
  }

  /** A round goes through all that the store has; otherwise the first page that brings nothing new is the last. */
  async #findWork(round: boolean): Promise<void> {
    const seen = new Set<string>()
    if (round) this.#spread.nextRound()
    for (;;) {
      const page = await this.context.store.work(this.id, this.agentNames, SCAN_LIMIT)
      const before = seen.size
      let asked = false
      for (const address of page) {
        if (seen.has(address)) continue
        seen.add(address)
        asked = this.#found(address, round) || asked
      }
      if (this.#closed || page.length < SCAN_LIMIT || seen.size === before || !(round || asked)) return
    }
  }

  /** There may be mail: this message, of this batch, or, without one, whatever the store has. */
  #wakeAddress(address: string, mail?: Mail, batch = 0): void {
    const name = nameOf(address)
    if (this.#closed || !this.#agents.has(name) || this.#keys.isKeyless(name)) return
    const leased = this.#holdings.get(address)
    if (mail === undefined) leased?.fresh.forget()
    else leased?.fresh.offer(mail, batch)
    const runner = this.#runners.get(address)
    if (runner !== undefined) runner.wake()
    else if (leased !== undefined) void this.#run(leased, [])
    else if (this.#spread.isMine(address) && !this.#elsewhere.has(address)) this.#ask(address)
  }

  /** The store says that this address has work and can be had. True when it was asked for. */
  #found(address: string, round: boolean): boolean {
    this.#elsewhere.delete(address)
    if (this.#asked.has(address)) return false
    if (this.#holdings.get(address) !== undefined || this.#spread.isMine(address)) {
      const known = this.#holdings.get(address) !== undefined || this.#runners.has(address)
      this.#wakeAddress(address)
      return !known
    }
    if (!round) {
      this.#lookout.doubt()
      return false
    }
    if (!this.#spread.isLeftLying(address)) return false
    this.#uneven = true
    this.#ask(address, this.#spread.ownerOf(address))
    return true
  }

  #ask(address: string, instead?: string): void {
    if (this.#closed || this.#asked.has(address)) return
    this.#asked.add(address)
    this.#holdings.take(address, instead)
  }

  /** Asks again for an address of which it is not known who has it. */
  #askAgain(address: string): void {
    const leased = this.#holdings.get(address)
    if (leased === undefined && !this.#runners.has(address)) this.#ask(address)
    else this.#wakeAddress(address)
  }

  granted(leased: LeasedMailbox, waiting: readonly Mail[]): void {
    const { address } = leased.lease
    this.#asked.delete(address)
    if (this.#keys.isKeyless(nameOf(address))) this.#holdings.giveBack(address)
    else if (!this.#closed) void this.#run(leased, waiting)
  }

  denied(address: string): void {
    this.#asked.delete(address)
    this.#elsewhere.add(address)
  }

  failed(address: string, error: unknown): void {
    this.#asked.delete(address)
    this.#report(`leasing ${address}`, error)
    if (!this.#closed) this.#after(RETRY_MS, () => this.#askAgain(address))
  }

  async #run(leased: LeasedMailbox, waiting: readonly Mail[]): Promise<void> {
    const { address } = leased.lease
    const agent = this.#agents.get(nameOf(address))
    if (agent === undefined) return
    const runner = new MailboxRunner(this, agent, leased, waiting)
    this.#runners.set(address, runner)
    this.#note()
    let again = false
    try {
      await runner.run()
    } catch (error) {
      this.#report(`running ${address}`, error)
      // Its turns are run again by the next runner: these must not go on beside them.
      const { message } = errorValue(error)
      runner.stop(
        new CoterieError('COTERIE_LEASE_LOST', `The mailbox of ${address} was given up: ${message}`),
      )
      this.#holdings.forget(address)
      again = true
    }
    if (this.#runners.get(address) === runner) this.#runners.delete(address)
    if (this.#closed) {
      if (this.#runners.size === 0) for (const resolve of this.#ends.splice(0)) resolve()
    } else if (again) this.#after(RETRY_MS, () => this.#askAgain(address))
    else if (runner.reloads) this.#askAgain(address)
    else if (this.#holdings.get(address) === leased && !this.keeps(address)) this.#holdings.giveBack(address)
    else if (runner.wokenLate) this.#wakeAddress(address)
  }

  keeps(address: string): boolean {
    const owner = this.#spread.ownerOf(address)
    return owner === this.id || owner === this.#holdings.get(address)?.instead
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
    this.#holdings.forget(address)
  }

  confirm(): Promise<void> {
    return this.#heartbeat.confirm()
  }

  async #beat(): Promise<void> {
    // The keyring may have got a missing key without a word in the log.
    if (!this.#keys.isComplete) this.rekeyed()
    const beat = await this.#heartbeat.send()
    // What fell due while no timer was set (by another process, after a restart) is found once in a lease.
    this.#spread.beat()
    this.#beats += 1
    this.#times ||= this.#beats % BEATS === 0
    // The next heartbeat does not wait for it: with much to do it takes its time.
    this.#lookSoon(true, beat)
  }

  /** Some leases are gone, and it is not known which: all turns stop, and what nobody has taken is free again. */
  #giveUpAll(): void {
    this.context.logger.log('warn', 'leases lost: this worker was silent for too long', { worker: this.id })
    const error = new CoterieError('COTERIE_LEASE_LOST', 'This worker was silent for longer than its lease.')
    for (const runner of this.#runners.values()) runner.stop(error)
    for (const { lease } of [...this.#holdings.all]) this.#holdings.giveBack(lease.address)
  }

  #lookSoon(round: boolean, beat?: Beat): void {
    this.#look(round, beat).catch((error: unknown) => this.#report('looking for work', error))
  }

  /** Who is alive, and if that has changed, or in a round: what falls to whom by that, and what lies there. */
  async #look(round: boolean, beat?: Beat): Promise<void> {
    const alive = beat?.others ?? (await this.context.store.workers())
    const changed = this.#spread.saw(alive, this.agentNames)
    if (!changed && !round) return
    this.#uneven ||= changed
    this.#elsewhere.clear()
    this.#giveBackIdle()
    this.#lookout.lapsesIn(this.#spread.lapseMs, this.context.limits.leaseMs / BEATS)
    this.#round = true
    this.#nothing = beat?.busy === false && this.#scanning === undefined
    await this.scan()
  }

  /** Gives back what falls to others and has nothing under way. What has, goes when its turn is over. */
  #giveBackIdle(): void {
    if (!this.#uneven) return
    this.#uneven = false
    for (const { lease } of [...this.#holdings.all]) {
      if (this.#spread.isMine(lease.address)) continue
      if (this.#runners.has(lease.address)) this.#uneven = true
      else this.#holdings.giveBack(lease.address)
    }
  }

  async #sweep(): Promise<void> {
    if (this.#spread.sweeps) await this.#outside.sweep()
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

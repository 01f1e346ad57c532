/**
 * One space of a PostgreSQL database.
 *
 * @module
 */

import { CLIENT, OWNER, nameOf } from '../../core/address.ts'
import type { KeptDecision } from '../../mailbox/rows.ts'
import type {
  Beat,
  ChainHead,
  CommitTerms,
  Grant,
  JournalChunk,
  LiveWorker,
  LogRecord,
  Mail,
  MailPage,
  MailQuery,
  MessageRow,
  MessagesQuery,
  Outcome,
  SpaceStatus,
  SpaceStore,
  StoredEvent,
  Wait,
  Write,
} from '../../ports/store.ts'
import { commitBatch, commitBehind } from './commit.ts'
import type { Committed, Marks } from './commit.ts'
import type { Feed } from './feed.ts'
import { Flights } from './flights.ts'
import { Horizon, LOOK } from './horizon.ts'
import { announce, giveBack, liveWorkers, prolong, takeLeases } from './leases.ts'
import type { Announcement } from './leases.ts'
import { Known } from './known.ts'
import { LogReader } from './log.ts'
import { takeMail } from './mailbox.ts'
import { Pulse } from './pulse.ts'
import { Rhythm } from './rhythm.ts'
import { WorkFinder, due, hasScheduledDue, nextDueAt, expirable, promote } from './schedule.ts'
import { readStatus } from './status.ts'
import type { SpaceContext } from './transaction.ts'

/** What a space is called, and who writes to it. */
export interface SpaceIdentity {
  readonly name: string
  readonly id: string
  readonly version: number
  /** This handle's name in `writers`. */
  readonly writer: string
}

/** The store of one space. */
export class PostgresSpace implements SpaceStore {
  readonly name: string
  readonly id: string
  readonly isApart = true
  readonly #context: SpaceContext
  readonly #feed: Feed
  readonly #pulse: Pulse
  readonly #log: LogReader
  readonly #work: WorkFinder
  /**
   * Workers announced through this object, and how often addresses had been taken from each at its last heartbeat. One
   * that is not in the database any more was forgotten there.
   */
  readonly #announced = new Map<string, number>()
  /** Addresses that this process holds or writes from: what it sends to them need not be told to others. */
  readonly #own = new Set<string>()
  #batches = 0
  readonly #marks: Marks
  #raising: Promise<void> = Promise.resolve()
  /** How many have or wait for their turn to raise the version. */
  #raises = 0
  #clockMs = 0
  #horizon: Horizon | undefined
  readonly #rhythm = new Rhythm(performance.now())
  #looking = false
  /** Up to here `due` has answered everything. */
  #dueSeenMs = 0

  constructor(parts: Omit<SpaceContext, 'pulse' | 'known' | 'flights'>, identity: SpaceIdentity, feed: Feed) {
    this.#pulse = new Pulse(identity.version)
    const context = { ...parts, pulse: this.#pulse, known: new Known(), flights: new Flights() }
    this.#context = context
    this.#marks = () => ({ writer: identity.writer, batch: ++this.#batches })
    this.#feed = feed
    this.name = identity.name
    this.id = identity.id
    this.#log = new LogReader(context)
    this.#work = new WorkFinder(context)
    feed.add(context.space, this.#pulse)
  }

  async now(): Promise<number> {
    const { pool, statements, space, clockMs } = this.#context
    const [row] = await pool.read(statements.get(LOOK), [space, clockMs(), this.#dueSeenMs])
    if (row === undefined) throw new Error(`There is no space ${space}.`)
    this.#saw(new Horizon(row))
    return this.#clockMs
  }

  async commit(batch: readonly Write[], terms: CommitTerms): Promise<readonly Outcome[]> {
    this.#context.pool.check()
    if (batch.length === 0) return []
    return (await this.#raise(() => this.#commit(batch, terms))).outcomes
  }

  follow(): ReturnType<NonNullable<SpaceStore['follow']>> {
    // Whoever waits for the space comes first: what follows would keep him waiting.
    if (this.#raises > 1 || this.#context.flights.last === undefined) return undefined
    return (batch, terms) => this.#follow(batch, terms)
  }

  async heartbeat(worker: string, leaseMs: number, agents: readonly string[]): Promise<Beat> {
    const before = this.#announced.get(worker)
    const announcement = { worker, leaseMs, agents }
    const prolonged =
      before === undefined ? undefined : await prolong(this.#context, announcement, this.#dueSeenMs)
    if (prolonged === undefined) return this.#announce(announcement, before !== undefined)
    const { lost, others, horizon } = prolonged
    const held = lost === before
    this.#announced.set(worker, lost)
    if (!held) this.#own.clear()
    this.#saw(horizon)
    this.#rhythm.beat(performance.now())
    return { held, others, busy: horizon.busy }
  }

  async #announce(announcement: Announcement, known: boolean): Promise<Beat> {
    const { worker } = announcement
    const { kept, version } = await announce(this.#context, announcement, known)
    this.#announced.set(worker, 0)
    if (!kept) this.#own.clear()
    if (version !== undefined) {
      this.#pulse.saw(version)
      this.#feed.notify(this.#context.space)
    }
    const workers = await this.workers()
    return { held: kept, others: workers.filter(({ id }) => id !== worker), busy: true }
  }

  async workers(): Promise<readonly LiveWorker[]> {
    return liveWorkers(this.#context)
  }

  async lease(address: string, worker: string): Promise<Grant | undefined> {
    return (await this.leases([address], worker))[0]
  }

  async leases(addresses: readonly string[], worker: string): Promise<readonly Grant[]> {
    if (addresses.length === 0) return []
    const { grants } = await this.#raise(async () => ({
      grants: await takeLeases(this.#context, worker, addresses),
      raised: false,
      tell: false,
    }))
    for (const { lease } of grants) this.#own.add(lease.address)
    return grants
  }

  async release(worker: string, addresses: readonly string[]): Promise<void> {
    if (addresses.length > 0) await this.#giveBack(worker, addresses)
  }

  async retire(worker: string): Promise<void> {
    this.#announced.delete(worker)
    await this.#giveBack(worker, 'all')
  }

  async work(worker: string, agents: readonly string[], limit: number): Promise<readonly string[]> {
    return this.#work.find(worker, agents, limit)
  }

  async promote(limit: number): Promise<readonly string[]> {
    if (this.#quiet?.nothingScheduled(this.#context.clockMs()) === true) return []
    // Nearly always nothing is due: then the head is not locked.
    if (!(await hasScheduledDue(this.#context))) return []
    const { addresses } = await this.#raise(async () => {
      const promoted = await promote(this.#context, limit)
      return { addresses: promoted, raised: promoted.length > 0, tell: true }
    })
    return addresses
  }

  async nextDueAt(): Promise<number | null> {
    const quiet = this.#quiet
    return quiet === undefined ? nextDueAt(this.#context, this.#dueSeenMs) : quiet.nextDueAt
  }

  async due(limit: number): Promise<readonly string[]> {
    if (this.#quiet?.nothingDue(this.#context.clockMs()) === true) return []
    const { addresses, now } = await due(this.#context, limit)
    this.#horizon = undefined
    if (addresses.length < limit) this.#dueSeenMs = Math.max(this.#dueSeenMs, now)
    return addresses
  }

  async expirable(limit: number): Promise<readonly Mail[]> {
    if (this.#quiet?.nothingExpirable(this.#context.clockMs()) === true) return []
    return expirable(this.#context, limit)
  }

  async mail(address: string, query: MailQuery): Promise<MailPage> {
    const { mail, more, nextDueAt: next, version } = await takeMail(this.#context, address, query)
    this.#pulse.saw(version)
    return { mail, more, nextDueAt: next }
  }

  async waits(turn: string): Promise<readonly Wait[]> {
    return this.#log.waits(turn)
  }

  async answers(requests: readonly string[]): Promise<readonly Mail[]> {
    return this.#log.answers(requests)
  }

  async ended(messages: readonly string[]): Promise<readonly Mail[]> {
    return this.#log.ended(messages)
  }

  async journal(turn: string): Promise<readonly JournalChunk[]> {
    return this.#log.journal(turn)
  }

  async stream(
    stream: string,
    upTo: number = Number.MAX_SAFE_INTEGER,
  ): Promise<{ version: number; events: readonly StoredEvent[] }> {
    return this.#log.stream(stream, upTo)
  }

  async streams(after: string | null, limit: number): Promise<readonly string[]> {
    return this.#log.streams(after, limit)
  }

  async journals(after: string | null, limit: number): Promise<readonly string[]> {
    return this.#log.journals(after, limit)
  }

  async version(stream: string): Promise<number> {
    return this.#log.version(stream)
  }

  async head(address: string): Promise<ChainHead> {
    return this.#log.head(address)
  }

  async chain(author: string, seq: number, limit: number): Promise<readonly LogRecord[]> {
    return this.#log.chain(author, seq, limit)
  }

  async records(position: number, limit: number): Promise<readonly LogRecord[]> {
    return this.#log.records(position, limit)
  }

  async message(id: string): Promise<MessageRow | undefined> {
    return this.#log.message(id)
  }

  async messageByKey(fromName: string, to: string, key: string): Promise<MessageRow | undefined> {
    return this.#log.messageByKey(fromName, to, key)
  }

  async messagesOf(query: MessagesQuery): Promise<readonly MessageRow[]> {
    return this.#log.messages(query)
  }

  async decision(id: string): Promise<KeptDecision | undefined> {
    return this.#log.decision(id)
  }

  async decisions(after: string | null, limit: number): Promise<readonly KeptDecision[]> {
    return this.#log.decisions(after, limit)
  }

  async status(): Promise<SpaceStatus> {
    return readStatus(this.#context)
  }

  async pulse(): Promise<number> {
    this.#context.pool.check()
    if (this.#rhythm.isDue(performance.now())) this.look()
    return this.#pulse.count
  }

  changed(listener: () => void): () => void {
    this.#feed.listen()
    return this.#pulse.listen(listener)
  }

  /** Looks at the version of the space, in the background. */
  look(): void {
    if (this.#looking) return
    this.#looking = true
    this.now()
      .catch(() => undefined)
      .finally(() => {
        this.#looking = false
        this.#rhythm.looked(performance.now())
      })
  }

  #saw(horizon: Horizon): void {
    this.#horizon = horizon
    this.#rhythm.looked(performance.now())
    this.#pulse.saw(horizon.version)
    this.#clockMs = Math.max(this.#clockMs, horizon.now)
  }

  /** What was seen last, if it can be believed. */
  get #quiet(): Horizon | undefined {
    this.#context.pool.check()
    return this.#horizon?.holds(this.#pulse.version) === true ? this.#horizon : undefined
  }

  async #commit(
    writes: readonly Write[],
    terms: CommitTerms,
  ): Promise<Raised & { readonly outcomes: readonly Outcome[] }> {
    const committed = await commitBatch(this.#context, writes, terms, this.#marks)
    const { outcomes, batch, accepted } = committed
    const raised = accepted && batch.records.length > 0
    if (!raised) this.#pulse.saw(batch.head.version)
    writes.forEach((write, at) => {
      if (outcomes[at]?.type === 'fenced' && write.lease !== null) this.#own.delete(write.lease.address)
    })
    return { outcomes, raised, tell: this.#written(committed) }
  }

  /** Keeps the turn of the batch that it follows: whoever comes next waits for both. */
  async #follow(writes: readonly Write[], terms: CommitTerms): Promise<readonly Outcome[] | undefined> {
    const following = commitBehind(this.#context, writes, terms, this.#marks)
    this.#raising = Promise.allSettled([this.#raising, following]).then(() => undefined)
    const committed = await following
    if (committed === undefined) return undefined
    if (this.#written(committed)) this.#feed.notify(this.#context.space)
    return committed.outcomes
  }

  /** Takes note of what was written; answers whether others may have something to do now. */
  #written({ batch, accepted, touched, now }: Committed): boolean {
    this.#clockMs = Math.max(this.#clockMs, now ?? batch.now)
    for (const { record } of batch.records) {
      if (nameOf(record.author) === CLIENT) this.#own.add(record.author)
    }
    if (!accepted || batch.records.length === 0) return false
    for (const recipient of touched) if (!this.#own.has(recipient)) return true
    return batch.records.some(({ record }) => record.author === OWNER)
  }

  async #giveBack(worker: string, addresses: readonly string[] | 'all'): Promise<void> {
    if (addresses === 'all') this.#own.clear()
    else for (const address of addresses) this.#own.delete(address)
    await this.#raise(async () => ({
      raised: await giveBack(this.#context, worker, addresses),
      tell: true,
    }))
  }

  /**
   * Runs what may raise the version of the space, one after the other: so `writers` need keep no more than the last
   * batch, and the pulse can tell this process's versions from those of others.
   */
  async #raise<T extends Raised>(work: () => Promise<T>): Promise<T> {
    this.#raises += 1
    const turn = this.#raising.then(work)
    const settled = turn
      .then(
        ({ raised }) => this.#pulse.answered(raised),
        () => this.#pulse.answered(false),
      )
      .then(() => void (this.#raises -= 1))
    this.#raising = settled
    const result = await turn
    // The pulse is right before anybody hears of the result.
    await settled
    if (result.raised && result.tell) this.#feed.notify(this.#context.space)
    return result
  }
}

/** What became of the version. */
interface Raised {
  readonly raised: boolean
  /** Others may have something to do now. */
  readonly tell: boolean
}

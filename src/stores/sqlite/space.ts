/**
 * One space of an SQLite database.
 *
 * @module
 */

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
import { OWNER } from '../../core/address.ts'
import { readMailbox, readVersion } from './batch.ts'
import { commitBatch } from './commit.ts'
import type { Handle } from './handle.ts'
import { heartbeat, liveWorkers, release, retire, takeLeases } from './leases.ts'
import { LogReader } from './log.ts'
import { takeMail } from './mailbox.ts'
import { KEYS_STREAM } from '../../mailbox/names.ts'
import { num } from '../../mailbox/rows.ts'
import type { KeptDecision } from '../../mailbox/rows.ts'
import { WorkFinder, due, hasScheduledDue, nextDueAt, expirable, promote } from './schedule.ts'
import { readStatus } from './status.ts'

const CLOCK = 'select clock_ms from spaces where space = ?'
const VERSION = 'select version from spaces where space = ?'

/**
 * The store of one space. All methods are asynchronous by contract, and synchronous inside: SQLite is a
 * library.
 */
export class SqliteSpace implements SpaceStore {
  readonly name: string
  readonly id: string
  readonly isApart = false
  readonly #handle: Handle
  readonly #space: number
  readonly #log: LogReader
  readonly #work: WorkFinder
  /** Workers announced through this object: one that is not in the database any more was forgotten there. */
  readonly #announced = new Set<string>()
  #clockMs = 0
  /** Up to here `due` has answered everything. */
  #dueSeenMs = 0
  /** The handle's pulse when the version was last read. */
  #handlePulse = -1
  /** The space's version, and how much of it is this object's own work. */
  #version = 0
  #own = 0

  constructor(handle: Handle, space: number, name: string, id: string) {
    this.#handle = handle
    this.#space = space
    this.name = name
    this.id = id
    this.#log = new LogReader(handle.database, space)
    this.#work = new WorkFinder(handle.database, space)
  }

  async now(): Promise<number> {
    return this.#now()
  }

  async commit(batch: readonly Write[], terms: CommitTerms): Promise<readonly Outcome[]> {
    if (batch.length === 0) return []
    const outcomes = this.#handle.write((db) =>
      commitBatch(db, this.#space, () => this.#wall(), batch, terms),
    )
    this.#grew(batch.some(({ type }, at) => type === 'record' && outcomes[at]?.type === 'accepted'))
    return outcomes
  }

  async heartbeat(worker: string, leaseMs: number, agents: readonly string[]): Promise<Beat> {
    const lease = { ms: leaseMs, agents, known: this.#announced.has(worker) }
    this.#announced.add(worker)
    const { kept, joined } = this.#handle.write((db) =>
      heartbeat(db, this.#space, worker, this.#now(), lease),
    )
    this.#grew(joined)
    const others = (await this.workers()).filter(({ id }) => id !== worker)
    // Whoever asks in vain is told so in microseconds.
    return { held: kept, others, busy: true }
  }

  async workers(): Promise<readonly LiveWorker[]> {
    return this.#handle.query((db) => liveWorkers(db, this.#space, this.#now()))
  }

  async lease(address: string, worker: string): Promise<Grant | undefined> {
    return (await this.leases([address], worker))[0]
  }

  async leases(addresses: readonly string[], worker: string): Promise<readonly Grant[]> {
    if (addresses.length === 0) return []
    return this.#handle.write((db) => takeLeases(db, this.#space, addresses, worker, this.#now()))
  }

  async release(worker: string, addresses: readonly string[]): Promise<void> {
    if (addresses.length === 0) return
    this.#grew(this.#handle.write((db) => release(db, this.#space, worker, addresses)))
  }

  async retire(worker: string): Promise<void> {
    this.#announced.delete(worker)
    this.#grew(this.#handle.write((db) => retire(db, this.#space, worker)))
  }

  async work(worker: string, agents: readonly string[], limit: number): Promise<readonly string[]> {
    return this.#handle.query(() => this.#work.find(worker, agents, this.#now(), limit))
  }

  async promote(limit: number): Promise<readonly string[]> {
    // Nearly always nothing is due: then the write lock is not taken.
    if (!this.#handle.query((db) => hasScheduledDue(db, this.#space, this.#now()))) return []
    const moved = this.#handle.write((db) => promote(db, this.#space, () => this.#wall(), limit))
    this.#grew(moved.length > 0)
    return moved
  }

  async nextDueAt(): Promise<number | null> {
    return this.#handle.query((db) => nextDueAt(db, this.#space, this.#dueSeenMs))
  }

  async due(limit: number): Promise<readonly string[]> {
    return this.#handle.query((db) => {
      const now = this.#now()
      const addresses = due(db, this.#space, now, limit)
      if (addresses.length < limit) this.#dueSeenMs = now
      return addresses
    })
  }

  async expirable(limit: number): Promise<readonly Mail[]> {
    return this.#handle.query((db) => expirable(db, this.#space, this.#now(), limit))
  }

  async mail(address: string, query: MailQuery): Promise<MailPage> {
    return this.#handle.query((db) => takeMail(db, this.#space, address, query, this.#now()))
  }

  async waits(turn: string): Promise<readonly Wait[]> {
    return this.#handle.query(() => this.#log.waits(turn))
  }

  async answers(requests: readonly string[]): Promise<readonly Mail[]> {
    return this.#handle.query(() => this.#log.answers(requests))
  }

  async ended(messages: readonly string[]): Promise<readonly Mail[]> {
    return this.#handle.query(() => this.#log.ended(messages))
  }

  async journal(turn: string): Promise<readonly JournalChunk[]> {
    return this.#handle.query(() => this.#log.journal(turn))
  }

  async stream(stream: string, upTo?: number): Promise<{ version: number; events: readonly StoredEvent[] }> {
    return this.#handle.snapshot((db) => {
      if (stream === KEYS_STREAM) return { version: this.#head(OWNER).seq + 1, events: [] }
      const version = Math.min(readVersion(db, this.#space, stream), upTo ?? Number.MAX_SAFE_INTEGER)
      return { version, events: this.#log.events(stream, version) }
    })
  }

  async streams(after: string | null, limit: number): Promise<readonly string[]> {
    return this.#handle.query(() => this.#log.streams(after, limit))
  }

  async journals(after: string | null, limit: number): Promise<readonly string[]> {
    return this.#handle.query(() => this.#log.journals(after, limit))
  }

  async version(stream: string): Promise<number> {
    return this.#handle.query((db) => readVersion(db, this.#space, stream))
  }

  async head(address: string): Promise<ChainHead> {
    return this.#handle.query(() => this.#head(address))
  }

  async chain(author: string, seq: number, limit: number): Promise<readonly LogRecord[]> {
    return this.#handle.query(() => this.#log.chain(author, seq, limit))
  }

  async records(position: number, limit: number): Promise<readonly LogRecord[]> {
    return this.#handle.query(() => this.#log.records(position, limit))
  }

  async message(id: string): Promise<MessageRow | undefined> {
    return this.#handle.query(() => this.#log.message(id))
  }

  async messageByKey(fromName: string, to: string, key: string): Promise<MessageRow | undefined> {
    return this.#handle.query(() => this.#log.messageByKey(fromName, to, key))
  }

  async messagesOf(query: MessagesQuery): Promise<readonly MessageRow[]> {
    return this.#handle.snapshot(() => this.#log.messages(query))
  }

  async decision(id: string): Promise<KeptDecision | undefined> {
    return this.#handle.query(() => this.#log.decision(id))
  }

  async decisions(after: string | null, limit: number): Promise<readonly KeptDecision[]> {
    return this.#handle.query(() => this.#log.decisions(after, limit))
  }

  async status(): Promise<SpaceStatus> {
    return this.#handle.snapshot((db) => readStatus(db, this.#space, this.#now()))
  }

  async pulse(): Promise<number> {
    const pulse = this.#handle.pulse()
    if (pulse !== this.#handlePulse) {
      // Somebody has written something: whether it is of interest, and to this space, the version says.
      this.#handlePulse = pulse
      const row = this.#handle.query((db) => db.sql(VERSION).get(this.#space))
      this.#version = row === undefined ? 0 : num(row, 'version')
    }
    return this.#version - this.#own
  }

  /** This object has raised the space's version itself. */
  #grew(grew: boolean): void {
    if (!grew) return
    this.#version += 1
    this.#own += 1
  }

  #head(address: string): ChainHead {
    const mailbox = readMailbox(this.#handle.database, this.#space, address)
    return { seq: mailbox?.seq ?? -1, hash: mailbox?.hash ?? '' }
  }

  /**
   * The store's clock: at least what was stored with the newest commit, and what this object has answered.
   */
  #now(): number {
    const row = this.#handle.query((db) => db.sql(CLOCK).get(this.#space))
    this.#clockMs = Math.max(this.#wall(), row === undefined ? 0 : num(row, 'clock_ms'))
    return this.#clockMs
  }

  #wall(): number {
    return Math.max(this.#clockMs, this.#handle.wallMs())
  }
}

/**
 * What a batch knows while it is written: the space's counters, and each mailbox and stream that it touches.
 * Every mailbox is read once and written once for a batch, however many of its messages come and go: at 256
 * writes to 16 addresses that is 32 statements instead of 1,024.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { emptyMailbox } from '../../mailbox/batch-state.ts'
import type { Counters, Mailbox } from '../../mailbox/batch-state.ts'
import { num, text, textOrNull } from '../../mailbox/rows.ts'
import { placeOf } from '../../mailbox/states.ts'
import type { CommitTerms } from '../../ports/store.ts'
import type { Database } from './database.ts'

/** A mailbox within the batch. */
export interface StoredMailbox extends Mailbox {
  /** False for one that is not stored yet. */
  readonly stored: boolean
  /** `ready` as it is stored. */
  readonly readyBefore: number
}

const READ_SPACE = 'select position, clock_ms, number, handled from spaces where space = ?'
const WRITE_SPACE = `update spaces set position = ?, clock_ms = ?, number = ?, handled = ?,
  version = version + ? where space = ?`
/** Other processes have something to look at. */
export const GREW = 'update spaces set version = version + 1 where space = ?'
const READ_MAILBOX = `select worker, epoch, seq, hash, depth, ready, waiting, dead
  from mailboxes where space = ? and address = ?`
const INSERT_MAILBOX = `insert into mailboxes (space, address, agent, worker, epoch, seq, hash, depth, ready,
  waiting, dead)
  values (?, ?, ?, null, 0, ?, ?, ?, ?, ?, ?)`
// SQLite writes the pages of every index whose columns are named, changed or not. So the worker is left out, which
// only leases change, and `ready` where it stands as it stood: two of fifteen pages of a small commit.
const UPDATE_MAILBOX = `update mailboxes set seq = ?, hash = ?, depth = ?, waiting = ?, dead = ?
  where space = ? and address = ?`
const UPDATE_READY = `update mailboxes set seq = ?, hash = ?, depth = ?, ready = ?, waiting = ?, dead = ?
  where space = ? and address = ?`
const READ_VERSION = 'select max(version) as version from events where space = ? and stream = ?'

/** The terms of what is no commit. */
const UNBOUND: CommitTerms = { mailboxDepth: Number.MAX_SAFE_INTEGER }

/** A write transaction in progress. */
export class Batch {
  readonly db: Database
  readonly space: number
  /** The store's clock for the whole batch. */
  readonly now: number
  readonly counters: Counters
  readonly terms: CommitTerms
  readonly #before: Readonly<Counters>
  readonly #mailboxes = new Map<string, StoredMailbox>()
  readonly #versions = new Map<string, number>()

  /** Reads the space's head; call it inside the transaction. */
  constructor(db: Database, space: number, wallMs: number, terms: CommitTerms = UNBOUND) {
    const row = db.sql(READ_SPACE).get(space)
    if (row === undefined) throw new Error(`There is no space ${space}.`)
    this.db = db
    this.space = space
    this.terms = terms
    this.now = Math.max(num(row, 'clock_ms'), wallMs)
    this.counters = {
      position: num(row, 'position'),
      number: num(row, 'number'),
      handled: num(row, 'handled'),
    }
    this.#before = { ...this.counters }
  }

  /** The mailbox of an address, made when it is new. */
  mailbox(address: string): StoredMailbox {
    const known = this.#mailboxes.get(address)
    if (known !== undefined) return known
    const mailbox = readMailbox(this.db, this.space, address) ?? {
      ...emptyMailbox(address),
      stored: false,
      readyBefore: 0,
    }
    this.#mailboxes.set(address, mailbox)
    return mailbox
  }

  /** The number of events in a stream. */
  version(stream: string): number {
    const known = this.#versions.get(stream)
    if (known !== undefined) return known
    const version = readVersion(this.db, this.space, stream)
    this.#versions.set(stream, version)
    return version
  }

  /** Notes that a stream has grown. */
  grew(stream: string, version: number): void {
    this.#versions.set(stream, version)
  }

  /** The next number for a message or for a place in a mailbox. */
  nextNumber(): number {
    return this.counters.number++
  }

  /** The place of a number or position of this space. */
  place(number: number): number {
    return placeOf(this.space, number)
  }

  /** Writes the counters and the mailboxes that changed. */
  flush(): void {
    const { position, number, handled } = this.counters
    for (const mailbox of this.#mailboxes.values()) if (mailbox.changed) this.#writeMailbox(mailbox)
    const grew = Number(position !== this.#before.position || number !== this.#before.number)
    this.db.sql(WRITE_SPACE).run(position, this.now, number, handled, grew, this.space)
  }

  #writeMailbox(m: StoredMailbox): void {
    if (m.depth < 0 || m.ready < 0 || m.waiting < 0 || m.dead < 0) {
      throw new RangeError(`The counters of the mailbox ${m.address} fell below zero: ${JSON.stringify(m)}.`)
    }
    const { db, space } = this
    if (!m.stored) {
      const agent = nameOf(m.address)
      db.sql(INSERT_MAILBOX).run(space, m.address, agent, m.seq, m.hash, m.depth, m.ready, m.waiting, m.dead)
    } else if (m.ready === m.readyBefore) {
      db.sql(UPDATE_MAILBOX).run(m.seq, m.hash, m.depth, m.waiting, m.dead, space, m.address)
    } else {
      db.sql(UPDATE_READY).run(m.seq, m.hash, m.depth, m.ready, m.waiting, m.dead, space, m.address)
    }
  }
}

/** A mailbox as it is stored. */
export function readMailbox(db: Database, space: number, address: string): StoredMailbox | undefined {
  const row = db.sql(READ_MAILBOX).get(space, address)
  if (row === undefined) return undefined
  return {
    address,
    stored: true,
    readyBefore: num(row, 'ready'),
    worker: textOrNull(row, 'worker'),
    epoch: num(row, 'epoch'),
    seq: num(row, 'seq'),
    hash: text(row, 'hash'),
    depth: num(row, 'depth'),
    ready: num(row, 'ready'),
    waiting: num(row, 'waiting'),
    dead: num(row, 'dead'),
    changed: false,
  }
}

/** The number of events in a stream, as it is stored. */
export function readVersion(db: Database, space: number, stream: string): number {
  const row = db.sql(READ_VERSION).get(space, stream)
  return typeof row?.['version'] === 'number' ? row['version'] : 0
}

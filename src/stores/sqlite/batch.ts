/**
 * What a batch knows while it is written: the space's counters, and each mailbox and stream that it touches.
 * Every mailbox is read once and written once for a batch, however many of its messages come and go: at 256
 * writes to 16 addresses that is 32 statements instead of 1,024.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import type { Database } from './database.ts'
import { num, text, textOrNull } from './rows.ts'
import { CODE, PLACES, inDepth, inReady } from './states.ts'

/** The state of one mailbox within the batch. */
export interface Mailbox {
  readonly address: string
  /** False for one that is not stored yet. */
  readonly stored: boolean
  /** `ready` as it is stored. */
  readonly readyBefore: number
  readonly worker: string | null
  readonly epoch: number
  seq: number
  hash: string
  depth: number
  ready: number
  waiting: number
  dead: number
  changed: boolean
}

/** The counters of a space. */
export interface Counters {
  position: number
  number: number
  handled: number
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

/** A write transaction in progress. */
export class Batch {
  readonly db: Database
  readonly space: number
  /** The store's clock for the whole batch. */
  readonly now: number
  readonly counters: Counters
  /** How many live messages a mailbox may hold. */
  readonly mailboxDepth: number
  readonly #before: Readonly<Counters>
  readonly #mailboxes = new Map<string, Mailbox>()
  readonly #versions = new Map<string, number>()

  /** Reads the space's head; call it inside the transaction. */
  constructor(db: Database, space: number, wallMs: number, mailboxDepth: number = Number.MAX_SAFE_INTEGER) {
    const row = db.sql(READ_SPACE).get(space)
    if (row === undefined) throw new Error(`There is no space ${space}.`)
    this.db = db
    this.space = space
    this.mailboxDepth = mailboxDepth
    this.now = Math.max(num(row, 'clock_ms'), wallMs)
    this.counters = {
      position: num(row, 'position'),
      number: num(row, 'number'),
      handled: num(row, 'handled'),
    }
    this.#before = { ...this.counters }
  }

  /** The mailbox of an address, made when it is new. */
  mailbox(address: string): Mailbox {
    const known = this.#mailboxes.get(address)
    if (known !== undefined) return known
    const mailbox = readMailbox(this.db, this.space, address) ?? emptyMailbox(address)
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

  /** Keeps the counters true when a message of this mailbox changes its state. `from` null: it is new. */
  moved(address: string, from: number | null, to: number): void {
    if (to === CODE.handled) this.counters.handled++
    const mailbox = this.mailbox(address)
    mailbox.depth += inDepth(to) - (from === null ? 0 : inDepth(from))
    mailbox.ready += inReady(to) - (from === null ? 0 : inReady(from))
    mailbox.waiting += Number(to === CODE.waiting) - Number(from === CODE.waiting)
    mailbox.dead += Number(to === CODE.dead) - Number(from === CODE.dead)
    mailbox.changed = true
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

  #writeMailbox(m: Mailbox): void {
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

/** The place of a number or position of a space. */
export function placeOf(space: number, number: number): number {
  return space * PLACES + number
}

/** A mailbox as it is stored. */
export function readMailbox(db: Database, space: number, address: string): Mailbox | undefined {
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

function emptyMailbox(address: string): Mailbox {
  return {
    address,
    stored: false,
    readyBefore: 0,
    worker: null,
    epoch: 0,
    seq: -1,
    hash: '',
    depth: 0,
    ready: 0,
    waiting: 0,
    dead: 0,
    changed: false,
  }
}

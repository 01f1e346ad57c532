/**
 * What is to be done, and when: mailboxes with mail, waits with an answer, retries, schedules, deadlines.
 * Each query walks a partial index that holds little more than what it is after.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { countMove } from '../../mailbox/batch-state.ts'
import { mailOf, num, text } from '../../mailbox/rows.ts'
import type { Row } from '../../mailbox/rows.ts'
import type { Mail } from '../../ports/store.ts'
import { Batch, readMailbox } from './batch.ts'
import { MAIL_COLUMNS, MAIL_TABLES } from './columns.ts'
import type { Database } from './database.ts'
import { isAlive } from './leases.ts'
import { CODE } from '../../mailbox/states.ts'
import { IN_ASIDE, IN_DEADLINE, IN_DUE } from './states.ts'

// Two ranges of one index: behind the place where the last call stopped, then from the start. So every
// mailbox has its turn, however many are always full.
const READY = `select m.address from mailboxes m indexed by mailboxes_ready where m.space = ? and m.agent = ?
  and m.ready > 0
  and m.address > ? and m.address <= ? and (m.worker is null or m.worker = ? or not exists
    (select 1 from workers w where w.space = m.space and w.worker = m.worker and w.until_ms > ?))
  order by m.address limit ?`
const ANSWERED = `select distinct w.waiter from messages a
  cross join waits w indexed by waits_request on w.space = a.space and w.request = a.re
  where a.space = ? and a.${IN_ASIDE} and a.state = ${CODE.answered} and w.request is not null`
const WAITS_DUE = 'select distinct waiter from waits where space = ? and due_ms <= ? limit ?'
const RETRIES_DUE = `select distinct recipient from messages
  where space = ? and ${IN_DUE} and due_ms <= ? and state = ${CODE.queued} limit ?`
// A turn that waits, or has something to undo, is ended by its own agent and by nobody else.
const LATE_TURNS = `select distinct recipient from messages where space = ? and ${IN_DEADLINE}
  and deadline_ms <= ?
  and (state = ${CODE.waiting} or (undo = 1 and state between ${CODE.queued} and ${CODE.delivered})) limit ?`
const OVERDUE = `select ${MAIL_COLUMNS} from ${MAIL_TABLES}
  where m.space = ? and m.${IN_DEADLINE} and m.deadline_ms <= ?
  and m.state not in (${CODE.waiting}, ${CODE.cancelling}) and m.undo = 0 order by m.deadline_ms limit ?`
// Of a turn that is dead, nothing is final: an operator may put its message back.
const UNWANTED = `select ${MAIL_COLUMNS} from ${MAIL_TABLES}
  join messages q on q.space = m.space and q.id = m.re
  join messages a on a.space = m.space and a.id = 'msg_' || substr(q.cause, 6)
  where m.space = ? and m.${IN_ASIDE} and m.state = ${CODE.answered}
  and (m.deadline_ms is null or m.deadline_ms > ?)
  and a.state in (${CODE.expired}, ${CODE.cancelled}, ${CODE.handled}) limit ?`
const SCHEDULED_DUE = `select place, recipient from messages
  where space = ? and ${IN_DUE} and due_ms <= ? and state = ${CODE.scheduled} order by due_ms, place limit ?`
const ENQUEUE = `update messages set state = ${CODE.queued}, queue = ?, due_ms = null where place = ?`
const NEXT_SCHEDULED = `select min(due_ms) as at from messages where space = ? and ${IN_DUE}
  and state = ${CODE.scheduled}`
const NEXT_RETRY = `select due_ms as at from messages
  where space = ? and ${IN_DUE} and due_ms > ? and state = ${CODE.queued} order by due_ms limit 1`
const NEXT_WAIT = 'select min(due_ms) as at from waits where space = ? and due_ms > ?'

/** Above every address of an agent: "/" is the only character that follows its name, and "0" is behind it. */
const END = (agent: string): string => `${agent}0`

/** Finds addresses with something to do; remembers where it stopped. */
export class WorkFinder {
  readonly #db: Database
  readonly #space: number
  readonly #stopped = new Map<string, string>()
  #rotation = 0

  constructor(db: Database, space: number) {
    this.#db = db
    this.#space = space
  }

  /** Waits that may go on come first, then mailboxes, in rotation. */
  find(worker: string, agents: readonly string[], now: number, limit: number): readonly string[] {
    const found = new Set<string>()
    const wanted = new Set(agents)
    const resumable = [
      ...this.#db.sql(ANSWERED).all(this.#space),
      ...this.#db.sql(WAITS_DUE).all(this.#space, now, limit * 2),
    ]
    for (const row of resumable) {
      const address = text(row, 'waiter')
      if (found.size >= limit) break
      if (wanted.has(nameOf(address)) && this.#isFree(address, worker, now)) found.add(address)
    }
    const first = this.#rotation++
    for (let i = 0; i < agents.length && found.size < limit; i++) {
      const agent = agents[(first + i) % agents.length]
      if (agent !== undefined) this.#ready(agent, worker, now, limit, found)
    }
    return [...found]
  }

  #ready(agent: string, worker: string, now: number, limit: number, found: Set<string>): void {
    const stopped = this.#stopped.get(agent) ?? ''
    const walk = (after: string, upTo: string): void => {
      const rows = this.#db.sql(READY).all(this.#space, agent, after, upTo, worker, now, limit - found.size)
      for (const row of rows) {
        const address = text(row, 'address')
        found.add(address)
        this.#stopped.set(agent, address)
      }
    }
    walk(stopped, END(agent))
    if (stopped !== '' && found.size < limit) walk('', stopped)
  }

  #isFree(address: string, worker: string, now: number): boolean {
    const holder = readMailbox(this.#db, this.#space, address)?.worker ?? null
    return holder === null || holder === worker || !isAlive(this.#db, this.#space, holder, now)
  }
}

/** True when {@link promote} would move something. */
export function hasScheduledDue(db: Database, space: number, now: number): boolean {
  return db.sql(SCHEDULED_DUE).get(space, now, 1) !== undefined
}

/** Moves scheduled messages that are due into their mailboxes, in the order of their times. */
export function promote(db: Database, space: number, wallMs: () => number, limit: number): readonly string[] {
  return db.write(() => {
    const batch = new Batch(db, space, wallMs())
    const addresses = new Set<string>()
    for (const row of db.sql(SCHEDULED_DUE).all(space, batch.now, limit)) {
      const recipient = text(row, 'recipient')
      db.sql(ENQUEUE).run(batch.nextNumber(), num(row, 'place'))
      countMove(batch, recipient, CODE.scheduled, CODE.queued)
      addresses.add(recipient)
    }
    if (addresses.size > 0) batch.flush()
    return [...addresses]
  })
}

/** Addresses whose waits or retries are due, or whose waiting turn is past its deadline. */
export function due(db: Database, space: number, now: number, limit: number): readonly string[] {
  const addresses = new Set<string>()
  const add = (rows: readonly Row[], column: string): void => {
    for (const row of rows) if (addresses.size < limit) addresses.add(text(row, column))
  }
  add(db.sql(WAITS_DUE).all(space, now, limit), 'waiter')
  add(db.sql(RETRIES_DUE).all(space, now, limit), 'recipient')
  add(db.sql(LATE_TURNS).all(space, now, limit), 'recipient')
  return [...addresses]
}

/**
 * Messages past their deadline that no turn has in hand, or that a turn without compensations has; and replies that
 * came too late for the turn that asked.
 */
export function expirable(db: Database, space: number, now: number, limit: number): readonly Mail[] {
  const overdue = db.sql(OVERDUE).all(space, now, limit)
  return [...overdue, ...db.sql(UNWANTED).all(space, now, limit - overdue.length)].map(mailOf)
}

/**
 * The earliest time at which something is due. Retries and waits up to `seen` have been answered by `due`
 * already: they are left out, or whoever sets a timer by this would run in circles until they are gone.
 */
export function nextDueAt(db: Database, space: number, seen: number): number | null {
  const times = [
    db.sql(NEXT_SCHEDULED).get(space),
    db.sql(NEXT_RETRY).get(space, seen),
    db.sql(NEXT_WAIT).get(space, seen),
  ].flatMap((row) => (typeof row?.['at'] === 'number' ? [row['at']] : []))
  return times.length === 0 ? null : Math.min(...times)
}

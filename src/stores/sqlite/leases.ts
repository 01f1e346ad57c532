/**
 * Who may run an address: workers, their expiry, and the epochs that fence off those who were superseded.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { mailOf, num, text } from '../../mailbox/rows.ts'
import type { Grant, LiveWorker, Mail } from '../../ports/store.ts'
import { GREW, readMailbox } from './batch.ts'
import { MAIL_COLUMNS, MAIL_TABLES } from './columns.ts'
import type { Database } from './database.ts'
import { CODE } from '../../mailbox/states.ts'
import { IN_DELIVERED, IN_QUEUE } from './states.ts'

const WORKER = 'select until_ms, lost from workers where space = ? and worker = ?'
const ANNOUNCE = `insert into workers (space, worker, until_ms, lost, agents) values (?, ?, ?, 0, ?)
  on conflict (space, worker) do update set until_ms = excluded.until_ms, lost = 0,
  agents = excluded.agents`
const LIVE = `select worker, until_ms, agents from workers where space = ? and until_ms > ?
  order by worker`
const LOSE = 'update workers set lost = lost + 1 where space = ? and worker = ?'
const FORGET = 'delete from workers where space = ? and worker = ?'
// Workers that stopped long ago and hold nothing any more: nobody will ask for them again.
const FORGET_OLD = `delete from workers where space = ? and until_ms < ? and not exists
  (select 1 from mailboxes m where m.space = workers.space and m.worker = workers.worker
  and m.worker is not null)`
const OLD_MS = 3_600_000
const TAKE = `insert into mailboxes (space, address, agent, worker, epoch, seq, hash, depth, ready, waiting,
  dead)
  values (?, ?, ?, ?, 1, -1, '', 0, 0, 0, 0)
  on conflict (space, address) do update set worker = excluded.worker, epoch = epoch + 1`
const RELEASE = 'update mailboxes set worker = null where space = ? and address = ? and worker = ?'
const RELEASE_ALL = `update mailboxes indexed by mailboxes_worker set worker = null
  where space = ? and worker = ? and worker is not null`
const CRASHED = `update messages set crashes = crashes + 1 where place = (select place from messages
  indexed by messages_delivered where space = ? and recipient = ? and ${IN_DELIVERED} order by queue limit 1)`
const WAITING = `select ${MAIL_COLUMNS} from ${MAIL_TABLES}
  where m.space = ? and m.recipient = ? and m.${IN_QUEUE} and m.state = ${CODE.waiting}
  order by m.queue limit ?`

/** Announces a worker or prolongs it. Not `kept`: it had lapsed, and an address was taken from it. */
export function heartbeat(
  db: Database,
  space: number,
  worker: string,
  now: number,
  lease: { readonly ms: number; readonly agents: readonly string[]; readonly known: boolean },
): { readonly kept: boolean; readonly joined: boolean } {
  return db.write(() => {
    const row = db.sql(WORKER).get(space, worker)
    db.sql(ANNOUNCE).run(space, worker, now + lease.ms, JSON.stringify(lease.agents))
    db.sql(FORGET_OLD).run(space, now - OLD_MS)
    // Those who are there see at once that there is one more to share with.
    if (row === undefined) db.sql(GREW).run(space)
    return { kept: row === undefined ? !lease.known : num(row, 'lost') === 0, joined: row === undefined }
  })
}

/** The workers whose leases hold. */
export function liveWorkers(db: Database, space: number, now: number): readonly LiveWorker[] {
  return db
    .sql(LIVE)
    .all(space, now)
    .map((row) => ({
      id: text(row, 'worker'),
      agents: JSON.parse(text(row, 'agents')) as readonly string[],
      leftMs: num(row, 'until_ms') - now,
    }))
}

/** Grants those addresses that are free, the worker's own, or of a worker that has lapsed. */
export function takeLeases(
  db: Database,
  space: number,
  addresses: readonly string[],
  worker: string,
  now: number,
): readonly Grant[] {
  return db.write(() => addresses.flatMap((address) => takeLease(db, space, address, worker, now)))
}

function takeLease(
  db: Database,
  space: number,
  address: string,
  worker: string,
  now: number,
): readonly Grant[] {
  const mailbox = readMailbox(db, space, address)
  const holder = mailbox?.worker ?? null
  if (holder !== null && holder !== worker && isAlive(db, space, holder, now)) return []
  const takenOver = holder !== null && holder !== worker
  if (holder !== worker) {
    db.sql(TAKE).run(space, address, nameOf(address), worker)
    if (takenOver) {
      db.sql(LOSE).run(space, holder)
      db.sql(CRASHED).run(space, address)
    }
  }
  const epoch = (mailbox?.epoch ?? 0) + (holder === worker ? 0 : 1)
  const grant: Grant = {
    lease: { address, worker, epoch },
    head: { seq: mailbox?.seq ?? -1, hash: mailbox?.hash ?? '' },
    waiting: readWaiting(db, space, address, mailbox?.waiting ?? 0),
    takenOver,
  }
  return [grant]
}

/** Gives some addresses back; answers whether any was the worker's. */
export function release(db: Database, space: number, worker: string, addresses: readonly string[]): boolean {
  return db.write(() => {
    let released = 0
    for (const address of addresses) released += Number(db.sql(RELEASE).run(space, address, worker).changes)
    if (released > 0) db.sql(GREW).run(space)
    return released > 0
  })
}

/** Gives all addresses back and forgets the worker; answers whether there were any. */
export function retire(db: Database, space: number, worker: string): boolean {
  return db.write(() => {
    const released = Number(db.sql(RELEASE_ALL).run(space, worker).changes)
    db.sql(FORGET).run(space, worker)
    if (released > 0) db.sql(GREW).run(space)
    return released > 0
  })
}

/** True while a worker's leases hold. */
export function isAlive(db: Database, space: number, worker: string, now: number): boolean {
  const row = db.sql(WORKER).get(space, worker)
  return row !== undefined && num(row, 'until_ms') > now
}

function readWaiting(db: Database, space: number, address: string, count: number): readonly Mail[] {
  return count === 0 ? [] : db.sql(WAITING).all(space, address, count).map(mailOf)
}

/**
 * The figures of a space, for people. Messages in the ordinary way are kept as numbers; only what is
 * out of it is counted, on a partial index.
 *
 * @module
 */

import type { SpaceStatus } from '../../ports/store.ts'
import { CLIENT, OWNER } from '../../core/address.ts'
import { countsOf, mailboxRowOf, num, workerOf } from '../../mailbox/rows.ts'
import type { Database } from './database.ts'
import { IN_ASIDE, IN_DELIVERED, IN_QUEUE } from './states.ts'

const SPACE = 'select position, handled from spaces where space = ?'
const DELIVERED = `select count(*) as n from messages indexed by messages_delivered where space = ?
  and ${IN_DELIVERED}`
// Of the messages that a runner may take, those that are neither in hand nor being undone are queued: so a
// million of them need not be counted one by one.
const READY = 'select sum(ready) as n from mailboxes where space = ?'
const ELSEWHERE = `select state, count(*) as n from messages where space = ? and ${IN_ASIDE} group by state`
const DECISIONS = 'select count(*) as n from decisions where space = ?'
// The oldest message of a mailbox is the first of its index; only its envelope knows when it was sent.
const MAILBOXES = `select m.address, m.depth, m.ready, m.seq, m.epoch, m.worker, m.waiting, m.dead, w.until_ms,
  (select json_extract(c.envelope, '$.sentAt') from contents c where c.place =
    (select q.place from messages q where q.space = m.space and q.recipient = m.address and q.${IN_QUEUE}
     order by q.queue limit 1)) as oldest
  from mailboxes m left join workers w on w.space = m.space and w.worker = m.worker
  where m.space = ? and m.agent not in ('${OWNER}', '${CLIENT}') order by m.address`
const WORKERS = `select w.worker, w.until_ms, w.agents, (select count(*) from mailboxes m where m.space = w.space
  and m.worker = w.worker and m.worker is not null) as addresses from workers w where w.space = ?
  order by w.worker`

/** Reads all figures; call it in a snapshot. */
export function readStatus(db: Database, space: number, now: number): SpaceStatus {
  const head = db.sql(SPACE).get(space)
  if (head === undefined) throw new Error(`There is no space ${space}.`)
  const messages = countsOf(num(head, 'handled'), db.sql(ELSEWHERE).all(space))
  messages.delivered = count(db, DELIVERED, space)
  messages.queued = count(db, READY, space) - messages.delivered - messages.cancelling
  return {
    position: num(head, 'position'),
    now,
    messages,
    mailboxes: db.sql(MAILBOXES).all(space).map(mailboxRowOf),
    workers: db.sql(WORKERS).all(space).map(workerOf),
    decisions: count(db, DECISIONS, space),
  }
}

function count(db: Database, query: string, space: number): number {
  const n = db.sql(query).get(space)?.['n']
  return typeof n === 'number' ? n : 0
}

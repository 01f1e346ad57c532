/**
 * The figures of a space, for people. Messages in the ordinary way are kept as numbers; only what is
 * out of it is counted, on a partial index.
 *
 * @module
 */

import type { MessageState } from '../../core/message.ts'
import type { MailboxRow, SpaceStatus } from '../../ports/store.ts'
import { CLIENT, OWNER } from '../../core/address.ts'
import type { Database } from './database.ts'
import { num, numOrNull, text, textOrNull } from './rows.ts'
import { stateOf } from '../../mailbox/states.ts'
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
  const messages: Record<MessageState, number> = {
    scheduled: 0,
    queued: 0,
    delivered: 0,
    waiting: 0,
    answered: 0,
    cancelling: 0,
    handled: num(head, 'handled'),
    dead: 0,
    expired: 0,
    cancelled: 0,
  }
  for (const row of db.sql(ELSEWHERE).all(space)) {
    messages[stateOf(num(row, 'state'))] = num(row, 'n')
  }
  messages.delivered = count(db, DELIVERED, space)
  messages.queued = count(db, READY, space) - messages.delivered - messages.cancelling
  return {
    position: num(head, 'position'),
    now,
    messages,
    mailboxes: db.sql(MAILBOXES).all(space).map(mailboxOf),
    workers: db
      .sql(WORKERS)
      .all(space)
      .map((row) => ({
        id: text(row, 'worker'),
        until: num(row, 'until_ms'),
        agents: JSON.parse(text(row, 'agents')) as readonly string[],
        addresses: num(row, 'addresses'),
      })),
    decisions: count(db, DECISIONS, space),
  }
}

function count(db: Database, query: string, space: number): number {
  const n = db.sql(query).get(space)?.['n']
  return typeof n === 'number' ? n : 0
}

function mailboxOf(row: Record<string, unknown>): MailboxRow {
  return {
    address: text(row, 'address'),
    depth: num(row, 'depth'),
    ready: num(row, 'ready'),
    records: num(row, 'seq') + 1,
    epoch: num(row, 'epoch'),
    worker: textOrNull(row, 'worker'),
    leaseUntil: numOrNull(row, 'until_ms'),
    waiting: num(row, 'waiting'),
    dead: num(row, 'dead'),
    oldestAt: numOrNull(row, 'oldest'),
  }
}

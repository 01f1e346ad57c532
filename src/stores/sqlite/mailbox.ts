/**
 * What a runner may take from a mailbox now.
 *
 * @module
 */

import type { Mail, MailPage, MailQuery } from '../../ports/store.ts'
import { pageOf } from '../../mailbox/page.ts'
import { MAIL_COLUMNS, MAIL_TABLES } from './columns.ts'
import { mailOf } from '../../mailbox/rows.ts'
import type { Row } from '../../mailbox/rows.ts'
import type { Database } from './database.ts'
import { CODE } from '../../mailbox/states.ts'
import { IN_ASIDE, IN_QUEUE, IN_RETRY } from './states.ts'

const NEXT_RETRY = `select min(due_ms) as at from messages indexed by messages_retry
  where space = ? and recipient = ? and ${IN_RETRY} and due_ms > ?`

const HEAD = `select ${MAIL_COLUMNS} from ${MAIL_TABLES}`
const TAKEABLE = `m.space = ? and m.recipient = ? and m.${IN_QUEUE} and m.state <> ${CODE.waiting}
  and m.queue > ?`
const LAST = 'order by m.queue limit ?'

// The common case, one walk along messages_queue. It may ignore due_ms: no retry is in the future.
const MAIL = `${HEAD} where ${TAKEABLE} ${LAST}`

// With a retry in the future, its lane is passed over from its place on. The lane is in the index and `held`
// is a small table in memory. State and contents are not in the index, so they come last: `case` and `cross`
// see to that. 100,000 messages in a held lane cost one walk along the index (measured: 14 ms).
const MAIL_BESIDE_RETRIES = `with held(lane, queue) as materialized
  (select lane, min(queue) from messages indexed by messages_retry
    where space = ? and recipient = ? and ${IN_RETRY} and due_ms > ? group by lane)
  select ${MAIL_COLUMNS} from messages m indexed by messages_queue left join held h on h.lane = m.lane
  cross join contents c on c.place = m.place
  where m.space = ? and m.recipient = ? and m.${IN_QUEUE} and m.queue > ?
  and case when h.queue is null or m.queue < h.queue then m.state <> ${CODE.waiting} end ${LAST}`

// A turn that is being cancelled has only to undo: it is not held back by its lane.
const CANCELLING = `${HEAD} where m.space = ? and m.recipient = ? and m.${IN_ASIDE}
  and m.state = ${CODE.cancelling}
  and m.queue > ? ${LAST}`

// A trace is a few messages, a mailbox may be many.
const OF_TRACE = `select ${MAIL_COLUMNS} from messages m indexed by messages_trace
  join contents c on c.place = m.place
  where m.space = ? and m.trace = ? and m.recipient = ? and m.${IN_QUEUE} and m.state <> ${CODE.waiting}
  and m.queue > ?
  and (m.state = ${CODE.cancelling} or not exists (select 1 from messages r where r.space = m.space
    and r.recipient = m.recipient and r.${IN_RETRY} and r.lane = m.lane and r.queue <= m.queue
    and r.due_ms > ?))
  ${LAST}`

/** Messages in the order of the mailbox; those behind a retry of their lane are held back. */
export function takeMail(
  db: Database,
  space: number,
  address: string,
  query: MailQuery,
  now: number,
): MailPage {
  const after = query.after ?? -1
  const retry = db.sql(NEXT_RETRY).get(space, address, now)?.['at']
  const nextDueAt = typeof retry === 'number' ? retry : null
  if (query.trace !== undefined) {
    const rows = db.sql(OF_TRACE).iterate(space, query.trace, address, after, now, query.limit)
    return { ...pageOf(mailIn(rows), query), nextDueAt }
  }
  if (nextDueAt === null) {
    const rows = db.sql(MAIL).iterate(space, address, after, query.limit)
    return { ...pageOf(mailIn(rows), query), nextDueAt }
  }
  return { ...besideRetries(db, space, address, after, query, now), nextDueAt }
}

function besideRetries(
  db: Database,
  space: number,
  address: string,
  after: number,
  query: MailQuery,
  now: number,
): Pick<MailPage, 'mail' | 'more'> {
  const { limit } = query
  const rows = db.sql(MAIL_BESIDE_RETRIES).iterate(space, address, now, space, address, after, limit)
  const free = pageOf(mailIn(rows), query)
  const undoing = pageOf(mailIn(db.sql(CANCELLING).iterate(space, address, after, limit)), query)
  const mail = new Map<number, Mail>()
  for (const one of [...free.mail, ...undoing.mail]) mail.set(one.queue, one)
  const page = pageOf(
    [...mail.values()].toSorted((a, b) => a.queue - b.queue),
    query,
  )
  return { mail: page.mail, more: page.more || free.more || undoing.more }
}

function* mailIn(rows: Iterable<Row>): Generator<Mail> {
  for (const row of rows) yield mailOf(row)
}

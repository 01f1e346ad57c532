/**
 * The figures of a space, for people. Messages that are handled are kept as a number; the others are counted, in
 * the table of what is not over.
 *
 * @module
 */

import { CLIENT, OWNER } from '../../core/address.ts'
import { countsOf, mailboxRowOf, num, workerOf } from '../../mailbox/rows.ts'
import type { SpaceStatus } from '../../ports/store.ts'
import { nowSql } from './statements.ts'
import { inSnapshot } from './transaction.ts'
import type { SpaceContext } from './transaction.ts'

const SPACE = `select s.position, s.handled, ${nowSql('$2')} as now from coterie.spaces s where s.space = $1`
const STATES = `select state, count(*) as n from coterie.mail where space = $1 group by state
  union all
  select state, count(*) from coterie.ends where space = $1 and state <> 9 group by state`
const DECISIONS = 'select count(*) as n from coterie.decisions where space = $1'
// The oldest message of a mailbox is the first in its queue; only its envelope knows when it was sent.
const MAILBOXES = `select m.address, m.depth, m.ready, m.seq, m.epoch, m.worker, m.waiting, m.dead, w.until_ms,
  (select (c.envelope::json ->> 'sentAt')::bigint from coterie.messages c where c.place =
    (select q.place from (
      (select l.place, l.queue from coterie.mail l where l.space = $1 and l.recipient = m.address
        and l.state between 6 and 8 order by l.queue limit 1)
      union all
      (select l.place, l.queue from coterie.mail l where l.space = $1 and l.recipient = m.address
        and l.state = 5 order by l.queue limit 1)) q order by q.queue limit 1)) as oldest
  from coterie.mailboxes m left join coterie.workers w on w.space = m.space and w.worker = m.worker
  where m.space = $1 and split_part(m.address, '/', 1) not in ('${OWNER}', '${CLIENT}') order by m.address`
const WORKERS = `select w.worker, w.until_ms, w.agents, (select count(*) from coterie.mailboxes m where m.space = $1
  and m.worker = w.worker and m.worker is not null) as addresses from coterie.workers w where w.space = $1
  order by w.worker`

/** Reads all figures, on one state of the database. */
export async function readStatus({ pool, statements, space, clockMs }: SpaceContext): Promise<SpaceStatus> {
  const [head = [], states = [], decisions = [], mailboxes = [], workers = []] = await inSnapshot(pool, [
    [statements.get(SPACE), [space, clockMs()]],
    [statements.get(STATES), [space]],
    [statements.get(DECISIONS), [space]],
    [statements.get(MAILBOXES), [space]],
    [statements.get(WORKERS), [space]],
  ])
  const [row] = head
  if (row === undefined) throw new Error(`There is no space ${space}.`)
  const messages = countsOf(num(row, 'handled'), states)
  return {
    position: num(row, 'position'),
    now: num(row, 'now'),
    messages,
    mailboxes: mailboxes.map(mailboxRowOf),
    workers: workers.map(workerOf),
    decisions: Number(decisions[0]?.['n'] ?? 0),
  }
}

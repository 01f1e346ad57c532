/**
 * What a runner may take from a mailbox now.
 *
 * @module
 */

import { pageOf } from '../../mailbox/page.ts'
import { mailOf, num, numOrNull } from '../../mailbox/rows.ts'
import type { MailPage, MailQuery } from '../../ports/store.ts'
import { LIVE_COLUMNS } from './columns.ts'
import { nowSql } from './statements.ts'
import type { SpaceContext } from './transaction.ts'

// There is always a row: it tells how new the answer is, and when the next retry is due. `held` are the lanes
// with a retry in the future, from its place on. A turn that is being cancelled has only to undo: it is not held
// back by its lane.
const head = `with s as materialized (select s.version, ${nowSql('$5')} as now
    from coterie.spaces s where s.space = $1),
  held as materialized (select l.lane, min(l.queue) as queue, min(l.due_ms) as due_ms from coterie.mail l
    where l.space = $1 and l.recipient = $2 and l.state = 7 and l.due_ms is not null
    and l.due_ms > (select now from s) group by l.lane)
  select s.version, (select min(due_ms) from held) as next_ms, t.* from s left join lateral (`
const free = `(l.state = 6 or not exists
  (select 1 from held h where h.lane = l.lane and h.queue <= l.queue))`
// What does not fit into the page is not sent, but for the first message that goes beyond it. `found` tells whether
// something was left out.
const page = (found: string): string => `select p.* from (select f.*, count(*) over () as found,
    sum(octet_length(f.payload)) over (order by f.queue rows between unbounded preceding and 1 preceding) as before
    from (${found}) f) p where p.before is null or p.before <= $6::bigint`
const tail = ') t on true order by t.queue'
const takeable = `l.recipient = $2 and l.state between 6 and 8 and l.queue > $3 and ${free}`
const MAIL =
  head +
  page(`select ${LIVE_COLUMNS} from
    (select * from coterie.mail l where l.space = $1 and ${takeable} order by l.queue limit $4) l
    cross join lateral (select * from coterie.messages m where m.place = l.place offset 0) m`) +
  tail
// A trace is a few messages, a mailbox may be many.
const OF_TRACE =
  head +
  page(`select ${LIVE_COLUMNS} from
    (select * from coterie.messages m where m.trace = $7 and m.space = $1 offset 0) m
    cross join lateral (select * from coterie.mail l where l.place = m.place and ${takeable} offset 0) l
    order by l.queue limit $4`) +
  tail

/** A page, and the version of the space that it shows. */
export interface VersionedPage extends MailPage {
  readonly version: number
}

/** Messages in the order of the mailbox; those behind a retry of their lane are held back. */
export async function takeMail(
  { pool, statements, space, clockMs }: SpaceContext,
  address: string,
  query: MailQuery,
): Promise<VersionedPage> {
  const { limit, bytes = Number.MAX_SAFE_INTEGER, after = -1, trace } = query
  const values = [space, address, after, limit, clockMs(), bytes]
  const rows = await (trace === undefined
    ? pool.read(statements.get(MAIL), values)
    : pool.read(statements.get(OF_TRACE), [...values, trace]))
  const [first] = rows
  if (first === undefined) throw new Error(`There is no space ${space}.`)
  const all = rows.flatMap((row) => (row['place'] === null ? [] : [mailOf(row)]))
  const { mail, more } = pageOf(all, query)
  return {
    mail,
    more: more || Number(first['found'] ?? 0) > all.length,
    nextDueAt: numOrNull(first, 'next_ms'),
    version: num(first, 'version'),
  }
}

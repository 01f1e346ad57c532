/**
 * What is to be done, and when: mailboxes with mail, waits with an answer, retries, schedules, deadlines.
 * Each query walks an index that holds little more than what it is after.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { mailOf, num, text } from '../../mailbox/rows.ts'
import type { Mail } from '../../ports/store.ts'
import { LIVE_COLUMNS } from './columns.ts'
import type { Row } from './driver.ts'
import { nowSql } from './statements.ts'
import { COMMIT, ROLLBACK, inIndexedSnapshot, lockAndRead } from './transaction.ts'
import type { SpaceContext } from './transaction.ts'
import { numbers, texts } from './wire.ts'

// The agent's own address, then two ranges of one index: behind the place where the last call stopped, then from
// the start. So every mailbox has its turn, however many are always full. From one address to the next it is one
// step down the index, over all its messages. "/" is the only character that follows a name in an address, and
// "0" is behind it.
const walk = (lower: string, upper: string): string => `with recursive step(address) as (
    (select l.recipient from coterie.mail l where l.space = $1 and l.state between 6 and 8
      and l.recipient > ${lower} and l.recipient <= ${upper} order by l.recipient limit 1)
    union all
    select (select l.recipient from coterie.mail l where l.space = $1 and l.state between 6 and 8
      and l.recipient > p.address and l.recipient <= ${upper} order by l.recipient limit 1)
    from step p where p.address is not null)
  select address from step where address is not null`
const READY = `select f.address from coterie.spaces s, unnest($2::text[], $3::text[]) a(agent, stopped),
  lateral (
    select a.agent as address where exists (select 1 from coterie.mail l
      where l.space = $1 and l.state between 6 and 8 and l.recipient = a.agent)
    union all
    select address from (${walk('a.stopped', "a.agent || '0'")}) behind
    union all
    select address from (${walk("a.agent || '/'", 'a.stopped')}) before) f
  left join lateral (select m.worker from coterie.mailboxes m
    where m.space = $1 and m.address = f.address offset 0) m on true
  left join lateral (select w.worker, w.until_ms from coterie.workers w
    where w.space = $1 and w.worker = m.worker offset 0) w on true
  where s.space = $1 and (m.worker is null or m.worker = $4 or w.worker is null
    or w.until_ms <= ${nowSql('$5')})
  limit $6`
const RESUMABLE = `select distinct x.waiter from (
    select w.waiter from coterie.mail l
    join coterie.messages a on a.place = l.place
    join coterie.waits w on w.request = a.re and w.space = $1
    where l.space = $1 and l.state = 3
    union all
    (select w.waiter from coterie.spaces s join coterie.waits w on w.space = s.space
    where s.space = $1 and w.due_ms <= ${nowSql('$3')} limit $4)) x
  cross join coterie.spaces s
  left join coterie.mailboxes m on m.space = $1 and m.address = x.waiter
  left join coterie.workers w on w.space = $1 and w.worker = m.worker
  where s.space = $1 and (m.worker is null or m.worker = $2 or w.worker is null
    or w.until_ms <= ${nowSql('$3')})`
// A turn that waits, or has something to undo, is ended by its own agent and by nobody else.
const DUE = `select distinct x.address, s.now
  from (select ${nowSql('$2')} as now from coterie.spaces s where s.space = $1) s
  left join lateral (
    (select w.waiter as address from coterie.waits w where w.space = $1 and w.due_ms <= s.now limit $3)
    union all
    (select l.recipient from coterie.mail l
      where l.space = $1 and l.state = 7 and l.due_ms is not null and l.due_ms <= s.now limit $3)
    union all
    (select l.recipient from coterie.mail l
      where l.space = $1 and l.deadline_ms is not null and l.deadline_ms <= s.now
      and (l.state = 5 or (l.undo and l.state between 7 and 8)) limit $3)) x on true`
// Of a turn that is dead, nothing is final: an operator may put its message back.
const EXPIRABLE = `(select ${LIVE_COLUMNS} from coterie.spaces s
  join coterie.mail l on l.space = s.space and l.deadline_ms is not null and l.deadline_ms <= ${nowSql('$2')}
    and l.state between 3 and 8 and l.state not in (5, 6) and not l.undo
  join coterie.messages m on m.place = l.place
  where s.space = $1 order by l.deadline_ms limit $3)
  union
  (select ${LIVE_COLUMNS} from coterie.mail l
  join coterie.messages m on m.place = l.place
  join coterie.messages q on q.id = m.re and q.space = l.space
  join coterie.messages a on a.id = 'msg_' || substr(q.cause, 6) and a.space = l.space
  where l.space = $1 and l.state = 3 and not exists (select 1 from coterie.mail x where x.place = a.place) limit $3)`
const ANY_SCHEDULED_DUE = `select 1 as due from coterie.spaces s
  join coterie.mail l on l.space = s.space and l.state = 4
  and l.due_ms is not null and l.due_ms <= ${nowSql('$2')} where s.space = $1 limit 1`
const SCHEDULED_DUE = `select l.place, l.recipient from coterie.spaces s
  join coterie.mail l on l.space = s.space and l.state = 4 and l.due_ms is not null
    and l.due_ms <= ${nowSql('$2')}
  where s.space = $1 order by l.due_ms, l.place limit $3`
const ENQUEUE = `update coterie.mail l set state = 7, queue = w.queue, due_ms = null
  from unnest($1::bigint[], $2::bigint[]) w(place, queue) where l.place = w.place`
const MADE_READY = `update coterie.mailboxes m set ready = m.ready + w.more
  from unnest($2::text[], $3::bigint[]) w(address, more) where m.space = $1 and m.address = w.address`
const MOVE_HEAD = `update coterie.spaces set clock_ms = $2, number = $3, version = version + 1,
  stamp = stamp + 1 where space = $1`
const NEXT_DUE = `select least(
  (select min(l.due_ms) from coterie.mail l where l.space = $1 and l.state = 4 and l.due_ms is not null),
  (select min(l.due_ms) from coterie.mail l where l.space = $1 and l.state = 7 and l.due_ms is not null
    and l.due_ms > $2),
  (select min(w.due_ms) from coterie.waits w where w.space = $1 and w.due_ms > $2)) as at`

/** Finds addresses with something to do; remembers where it stopped. */
export class WorkFinder {
  readonly #context: SpaceContext
  readonly #stopped = new Map<string, string>()
  #rotation = 0

  constructor(context: SpaceContext) {
    this.#context = context
  }

  /** Waits that may go on come first, then mailboxes, in rotation. */
  async find(worker: string, agents: readonly string[], limit: number): Promise<readonly string[]> {
    const { statements, space, clockMs } = this.#context
    if (agents.length === 0) return []
    const first = this.#rotation++ % agents.length
    const turned = [...agents.slice(first), ...agents.slice(0, first)]
    const stops = turned.map((agent) => this.#stopped.get(agent) ?? `${agent}/`)
    const [resumable = [], ready = []] = await inIndexedSnapshot(this.#context, [
      [statements.get(RESUMABLE), [space, worker, clockMs(), limit * 2]],
      [statements.get(READY), [space, texts(turned), texts(stops), worker, clockMs(), limit]],
    ])
    const wanted = new Set(agents)
    const found = new Set<string>()
    for (const row of resumable) {
      const address = text(row, 'waiter')
      if (found.size < limit && wanted.has(nameOf(address))) found.add(address)
    }
    for (const row of ready) {
      const address = text(row, 'address')
      if (found.size >= limit) break
      found.add(address)
      const agent = nameOf(address)
      if (address !== agent) this.#stopped.set(agent, address)
    }
    return [...found]
  }
}

/** True when {@link promote} would move something. */
export async function hasScheduledDue({ pool, statements, space, clockMs }: SpaceContext): Promise<boolean> {
  return (await pool.read(statements.get(ANY_SCHEDULED_DUE), [space, clockMs()])).length > 0
}

/** Moves scheduled messages that are due into their mailboxes, in the order of their times. */
export async function promote(context: SpaceContext, limit: number): Promise<readonly string[]> {
  const { pool, statements, space, clockMs } = context
  return pool.exclusive(async (connection) => {
    const { head, answers } = await lockAndRead(context, connection, [
      [statements.get(SCHEDULED_DUE), [space, clockMs(), limit]],
    ])
    const rows = answers[0] ?? []
    if (rows.length === 0) {
      await connection.pipeline([ROLLBACK])
      return []
    }
    context.pulse.locked(head.version)
    const more = new Map<string, number>()
    for (const row of rows) {
      const recipient = text(row, 'recipient')
      more.set(recipient, (more.get(recipient) ?? 0) + 1)
    }
    await connection.pipeline([
      [
        statements.get(ENQUEUE),
        [numbers(rows.map((row) => num(row, 'place'))), numbers(rows.map((_, at) => head.number + at))],
      ],
      [statements.get(MADE_READY), [space, texts([...more.keys()]), numbers([...more.values()])]],
      [statements.get(MOVE_HEAD), [space, head.now, head.number + rows.length]],
      COMMIT,
    ])
    context.known.forget()
    return [...more.keys()]
  })
}

/** Addresses whose waits or retries are due, or whose waiting turn is past its deadline; and the time. */
export async function due(
  { pool, statements, space, clockMs }: SpaceContext,
  limit: number,
): Promise<{ readonly addresses: readonly string[]; readonly now: number }> {
  const rows = await pool.read(statements.get(DUE), [space, clockMs(), limit])
  const addresses = rows.flatMap((row: Row) => (row['address'] === null ? [] : [text(row, 'address')]))
  return { addresses: addresses.slice(0, limit), now: Number(rows[0]?.['now'] ?? 0) }
}

/**
 * Messages past their deadline that no turn has in hand, or that a turn without compensations has; and replies that
 * came too late for the turn that asked.
 */
export async function expirable(
  { pool, statements, space, clockMs }: SpaceContext,
  limit: number,
): Promise<readonly Mail[]> {
  return (await pool.read(statements.get(EXPIRABLE), [space, clockMs(), limit])).map(mailOf)
}

/**
 * The earliest time at which something is due. Retries and waits up to `seen` have been answered by `due`
 * already: they are left out, or whoever sets a timer by this would run in circles until they are gone.
 */
export async function nextDueAt(
  { pool, statements, space }: SpaceContext,
  seen: number,
): Promise<number | null> {
  const [row] = await pool.read(statements.get(NEXT_DUE), [space, seen])
  return typeof row?.['at'] === 'number' ? row['at'] : null
}

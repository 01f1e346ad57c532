/**
 * Who may run an address: workers, their expiry, and the epochs that fence off those who were superseded. Leases
 * are taken many at a time, under the head of the space: so no commit can pass by a change of hands.
 *
 * @module
 */

import { emptyMailbox } from '../../mailbox/batch-state.ts'
import type { Mailbox } from '../../mailbox/batch-state.ts'
import { mailOf, num, numOrNull, text, textOrNull } from '../../mailbox/rows.ts'
import type { Grant, LiveWorker } from '../../ports/store.ts'
import { LIVE_COLUMNS } from './columns.ts'
import type { Call, Connection } from './connection.ts'
import type { Row } from './driver.ts'
import { Horizon, LOOK_COLUMNS } from './horizon.ts'
import { mailboxOf } from './load.ts'
import { nowSql } from './statements.ts'
import { COMMIT, MOVE_STAMP, inTransaction, lockAndRead } from './transaction.ts'
import type { SpaceContext } from './transaction.ts'
import { texts } from './wire.ts'

const LOST = 'select lost from coterie.workers where space = $1 and worker = $2 for update'
// Those who are there see at once that there is one more to share with.
const ANNOUNCE = `with mine as (insert into coterie.workers as w (space, worker, until_ms, lost, agents)
    select $1, $2, ${nowSql('$5')} + $3, 0, $4 from coterie.spaces s where s.space = $1
    on conflict (space, worker) do update set until_ms = excluded.until_ms, lost = 0, agents = excluded.agents
    returning w.xmax = 0 as joined)
  update coterie.spaces s set version = s.version + 1, stamp = s.stamp + 1 from mine where s.space = $1 and mine.joined
  returning s.version`
/**
 * The heartbeat of a worker that is there: one statement, which also tells what an idle worker asks. It may be run
 * twice when its answer was lost, so it only reads how often addresses were taken, in the row's last state.
 */
const PROLONG = `with mine as (update coterie.workers w set until_ms = ${nowSql('$2')} + $5, agents = $6
    from coterie.spaces s where s.space = $1 and w.space = $1 and w.worker = $4 returning w.lost)
  select (select lost from mine) as lost,
  (select json_agg(json_build_object('id', w.worker, 'agents', w.agents, 'left', w.until_ms - ${nowSql('$2')})
    order by w.worker) from coterie.workers w
    where w.space = $1 and w.worker <> $4 and w.until_ms > ${nowSql('$2')}) as others,
  ${LOOK_COLUMNS} from coterie.spaces s where s.space = $1`
// Workers that stopped long ago and hold nothing any more: nobody will ask for them again. Two that come back after so
// long do not wait for each other.
const FORGET_OLD = `delete from coterie.workers where space = $1 and worker in (
  select w.worker from coterie.spaces s, coterie.workers w where s.space = $1 and w.space = $1
    and w.until_ms < ${nowSql('$2')} - 3600000 and not exists
    (select 1 from coterie.mailboxes m where m.space = $1 and m.worker = w.worker and m.worker is not null)
  for update of w skip locked)`
const LIVE = `select w.worker, w.agents, w.until_ms - ${nowSql('$2')} as left_ms
  from coterie.spaces s join coterie.workers w on w.space = s.space and w.until_ms > ${nowSql('$2')}
  where s.space = $1 order by w.worker`
const HOLDERS = `select m.address, m.worker, m.epoch, m.seq, m.hash, m.depth, m.ready, m.waiting, m.dead,
  coalesce(w.until_ms, 0) as until_ms from coterie.mailboxes m
  left join coterie.workers w on w.space = m.space and w.worker = m.worker
  where m.space = $1 and m.address = any($2::text[])`
// A heartbeat that comes first saves the leases; one that comes later waits for this row, and hears of it.
const LOSE = `update coterie.workers set lost = lost + 1
  where space = $1 and worker = any($2::text[]) and until_ms <= $3`
const STILL_ALIVE = `select worker from coterie.workers
  where space = $1 and worker = any($2::text[]) and until_ms > $3`
const TAKE = `insert into coterie.mailboxes as m
  (space, address, worker, epoch, seq, hash, depth, ready, waiting, dead)
  select $1, w.address, $3, 1, -1, '', 0, 0, 0, 0 from unnest($2::text[]) w(address)
  on conflict (space, address) do update set worker = excluded.worker, epoch = m.epoch + 1`
const CRASHED = `update coterie.mail l set crashes = l.crashes + 1 from unnest($2::text[]) w(address)
  where l.place = (select d.place from coterie.mail d
    where d.space = $1 and d.recipient = w.address and d.state = 8 order by d.queue limit 1)`
const WAITING = `select l.recipient, ${LIVE_COLUMNS} from coterie.mail l
  join coterie.messages m on m.place = l.place
  where l.space = $1 and l.recipient = any($2::text[]) and l.state = 5 order by l.recipient, l.queue`
// Others are told if there is something to be had.
const TELL = `update coterie.spaces set version = version + 1, stamp = stamp + 1 where space = $1
  and exists (select 1 from gone) returning version`
const RELEASE = `with gone as (update coterie.mailboxes set worker = null
    where space = $1 and worker = $2 and address = any($3::text[]) and worker is not null returning 1) ${TELL}`
const RELEASE_ALL = `with gone as (update coterie.mailboxes set worker = null
    where space = $1 and worker = $2 and worker is not null returning 1) ${TELL}`
const FORGET = 'delete from coterie.workers where space = $1 and worker = $2'

/** What a worker says of itself with a heartbeat. */
export interface Announcement {
  readonly worker: string
  readonly leaseMs: number
  readonly agents: readonly string[]
}

/**
 * Prolongs a worker that was announced before; undefined when it is not there any more. `lost` is how often addresses
 * have been taken from it. `seenMs` is up to when `due` has answered everything.
 */
export async function prolong(
  { pool, statements, space, clockMs }: SpaceContext,
  { worker, leaseMs, agents }: Announcement,
  seenMs: number,
): Promise<Prolonged | undefined> {
  const values = [space, clockMs(), seenMs, worker, leaseMs, JSON.stringify(agents)]
  const [row] = await pool.read(statements.get(PROLONG), values)
  const lost = row === undefined ? null : numOrNull(row, 'lost')
  if (row === undefined || lost === null) return undefined
  const horizon = new Horizon(row)
  const others = JSON.parse(textOrNull(row, 'others') ?? '[]') as readonly OtherWorker[]
  return {
    lost,
    others: others.map(({ id, agents: names, left }) => ({
      id,
      agents: JSON.parse(names) as readonly string[],
      leftMs: left,
    })),
    horizon,
  }
}

/** What a heartbeat has found. */
interface Prolonged {
  readonly lost: number
  readonly others: readonly LiveWorker[]
  readonly horizon: Horizon
}

/** As `PROLONG` tells of it. */
interface OtherWorker {
  readonly id: string
  readonly agents: string
  readonly left: number
}

/**
 * Announces a worker. Not `kept`: it had lapsed, and an address was taken from it. `version` is that of the space, if
 * the worker is new. `known`: it was announced through this object before.
 */
export async function announce(
  { pool, statements, space, clockMs }: SpaceContext,
  { worker, leaseMs, agents }: Announcement,
  known: boolean,
): Promise<{ readonly kept: boolean; readonly version: number | undefined }> {
  const [before, announced] = await inTransaction(pool, [
    [statements.get(LOST), [space, worker]],
    [statements.get(ANNOUNCE), [space, worker, leaseMs, JSON.stringify(agents), clockMs()]],
    // Whoever comes clears away those who have gone.
    [statements.get(FORGET_OLD), [space, clockMs()]],
  ])
  const row = before?.rows[0]
  const raised = announced?.rows[0]
  return {
    kept: row === undefined ? !known : num(row, 'lost') === 0,
    version: raised === undefined ? undefined : num(raised, 'version'),
  }
}

/** The workers whose leases hold. */
export async function liveWorkers({
  pool,
  statements,
  space,
  clockMs,
}: SpaceContext): Promise<readonly LiveWorker[]> {
  const rows = await pool.read(statements.get(LIVE), [space, clockMs()])
  return rows.map((row) => ({
    id: text(row, 'worker'),
    agents: JSON.parse(text(row, 'agents')) as readonly string[],
    leftMs: num(row, 'left_ms'),
  }))
}

/**
 * Grants each address that is free, the worker's own, or of a worker that has lapsed. All requests are those of
 * one worker, for different addresses.
 */
export async function takeLeases(
  context: SpaceContext,
  worker: string,
  addresses: readonly string[],
): Promise<readonly Grant[]> {
  return context.pool.exclusive((connection) => take(context, connection, worker, addresses))
}

async function take(
  context: SpaceContext,
  connection: Connection,
  worker: string,
  addresses: readonly string[],
): Promise<readonly Grant[]> {
  const { statements, space } = context
  const { head, answers } = await lockAndRead(context, connection, [
    [statements.get(HOLDERS), [space, texts(addresses)]],
  ])
  const holders = new Map((answers[0] ?? []).map((row) => [text(row, 'address'), row]))
  const lapsed = new Set<string>()
  for (const row of holders.values()) {
    const holder = textOrNull(row, 'worker')
    if (holder !== null && holder !== worker && num(row, 'until_ms') <= head.now) lapsed.add(holder)
  }
  const alive = await superseded(context, connection, lapsed, head.now)
  const free = addresses.filter((address) => {
    const row = holders.get(address)
    const holder = row === undefined ? null : textOrNull(row, 'worker')
    if (holder === null || holder === worker) return true
    return lapsed.has(holder) && !alive.has(holder)
  })
  const held = (address: string): string | null =>
    textOrNull(holders.get(address) ?? { worker: null }, 'worker')
  const taken = free.filter((address) => held(address) !== worker)
  const takenOver = new Set(taken.filter((address) => held(address) !== null))
  const calls: Call[] = []
  if (taken.length > 0) calls.push([statements.get(TAKE), [space, texts(taken), worker]])
  if (takenOver.size > 0) calls.push([statements.get(CRASHED), [space, texts([...takenOver])]])
  if (calls.length > 0) calls.push([statements.get(MOVE_STAMP), [space]])
  const results = await connection.pipeline([
    ...calls,
    [statements.get(WAITING), [space, texts(free.filter((address) => waitingOf(holders.get(address)) > 0))]],
    COMMIT,
  ])
  const waiting = results.at(-2)?.rows ?? []
  if (calls.length > 0) {
    const mailboxes = taken.map((address) => leasedMailbox(address, worker, holders.get(address)))
    context.known.changed(head, mailboxes, takenOver)
  }
  return free.map((address) => grant(address, worker, holders.get(address), waiting, takenOver.has(address)))
}

function leasedMailbox(address: string, worker: string, row: Row | undefined): Mailbox {
  const before = row === undefined ? emptyMailbox(address) : mailboxOf(row)
  return { ...before, worker, epoch: before.epoch + 1 }
}

/** Takes note that addresses are taken from workers that have lapsed; answers those that have not after all. */
async function superseded(
  { statements, space }: SpaceContext,
  connection: Connection,
  lapsed: ReadonlySet<string>,
  now: number,
): Promise<ReadonlySet<string>> {
  if (lapsed.size === 0) return new Set()
  const values = [space, texts([...lapsed]), now]
  const [, alive] = await connection.pipeline([
    [statements.get(LOSE), values],
    [statements.get(STILL_ALIVE), values],
  ])
  return new Set((alive?.rows ?? []).map((row) => text(row, 'worker')))
}

function waitingOf(row: Row | undefined): number {
  return row === undefined ? 0 : num(row, 'waiting')
}

function grant(
  address: string,
  worker: string,
  row: Row | undefined,
  waiting: readonly Row[],
  takenOver: boolean,
): Grant {
  const epoch = row === undefined ? 0 : num(row, 'epoch')
  const own = row !== undefined && row['worker'] === worker
  return {
    lease: { address, worker, epoch: own ? epoch : epoch + 1 },
    head: { seq: row === undefined ? -1 : num(row, 'seq'), hash: row === undefined ? '' : text(row, 'hash') },
    waiting: waiting.filter((mail) => mail['recipient'] === address).map(mailOf),
    takenOver,
  }
}

/** Gives some addresses back, or all of them with the worker itself; answers whether there were any. */
export async function giveBack(
  context: SpaceContext,
  worker: string,
  addresses: readonly string[] | 'all',
): Promise<boolean> {
  const { pool, statements, space } = context
  const calls: readonly Call[] =
    addresses === 'all'
      ? [
          [statements.get(FORGET), [space, worker]],
          [statements.get(RELEASE_ALL), [space, worker]],
        ]
      : [[statements.get(RELEASE), [space, worker, texts(addresses)]]]
  return pool.exclusive(async (connection) => {
    const { head } = await lockAndRead(context, connection, [])
    context.pulse.locked(head.version)
    const results = await connection.pipeline([...calls, COMMIT])
    context.known.forget()
    return (results.at(-2)?.rows.length ?? 0) > 0
  })
}

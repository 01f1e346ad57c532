/**
 * Commits a batch in two round trips: lock the space and load what the batch needs; judge it in memory; write and
 * commit. One transaction, one outcome for each write.
 *
 * A connection can be lost while the commit is under way. Then the outcome is unknown, and is found out: each
 * batch leaves its number in `writers`, in its own transaction. Whoever asks takes the head of the space first, and
 * so waits until the lost transaction is over, one way or the other.
 *
 * @module
 */

import { applyWrite } from '../../mailbox/commit.ts'
import { num } from '../../mailbox/rows.ts'
import type { CommitTerms, Outcome, Write } from '../../ports/store.ts'
import type { PostgresBatch } from './batch.ts'
import type { Connection } from './connection.ts'
import type { DriverResult } from './driver.ts'
import { SharedConnection } from './flights.ts'
import type { Flight } from './flights.ts'
import { flushCalls, versionAfter } from './flush.ts'
import type { Mark } from './flush.ts'
import { Loader, mailboxesCall, takeMailboxes, unloaded } from './load.ts'
import { Need } from './need.ts'
import { Patience } from './pool.ts'
import { isRefusal, storeError, unavailable, unknownOutcome } from './postgres-error.ts'
import { COMMIT, MOVE_STAMP, ROLLBACK, lockAndCommit, lockAndRead } from './transaction.ts'
import type { SpaceContext } from './transaction.ts'

/**
 * Changes nothing, but is a write: its commit waits for the standby, and so for all that was committed before. A commit
 * whose own wait was cut short (by an administrator who ended the backend) can be seen on the primary, and yet be lost
 * with it.
 */
const LAST_BATCH = 'update coterie.writers set batch = batch where space = $1 and writer = $2 returning batch'

/** A batch that is written, or need not be: nothing of it was accepted. */
export interface Committed {
  readonly outcomes: readonly Outcome[]
  readonly batch: PostgresBatch
  readonly accepted: boolean
  /** Whose mail the batch has changed. */
  readonly touched: ReadonlySet<string>
  /** The time of the commit; undefined when that was not told. */
  readonly now?: number
}

/** Gives each try of a batch a number that was not there before. */
export type Marks = () => Mark

/** Raised when a connection is lost after the commit was sent. */
class Lost extends Error {
  readonly committed: Committed
  readonly mark: Mark
  /** To be called when it is known whether it was written. */
  readonly landed: ((written: boolean) => void) | undefined

  constructor(committed: Committed, { mark, landed }: Sent, cause: unknown) {
    super('the connection was lost during the commit', { cause })
    this.committed = committed
    this.mark = mark
    this.landed = landed
  }
}

/** Writes the batch and answers for each write, in order. */
export async function commitBatch(
  context: SpaceContext,
  writes: readonly Write[],
  terms: CommitTerms,
  marks: Marks,
): Promise<Committed> {
  const { pool } = context
  const { shown, patienceMs } = pool.location
  let careful = false
  let patience = new Patience(patienceMs)
  for (;;) {
    pool.check()
    try {
      return await attempt(context, { writes, terms, marks, need: new Need(writes, careful) }, careful)
    } catch (error) {
      if (error instanceof Lost) {
        if (await foundOut(context, error)) return error.committed
        patience = new Patience(patienceMs)
        continue
      }
      const trouble = pool.judge(error)
      // Looked at only after a unique index has refused the batch; see `taken` in src/mailbox/refusals.ts.
      if (trouble === 'taken' && !careful) careful = true
      else if (trouble === 'final' || trouble === 'taken') throw storeError(error, shown)
      else if (trouble !== 'unprepared' && !(await patience.pause(pool.closed))) {
        pool.check()
        throw trouble === 'again' ? storeError(error, shown) : unavailable(error, shown, patienceMs)
      }
    }
  }
}

/** One try: by what is known if that is enough, or else by what is loaded. */
async function attempt(context: SpaceContext, given: Attempt, careful: boolean): Promise<Committed> {
  const shared = new SharedConnection(context.pool, await context.pool.acquire())
  try {
    const committed =
      (await byKnown(context, shared, given)) ?? (await byLoaded(context, shared, given, careful))
    shared.leave(false)
    return committed
  } catch (error) {
    context.known.forget()
    shared.leave(true)
    throw error
  }
}

/**
 * Writes a batch behind one that is under way, if what that one will leave is enough to judge it by, and accepts all of
 * it. Undefined: nothing of it was written.
 */
export async function commitBehind(
  context: SpaceContext,
  writes: readonly Write[],
  terms: CommitTerms,
  marks: Marks,
): Promise<Committed | undefined> {
  const before = context.flights.last
  if (before === undefined) return undefined
  const { shared } = before
  shared.join()
  try {
    const committed = await byKnown(
      context,
      shared,
      { writes, terms, marks, need: new Need(writes, false) },
      before,
    )
    shared.leave(false)
    return committed
  } catch (error) {
    context.known.forget()
    shared.leave(true)
    if (!(error instanceof Lost)) return undefined
    // Behind one that was not written, nothing is.
    const possible = await before.landed
    if (possible) return (await foundOut(context, error)) ? error.committed : undefined
    error.landed?.(false)
    return undefined
  }
}

/** Whether a batch whose answer was lost was written. */
async function foundOut(context: SpaceContext, { mark, landed, cause }: Lost): Promise<boolean> {
  try {
    const written = await wasCommitted(context, mark, cause)
    landed?.(written)
    return written
  } catch (error) {
    landed?.(true)
    throw error
  }
}

interface Attempt {
  readonly writes: readonly Write[]
  readonly terms: CommitTerms
  readonly marks: Marks
  readonly need: Need
}

/** A batch as it was sent. */
interface Sent {
  readonly mark: Mark
  readonly landed?: (written: boolean) => void
}

/**
 * Undefined: nothing was written, and the batch must be judged by what the database has. Nothing is refused here.
 * Everything up to the sending happens at once: what is begun later is judged by what this batch will leave.
 */
async function byKnown(
  context: SpaceContext,
  shared: SharedConnection,
  { writes, terms, marks, need }: Attempt,
  before?: Flight,
): Promise<Committed | undefined> {
  const { known, pulse, statements, clockMs, flights } = context
  const batch = known.batch(need, terms, pulse.version)
  if (batch === undefined) return undefined
  const outcomes: Outcome[] = []
  for (const write of writes) {
    const outcome = applyWrite(batch, write, false)
    if (outcome.type !== 'accepted') {
      known.drop(batch)
      return undefined
    }
    outcomes.push(outcome)
  }
  const committed = { outcomes, batch, accepted: true, touched: touchedBy(batch) }
  const { stamp, version } = batch.head
  const raises = batch.records.length > 0
  const expected = raises && before !== undefined ? pulse.follows(version) : undefined
  if (raises && before === undefined) pulse.locked(version)
  const guard = { untilMs: batch.untilMs, clockMs: clockMs(), ...(before && { behind: before.mark }) }
  const mark = marks()
  const sending = lockAndCommit(context, shared.connection, flushCalls(statements, batch, mark, guard))
  known.assume(batch, versionAfter(batch))
  const landed = flights.begin(shared, mark)
  let written = false
  try {
    const now = await write(committed, { mark, landed }, () => sending)
    written = now !== undefined
    if (now === undefined) known.forget()
    else known.confirm(stamp, now)
    landed(written)
    return now === undefined ? undefined : { ...committed, now }
  } catch (error) {
    // What follows must not be judged by it any more. Whether it was lost or not written is for the caller.
    known.forget()
    if (!(error instanceof Lost)) landed(false)
    throw error
  } finally {
    if (expected !== undefined) pulse.settle(expected, written)
  }
}

async function byLoaded(
  context: SpaceContext,
  { connection }: SharedConnection,
  { writes, terms, marks, need }: Attempt,
  careful: boolean,
): Promise<Committed> {
  const { pulse, statements, space, clockMs } = context
  const loader = new Loader(statements, space, need)
  const { head, answers } = await lockAndRead(context, connection, loader.calls)
  const batch = loader.batch(head, terms, answers)
  await loadRest(context, connection, batch)
  const outcomes = writes.map((write) => applyWrite(batch, write, careful))
  const accepted = outcomes.some((outcome) => outcome.type === 'accepted')
  const committed = { outcomes, batch, accepted, touched: touchedBy(batch) }
  if (!accepted) {
    await connection.pipeline([ROLLBACK])
    return committed
  }
  if (batch.records.length > 0) pulse.locked(head.version)
  const guard = { untilMs: Number.MAX_SAFE_INTEGER, clockMs: clockMs() }
  const mark = marks()
  const now = await write(committed, { mark }, () =>
    connection.pipeline([...flushCalls(statements, batch, mark, guard), COMMIT]),
  )
  if (now === undefined) throw new Error('The space was changed under its lock.')
  context.known.learn(batch, versionAfter(batch), now)
  return { ...committed, now }
}

function touchedBy({ entries }: PostgresBatch): ReadonlySet<string> {
  const touched = new Set<string>()
  for (const { isNew, changed, recipient } of entries.values()) if (isNew || changed) touched.add(recipient)
  return touched
}

/** What is settled or cancelled stands in mailboxes that were not known before it was loaded. */
async function loadRest(
  { statements, space }: SpaceContext,
  connection: Connection,
  batch: PostgresBatch,
): Promise<void> {
  const missing = unloaded(batch)
  if (missing.length === 0) return
  const [result] = await connection.pipeline([mailboxesCall(statements, space, missing)])
  takeMailboxes(batch, result?.rows ?? [])
  batch.expect(missing)
}

/** Answers with the time of the commit; undefined when the guard has let nothing be written. */
async function write(
  committed: Committed,
  sent: Sent,
  send: () => Promise<readonly DriverResult[]>,
): Promise<number | undefined> {
  let results: readonly DriverResult[]
  try {
    results = await send()
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new Lost(committed, sent, error)
  }
  // A transaction that a statement has failed in is rolled back by `commit`, without an error.
  const command = results.at(-1)?.command
  if (command !== 'COMMIT') throw new Error(`The commit was answered with ${String(command)}.`)
  const row = results.at(-2)?.rows[0]
  return row === undefined ? undefined : num(row, 'now')
}

/**
 * Asks the database whether the batch was committed; waits for the transaction, should it still be under way. Of all
 * errors this is the worst to give up on, so none is final: a host may refuse everybody while another takes over.
 */
async function wasCommitted(context: SpaceContext, mark: Mark, cause: unknown): Promise<boolean> {
  const { pool, statements, space } = context
  const { shown, patienceMs } = pool.location
  const patience = new Patience(patienceMs)
  for (;;) {
    try {
      const connection = await pool.acquire()
      try {
        const asked = await lockAndRead(context, connection, [
          [statements.get(LAST_BATCH), [space, mark.writer]],
        ])
        const written = Number(asked.answers[0]?.[0]?.['batch'] ?? -1) >= mark.batch
        // What the database has received and not begun yet must not be written after this answer.
        await connection.pipeline(written ? [COMMIT] : [[statements.get(MOVE_STAMP), [space]], COMMIT])
        pool.release(connection)
        return written
      } catch (error) {
        pool.drop(connection)
        throw error
      }
    } catch (error) {
      if (pool.judge(error) === 'unprepared') continue
      if (!(await patience.pause(pool.closed))) throw unknownOutcome(cause, shown, patienceMs)
    }
  }
}

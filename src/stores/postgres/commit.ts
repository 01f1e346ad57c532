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
import { flushCalls } from './flush.ts'
import type { Mark } from './flush.ts'
import { Loader, mailboxesCall, takeMailboxes, unloaded } from './load.ts'
import { Need } from './need.ts'
import { Patience } from './pool.ts'
import { isRefusal, storeError, unavailable, unknownOutcome } from './postgres-error.ts'
import { COMMIT, ROLLBACK, lockAndCommit, lockAndRead } from './transaction.ts'
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
  /** The time of the commit; undefined when that was not told. */
  readonly now?: number
}

/** Raised when a connection is lost after the commit was sent. */
class Lost extends Error {
  readonly committed: Committed

  constructor(committed: Committed, cause: unknown) {
    super('the connection was lost during the commit', { cause })
    this.committed = committed
  }
}

/** Writes the batch and answers for each write, in order. `mark` must be new for each call. */
export async function commitBatch(
  context: SpaceContext,
  writes: readonly Write[],
  terms: CommitTerms,
  mark: Mark,
): Promise<Committed> {
  const { pool } = context
  const { shown, patienceMs } = pool.location
  let careful = false
  let patience = new Patience(patienceMs)
  for (;;) {
    pool.check()
    try {
      return await attempt(context, writes, terms, mark, careful)
    } catch (error) {
      if (error instanceof Lost) {
        if (await wasCommitted(context, mark, error.cause)) return error.committed
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
async function attempt(
  context: SpaceContext,
  writes: readonly Write[],
  terms: CommitTerms,
  mark: Mark,
  careful: boolean,
): Promise<Committed> {
  const need = new Need(writes, careful)
  const connection = await context.pool.acquire()
  try {
    const committed =
      (await byKnown(context, connection, { writes, terms, mark, need })) ??
      (await byLoaded(context, connection, { writes, terms, mark, need, careful }))
    context.pool.release(connection)
    return committed
  } catch (error) {
    context.known.forget()
    context.pool.drop(connection)
    throw error
  }
}

interface Attempt {
  readonly writes: readonly Write[]
  readonly terms: CommitTerms
  readonly mark: Mark
  readonly need: Need
}

/** Undefined: nothing was written, and the batch must be judged by what the database has. Nothing is refused here. */
async function byKnown(
  context: SpaceContext,
  connection: Connection,
  { writes, terms, mark, need }: Attempt,
): Promise<Committed | undefined> {
  const { known, pulse, statements, clockMs } = context
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
  if (batch.records.length > 0) pulse.locked(batch.head.version)
  const guard = { untilMs: batch.untilMs, clockMs: clockMs() }
  const committed = { outcomes, batch, accepted: true }
  const now = await write(committed, () =>
    lockAndCommit(context, connection, flushCalls(statements, batch, mark, guard)),
  )
  if (now === undefined) {
    known.forget()
    return undefined
  }
  return { ...committed, now }
}

async function byLoaded(
  context: SpaceContext,
  connection: Connection,
  { writes, terms, mark, need, careful }: Attempt & { readonly careful: boolean },
): Promise<Committed> {
  const { pulse, statements, space, clockMs } = context
  const loader = new Loader(statements, space, need)
  const { head, answers } = await lockAndRead(context, connection, loader.calls)
  const batch = loader.batch(head, terms, answers)
  await loadRest(context, connection, batch)
  const outcomes = writes.map((write) => applyWrite(batch, write, careful))
  const accepted = outcomes.some((outcome) => outcome.type === 'accepted')
  const committed = { outcomes, batch, accepted }
  if (!accepted) {
    await connection.pipeline([ROLLBACK])
    return committed
  }
  if (batch.records.length > 0) pulse.locked(head.version)
  const guard = { untilMs: Number.MAX_SAFE_INTEGER, clockMs: clockMs() }
  const now = await write(committed, () =>
    connection.pipeline([...flushCalls(statements, batch, mark, guard), COMMIT]),
  )
  if (now === undefined) throw new Error('The space was changed under its lock.')
  return { ...committed, now }
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
  send: () => Promise<readonly DriverResult[]>,
): Promise<number | undefined> {
  let results: readonly DriverResult[]
  try {
    results = await send()
  } catch (error) {
    if (isRefusal(error)) throw error
    throw new Lost(committed, error)
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
        await connection.pipeline([COMMIT])
        pool.release(connection)
        return Number(asked.answers[0]?.[0]?.['batch'] ?? -1) >= mark.batch
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

/**
 * Transactions: how they begin, and what they share.
 *
 * Nothing is left in a session: settings are the transaction's, locks are those of rows. So a connection may be one
 * of a pooler's that is another server connection for each transaction.
 *
 * @module
 */

import { num } from '../../mailbox/rows.ts'
import type { Call, Connection } from './connection.ts'
import type { DriverResult, Row } from './driver.ts'
import type { Flights } from './flights.ts'
import type { Known } from './known.ts'
import { LOCK } from './load.ts'
import type { Head } from './batch.ts'
import type { Pool } from './pool.ts'
import type { Pulse } from './pulse.ts'
import { BY_INDEX } from './statements.ts'
import type { Statements } from './statements.ts'

/** What the parts of a space's store have in common. */
export interface SpaceContext {
  readonly pool: Pool
  readonly statements: Statements
  readonly space: number
  readonly pulse: Pulse
  readonly known: Known
  readonly flights: Flights
  /** A clock to use instead of the database's: for tests. */
  readonly clockMs: () => number | null
}

/** The isolation is stated: a snapshot older than the lock must never be used, whatever the role's default. */
const BEGIN: Call = [{ name: 'begin', text: 'begin isolation level read committed read write' }]
export const COMMIT: Call = [{ name: 'commit', text: 'commit' }]
export const ROLLBACK: Call = [{ name: 'rollback', text: 'rollback' }]
/** Whoever judged a batch by what he had seen before finds the space changed. */
export const MOVE_STAMP = 'update coterie.spaces set stamp = stamp + 1 where space = $1'
const INDEXED = `select ${BY_INDEX}`
const READ: Call = [{ name: 'read', text: 'begin isolation level repeatable read read only' }]

/**
 * Begins a transaction that holds the head of the space, and reads behind it. Who raises the version tells the
 * pulse, before and after.
 */
export async function lockAndRead(
  { statements, space, clockMs }: SpaceContext,
  connection: Connection,
  calls: readonly Call[],
): Promise<{ readonly head: Head; readonly answers: readonly (readonly Row[])[] }> {
  const lock: Call = [statements.get(LOCK), [space, clockMs(), connection.durability]]
  const [, locked, ...answers] = await connection.pipeline([BEGIN, lock, ...calls])
  return { head: headOf(space, locked?.rows[0]), answers: answers.map((answer) => answer.rows) }
}

/** Begins a transaction that holds the head of the space, runs all of it and commits, in one round trip. */
export async function lockAndCommit(
  { statements, space, clockMs }: SpaceContext,
  connection: Connection,
  calls: readonly Call[],
): Promise<readonly DriverResult[]> {
  const lock: Call = [statements.get(LOCK), [space, clockMs(), connection.durability]]
  return (await connection.pipeline([BEGIN, lock, ...calls, COMMIT])).slice(2)
}

function headOf(space: number, row: Row | undefined): Head {
  if (row === undefined) throw new Error(`There is no space ${space}.`)
  return {
    space,
    position: num(row, 'position'),
    number: num(row, 'number'),
    handled: num(row, 'handled'),
    version: num(row, 'version'),
    stamp: num(row, 'stamp'),
    now: num(row, 'now'),
  }
}

/** Runs statements in one transaction that does not touch the head. */
export async function inTransaction(pool: Pool, calls: readonly Call[]): Promise<readonly DriverResult[]> {
  return pool.exclusive(async (connection) => {
    const results = await connection.pipeline([BEGIN, ...calls, COMMIT])
    return results.slice(1, -1)
  })
}

/** As `inSnapshot`, for reads that look up rows one by one: by index, whatever the statistics say. */
export async function inIndexedSnapshot(
  { pool, statements }: SpaceContext,
  calls: readonly Call[],
): Promise<readonly (readonly Row[])[]> {
  return (await inSnapshot(pool, [[statements.get(INDEXED)], ...calls])).slice(1)
}

/** Runs several reads on one state of the database. */
export async function inSnapshot(pool: Pool, calls: readonly Call[]): Promise<readonly (readonly Row[])[]> {
  return pool.exclusive(async (connection) => {
    const results = await connection.pipeline([READ, ...calls, COMMIT])
    return results.slice(1, -1).map((result) => result.rows)
  })
}

/**
 * Batches on their way to the store, and what is told of them.
 *
 * @module
 */

import type { ChainHead, Outcome, RecordWrite, Write } from '../ports/store.ts'
import { NO_RECORD } from './sealing.ts'
import type { Pending, Ready } from './sealing.ts'

/** What became of a write, for its author. */
export interface Answered {
  readonly write: Write
  readonly pending: Pending
  readonly outcome: Outcome
}

/** A batch under way. */
export interface Flight {
  readonly batch: readonly Pending[]
  readonly number: number
  /** Where the chains end behind it. */
  heads: ReadonlyMap<string, ChainHead>
}

/** A batch that follows another. */
export interface Follower extends Flight {
  readonly ready: readonly Ready[]
  readonly agents: number
  /** Undefined: nothing of it was written. */
  readonly outcomes: Promise<readonly Outcome[] | undefined>
}

/** Refused for its key alone. What reads the directory itself is mended by who made it. */
export function isRekeyed(write: RecordWrite, outcome: Outcome, agents: number): boolean {
  if (outcome.type !== 'stale' || outcome.stream !== '@agents' || outcome.expected !== agents) return false
  return write.reads.every(({ stream }) => stream !== '@agents')
}

/** What a record is answered that does not continue its chain. */
export function conflictAt(head: ChainHead | undefined): Outcome {
  return { type: 'conflict', head: head ?? NO_RECORD }
}

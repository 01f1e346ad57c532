/**
 * What a turn and the runner that hosts it say to each other.
 *
 * @module
 */

import type { CoterieError } from '../core/errors.ts'
import type { Lease, Mail, Outcome } from '../ports/store.ts'
import type { DoneEntry } from '../turn/journal.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import type { Trust } from './trust.ts'

/** What a turn needs of the runner that hosts it. */
export interface TurnHost {
  readonly context: Context
  readonly committer: Committer
  readonly directory: Directory
  readonly trust: Trust
  readonly lease: Lease
  /** Messages that the store has found past their deadline, whatever the clock here says. */
  readonly late: Set<string>
  /** The author's line (see `Committer.line`) when nothing was in flight. */
  readonly line: number
  /** Resolves when the turns that this runner finished before are durable; rejects when one was refused. */
  barrier(): Promise<void>
  /**
   * Call before anything that has an effect outside. Resolves when the lease holds as far as the store has said, or
   * says now; else the turn has been given up.
   */
  confirm(): Promise<void>
}

/** A wait of the turn and the promise that it will settle. */
export interface OpenWait {
  readonly i: number
  readonly target: string | null
  request: string | null
  readonly dueAt: number
  readonly settle: (done: DoneEntry) => void
}

/** A registered compensation. */
export interface Compensation {
  readonly i: number
  readonly name: string
  readonly undo: (result: unknown, signal: AbortSignal) => unknown
  result: unknown
}

/** Why a turn stopped running here. */
export type Halt =
  | { readonly type: 'suspended' }
  /** To be run again from the store: something it relied on has moved. */
  | { readonly type: 'restart' }
  /** No longer ours, or no longer wanted. */
  | { readonly type: 'aborted'; readonly error: CoterieError }
  /** Its last segment is on its way; the promise tells what became of it. */
  | { readonly type: 'ended'; readonly outcome: Promise<Outcome | undefined> }

/** A failure found while a segment was committed: it fails the attempt. */
export class SegmentFailure extends Error {
  readonly error: CoterieError
  constructor(error: CoterieError) {
    super(error.message)
    this.error = error
  }
}

/** True when the message is past its deadline: by the store's word, or by this machine's clock. */
export function isLate({ late, context }: Pick<TurnHost, 'late' | 'context'>, mail: Mail): boolean {
  const { deadline, id } = mail.envelope
  return late.has(id) || (deadline !== null && context.clock.now() >= deadline)
}

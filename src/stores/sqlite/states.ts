/**
 * Message states as the numbers that the database keeps, and the sets that its partial indexes are made of.
 * SQLite uses a partial index only for a query that repeats the index's condition word for word: the
 * fragments below are those words.
 *
 * @module
 */

import type { MessageState } from '../../core/message.ts'

/**
 * The number of each state, in such an order that every set that matters is a range: a comparison costs
 * nothing, while `state in (...)` in the condition of an index builds a small table for each row written
 * (measured: 11 us for each settled message).
 */
export const CODE: {
  readonly dead: 0
  readonly expired: 1
  readonly cancelled: 2
  readonly answered: 3
  readonly scheduled: 4
  readonly waiting: 5
  readonly cancelling: 6
  readonly queued: 7
  readonly delivered: 8
  readonly handled: 9
} = {
  dead: 0,
  expired: 1,
  cancelled: 2,
  answered: 3,
  scheduled: 4,
  waiting: 5,
  cancelling: 6,
  queued: 7,
  delivered: 8,
  handled: 9,
}

/** Condition for messages that are not final. */
export const LIVE = 'state between 3 and 8'

/** True for messages that are not final. */
export function isLive(code: number): boolean {
  return code >= CODE.answered && code <= CODE.delivered
}

const NAMES = Object.keys(CODE) as MessageState[]

/** The state with this number. */
export function stateOf(code: number): MessageState {
  const name = NAMES[code]
  if (name === undefined) throw new RangeError(`There is no message state ${code}.`)
  return name
}

/** Condition of `messages_queue`: what stands in a mailbox. */
export const IN_QUEUE = 'state between 5 and 8'

/** Condition of `messages_delivered`: what a worker has in hand, or had when it stopped. */
export const IN_DELIVERED = 'state = 8'

/**
 * Condition of `messages_retry`: a queued message that failed, and waits or has waited for its next attempt.
 */
export const IN_RETRY = 'state = 7 and due_ms is not null'

/** Condition of `messages_due`: scheduled messages and retries; no other has a time. */
export const IN_DUE = 'due_ms is not null'

/** Condition of `messages_deadline`. */
export const IN_DEADLINE = 'state between 3 and 8 and deadline_ms is not null'

/** Condition of `messages_aside`. */
export const IN_ASIDE = 'state < 7'

/**
 * Places of one space are this far apart: 68 thousand million records, 131 thousand spaces, all safe
 * integers.
 */
export const PLACES: number = 2 ** 36

/** 1 for a message that counts against the limit of its mailbox. */
export function inDepth(code: number): number {
  return code >= CODE.scheduled && code <= CODE.delivered ? 1 : 0
}

/** 1 for a message that a runner may take. */
export function inReady(code: number): number {
  return code >= CODE.cancelling && code <= CODE.delivered ? 1 : 0
}

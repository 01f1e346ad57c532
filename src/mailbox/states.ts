/**
 * Message states as the numbers that a store keeps, and the sets of them that matter.
 *
 * @module
 */

import type { MessageState } from '../core/message.ts'

/**
 * The number of each state, in such an order that every set that matters is a range: in SQLite, `state in (...)` in
 * the condition of an index builds a small table for each row written (measured: 11 us for each settled message).
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

const NAMES = Object.keys(CODE) as MessageState[]

/** The state with this number. */
export function stateOf(code: number): MessageState {
  const name = NAMES[code]
  if (name === undefined) throw new RangeError(`There is no message state ${code}.`)
  return name
}

/** True for messages that are not final. */
export function isLive(code: number): boolean {
  return code >= CODE.answered && code <= CODE.delivered
}

/** 1 for a message that counts against the limit of its mailbox. */
export function inDepth(code: number): number {
  return code >= CODE.scheduled && code <= CODE.delivered ? 1 : 0
}

/** 1 for a message that a runner may take. */
export function inReady(code: number): number {
  return code >= CODE.cancelling && code <= CODE.delivered ? 1 : 0
}

/**
 * A place is a number or position of one space, apart from those of all others: 68 thousand million of them for
 * each of 131 thousand spaces, all safe integers.
 */
const PLACES: number = 2 ** 36

/** How many spaces a database may hold. */
export const SPACES_MAX: number = Math.floor(Number.MAX_SAFE_INTEGER / PLACES) - 1

/** The place of a number or position of a space. */
export function placeOf(space: number, number: number): number {
  return space * PLACES + number
}

/**
 * Changes of state of messages that are not the turn's own: settled by another turn, an operator or a sweep.
 *
 * @module
 */

import { turnOf } from '../../core/ids.ts'
import type { Settle } from '../../ports/store.ts'
import type { Batch } from './batch.ts'
import { num, text } from './rows.ts'
import { CODE, isLive } from './states.ts'

/** Ends all waits of a turn. */
export const DELETE_WAITS = 'delete from waits where space = ? and turn = ?'

const CONSUME_REPLY = `update messages set state = ${CODE.handled}, settled = ?, reason = ?
  where space = ? and id = ? and state = ${CODE.answered}`
const STATE = 'select recipient, state, undo from messages where space = ? and id = ?'
// Its dead end counts as a segment: so nobody takes it for a message that was never begun and has no journal.
const REQUEUE = `update messages set state = ${CODE.queued}, queue = ?, attempts = 0, crashes = 0,
  segments = segments + 1, due_ms = null, settled = null,
  error = null, reason = null where space = ? and id = ?`
const FINISH = `update messages set state = ?, due_ms = null, settled = ?, reason = ? where space = ?
  and id = ?`
const START_UNDO = `update messages set state = ${CODE.cancelling}, due_ms = null, reason = ? where space = ?
  and id = ?`

/**
 * Applies one settle. What is final stays as it is, but for a dead letter that an operator takes up again.
 */
export function applySettle(batch: Batch, settle: Settle, position: number): void {
  const { space, db } = batch
  if (settle.as === 'handled') {
    // The hot case: a turn consumes the reply that it has waited for. Replies are counted in no mailbox.
    const { changes } = db.sql(CONSUME_REPLY).run(position, settle.reason, space, settle.id)
    if (changes === 1) {
      batch.counters.handled++
      return
    }
  }
  const row = db.sql(STATE).get(space, settle.id)
  if (row === undefined) return
  const message = {
    id: settle.id,
    recipient: text(row, 'recipient'),
    state: num(row, 'state'),
    undo: num(row, 'undo') === 1,
  }
  if (settle.as === 'queued') {
    if (message.state !== CODE.dead) return
    db.sql(REQUEUE).run(batch.nextNumber(), space, settle.id)
    batch.moved(message.recipient, CODE.dead, CODE.queued)
    return
  }
  const mayEnd = isLive(message.state) || (message.state === CODE.dead && settle.as === 'cancelled')
  if (mayEnd) finishMessage(batch, message, CODE[settle.as], settle.reason, position)
}

/**
 * Ends a message from outside. One whose turn has compensations is not ended but left to its agent as
 * `cancelling`, to undo what it did. Answers false when nothing changed, because it is undoing already.
 */
export function finishMessage(
  batch: Batch,
  message: {
    readonly id: string
    readonly recipient: string
    readonly state: number
    readonly undo: boolean
  },
  to: number,
  reason: string,
  position: number,
): boolean {
  const { id, recipient, state } = message
  if (state === CODE.cancelling && to !== CODE.handled) return false
  const undo = message.undo && isLive(state) && to !== CODE.handled
  if (undo) batch.db.sql(START_UNDO).run(reason, batch.space, id)
  else batch.db.sql(FINISH).run(to, position, reason, batch.space, id)
  if (state === CODE.answered) {
    // A reply stands in no mailbox, but is counted once it is handled.
    if (to === CODE.handled) batch.counters.handled++
    return true
  }
  batch.moved(recipient, state, undo ? CODE.cancelling : to)
  if (state === CODE.waiting) batch.db.sql(DELETE_WAITS).run(batch.space, turnOf(id))
  return true
}

/**
 * Changes of state of messages that are not the turn's own: settled by another turn, an operator or a sweep,
 * or cancelled with all that they caused.
 *
 * @module
 */

import { messageOf, turnOf } from '../core/ids.ts'
import type { Mail, Settle } from '../ports/store.ts'
import { countMove } from './batch-state.ts'
import type { BatchState, MessageFacts } from './batch-state.ts'
import { CODE, inDepth, isLive } from './states.ts'

/**
 * Applies one settle; answers the messages that were cancelled by it, with the state that they had. What is final stays
 * as it is, but for a dead letter that an operator takes up again or gives up. A message that is given up while it is
 * open is cancelled with all that it caused.
 */
export function applySettle(batch: BatchState, settle: Settle, position: number): readonly Mail[] {
  // The hot case: a turn consumes the reply that it has waited for. Replies are counted in no mailbox.
  if (settle.as === 'handled' && batch.consume(settle.id, position, settle.reason)) {
    batch.counters.handled++
    return []
  }
  const message = batch.message(settle.id)
  if (message === undefined) return []
  if (settle.as === 'queued') {
    if (message.state !== CODE.dead) return []
    batch.requeue(settle.id)
    countMove(batch, message.recipient, CODE.dead, CODE.queued)
    return []
  }
  // What is undoing its work has been ended before, and what it caused then too.
  if (settle.as === 'cancelled' && inDepth(message.state) === 1 && message.state !== CODE.cancelling)
    return cancelTree(batch, settle.id, settle.reason, position)
  const mayEnd = isLive(message.state) || (message.state === CODE.dead && settle.as === 'cancelled')
  if (mayEnd) finishMessage(batch, message, CODE[settle.as], settle.reason, position)
  return []
}

/**
 * Cancels a message, a turn or a trace, and all that it caused; answers the messages that changed, with the
 * state that they had. A reply that has arrived for a turn outside of the tree is left: it is the result of
 * work that was done.
 */
export function cancelTree(
  batch: BatchState,
  target: string,
  reason: string,
  position: number,
): readonly Mail[] {
  const tree = treeOf(batch, target)
  const cancelled: Mail[] = []
  for (const id of tree) {
    const message = batch.message(id)
    if (message === undefined || !isLive(message.state)) continue
    if (message.state === CODE.answered && !isAskedWithin(tree, batch.askerOf(id))) continue
    const mail = batch.mail(id)
    if (mail === undefined) continue
    if (finishMessage(batch, message, CODE.cancelled, reason, position)) cancelled.push(mail)
  }
  return cancelled
}

/**
 * Ends a message from outside. One whose turn has compensations is not ended but left to its agent as
 * `cancelling`, to undo what it did. Answers false when nothing changed, because it is undoing already.
 */
function finishMessage(
  batch: BatchState,
  message: MessageFacts,
  to: number,
  reason: string,
  position: number,
): boolean {
  const { id, recipient, state } = message
  if (state === CODE.cancelling && to !== CODE.handled) return false
  const undo = message.undo && isLive(state) && to !== CODE.handled
  if (undo) batch.startUndo(id, reason)
  else batch.finish(id, to, position, reason)
  if (state === CODE.answered) {
    // A reply stands in no mailbox, but is counted once it is handled.
    if (to === CODE.handled) batch.counters.handled++
    return true
  }
  countMove(batch, recipient, state, undo ? CODE.cancelling : to)
  if (state === CODE.waiting) batch.endWaits(turnOf(id))
  return true
}

function isAskedWithin(tree: ReadonlySet<string>, asker: string | null): boolean {
  return asker !== null && tree.has(messageOf(asker))
}

/** The ids of the tree, causes before effects. */
function treeOf(batch: BatchState, target: string): ReadonlySet<string> {
  const rooted = target.startsWith('msg_') || target.startsWith('turn_')
  const root = target.startsWith('turn_') ? messageOf(target) : target
  const tree = new Set<string>()
  if (!rooted) for (const id of batch.ofTrace(target)) tree.add(id)
  else if (batch.message(root) !== undefined) tree.add(root)
  // A Set is walked in the order of insertion, and that includes what is added on the way.
  for (const id of tree) for (const caused of batch.causedBy(turnOf(id))) tree.add(caused)
  return tree
}

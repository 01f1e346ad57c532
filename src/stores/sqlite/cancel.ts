/**
 * Cascading cancellation: a message, a turn or a trace, and everything that it caused.
 *
 * @module
 */

import { messageOf, turnOf } from '../../core/ids.ts'
import type { Mail } from '../../ports/store.ts'
import type { Batch } from './batch.ts'
import { MAIL_COLUMNS, MAIL_TABLES, mailOf, num, text, textOrNull } from './rows.ts'
import type { Row } from './rows.ts'
import { finishMessage } from './settle.ts'
import { CODE, LIVE } from './states.ts'

// Only ids are read of what lies between: a final message may well have live ones behind it.
const CAUSED = 'select id from messages where space = ? and cause = ? and cause is not null order by place'
const OF_TRACE = 'select id from messages where space = ? and trace = ? order by place'
const EXISTS = 'select id from messages where space = ? and id = ?'
const CANDIDATE = `select ${MAIL_COLUMNS}, m.undo, q.cause as asker from ${MAIL_TABLES}
  left join messages q on q.space = m.space and q.id = m.re
  where m.space = ? and m.id = ? and m.${LIVE}`

/**
 * Cancels in the batch's transaction; answers the messages that changed, with the state that they had.
 * A reply that has arrived for a turn outside of the tree is left: it is the result of work that was done.
 */
export function cancelTree(batch: Batch, target: string, author: string, position: number): readonly Mail[] {
  const tree = causedBy(batch, target)
  const cancelled: Mail[] = []
  for (const id of tree) {
    const row: Row | undefined = batch.db.sql(CANDIDATE).get(batch.space, id)
    if (row === undefined) continue
    const state = num(row, 'state')
    if (state === CODE.answered && !isAskedWithin(tree, textOrNull(row, 'asker'))) continue
    const message = { id, recipient: text(row, 'recipient'), state, undo: num(row, 'undo') === 1 }
    if (finishMessage(batch, message, CODE.cancelled, `cancelled by ${author}`, position))
      cancelled.push(mailOf(row))
  }
  return cancelled
}

function isAskedWithin(tree: ReadonlySet<string>, asker: string | null): boolean {
  return asker !== null && tree.has(messageOf(asker))
}

/** The ids of the tree, causes before effects. */
function causedBy(batch: Batch, target: string): ReadonlySet<string> {
  const { space, db } = batch
  const rooted = target.startsWith('msg_') || target.startsWith('turn_')
  const root = target.startsWith('turn_') ? messageOf(target) : target
  const start = rooted ? db.sql(EXISTS).all(space, root) : db.sql(OF_TRACE).all(space, target)
  const tree = new Set<string>()
  for (const row of start) tree.add(text(row, 'id'))
  // A Set is walked in the order of insertion, and that includes what is added on the way.
  for (const id of tree) {
    for (const row of db.sql(CAUSED).all(space, turnOf(id))) tree.add(text(row, 'id'))
  }
  return tree
}

/**
 * The rules of a commit, one for all stores. The order within a write is: what may refuse it (refusals.ts),
 * the turn's own message, and then everything else, which nothing can refuse any more.
 *
 * @module
 */

import { CLIENT, nameOf } from '../core/address.ts'
import { turnOf } from '../core/ids.ts'
import type {
  JournalWrite,
  Mail,
  NewMessage,
  Outcome,
  RecordWrite,
  TurnWrite,
  Write,
} from '../ports/store.ts'
import { countMove } from './batch-state.ts'
import type { BatchState } from './batch-state.ts'
import { fenced, isLateEnd, offChain, offChunk, refusal, rekeyed, turnRefusal } from './refusals.ts'
import type { Refusal } from './refusals.ts'
import { applySettle, cancelTree } from './settle.ts'
import { CODE } from './states.ts'

/** Applies one write to the batch, or refuses it and changes nothing. */
export function applyWrite(batch: BatchState, write: Write, careful: boolean): Outcome {
  return write.type === 'record' ? applyRecord(batch, write, careful) : applyJournal(batch, write)
}

function applyRecord(batch: BatchState, write: RecordWrite, careful: boolean): Outcome {
  const { record, turn } = write
  const author = record.author
  const mailbox = batch.mailbox(author)
  const early = rekeyed(batch) ?? fenced(mailbox, write.lease) ?? offChain(mailbox, record.seq, record.prev)
  if (early !== undefined) return early
  const refused = refusal(batch, write, mailbox, careful)
  if (turn !== null) {
    // The state of the turn's message comes first among the reasons, but it is looked up only when it
    // matters.
    const late =
      refused === undefined
        ? endTurn(batch, author, turn)
        : turnRefusal(batch, author, turn.message, turn.end, false)
    if (late !== undefined) return late
  }
  if (refused !== undefined) return refused

  const position = ++batch.counters.position
  mailbox.seq = record.seq
  mailbox.hash = record.hash
  mailbox.changed = true
  batch.addRecord(record, position)
  // Before the record's own messages are there: it cancels what was caused before it, not what it sends itself.
  const cancelled: Mail[] = []
  for (const settle of write.settles) cancelled.push(...applySettle(batch, settle, position))
  if (write.cancels !== null)
    cancelled.push(...cancelTree(batch, write.cancels, `cancelled by ${author}`, position))
  for (const message of write.messages) addMessage(batch, message, position)
  for (const event of write.events) batch.addEvent(event, position)
  if (write.journal !== null) batch.addChunk(write.journal)
  for (const decision of write.decisions) batch.addDecision(decision, position)
  return { type: 'accepted', position, cancelled }
}

function applyJournal(batch: BatchState, write: JournalWrite): Outcome {
  const address = write.lease.address
  const mailbox = batch.mailbox(address)
  const refused: Refusal | undefined =
    fenced(mailbox, write.lease) ??
    turnRefusal(batch, address, write.message, null, write.undo) ??
    offChunk(batch, write.chunk, mailbox)
  if (refused !== undefined) return refused
  batch.deliver(write.message, address, write.undo)
  if (write.chunk !== null) batch.addChunk(write.chunk)
  return { type: 'accepted', position: batch.counters.position, cancelled: [] }
}

/** Moves the turn's own message to where its segment ends, or says why it cannot be moved. */
function endTurn(batch: BatchState, author: string, turn: TurnWrite): Refusal | undefined {
  const { end } = turn
  const to = end === 'retry' ? CODE.queued : CODE[end]
  const from = batch.endTurn(author, {
    turn,
    to,
    settled: end === 'waiting' || end === 'retry' ? null : batch.counters.position + 1,
    segments: end === 'waiting' || end === 'handled' ? 1 : 0,
    dueAt: end === 'retry' ? turn.dueAt : null,
    reason: end === 'expired' ? 'its deadline passed' : end === 'cancelled' ? 'its turn was cancelled' : null,
    late: isLateEnd(end),
  })
  if (from === undefined) {
    const why = turnRefusal(batch, author, turn.message, end, false)
    if (why === undefined) throw new Error(`The message ${turn.message} could not be moved to ${end}.`)
    return why
  }
  countMove(batch, author, from, to)
  if (from !== CODE.waiting && end !== 'waiting') return undefined
  const id = turnOf(turn.message)
  if (from === CODE.waiting) batch.endWaits(id)
  if (end === 'waiting') for (const wait of turn.waits) batch.addWait(id, author, wait)
  return undefined
}

/** A reply is never in a mailbox: it waits for its turn, or, for a caller from outside, has arrived. */
function addMessage(batch: BatchState, message: NewMessage, position: number): void {
  const { kind, to, dueAt } = message.envelope
  const reply = kind === 'reply'
  const state = arrival(reply, to, dueAt !== null && dueAt > batch.now)
  batch.addMessage(message, position, state)
  // A reply is counted nowhere, so the mailbox need not even be read.
  if (!reply) countMove(batch, to, null, state)
  else if (state === CODE.handled) batch.counters.handled++
}

function arrival(reply: boolean, to: string, later: boolean): number {
  if (reply) return nameOf(to) === CLIENT ? CODE.handled : CODE.answered
  return later ? CODE.scheduled : CODE.queued
}

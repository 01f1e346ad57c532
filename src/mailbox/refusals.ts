/**
 * Everything that can refuse a write, looked at before anything of it is written: so a refused write leaves
 * nothing to undo.
 *
 * @module
 */

import { OWNER, nameOf } from '../core/address.ts'
import type { TurnEnd } from '../core/record.ts'
import type { JournalChunk, Lease, Mail, NewMessage, Outcome, RecordWrite, Wait } from '../ports/store.ts'
import type { BatchState, Mailbox } from './batch-state.ts'
import { KEYS_STREAM } from './names.ts'
import { CODE, isLive, stateOf } from './states.ts'

/** An outcome other than `accepted`. */
export type Refusal = Exclude<Outcome, { type: 'accepted' }>

/** Fencing. A lease whose time has lapsed is good until somebody takes the address. */
export function fenced(mailbox: Mailbox, lease: Lease | null): Refusal | undefined {
  // An author without a lease is one that never had a mailbox; otherwise leaving it out would get round the
  // fence.
  const held =
    lease === null
      ? mailbox.epoch === 0
      : lease.address === mailbox.address && lease.epoch === mailbox.epoch && lease.worker === mailbox.worker
  return held ? undefined : { type: 'fenced', epoch: mailbox.epoch }
}

/**
 * The owner has written since the batch was signed: its keys must be looked up anew. Within a batch, too: what
 * comes behind the record that rotates a key is not signed with that key any more.
 */
export function rekeyed(batch: BatchState): Refusal | undefined {
  const expected = batch.terms.agents
  if (expected === undefined) return undefined
  const actual = batch.mailbox(OWNER).seq + 1
  return actual === expected ? undefined : { type: 'stale', stream: KEYS_STREAM, expected, actual }
}

/** The record does not continue its author's chain. */
export function offChain(mailbox: Mailbox, seq: number, prev: string): Refusal | undefined {
  return seq === mailbox.seq + 1 && prev === mailbox.hash ? undefined : conflict(mailbox)
}

/** The first of the reasons against a record that do not concern its own message. */
export function refusal(
  batch: BatchState,
  write: RecordWrite,
  mailbox: Mailbox,
  careful: boolean,
): Refusal | undefined {
  return (
    offChunk(batch, write.journal, mailbox) ??
    stale(batch, write) ??
    duplicate(batch, write) ??
    circle(batch, write) ??
    full(batch, write) ??
    (careful ? taken(batch, write, mailbox) : undefined)
  )
}

/**
 * Why the turn's own message does not accept an end, or a journal entry (`end` null). Compensations are
 * recorded after the deadline, and while the message is being cancelled: that is when they run.
 */
export function turnRefusal(
  batch: BatchState,
  address: string,
  id: string,
  end: TurnEnd | null,
  undo: boolean,
): Refusal | undefined {
  const message = batch.message(id)
  if (message === undefined || message.recipient !== address) {
    throw new Error(`The message ${id} is not in the mailbox of ${address}.`)
  }
  const { state, deadline } = message
  const open = state === CODE.queued || state === CODE.delivered || state === CODE.waiting
  const undoing = state === CODE.cancelling && (end === null || end === 'cancelled')
  if (!open && !undoing) return { type: 'ended', state: stateOf(state) }
  const mayBeLate = end === null ? undo || message.undo : isLateEnd(end)
  return deadline !== null && deadline <= batch.now && !mayBeLate
    ? { type: 'expired', now: batch.now }
    : undefined
}

/** True for ends that are accepted after the deadline. */
export function isLateEnd(end: TurnEnd): boolean {
  return end === 'expired' || end === 'cancelled' || end === 'dead'
}

/** The journal chunk is not the turn's next one. */
export function offChunk(
  batch: BatchState,
  chunk: JournalChunk | null,
  mailbox: Mailbox,
): Refusal | undefined {
  if (chunk === null) return undefined
  return chunk.chunk === batch.chunks(chunk.turn) ? undefined : conflict(mailbox)
}

function conflict(mailbox: Mailbox): Refusal {
  return { type: 'conflict', head: { seq: mailbox.seq, hash: mailbox.hash } }
}

/** A stream that was read, or is appended to, is not at the version that the turn knows. */
function stale(batch: BatchState, write: RecordWrite): Refusal | undefined {
  for (const { stream, version } of write.reads) {
    // The owner's chain is the list of agents and keys; its version is its number of records.
    const actual = stream === KEYS_STREAM ? batch.mailbox(OWNER).seq + 1 : batch.version(stream)
    if (actual !== version) return { type: 'stale', stream, expected: version, actual }
  }
  if (write.events.length === 0) return undefined
  const grown = new Map<string, number>()
  for (const { stream, version } of write.events) {
    const before = grown.get(stream) ?? batch.version(stream)
    if (version !== before + 1) return { type: 'stale', stream, expected: version - 1, actual: before }
    grown.set(stream, version)
  }
  return undefined
}

function duplicate(batch: BatchState, write: RecordWrite): Refusal | undefined {
  let own: Map<string, NewMessage> | undefined
  for (const message of write.messages) {
    const { id, from, to, key } = message.envelope
    if (key === null) continue
    const existing = batch.keyed(nameOf(from), to, key)
    if (existing !== undefined) return { type: 'duplicate', id, existing }
    own ??= new Map()
    const twin = own.get(`${to}\n${key}`)
    if (twin !== undefined)
      return { type: 'duplicate', id, existing: unwritten(twin, batch.counters.position + 1) }
    own.set(`${to}\n${key}`, message)
  }
  return undefined
}

/** What the message would have been, had its own record not been refused. */
function unwritten(message: NewMessage, position: number): Mail {
  return { ...message, position, state: 'queued', attempts: 0, segments: 0, crashes: 0, queue: 0 }
}

/** A circle of waiting addresses that these waits would close. Only waits whose question is open count. */
function circle(batch: BatchState, write: RecordWrite): Refusal | undefined {
  if (write.turn === null || write.turn.waits.length === 0) return undefined
  const author = write.record.author
  const cameFrom = new Map<string, string>()
  const open: string[] = []
  const reach = (target: string, from: string): void => {
    if (cameFrom.has(target)) return
    cameFrom.set(target, from)
    open.push(target)
  }
  for (const wait of write.turn.waits) if (isOpen(batch, write, wait)) reach(wait.target, author)
  for (let address = open.shift(); address !== undefined; address = open.shift()) {
    if (address === author) return { type: 'cycle', cycle: pathTo(author, cameFrom) }
    for (const target of batch.targets(address)) reach(target, address)
  }
  return undefined
}

function pathTo(author: string, cameFrom: ReadonlyMap<string, string>): readonly string[] {
  const path = [author]
  let at = cameFrom.get(author)
  while (at !== undefined && at !== author) {
    path.unshift(at)
    at = cameFrom.get(at)
  }
  return [author, ...path]
}

function isOpen(batch: BatchState, write: RecordWrite, wait: Wait): wait is Wait & { target: string } {
  if (wait.target === null) return false
  if (wait.request === null || write.messages.some((m) => m.envelope.id === wait.request)) return true
  const question = batch.message(wait.request)
  return question === undefined || isLive(question.state)
}

function full(batch: BatchState, write: RecordWrite): Refusal | undefined {
  const limit = batch.terms.mailboxDepth
  if (write.messages.length === 0) return undefined
  const added = new Map<string, number>()
  // The message that ends makes room for one that its turn sends to itself.
  const end = write.turn?.end
  if (end !== undefined && end !== 'waiting' && end !== 'retry') added.set(write.record.author, -1)
  for (const { envelope } of write.messages) {
    if (envelope.kind === 'reply') continue
    const more = (added.get(envelope.to) ?? 0) + 1
    added.set(envelope.to, more)
    if (batch.mailbox(envelope.to).depth + more > limit) return { type: 'full', address: envelope.to, limit }
  }
  return undefined
}

/**
 * Ids that are in use already. They are random, so this is looked at only after a unique index has refused
 * the batch: then the batch is written again, carefully, and loses no more than the write at fault.
 */
function taken(batch: BatchState, write: RecordWrite, mailbox: Mailbox): Refusal | undefined {
  const own = new Set<string>()
  for (const message of write.messages) {
    const { id } = message.envelope
    const existing = batch.existing(id)
    if (existing !== undefined) return { type: 'duplicate', id, existing }
    if (own.has(id))
      return { type: 'duplicate', id, existing: unwritten(message, batch.counters.position + 1) }
    own.add(id)
  }
  for (const { id } of write.decisions) {
    if (own.has(id) || batch.hasDecision(id)) return conflict(mailbox)
    own.add(id)
  }
  return undefined
}

/**
 * The store port: small, batch-first, the same promises everywhere. `src/testing/store-conformance.ts` is the
 * suite that every store must pass. A port that cannot say "no" (fencing, staleness, duplicates) does not conform.
 *
 * @module
 */

import type { Envelope, MessageState } from '../core/message.ts'
import type { SealedRecord, TurnEnd } from '../core/record.ts'

/** Proof that a worker may run an address: the store refuses commits under an older epoch. */
export interface Lease {
  readonly address: string
  readonly worker: string
  readonly epoch: number
}

/** Where a chain ends. `seq` is -1 and `hash` '' before the first record. */
export interface ChainHead {
  readonly seq: number
  readonly hash: string
}

/** What `lease` answers when it grants. */
export interface Grant {
  readonly lease: Lease
  readonly head: ChainHead
  /** Turns of this address that wait, oldest first. */
  readonly waiting: readonly Mail[]
  /** True when the lease was taken from a worker that stopped without giving it back. */
  readonly takenOver: boolean
}

/** A worker whose leases hold. */
export interface LiveWorker {
  readonly id: string
  /** The agents that it runs, as its last heartbeat said. */
  readonly agents: readonly string[]
  /** How long its leases hold yet if it sends no further heartbeat, by the store's clock. More than 0. */
  readonly leftMs: number
}

/** What a heartbeat is answered with. */
export interface Beat {
  /** False: the leases were lost since the last one, all or some. */
  readonly held: boolean
  /** The other workers whose leases hold. */
  readonly others: readonly LiveWorker[]
  /** False: at the moment of the heartbeat, `work` would have had nothing for anybody. True may be said in vain. */
  readonly busy: boolean
}

/** A message as a mailbox gives it out. */
export interface Mail {
  readonly envelope: Envelope
  /** The canonical envelope bytes, and their SHA-256. */
  readonly text: string
  readonly hash: string
  readonly payload: string
  /** Position of the record that sent it. */
  readonly position: number
  readonly state: MessageState
  /** Failed attempts so far. */
  readonly attempts: number
  /** Segments committed so far. */
  readonly segments: number
  /** Workers that stopped without a word while they held it. */
  readonly crashes: number
  /** Order in the mailbox. */
  readonly queue: number
}

/** A message to be written. */
export interface NewMessage {
  readonly envelope: Envelope
  readonly text: string
  readonly hash: string
  readonly payload: string
}

/** A stream at a version: the number of its events. */
export interface StreamVersion {
  readonly stream: string
  readonly version: number
}

/** An event to be appended; `version` is its number in the stream, from 1. */
export interface NewEvent {
  readonly stream: string
  readonly version: number
  readonly type: string
  readonly data: string
  readonly hash: string
}

/** An event as read. */
export interface StoredEvent extends NewEvent {
  readonly position: number
}

/** Some journal entries of a turn, signed by the agent. Chunks of a turn are numbered from 0 and chained. */
export interface JournalChunk {
  readonly turn: string
  readonly chunk: number
  readonly text: string
  readonly hash: string
  readonly signature: string
}

/** What a turn waits for. `target` is the address asked, null for a sleep. */
export interface Wait {
  readonly index: number
  readonly target: string | null
  readonly request: string | null
  readonly dueAt: number
}

/** A certificate to be kept. */
export interface NewDecision {
  readonly id: string
  readonly hash: string
  readonly certificate: string
}

/**
 * A change of state of a message that is not the turn's own. What is `cancelled` while it is open is cancelled with all
 * that it caused; a dead letter that is given up, alone.
 */
export interface Settle {
  readonly id: string
  readonly as: 'handled' | 'expired' | 'cancelled' | 'queued'
  readonly reason: string
}

/** The turn whose segment is committed, and where it leaves its message. */
export interface TurnWrite {
  readonly message: string
  readonly end: TurnEnd
  /** Failed attempts, after this commit. */
  readonly attempts: number
  /** For `retry`: not before. */
  readonly dueAt: number | null
  /** For `dead`: the whole error, as JSON. */
  readonly error: string | null
  /** What the turn waits for from now on (all of it; empty unless `end` is `waiting`). */
  readonly waits: readonly Wait[]
}

/** One segment's effects: they all commit, or none does. */
export interface RecordWrite {
  readonly type: 'record'
  readonly record: SealedRecord
  /** Absent for authors without a mailbox: clients and the owner. */
  readonly lease: Lease | null
  readonly turn: TurnWrite | null
  readonly reads: readonly StreamVersion[]
  readonly messages: readonly NewMessage[]
  readonly settles: readonly Settle[]
  readonly events: readonly NewEvent[]
  readonly journal: JournalChunk | null
  readonly decisions: readonly NewDecision[]
  /** A message, turn or trace id: it and all that it has caused is cancelled. */
  readonly cancels: string | null
}

/** Journal entries that become durable in the middle of a segment; with `chunk` null only "delivered" is noted. */
export interface JournalWrite {
  readonly type: 'journal'
  readonly lease: Lease
  readonly message: string
  readonly chunk: JournalChunk | null
  /** The turn has compensations: a cancel must let it undo. */
  readonly undo: boolean
}

/** One member of a batch. */
export type Write = RecordWrite | JournalWrite

/** What became of one write. Only `accepted` changed anything. */
export type Outcome =
  | { readonly type: 'accepted'; readonly position: number; readonly cancelled: readonly Mail[] }
  /** A stream that was read has moved. */
  | { readonly type: 'stale'; readonly stream: string; readonly expected: number; readonly actual: number }
  /** Another worker has the address. */
  | { readonly type: 'fenced'; readonly epoch: number }
  /** The chain's head is not the record's `prev`: an earlier write of this author was refused, or it is a fork. */
  | { readonly type: 'conflict'; readonly head: ChainHead }
  /** A message with this idempotency key exists. */
  | { readonly type: 'duplicate'; readonly id: string; readonly existing: Mail }
  /** The turn's message is already final, or being cancelled. */
  | { readonly type: 'ended'; readonly state: MessageState }
  /** The turn's deadline has passed by the store's clock. */
  | { readonly type: 'expired'; readonly now: number }
  /** A recipient's mailbox has reached its limit. */
  | { readonly type: 'full'; readonly address: string; readonly limit: number }
  /** A wait would close a circle of waiting agents. */
  | { readonly type: 'cycle'; readonly cycle: readonly string[] }

/** The outcome `accepted`. */
export type Accepted = Extract<Outcome, { type: 'accepted' }>

/** A record with its place in the log. */
export interface LogRecord extends SealedRecord {
  readonly position: number
}

/** What the sender of a message can see of it. */
export interface MessageRow extends Mail {
  readonly dueAt: number | null
  /** The dead letter's error as JSON. */
  readonly error: string | null
  /** Why it was expired or cancelled. */
  readonly reason: string | null
  /** Position of the record that ended it. */
  readonly settledAt: number | null
}

/** One mailbox for `status`. */
export interface MailboxRow {
  readonly address: string
  /** Live messages, scheduled ones included. */
  readonly depth: number
  /** Those that a runner may take, now or after their retry's pause. */
  readonly ready: number
  readonly records: number
  readonly epoch: number
  readonly worker: string | null
  readonly leaseUntil: number | null
  readonly waiting: number
  readonly dead: number
  readonly oldestAt: number | null
}

/** One worker for `status`. */
export interface WorkerRow {
  readonly id: string
  /** When its leases lapse, or lapsed, without a further heartbeat. */
  readonly until: number
  /** The agents that it runs, as its last heartbeat said. */
  readonly agents: readonly string[]
  /** How many addresses it holds. */
  readonly addresses: number
}

/** What `status` shows. */
export interface SpaceStatus {
  readonly position: number
  readonly now: number
  readonly messages: Readonly<Record<MessageState, number>>
  readonly mailboxes: readonly MailboxRow[]
  readonly workers: readonly WorkerRow[]
  readonly decisions: number
}

/** The first record of a space; its hash is the space's id. */
export interface Genesis {
  readonly record: SealedRecord
}

/** Which messages a runner may take now. */
export interface MailQuery {
  readonly limit: number
  /** The page ends before its payloads are together larger; its first message is given whatever its size. */
  readonly bytes?: number
  /** Only messages of this trace (while a turn of that trace waits). */
  readonly trace?: string
  /** Only messages behind this place in the mailbox. */
  readonly after?: number
}

/** What a mailbox gives: messages in order, and when to look again if there are none. */
export interface MailPage {
  readonly mail: readonly Mail[]
  /** False: nothing else may be taken now. */
  readonly more: boolean
  readonly nextDueAt: number | null
}

/** What a batch is committed under. */
export interface CommitTerms {
  /** Live messages that one mailbox may hold. */
  readonly mailboxDepth: number
  /**
   * How many records of the owner the signer of the batch had seen. A record is refused as stale, with the stream
   * `@agents`, when there are others by now: it may bear a key that was rotated or revoked. Journal writes are not:
   * a chunk has no position. Absent: not looked at.
   */
  readonly agents?: number
}

/** One space of a store. Every method that writes is durable when it returns. */
export interface SpaceStore {
  readonly name: string
  /** The hash of the genesis record. */
  readonly id: string
  /** True when the store works beside this process: then it is worth while to begin a commit early. */
  readonly isApart: boolean
  /** The store's clock: never goes back, whatever the machine's does. */
  now(): Promise<number>
  /**
   * Writes a batch in one transaction and answers for each write. A refused write does not harm the others,
   * except later ones of the same author, whose chain it breaks. Throws COTERIE_STORE_* and then wrote nothing,
   * unless the error's details say that the outcome is unknown: then all of it or nothing.
   */
  commit(batch: readonly Write[], terms: CommitTerms): Promise<readonly Outcome[]>
  /**
   * Something to call, as `commit`, with a batch that follows one that is still under way; undefined when nothing can
   * follow now, as always with a store that does not work beside this process. Answers that everything was accepted,
   * or undefined: then nothing of it was written, and it may be committed when the other has been answered. So it is
   * written only when all of the other was accepted, and all of it can be.
   */
  follow?():
    | ((batch: readonly Write[], terms: CommitTerms) => Promise<readonly Outcome[] | undefined>)
    | undefined

  /**
   * Announces a worker that runs these agents, or prolongs all its leases. What the last heartbeat said of its agents
   * counts. The answer has what an idle worker asks, so that it need not ask for it besides.
   */
  heartbeat(worker: string, leaseMs: number, agents: readonly string[]): Promise<Beat>
  /**
   * The workers whose leases hold, by their ids in ascending order. Those that were never announced are not among
   * them.
   */
  workers(): Promise<readonly LiveWorker[]>
  /** Takes an address that nobody holds, or whose holder has lapsed: epoch + 1. Undefined when it is held. */
  lease(address: string, worker: string): Promise<Grant | undefined>
  /**
   * As `lease`, for many different addresses in one transaction: a grant for each that could be had, in the order
   * asked for. An address that another holds is left out, and does not harm the others.
   */
  leases(addresses: readonly string[], worker: string): Promise<readonly Grant[]>
  /** Gives addresses back; the next `lease` need not wait. Addresses that are not the worker's are left alone. */
  release(worker: string, addresses: readonly string[]): Promise<void>
  /** Gives everything back and forgets the worker. */
  retire(worker: string): Promise<void>

  /** Addresses of the given agents with something to do, that the worker holds or could hold. */
  work(worker: string, agents: readonly string[], limit: number): Promise<readonly string[]>
  /** Moves scheduled messages that are due into their mailboxes; answers their addresses. */
  promote(limit: number): Promise<readonly string[]>
  /** When `promote`, a wait or a retry is next due. Null: nothing is scheduled. */
  nextDueAt(): Promise<number | null>
  /** Addresses whose waits or retries are due. */
  due(limit: number): Promise<readonly string[]>
  /**
   * Messages to be ended as expired: past their deadline and not in a turn, or replies to a turn that has ended
   * without them.
   */
  expirable(limit: number): Promise<readonly Mail[]>

  mail(address: string, query: MailQuery): Promise<MailPage>
  waits(turn: string): Promise<readonly Wait[]>
  /** The replies to these questions that are there. */
  answers(requests: readonly string[]): Promise<readonly Mail[]>
  /** Those of these messages that were ended by another than their own turn, or are being undone. */
  ended(messages: readonly string[]): Promise<readonly Mail[]>
  journal(turn: string): Promise<readonly JournalChunk[]>
  stream(stream: string, upTo?: number): Promise<{ version: number; events: readonly StoredEvent[] }>

  /** For verification: the names of the streams that have events, in an order of the store's own. */
  streams(after: string | null, limit: number): Promise<readonly string[]>
  /** For verification: the turns that have a journal, in an order of the store's own. */
  journals(after: string | null, limit: number): Promise<readonly string[]>

  /** The number of events in a stream. */
  version(stream: string): Promise<number>

  head(address: string): Promise<ChainHead>
  /** Records of one author from `seq` on. */
  chain(author: string, seq: number, limit: number): Promise<readonly LogRecord[]>
  /** Records from a position on, in order. */
  records(position: number, limit: number): Promise<readonly LogRecord[]>
  message(id: string): Promise<MessageRow | undefined>
  messageByKey(fromName: string, to: string, key: string): Promise<MessageRow | undefined>
  messagesOf(query: MessagesQuery): Promise<readonly MessageRow[]>
  decision(id: string): Promise<(NewDecision & { position: number }) | undefined>
  decisions(after: string | null, limit: number): Promise<readonly (NewDecision & { position: number })[]>
  status(): Promise<SpaceStatus>
  /**
   * Changes when another process has changed what there is to see or to do in this space: written a record, promoted
   * a message, given back an address. At the latest when this object shows its mail, or answers a commit that came
   * after it; without that, soon. It need not change for heartbeats, leases and journals: whoever wakes for them does
   * so in vain. Costs microseconds and waits for nothing.
   */
  pulse(): Promise<number>
  /**
   * Calls `listener` when the pulse has changed, until the returned function is called. A store that is not told of
   * the commits of others has no such method: its pulse is asked for now and then.
   */
  changed?(listener: () => void): () => void
}

/** One way to list messages, in the order sent. */
export type MessagesQuery =
  | { readonly trace: string; readonly limit: number }
  | { readonly cause: string; readonly limit: number }
  | { readonly state: MessageState; readonly limit: number }
  | { readonly position: number; readonly limit: number }
  /**
   * For verification: every message, by the place where it was written. What lies behind the newest record, where
   * no commit puts it, is given too.
   */
  | { readonly after: number; readonly limit: number }

/** What bringing a database to the schema of this version comes to. */
export interface Migration {
  /** The schema's number before; 0 when nothing was there. */
  readonly from: number
  readonly to: number
  /** What was, or is to be, run. Empty when there is nothing to do. */
  readonly sql: string
}

/** A database with its spaces. */
export interface Store {
  readonly url: string
  /** The names of the spaces. */
  spaces(): Promise<readonly string[]>
  /** Joins a space; with `genesis` creates it when it is missing. If two create it, both join the first. */
  space(name: string, genesis?: Genesis): Promise<SpaceStore | undefined>
  close(): Promise<void>
}

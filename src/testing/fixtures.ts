/**
 * Values for tests of a store: well formed, but neither hashed nor signed in earnest. A store keeps hashes
 * and signatures without looking at them, and its tests must not depend on cryptography.
 *
 * @module
 */

import { ulid } from '../core/ids.ts'
import { envelopeText } from '../core/message.ts'
import type { Envelope } from '../core/message.ts'
import type { SealedRecord, TurnEnd } from '../core/record.ts'
import type {
  ChainHead,
  JournalChunk,
  JournalWrite,
  Lease,
  NewEvent,
  NewMessage,
  RecordWrite,
  TurnWrite,
} from '../ports/store.ts'

const TIME_MS = 1_700_000_000_000
/** 64 bytes in base64url, as a signature has them. */
export const SIGNATURE: string = 'A'.repeat(86)

let count = 0

/** The next of a series of numbers that never repeats in this process. */
export function nextFixture(): number {
  return ++count
}

/** 64 hex digits that stand for a hash; a different one each time. */
export function fakeHash(): string {
  return nextFixture().toString(16).padStart(64, '0')
}

/** A new message id. */
function fakeMessageId(): string {
  const number = nextFixture()
  return `msg_${ulid(TIME_MS + number, new Uint8Array(10))}`
}

/** A new trace id. */
export function fakeTrace(): string {
  return nextFixture().toString(16).padStart(32, '0')
}

/** A message with everything at its simplest, but for what is given. */
export function fakeMessage(given: Partial<Envelope> & { readonly to: string }, payload = '{}'): NewMessage {
  const id = given.id ?? fakeMessageId()
  const envelope: Envelope = {
    cause: null,
    correlation: id,
    deadline: null,
    dueAt: null,
    failed: false,
    from: 'client/one',
    handler: 'run',
    id,
    key: null,
    kind: given.re === undefined ? 'send' : 'reply',
    payload: { bytes: payload.length, sha256: '0'.repeat(64) },
    re: null,
    sentAt: TIME_MS,
    space: '1'.repeat(64),
    topic: null,
    trace: fakeTrace(),
    v: 1,
    ...given,
  }
  return { envelope, text: envelopeText(envelope), hash: fakeHash(), payload }
}

/** A record that continues a chain. */
export function fakeRecord(author: string, head: ChainHead): SealedRecord {
  const hash = fakeHash()
  const seq = head.seq + 1
  return {
    author,
    seq,
    prev: head.hash,
    hash,
    body: JSON.stringify({ author, prev: head.hash, seq }),
    detail: null,
    proof: { index: 0, size: 1, path: [], signature: SIGNATURE },
  }
}

/** What a turn's segment leaves behind; `handled` with nothing else, but for what is given. */
export function fakeTurn(
  message: string,
  end: TurnEnd = 'handled',
  given: Partial<TurnWrite> = {},
): TurnWrite {
  return { message, end, attempts: 0, dueAt: null, error: null, waits: [], ...given }
}

/** A write with no effect but its record, but for what is given. */
export function fakeWrite(record: SealedRecord, given: Partial<RecordWrite> = {}): RecordWrite {
  return {
    type: 'record',
    record,
    lease: null,
    turn: null,
    reads: [],
    messages: [],
    settles: [],
    events: [],
    journal: null,
    decisions: [],
    cancels: null,
    ...given,
  }
}

/** A journal write without a chunk, but for what is given. */
export function fakeJournal(lease: Lease, message: string, given: Partial<JournalWrite> = {}): JournalWrite {
  return { type: 'journal', lease, message, chunk: null, undo: false, ...given }
}

/** One chunk of a turn's journal. */
export function fakeChunk(turn: string, chunk: number): JournalChunk {
  return { turn, chunk, text: `[${chunk}]`, hash: fakeHash(), signature: SIGNATURE }
}

/** One event. */
export function fakeEvent(stream: string, version: number): NewEvent {
  return { stream, version, type: 'happened', data: `{"n":${version}}`, hash: fakeHash() }
}

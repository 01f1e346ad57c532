/** A small writer of logs: it makes what a store would hold, so that tests can then spoil a part of it. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { nameOf, OWNER } from '../../src/core/address.ts'
import { turnOf } from '../../src/core/ids.ts'
import { canonicalize, type Json } from '../../src/core/json.ts'
import { envelopeText, type Envelope, type MessageState } from '../../src/core/message.ts'
import type { AgentEntry, HandlerEntry, RecordBody, TurnEnd } from '../../src/core/record.ts'
import { sealChunk } from '../../src/log/journal-chunk.ts'
import { applyOwnerRecord, emptyRegistry, type Registry } from '../../src/log/registry.ts'
import { hashRecord, signBatch } from '../../src/log/seal.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import type {
  JournalChunk,
  LogRecord,
  Mail,
  MessageRow,
  NewDecision,
  StoredEvent,
} from '../../src/ports/store.ts'
import { keyPairOf } from './keys.ts'

/** The form with the members that one may assign to. */
export type Mutable<T> = { -readonly [Member in keyof T]: T[Member] }

/** What a test says of a record; the writer adds the rest. */
export type Said = Partial<Omit<RecordBody, 'author' | 'kind'>> & Pick<RecordBody, 'author' | 'kind'>

/** What a test says of a message. */
export type Sent = Partial<Envelope> & Pick<Envelope, 'to'> & { readonly body?: string }

/** An entry of the owner about an agent. */
export function entryOf(
  name: string,
  key: KeyPair = keyPairOf(name),
  handlers: readonly HandlerEntry[] = [],
): AgentEntry {
  return { handlers, key: key.id, name, publicKey: key.publicKey }
}

/** The id of a message, the same for the same number. */
export function messageId(number: number): string {
  return `msg_${String(number).padStart(26, '0')}`
}

/** Seals bodies, in one batch, as a store would keep them. */
export function seal(
  bodies: readonly RecordBody[],
  position: number,
  keys: readonly KeyPair[],
  details: readonly (string | null)[] = [],
): LogRecord[] {
  const hashed = bodies.map((body) => hashRecord(crypto, body))
  const proofs = signBatch(
    crypto,
    hashed.map(({ hash }, index) => ({
      hash,
      key: keys[index] ?? keyPairOf(nameOf(bodies[index]?.author ?? '')),
    })),
  )
  return bodies.flatMap((body, index) => {
    const { text, hash } = hashed[index] ?? { text: '', hash: '' }
    const proof = proofs[index]
    if (proof === undefined) return []
    const { author, seq, prev } = body
    return [
      {
        position: position + index,
        author,
        seq,
        prev,
        hash,
        body: text,
        detail: details[index] ?? null,
        proof,
      },
    ]
  })
}

/** A space with an owner, and what was written to it. */
export class Space {
  readonly records: LogRecord[] = []
  readonly bodies: RecordBody[] = []
  readonly messages: Mutable<MessageRow>[] = []
  readonly chunks = new Map<string, JournalChunk[]>()
  readonly events = new Map<string, StoredEvent[]>()
  readonly decisions: (NewDecision & { position: number })[] = []
  /** The key that signs for each agent; by default the one that is made from its name. */
  readonly keys = new Map<string, KeyPair>()
  registry: Registry = emptyRegistry()

  constructor(agents: readonly AgentEntry[] = [entryOf('alice'), entryOf('bob'), entryOf('client')], at = 1) {
    this.write({ at, author: OWNER, kind: 'genesis', agents: [entryOf(OWNER)], space: '' })
    if (agents.length > 0) this.write({ author: OWNER, kind: 'agents', agents })
  }

  get id(): string {
    return this.records[0]?.hash ?? ''
  }

  get position(): number {
    return this.records.length - 1
  }

  keyOf(author: string): KeyPair {
    const name = nameOf(author)
    return this.keys.get(name) ?? keyPairOf(name)
  }

  /** The author's next body. */
  body(said: Said): RecordBody {
    const chain = this.records.filter(({ author }) => author === said.author)
    const key = this.keyOf(said.author).id
    const place = { seq: chain.length, prev: chain.at(-1)?.hash ?? '' }
    return { at: 1_700_000_000_000, key, space: this.id, v: 1, ...place, ...said }
  }

  /** Writes a record of its own batch. */
  write(said: Said, detail: string | null = null): LogRecord {
    const body = this.body(detail === null ? said : { ...said, detail: crypto.sha256(detail) })
    const [record] = seal([body], this.records.length, [this.keyOf(said.author)], [detail])
    if (record === undefined) throw new Error('nothing was sealed')
    this.add(record, body)
    return record
  }

  /** Takes a record that was sealed elsewhere. */
  add(record: LogRecord, body: RecordBody): void {
    this.records.push(record)
    this.bodies.push(body)
    if (record.author === OWNER) this.registry = applyOwnerRecord(this.registry, crypto, record)
  }

  /** A message as it is before it is written. */
  message(from: string, sent: Sent, cause: string | null = null): Mail {
    const { body: payload = '"hello"', ...rest } = sent
    const envelope: Envelope = {
      cause,
      correlation: 'c',
      deadline: null,
      dueAt: null,
      failed: false,
      from,
      handler: 'handle',
      id: messageId(this.messages.length + 1),
      key: null,
      kind: 'send',
      payload: { bytes: Buffer.byteLength(payload), sha256: crypto.sha256(payload) },
      re: null,
      sentAt: 1_700_000_000_000,
      space: this.id,
      topic: null,
      trace: 'a'.repeat(32),
      v: 1,
      ...rest,
    }
    const text = envelopeText(envelope)
    const counters = { attempts: 0, segments: 0, crashes: 0, queue: 0 }
    const hash = crypto.sha256(text)
    return { envelope, text, hash, payload, position: this.records.length, state: 'queued', ...counters }
  }

  /** Writes a record that sends messages; answers their ids. */
  send(author: string, sent: readonly Sent[], said: Partial<Said> = {}): string[] {
    const cause = said.turn?.id ?? null
    const messages = sent.map((one, index) => {
      const mail = this.message(author, { id: messageId(this.messages.length + 1 + index), ...one }, cause)
      const isReply = mail.envelope.kind === 'reply'
      const toClient = isReply && nameOf(mail.envelope.to) === 'client'
      const state: MessageState = toClient ? 'handled' : isReply ? 'answered' : 'queued'
      const settledAt = toClient ? mail.position : null
      return { ...mail, state, dueAt: null, error: null, reason: null, settledAt }
    })
    const sends = messages.map(({ envelope, hash }) => ({ id: envelope.id, sha256: hash }))
    this.write({ author, kind: 'send', ...(sends.length > 0 && { sends }), ...said })
    this.messages.push(...messages)
    return sends.map(({ id }) => id)
  }

  row(id: string): Mutable<MessageRow> {
    const row = this.messages.find(({ envelope }) => envelope.id === id)
    if (row === undefined) throw new Error(`there is no message ${id}`)
    return row
  }

  /** Writes a segment of the turn that handles a message, and leaves the message as a store would. */
  turn(id: string, end: TurnEnd, said: Partial<Said> = {}, sent: readonly Sent[] = []): string[] {
    const row = this.row(id)
    const turn = { attempt: 1, end, id: turnOf(id), message: { id, sha256: row.hash }, segment: 0 }
    const ids = this.send(row.envelope.to, sent, { kind: 'turn', turn, ...said })
    const isOver = end !== 'retry' && end !== 'waiting'
    this.leave(id, end === 'retry' ? 'queued' : end, isOver ? this.position : null)
    return ids
  }

  /** Sets the state of a message in the store. */
  leave(id: string, state: MessageState, settledAt: number | null = this.position): void {
    Object.assign(this.row(id), { state, settledAt })
  }

  /** Signs the next chunk of a turn's journal; answers its hash. */
  chunk(id: string, entries: readonly Json[]): string {
    const turn = turnOf(id)
    const author = this.row(id).envelope.to
    const chunks = this.chunks.get(turn) ?? []
    const prev = chunks.at(-1)?.hash ?? ''
    const chunk = sealChunk(crypto, this.keyOf(author), {
      v: 1,
      space: this.id,
      turn,
      author,
      chunk: chunks.length,
      prev,
      entries,
    })
    this.chunks.set(turn, [...chunks, chunk])
    return chunk.hash
  }

  /** An event for the next record to list. */
  event(stream: string, value: Json): NonNullable<RecordBody['events']>[number] {
    const data = canonicalize(value)
    const hash = crypto.sha256(data)
    const events = this.events.get(stream) ?? []
    const version = events.length + 1
    this.events.set(stream, [
      ...events,
      { stream, version, type: 'noted', data, hash, position: this.position + 1 },
    ])
    return { sha256: hash, stream, type: 'noted', version }
  }
}

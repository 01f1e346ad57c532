/**
 * Verifies a whole log, in the order in which it was written, from nothing but the owner's key: what
 * `coterie verify` does, and what anyone can do with a copy of the database.
 *
 * Feed it: for each position from 0, `record`, and then `message` for each message that the store has at that
 * position. Then, for all `streams()`, `turns()`, and the decisions, and all streams and journals that the store
 * has besides: `stream`, `journal`, `decision`; and `unlisted` for what lies behind the end. At last `finish`. Each
 * answers false when something was found; what is found later may lie earlier in the log, so the report tells the
 * first fault by position. After a bad record the following ones are not looked at: they would all be bad in
 * consequence.
 *
 * Memory: about 400 bytes for each message, 50 for each record, 50 for each event, 200 for each journal chunk.
 * Measured: a million records, in batches of 256 and with half a million messages, in 32 s and 250 MB.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import { parseCanonical } from '../core/json.ts'
import { OWNER, nameOf } from '../core/address.ts'
import { messageOf } from '../core/ids.ts'
import type { RecordBody } from '../core/record.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { JournalChunk, LogRecord, MessageRow, NewDecision, StoredEvent } from '../ports/store.ts'
import { failed, type LogPlace } from './failed.ts'
import { HashColumn } from './hash-column.ts'
import { verifyChunk } from './journal-chunk.ts'
import { MessageLedger } from './message-ledger.ts'
import { applyOwnerRecord, emptyRegistry, keysBefore, type KeyHolder, type Registry } from './registry.ts'
import { createSignatureCache } from './seal.ts'
import { verifyMail, verifyRecord } from './verify.ts'

/** The name under which a record says which version of the owner's chain it has read. */
const AGENTS_STREAM = '@agents'

/** What a certificate must show besides being valid. */
export type CheckCertificate = (
  crypto: Crypto,
  certificate: unknown,
  trustedKeys: ReadonlyMap<string, KeyHolder>,
) =>
  | {
      readonly ok: true
      readonly certificate: { readonly proposal: { readonly space: string; readonly decision: string } }
    }
  | { readonly ok: false; readonly problem: string }

/** What the log is held against. */
export interface LogVerifierOptions {
  /** `verifyCertificate` of `src/voting`. */
  readonly checkCertificate: CheckCertificate
  /** The public key of the genesis, if the caller knows it: otherwise the log vouches only for itself. */
  readonly owner?: string
  /** The id of the space, if the caller knows it. */
  readonly space?: string
}

/** Something in the log or the store that does not verify. */
export interface LogFault {
  readonly position: number
  readonly author: string
  /** A phrase in plain words. */
  readonly reason: string
  /** For two different records with one author and number: the hashes of both. They are proof of a cheat. */
  readonly hashes?: readonly [string, string]
}

/** How much was looked at. */
export interface LogCounts {
  readonly records: number
  readonly messages: number
  readonly events: number
  readonly chunks: number
  readonly decisions: number
}

/** The result. */
export interface LogReport {
  readonly ok: boolean
  /** The first fault by position. */
  readonly fault: LogFault | undefined
  /** How many faults were found, the first included. */
  readonly faults: number
  readonly checked: LogCounts
  /** The space's id and the owner's public key of the genesis: what a caller who knew neither should compare. */
  readonly space: string
  readonly owner: string
  /** Position of the last record that was verified, -1 for none. */
  readonly position: number
  /** False when messages changed while they were read, so that their states prove nothing. */
  readonly statesCompared: boolean
}

interface Chain {
  /** Positions by sequence number. */
  readonly positions: number[]
  epoch: number
}

interface Listed {
  readonly author: string
  /** Position of the listing record, by chunk hash. */
  readonly positions: Map<string, number>
}

/** See the top of the file. */
export class LogVerifier {
  readonly #crypto: Crypto
  readonly #options: LogVerifierOptions
  readonly #signatures = createSignatureCache()
  #registry: Registry = emptyRegistry()
  readonly #chains = new Map<string, Chain>()
  readonly #hashes = new HashColumn()
  readonly #authors: string[] = []
  readonly #messages = new MessageLedger()
  readonly #streams = new Map<string, number[]>()
  readonly #events = new HashColumn()
  readonly #eventPositions: number[] = []
  readonly #turns = new Map<string, Listed>()
  readonly #decisions = new Map<string, { readonly sha256: string; readonly position: number }>()
  #body: RecordBody | undefined
  #unsent = new Set<string>()
  #stopped = false
  #fault: LogFault | undefined
  #faults = 0
  readonly #checked = { records: 0, messages: 0, events: 0, chunks: 0, decisions: 0 }

  constructor(crypto: Crypto, options: LogVerifierOptions) {
    this.#crypto = crypto
    this.#options = options
  }

  /** The agents and keys, as far as the records were read. */
  get registry(): Registry {
    return this.#registry
  }

  /** How much was looked at until now. */
  get checked(): LogCounts {
    return { ...this.#checked }
  }

  /** The streams that the records append to: each is to be given to `stream`. */
  streams(): Iterable<string> {
    return this.#streams.keys()
  }

  /** The turns that have a journal: each is to be given to `journal`. */
  turns(): Iterable<string> {
    return this.#turns.keys()
  }

  /** The next record. */
  record(record: LogRecord): boolean {
    return this.#guardOrStop(record, () => {
      this.#everythingSent()
      const body = this.#verified(record)
      const place = { position: record.position, author: record.author }
      this.#chain(record, body)
      const problem =
        this.#reads(body) ??
        this.#messages.follow(body, record.position) ??
        this.#expect(body, record.position)
      if (problem !== undefined) throw failed(place, problem)
      this.#checked.records += 1
    })
  }

  /** A message that the store has at the position of the record that was given last. */
  message(row: MessageRow): boolean {
    const position = this.#hashes.length - 1
    const place = { position, author: this.#authors[position] ?? '' }
    return this.#guardOrStop(place, () => {
      const id = String(row.envelope?.id)
      if (row.position !== position || this.#body === undefined) {
        throw failed(
          place,
          `the store has the message ${id} at position ${row.position}, where no record sent it`,
        )
      }
      verifyMail(this.#crypto, row, this.#body)
      if (!this.#unsent.delete(id)) throw failed(place, `the store has the message ${id} twice`)
      this.#messages.add(row)
      this.#checked.messages += 1
    })
  }

  /** All events of a stream, in order. */
  stream(name: string, events: readonly StoredEvent[]): boolean {
    const listed = this.#streams.get(name) ?? []
    this.#streams.delete(name)
    for (const [index, event] of events.entries()) {
      const at = listed[index]
      const position = at === undefined ? this.#hashes.length - 1 : (this.#eventPositions[at] ?? 0)
      const which = `event ${index + 1} of the stream ${JSON.stringify(name)}`
      if (at === undefined) return this.unlisted(`the store has ${which}, which no record lists`)
      const digest = this.#eventDigest(event.hash, event.stream, event.type, event.version, event.position)
      if (this.#events.at(at) !== digest || this.#crypto.sha256(event.data) !== event.hash) {
        return this.#found(position, `${which} is not what it appended`)
      }
      this.#checked.events += 1
    }
    const missing = listed[events.length]
    if (missing === undefined) return true
    const which = `event ${events.length + 1} of the stream ${JSON.stringify(name)}`
    return this.#found(this.#eventPositions[missing] ?? 0, `the store lacks ${which}`)
  }

  /** All chunks of a turn's journal, in order. */
  journal(turn: string, chunks: readonly JournalChunk[]): boolean {
    const listed = this.#turns.get(turn) ?? this.#unlistedTurn(turn)
    if (listed === undefined)
      return this.unlisted(`the store has a journal of ${turn}, and no record sent its message`)
    this.#turns.delete(turn)
    const { author, positions } = listed
    let prev = ''
    for (const [number, chunk] of chunks.entries()) {
      const position = positions.values().next().value ?? this.#hashes.length - 1
      if (positions.size === 0 && this.#stopped) return true
      const place = { space: this.#registry.space, turn, author, chunk: number, prev }
      const fine = this.#guard({ position, author }, () => {
        // What no record lists is signed all the same: its worker stopped before the segment was committed. No
        // record relies on it, so a key that was revoked since does no harm there.
        const isListed = positions.has(chunk.hash)
        verifyChunk(this.#crypto, chunk, place, this.#publicKeys(nameOf(author), position, isListed))
      })
      if (!fine) return false
      positions.delete(chunk.hash)
      prev = chunk.hash
      this.#checked.chunks += 1
    }
    for (const [hash, position] of positions) {
      return this.#found(position, `the store lacks a chunk of the journal of ${turn}: ${hash}`)
    }
    return true
  }

  /** A decision that the store has. */
  decision(decision: NewDecision & { readonly position: number }): boolean {
    const { id, hash, certificate, position } = decision
    const listed = this.#decisions.get(id)
    this.#decisions.delete(id)
    if (listed === undefined) return this.unlisted(`the store has the decision ${id}, which no record lists`)
    if (listed.sha256 !== hash || listed.position !== position || this.#crypto.sha256(certificate) !== hash) {
      return this.#found(listed.position, `the certificate of the decision ${id} is not what it recorded`)
    }
    const problem = this.#certificateProblem(id, certificate, position)
    if (problem !== undefined) return this.#found(position, `the decision ${id} does not hold: ${problem}`)
    this.#checked.decisions += 1
    return true
  }

  /** Something that the store has and no record accounts for; `reason` is a phrase. It is held against the newest. */
  unlisted(reason: string): boolean {
    // Beyond a bad record nothing is known of what the log lists.
    return this.#stopped || this.#found(this.#hashes.length - 1, reason)
  }

  /** True when a record sent the message whose turn this is. */
  hasTurn(turn: string): boolean {
    return this.#messages.has(messageOf(turn))
  }

  /**
   * The result. `live`: the log has grown since the verification began, so the states that messages had when
   * they were read may be older or newer than the records.
   */
  finish(options: { readonly live?: boolean } = {}): LogReport {
    const compared = !this.#stopped && options.live !== true
    if (!this.#stopped) this.#complete()
    if (compared) {
      for (const { position, reason } of this.#messages.differences()) this.#found(position, reason)
    }
    return {
      ok: this.#faults === 0,
      fault: this.#fault,
      faults: this.#faults,
      checked: this.checked,
      space: this.#registry.space,
      owner: this.#registry.keys()[0]?.publicKey ?? '',
      position: this.#hashes.length - 1,
      statesCompared: compared,
    }
  }

  #verified(record: LogRecord): RecordBody {
    const { position, author } = record
    const place = { position, author }
    const next = this.#hashes.length
    if (next === 0 && author !== OWNER)
      throw failed(place, 'the log does not begin with the genesis of a space')
    if (position !== next) throw failed(place, `the record at position ${next} is missing`)
    if (author === OWNER) this.#registry = this.#owned(record)
    const body = verifyRecord(this.#crypto, this.#registry, this.#registry.space, record, this.#signatures)
    if (position > 0) return body
    const { owner, space } = this.#options
    if (space !== undefined && space !== record.hash)
      throw failed(place, 'it is the genesis of another space')
    if (owner !== undefined && owner !== this.#registry.agent(OWNER)?.publicKey) {
      throw failed(place, 'the space belongs to another owner')
    }
    return body
  }

  // An owner's record that repeats a number is not refused here: the chain tells more about it.
  #owned(record: LogRecord): Registry {
    const isNext = record.seq >= this.#registry.version
    return isNext ? applyOwnerRecord(this.#registry, this.#crypto, record) : this.#registry
  }

  #chain(record: LogRecord, body: RecordBody): void {
    const { position, author, seq, prev, hash } = record
    const place = { position, author }
    const chain = this.#chains.get(author) ?? { positions: [], epoch: 0 }
    const length = chain.positions.length
    const earlier = chain.positions[seq]
    if (earlier !== undefined) {
      const first = this.#hashes.at(earlier)
      if (first === hash) throw failed(place, `it is the record at position ${earlier} once more`)
      const both = `${first} at position ${earlier}, and ${hash}`
      const reason = `its author signed two different records with number ${seq}: ${both}`
      throw failed(place, reason, { hashes: [first, hash] })
    }
    if (seq > length) throw failed(place, `the record number ${length} of its author is missing`)
    if (prev !== this.#hashes.at(chain.positions[length - 1] ?? -1)) {
      throw failed(place, 'it does not follow the record of its author before it')
    }
    const epoch = body.epoch ?? chain.epoch
    if (epoch < chain.epoch) {
      throw failed(place, `it was written under epoch ${epoch}, after a record of epoch ${chain.epoch}`)
    }
    chain.positions.push(position)
    chain.epoch = epoch
    if (length === 0) this.#chains.set(author, chain)
    this.#hashes.push(hash)
    this.#authors.push(author)
    this.#body = body
  }

  // The store refuses a record that read what has moved since: no stale decisions.
  #reads(body: RecordBody): string | undefined {
    for (const { stream, version } of body.reads ?? []) {
      const now = stream === AGENTS_STREAM ? this.#registry.version : (this.#streams.get(stream)?.length ?? 0)
      if (version !== now) {
        return `it acted on version ${version} of the stream ${JSON.stringify(stream)}, which was at ${now}`
      }
    }
    return undefined
  }

  #expect(body: RecordBody, position: number): string | undefined {
    for (const { id } of body.sends ?? []) {
      if (this.#unsent.has(id) || this.#messages.has(id))
        return `it lists the message ${id}, which is listed before`
      this.#unsent.add(id)
    }
    for (const { sha256, stream, type, version } of body.events ?? []) {
      const versions = this.#streams.get(stream) ?? []
      if (version !== versions.length + 1) {
        return `it appends version ${version} to the stream ${JSON.stringify(stream)}, which was at ${versions.length}`
      }
      versions.push(this.#events.push(this.#eventDigest(sha256, stream, type, version, position)))
      this.#eventPositions.push(position)
      this.#streams.set(stream, versions)
    }
    for (const { id, sha256 } of body.decisions ?? []) {
      if (this.#decisions.has(id)) return `it lists the decision ${id}, which is listed before`
      this.#decisions.set(id, { sha256, position })
    }
    return this.#expectJournal(body, position)
  }

  #expectJournal(body: RecordBody, position: number): string | undefined {
    if (body.journal === undefined) return undefined
    if (body.turn === undefined) return 'it lists a journal, and is of no turn'
    const listed = this.#turns.get(body.turn.id) ?? {
      author: body.author,
      positions: new Map<string, number>(),
    }
    for (const hash of body.journal) {
      if (listed.positions.has(hash)) return `it lists the journal chunk ${hash}, which is listed before`
      listed.positions.set(hash, position)
    }
    this.#turns.set(body.turn.id, listed)
    return undefined
  }

  #everythingSent(): void {
    for (const id of this.#unsent) {
      this.#unsent = new Set()
      const position = this.#hashes.length - 1
      throw failed({ position, author: this.#authors[position] ?? '' }, `the store lacks the message ${id}`)
    }
  }

  #complete(): void {
    this.#guard({ position: this.#hashes.length - 1, author: '' }, () => this.#everythingSent())
    for (const [name, listed] of this.#streams) {
      const position = this.#eventPositions[listed[0] ?? 0] ?? 0
      this.#found(position, `the store lacks the stream ${JSON.stringify(name)}`)
    }
    for (const [turn, { positions }] of this.#turns) {
      this.#found(positions.values().next().value ?? 0, `the store lacks the journal of ${turn}`)
    }
    for (const [id, { position }] of this.#decisions) {
      this.#found(position, `the store lacks the certificate of the decision ${id}`)
    }
  }

  // A turn that is under way, or was given up, has a journal that no record lists.
  #unlistedTurn(turn: string): Listed | undefined {
    const author = this.#messages.recipient(messageOf(turn))
    return author === undefined ? undefined : { author, positions: new Map() }
  }

  // One digest for all that is signed of an event, so that 32 bytes are kept of it.
  #eventDigest(hash: string, stream: string, type: string, version: number, position: number): string {
    return this.#crypto.sha256(JSON.stringify([hash, stream, type, version, position]))
  }

  #certificateProblem(id: string, text: string, position: number): string | undefined {
    const certificate = parsed(text)
    if (certificate === undefined) return 'its certificate is not canonical JSON'
    const verdict = this.#options.checkCertificate(
      this.#crypto,
      certificate,
      keysBefore(this.#registry, position),
    )
    if (!verdict.ok) return verdict.problem
    const { space, decision } = verdict.certificate.proposal
    if (space !== this.#registry.space) return 'its certificate is of another space'
    return decision === id ? undefined : `its certificate is that of ${JSON.stringify(decision)}`
  }

  #publicKeys(agent: string, position: number, isListed: boolean): string[] {
    const holders = isListed
      ? [...keysBefore(this.#registry, position).values()]
      : this.#registry.keys().filter(({ from }) => from <= position)
    return holders.filter((holder) => holder.agent === agent).map(({ publicKey }) => publicKey)
  }

  // For what comes in the order of the log: after the first fault, the rest would be found bad in consequence.
  #guardOrStop(place: LogPlace, check: () => void): boolean {
    if (this.#stopped) return false
    if (this.#guard(place, check)) return true
    this.#stopped = true
    return false
  }

  #guard(place: LogPlace, check: () => void): boolean {
    try {
      check()
      return true
    } catch (error) {
      if (!(error instanceof CoterieError)) throw error
      const { position, author, reason, hashes } = error.details
      return this.#report({
        position: typeof position === 'number' ? position : place.position,
        author: typeof author === 'string' ? author : place.author,
        reason: typeof reason === 'string' ? reason : error.message,
        ...(hashes === undefined ? {} : { hashes: hashes as readonly [string, string] }),
      })
    }
  }

  #found(position: number, reason: string): false {
    return this.#report({ position, author: this.#authors[position] ?? '', reason })
  }

  #report(fault: LogFault): false {
    this.#faults += 1
    if (this.#fault === undefined || fault.position < this.#fault.position) this.#fault = fault
    return false
  }
}

function parsed(text: string): unknown {
  try {
    return parseCanonical(text)
  } catch {
    return undefined
  }
}

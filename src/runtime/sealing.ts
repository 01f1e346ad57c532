/**
 * Sealing a batch: each author's records are chained, hashed, and signed once for each key.
 *
 * @module
 */

import type { RecordBody, SealedRecord } from '../core/record.ts'
import { hashRecord, signBatch } from '../log/seal.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import type { ChainHead, JournalWrite, Outcome, RecordWrite, Write } from '../ports/store.ts'

/** A record without what only the committer knows: its place in the chain and its seal. */
export interface Draft {
  readonly body: Omit<RecordBody, 'key' | 'prev' | 'seq' | 'space' | 'v'>
  readonly detail: string | null
  readonly write: Omit<RecordWrite, 'type' | 'record'>
  /**
   * How many keys of its author's agent had been revoked when what it builds upon (a journal) was verified. When it
   * is more by now, the record is not written.
   */
  readonly revocations?: number
}

/** A draft whose content is fixed only when its turn to be written has come. */
export type DraftSource = () => Draft | undefined

/** What is to be written, and who is told of it. */
export interface Pending {
  readonly author: string
  readonly make: DraftSource | JournalWrite
  readonly line: number | undefined
  readonly done: (outcome: Outcome | undefined) => void
  readonly failed: (error: unknown) => void
}

/** Something to be written: a record that is not sealed yet, or journal entries. */
export interface Entry {
  readonly pending: Pending
  readonly content: Draft | JournalWrite
}

/** What the store is given for an entry. */
export interface Ready {
  readonly entry: Entry
  readonly write: Write
}

/** A batch for the store, and where the chains of its authors end behind it. */
export interface SealedBatch {
  readonly ready: readonly Ready[]
  readonly heads: ReadonlyMap<string, ChainHead>
}

/** The head of a chain without a record. */
export const NO_RECORD: ChainHead = { seq: -1, hash: '' }

/** One batch while it is put together, in the order of submission. */
export class Sealing {
  readonly #crypto: Crypto
  readonly #space: string
  readonly #headOf: (author: string) => ChainHead | undefined
  readonly #heads = new Map<string, ChainHead>()
  readonly #ready: Ready[] = []
  readonly #toSign: { readonly hash: string; readonly key: KeyPair }[] = []
  readonly #unsigned: {
    readonly at: number
    readonly draft: Draft
    readonly record: Omit<SealedRecord, 'proof'>
  }[] = []

  /** `headOf` tells where an author's chain ends before this batch. */
  constructor(crypto: Crypto, space: string, headOf: (author: string) => ChainHead | undefined) {
    this.#crypto = crypto
    this.#space = space
    this.#headOf = headOf
  }

  /** Adds journal entries, which are sealed already. */
  journal(entry: Entry, write: JournalWrite): void {
    this.#ready.push({ entry, write })
  }

  /** Adds a record behind its author's last one. */
  record(entry: Entry, draft: Draft, key: KeyPair): void {
    const { author } = entry.pending
    const head = this.#heads.get(author) ?? this.#headOf(author) ?? NO_RECORD
    const body: RecordBody = {
      ...draft.body,
      key: key.id,
      prev: head.hash,
      seq: head.seq + 1,
      space: this.#space,
      v: 1,
    }
    const { text, hash } = hashRecord(this.#crypto, body)
    this.#heads.set(author, { seq: body.seq, hash })
    this.#toSign.push({ hash, key })
    this.#unsigned.push({
      at: this.#ready.length,
      draft,
      record: { author, seq: body.seq, prev: body.prev, hash, body: text, detail: draft.detail },
    })
    // A place is kept, so that the order of the batch is the order of submission.
    this.#ready.push({ entry, write: PLACEHOLDER })
  }

  /** Signs. */
  seal(): SealedBatch {
    const proofs = signBatch(this.#crypto, this.#toSign)
    this.#unsigned.forEach(({ at, draft, record }, index) => {
      const proof = proofs[index]
      const place = this.#ready[at]
      if (proof === undefined || place === undefined) throw new Error('a record was not signed')
      const write: RecordWrite = { type: 'record', ...draft.write, record: { ...record, proof } }
      this.#ready[at] = { entry: place.entry, write }
    })
    return { ready: this.#ready, heads: this.#heads }
  }
}

const PLACEHOLDER: Write = Object.freeze({
  type: 'journal',
  lease: { address: '', worker: '', epoch: 0 },
  message: '',
  chunk: null,
  undo: false,
})

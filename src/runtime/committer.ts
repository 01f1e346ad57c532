/**
 * Group commit: everything that is ready when the event loop comes round goes down in one transaction, each
 * author's records chained, and signed once for each key. Throughput comes from the grouping; nothing waits for
 * a timer.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { RecordBody, SealedRecord } from '../core/record.ts'
import { hashRecord, signBatch } from '../log/seal.ts'
import type { KeyPair } from '../ports/crypto.ts'
import type { Accepted, ChainHead, JournalWrite, Outcome, RecordWrite, Write } from '../ports/store.ts'
import { keyFor } from './context.ts'
import type { Context } from './context.ts'

/** A record without what only the committer knows: its place in the chain and its seal. */
export interface Draft {
  readonly body: Omit<RecordBody, 'key' | 'prev' | 'seq' | 'space' | 'v'>
  readonly detail: string | null
  readonly write: Omit<RecordWrite, 'type' | 'record'>
}

/** A draft whose content is fixed only when its turn to be written has come. */
export type DraftSource = () => Draft | undefined

interface Pending {
  readonly author: string
  readonly make: DraftSource | JournalWrite
  readonly line: number | undefined
  readonly done: (outcome: Outcome | undefined) => void
  readonly failed: (error: unknown) => void
}

interface Ready {
  readonly pending: Pending
  readonly write: Write
}

/** Told of every accepted write, before its author is. */
export type CommitListener = (write: Write, outcome: Accepted) => void

/** Says why an author's chain cannot end where the store says that it does. */
export type HeadCheck = (author: string, head: ChainHead) => CoterieError | undefined

export class Committer {
  readonly #context: Context
  readonly #heads = new Map<string, ChainHead>()
  readonly #lines = new Map<string, number>()
  readonly #listener: CommitListener
  readonly #headCheck: HeadCheck
  /** Authors whose chain has gone back: nothing is signed for them, for it would be a second record of one number. */
  readonly #goneBack = new Map<string, CoterieError>()
  #queue: Pending[] = []
  #batch: readonly Pending[] = []
  #flushed: (() => void)[] = []
  #flushing = false
  #scheduled = false
  #closed: CoterieError | undefined
  #idle: (() => void)[] = []

  constructor(context: Context, listener: CommitListener, headCheck: HeadCheck) {
    this.#context = context
    this.#listener = listener
    this.#headCheck = headCheck
  }

  /**
   * Tells where an author's chain ends, as the store said when it granted the lease. What was begun before is not
   * written any more.
   */
  setHead(author: string, head: ChainHead): void {
    this.#learned(author, head)
    this.#lines.set(author, this.line(author) + 1)
  }

  /** Resolves when nothing of these authors is queued or under way: what they have written can be read. */
  async settled(authors: { has(author: string): boolean }): Promise<void> {
    const isOpen = (pending: Pending): boolean => authors.has(pending.author)
    while (this.#batch.some(isOpen) || this.#queue.some(isOpen))
      await new Promise<void>((resolve) => this.#flushed.push(resolve))
  }

  /** Forgets an author whose lease was given back. */
  forget(author: string): void {
    this.#heads.delete(author)
  }

  /**
   * Counts an author's records that were not written. What was begun before one of them must not be written after
   * it: it would overtake the message that is to be repeated.
   */
  line(author: string): number {
    return this.#lines.get(author) ?? 0
  }

  /**
   * Queues a record. Answers when it is durable or refused; undefined when the source had nothing to write. With a
   * `line` that has moved, the answer is `conflict`, as if the record stood behind the one that was refused.
   */
  submit(author: string, make: DraftSource, line?: number): Promise<Outcome | undefined> {
    return this.#enqueue(author, make, line)
  }

  /** Queues journal entries. */
  async journal(write: JournalWrite): Promise<Outcome> {
    const outcome = await this.#enqueue(write.lease.address, write)
    if (outcome === undefined) throw new Error('a journal write was answered without an outcome')
    return outcome
  }

  /** Resolves when nothing is queued or under way. */
  idle(): Promise<void> {
    if (this.#queue.length === 0 && !this.#flushing) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Refuses everything from now on; what is queued is refused too. */
  close(): void {
    this.#closed = new CoterieError('COTERIE_CLOSED', 'The space is closed; open it again to go on.')
    const queue = this.#queue
    this.#queue = []
    for (const pending of queue) pending.failed(this.#closed)
    for (const resolve of this.#flushed.splice(0)) resolve()
  }

  #enqueue(author: string, make: DraftSource | JournalWrite, line?: number): Promise<Outcome | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    return new Promise((done, failed) => {
      this.#queue.push({ author, make, line, done, failed })
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing) return
    this.#scheduled = true
    this.#context.clock.defer(() => {
      this.#scheduled = false
      void this.#flush()
    })
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    const batch = this.#queue.splice(0, this.#context.limits.batchRecords)
    this.#batch = batch
    try {
      await this.#commit(batch)
    } catch (error) {
      this.#break(batch.filter(({ make }) => typeof make === 'function'))
      for (const pending of batch) {
        this.#heads.delete(pending.author)
        pending.failed(error)
      }
    }
    this.#flushing = false
    this.#batch = []
    for (const resolve of this.#flushed.splice(0)) resolve()
    if (this.#queue.length > 0) this.#schedule()
    else for (const resolve of this.#idle.splice(0)) resolve()
  }

  async #commit(batch: readonly Pending[]): Promise<void> {
    await this.#learnHeads(batch)
    const before = new Map<string, ChainHead>()
    const ready = this.#seal(batch, before)
    if (ready.length === 0) return
    const outcomes = await this.#context.store.commit(
      ready.map((r) => r.write),
      this.#context.limits,
    )
    const heads = new Map(before)
    const told = new Map<string, ChainHead>()
    ready.forEach(({ write, pending }, index) => {
      const outcome = outcomes[index]
      if (outcome === undefined) throw new Error('the store answered for fewer writes than it was given')
      if (write.type === 'record') {
        if (outcome.type === 'accepted') heads.set(pending.author, write.record)
        else if (outcome.type === 'conflict') told.set(pending.author, outcome.head)
      }
    })
    for (const [author, head] of heads) this.#heads.set(author, { seq: head.seq, hash: head.hash })
    for (const [author, head] of told) this.#learned(author, head)
    this.#break(
      ready.flatMap(({ pending, write }, index) => {
        return write.type === 'record' && outcomes[index]?.type !== 'accepted' ? [pending] : []
      }),
    )
    ready.forEach(({ write, pending }, index) => {
      const outcome = outcomes[index]
      if (outcome?.type === 'accepted') this.#listener(write, outcome)
      pending.done(outcome)
    })
  }

  #break(refused: readonly Pending[]): void {
    for (const author of new Set(refused.map((pending) => pending.author)))
      this.#lines.set(author, this.line(author) + 1)
  }

  /** Authors without a lease (clients, the owner) have not been told where their chain ends. */
  async #learnHeads(batch: readonly Pending[]): Promise<void> {
    for (const { author, make } of batch) {
      if (typeof make === 'function' && !this.#heads.has(author)) {
        this.#learned(author, await this.#context.store.head(author))
      }
    }
  }

  /** Takes the store's word for where a chain ends, unless this process knows better. */
  #learned(author: string, head: ChainHead): void {
    const problem = this.#headCheck(author, head)
    if (problem === undefined) {
      this.#goneBack.delete(author)
      this.#heads.set(author, { seq: head.seq, hash: head.hash })
    } else {
      this.#goneBack.set(author, problem)
      this.#heads.delete(author)
    }
  }

  #seal(batch: readonly Pending[], before: Map<string, ChainHead>): Ready[] {
    const { crypto, store } = this.#context
    const heads = new Map<string, ChainHead>()
    const ready: Ready[] = []
    const toSign: { hash: string; key: KeyPair }[] = []
    const sealed: { at: number; draft: Draft; record: Omit<SealedRecord, 'proof'> }[] = []
    for (const pending of batch) {
      const { author, make } = pending
      if (typeof make !== 'function') {
        ready.push({ pending, write: make })
        continue
      }
      if (pending.line !== undefined && pending.line !== this.line(author)) {
        pending.done({ type: 'conflict', head: this.#heads.get(author) ?? { seq: -1, hash: '' } })
        continue
      }
      const goneBack = this.#goneBack.get(author)
      if (goneBack !== undefined) {
        pending.failed(goneBack)
        continue
      }
      const draft = this.#make(pending, make)
      if (draft === undefined) continue
      const head = heads.get(author) ?? this.#heads.get(author) ?? { seq: -1, hash: '' }
      if (!before.has(author)) before.set(author, head)
      const key = keyFor(this.#context, author)
      const body: RecordBody = {
        ...draft.body,
        key: key.id,
        prev: head.hash,
        seq: head.seq + 1,
        space: store.id,
        v: 1,
      }
      const { text, hash } = hashRecord(crypto, body)
      heads.set(author, { seq: body.seq, hash })
      toSign.push({ hash, key })
      sealed.push({
        at: ready.length,
        draft,
        record: { author, seq: body.seq, prev: body.prev, hash, body: text, detail: draft.detail },
      })
      // A place is kept, so that the order of the batch is the order of submission.
      ready.push({ pending, write: PLACEHOLDER })
    }
    const proofs = signBatch(crypto, toSign)
    sealed.forEach(({ at, draft, record }, index) => {
      const proof = proofs[index]
      const place = ready[at]
      if (proof === undefined || place === undefined) throw new Error('a record was not signed')
      ready[at] = {
        pending: place.pending,
        write: { type: 'record', ...draft.write, record: { ...record, proof } },
      }
    })
    return ready
  }

  #make(pending: Pending, make: DraftSource): Draft | undefined {
    try {
      const draft = make()
      if (draft === undefined) pending.done(undefined)
      return draft
    } catch (error) {
      pending.failed(error)
      return undefined
    }
  }
}

const PLACEHOLDER: Write = Object.freeze({
  type: 'journal',
  lease: { address: '', worker: '', epoch: 0 },
  message: '',
  chunk: null,
  undo: false,
})

/**
 * Group commit: everything that is ready when the event loop comes round goes down in one transaction, each
 * author's records chained, and signed once for each key. Throughput comes from the grouping; nothing waits for
 * a timer. What has gathered while a batch was written is on its way before anybody is told of that batch, if it was
 * accepted: so the store works on the one while this process works on what follows from the other.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { RecordBody, SealedRecord } from '../core/record.ts'
import { hashRecord, signBatch } from '../log/seal.ts'
import type { KeyPair } from '../ports/crypto.ts'
import type { Accepted, ChainHead, JournalWrite, Outcome, RecordWrite, Write } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { builtOnRevoked } from './refusals.ts'

/** A batch of so many is begun before the event loop comes round, where the store works beside this process. */
const EARLY = 64

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

/** Who signs, as the owner's chain has it. */
export type Signers = Pick<Directory, 'registry' | 'refresh' | 'signer' | 'canSign' | 'catchUpKeys'>

/** A draft whose content is fixed only when its turn to be written has come. */
export type DraftSource = () => Draft | undefined

interface Pending {
  readonly author: string
  readonly make: DraftSource | JournalWrite
  readonly line: number | undefined
  readonly done: (outcome: Outcome | undefined) => void
  readonly failed: (error: unknown) => void
}

/** Something to be written: a record that is not sealed yet, or journal entries. */
interface Entry {
  readonly pending: Pending
  readonly content: Draft | JournalWrite
}

interface Answered {
  readonly write: Write
  readonly pending: Pending
  readonly outcome: Outcome
}

interface Ready {
  readonly entry: Entry
  readonly write: Write
}

/** Told of every accepted write, before its author is, and which batch it was in. */
export type CommitListener = (write: Write, outcome: Accepted, batch: number) => void

/** Says why an author's chain cannot end where the store says that it does. */
export type HeadCheck = (author: string, head: ChainHead) => CoterieError | undefined

export class Committer {
  readonly #context: Context
  readonly #signers: Signers
  readonly #heads = new Map<string, ChainHead>()
  readonly #lines = new Map<string, number>()
  readonly #listener: CommitListener
  readonly #headCheck: HeadCheck
  /** Authors whose chain has gone back: nothing is signed for them, for it would be a second record of one number. */
  readonly #goneBack = new Map<string, CoterieError>()
  /** How many batches have been begun. */
  batches = 0
  #queue: Pending[] = []
  #batch: readonly Pending[] = []
  #flushed: (() => void)[] = []
  #flushing = false
  /** What is still to be told of batches that are written. */
  readonly #untold: (() => void)[] = []
  #scheduled = false
  #closed: CoterieError | undefined
  #idle: (() => void)[] = []

  constructor(context: Context, signers: Signers, listener: CommitListener, headCheck: HeadCheck) {
    this.#context = context
    this.#signers = signers
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

  /** Forgets an author, and what it has queued in a line is not written any more. */
  giveUp(author: string): void {
    this.#heads.delete(author)
    this.#lines.set(author, this.line(author) + 1)
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
    if (this.#isIdle) return Promise.resolve()
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
      if (this.#context.store.isApart && this.#queue.length >= EARLY) this.#begin()
      else this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#flushing) return
    this.#scheduled = true
    this.#context.clock.defer(() => {
      this.#scheduled = false
      this.#begin()
    })
  }

  /** Writes what is queued, if nothing is being written. */
  #begin(): void {
    if (!this.#flushing && this.#queue.length > 0) void this.#flush()
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    this.batches += 1
    const batch = this.#queue.splice(0, this.#context.limits.batchRecords)
    this.#batch = batch
    const tell: (() => void)[] = []
    let accepted = false
    try {
      accepted = await this.#commit(batch, this.batches, tell)
    } catch (error) {
      this.#break(batch.filter(({ make }) => typeof make === 'function'))
      for (const pending of batch) this.#heads.delete(pending.author)
      tell.push(() => {
        for (const pending of batch) pending.failed(error)
      })
    }
    this.#untold.push(...tell)
    this.#flushing = false
    this.#batch = []
    // What was refused may have to be mended, and go before what has gathered.
    if (accepted && this.#context.store.isApart) this.#begin()
    // The next one is to be on its way before this process turns to what follows from this one.
    if (this.#flushing) this.#context.clock.defer(() => this.#tell())
    else this.#tell()
    if (this.#queue.length > 0) this.#schedule()
  }

  #tell(): void {
    for (const told of this.#untold.splice(0)) told()
    for (const resolve of this.#flushed.splice(0)) resolve()
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve()
  }

  get #isIdle(): boolean {
    return this.#queue.length === 0 && !this.#flushing && this.#untold.length === 0
  }

  /** Puts into `tell` how those concerned hear of what was written; answers whether everything was accepted. */
  async #commit(batch: readonly Pending[], number: number, tell: (() => void)[]): Promise<boolean> {
    await this.#learnHeads(batch)
    let accepted = true
    let entries = this.#entries(batch)
    const authors = new Set(entries.map(({ pending }) => pending.author))
    if (!this.#signers.canSign(authors)) await this.#signers.catchUpKeys(authors)
    while (entries.length > 0) {
      const ready = this.#seal(entries)
      if (ready.length === 0) return accepted
      const agents = this.#signers.registry.version
      const { mailboxDepth } = this.#context.limits
      const outcomes = await this.#context.store.commit(
        ready.map(({ write }) => write),
        { mailboxDepth, agents },
      )
      const { rekeyed, answered } = this.#learn(ready, outcomes, agents)
      tell.push(() => this.#answer(answered, number))
      accepted &&= answered.every(({ outcome }) => outcome.type === 'accepted')
      entries = rekeyed
      // The owner has written since: keys are looked up anew, and what was refused for that is sealed again.
      if (entries.length > 0) await this.#signers.refresh()
    }
    return accepted
  }

  /** Takes note of the outcomes, for the next batch; answers what is to be sealed anew, and what is to be told. */
  #learn(
    ready: readonly Ready[],
    outcomes: readonly Outcome[],
    agents: number,
  ): { readonly rekeyed: readonly Entry[]; readonly answered: readonly Answered[] } {
    const heads = new Map<string, ChainHead>()
    const told = new Map<string, ChainHead>()
    const rekeyed: Entry[] = []
    const answered: Answered[] = []
    ready.forEach(({ write, entry }, index) => {
      let outcome = outcomes[index]
      if (outcome === undefined) throw new Error('the store answered for fewer writes than it was given')
      if (write.type === 'record') {
        const { author } = write.record
        if (isRekeyed(write, outcome, agents)) {
          rekeyed.push(entry)
          return
        }
        if (outcome.type === 'accepted') heads.set(author, write.record)
        else if (outcome.type === 'conflict') told.set(author, outcome.head)
        // One before it is to be sealed anew: mended by itself, this one might come before that.
        const isBehind = outcome.type === 'stale' && rekeyed.some(({ pending }) => pending.author === author)
        if (isBehind) outcome = { type: 'conflict', head: this.#head(author) }
      }
      answered.push({ write, pending: entry.pending, outcome })
    })
    for (const [author, head] of heads) this.#heads.set(author, { seq: head.seq, hash: head.hash })
    for (const [author, head] of told) this.#learned(author, head)
    this.#break(
      answered.flatMap(({ pending, write, outcome }) => {
        return write.type === 'record' && outcome.type !== 'accepted' ? [pending] : []
      }),
    )
    return { rekeyed, answered }
  }

  #answer(answered: readonly Answered[], batch: number): void {
    for (const { write, pending, outcome } of answered) {
      if (outcome.type === 'accepted') this.#listener(write, outcome, batch)
      pending.done(outcome)
    }
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

  #entries(batch: readonly Pending[]): readonly Entry[] {
    const entries: Entry[] = []
    for (const pending of batch) {
      const { make } = pending
      if (typeof make !== 'function') {
        entries.push({ pending, content: make })
        continue
      }
      if (this.#isBehind(pending)) continue
      const content = this.#make(pending, make)
      if (content !== undefined) entries.push({ pending, content })
    }
    return entries
  }

  #seal(entries: readonly Entry[]): Ready[] {
    const { crypto, store } = this.#context
    const heads = new Map<string, ChainHead>()
    const ready: Ready[] = []
    const toSign: { hash: string; key: KeyPair }[] = []
    const sealed: { at: number; draft: Draft; record: Omit<SealedRecord, 'proof'> }[] = []
    for (const entry of entries) {
      const { pending, content } = entry
      if ('type' in content) {
        ready.push({ entry, write: content })
        continue
      }
      const { author } = pending
      if (this.#isBehind(pending)) continue
      const goneBack = this.#goneBack.get(author)
      if (goneBack !== undefined) {
        pending.failed(goneBack)
        continue
      }
      const key = this.#key(pending, content)
      if (key === undefined) continue
      const head = heads.get(author) ?? this.#head(author)
      const body: RecordBody = {
        ...content.body,
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
        draft: content,
        record: { author, seq: body.seq, prev: body.prev, hash, body: text, detail: content.detail },
      })
      // A place is kept, so that the order of the batch is the order of submission.
      ready.push({ entry, write: PLACEHOLDER })
    }
    const proofs = signBatch(crypto, toSign)
    sealed.forEach(({ at, draft, record }, index) => {
      const proof = proofs[index]
      const place = ready[at]
      if (proof === undefined || place === undefined) throw new Error('a record was not signed')
      ready[at] = {
        entry: place.entry,
        write: { type: 'record', ...draft.write, record: { ...record, proof } },
      }
    })
    return ready
  }

  /** Answers what stands behind a record of its author that was not written. */
  #isBehind({ author, line, done }: Pending): boolean {
    if (line === undefined || line === this.line(author)) return false
    done({ type: 'conflict', head: this.#head(author) })
    return true
  }

  #head(author: string): ChainHead {
    return this.#heads.get(author) ?? { seq: -1, hash: '' }
  }

  /** The key that signs a draft now. Without one, or when its ground is gone, the draft fails alone. */
  #key(pending: Pending, draft: Draft): KeyPair | undefined {
    const { author } = pending
    try {
      const revocations = this.#signers.registry.revocations(nameOf(author))
      if (draft.revocations !== undefined && draft.revocations !== revocations) throw builtOnRevoked(author)
      return this.#signers.signer(author)
    } catch (error) {
      this.#break([pending])
      pending.failed(error)
      return undefined
    }
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

/** Refused for its key alone. What reads the directory itself is mended by who made it. */
function isRekeyed(write: RecordWrite, outcome: Outcome, agents: number): boolean {
  if (outcome.type !== 'stale' || outcome.stream !== '@agents' || outcome.expected !== agents) return false
  return write.reads.every(({ stream }) => stream !== '@agents')
}

const PLACEHOLDER: Write = Object.freeze({
  type: 'journal',
  lease: { address: '', worker: '', epoch: 0 },
  message: '',
  chunk: null,
  undo: false,
})

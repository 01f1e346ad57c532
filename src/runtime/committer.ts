/**
 * Group commit: everything that is ready when the event loop comes round goes down in one transaction, each
 * author's records chained, and signed once for each key. Throughput comes from the grouping; nothing waits for
 * a timer. What has gathered while a batch was written is on its way before anybody is told of that batch, if it was
 * accepted: so the store works on the one while this process works on what follows from the other.
 *
 * Where the store works beside this process, a second batch is sealed and sent while the first is under way, chained on
 * what that will be when it is accepted. The store writes it only then. Otherwise it is sealed anew.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { KeyPair } from '../ports/crypto.ts'
import type { Accepted, ChainHead, CommitTerms, JournalWrite, Outcome, Write } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'
import { builtOnRevoked } from './refusals.ts'
import { conflictAt, isRekeyed } from './flight.ts'
import type { Answered, Flight, Follower } from './flight.ts'
import { Sealing } from './sealing.ts'
import type { Draft, DraftSource, Entry, Pending, Ready, SealedBatch } from './sealing.ts'

/** A batch of so many is begun before the event loop comes round, where the store works beside this process. */
const EARLY = 64
/** A batch of so many, or more, follows one that is under way. */
const FOLLOWING = 16
/** Flights that none follows, after one that has done so in vain: others may be at work in the space. */
const ALONE = 8

/** Who signs, as the owner's chain has it. */
export type Signers = Pick<Directory, 'registry' | 'refresh' | 'signer' | 'canSign' | 'catchUpKeys'>

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
  /** Authors of whom a record of the batch under way was refused. */
  readonly #refused = new Set<string>()
  /** How many batches have been begun. */
  batches = 0
  #queue: Pending[] = []
  #flight: Flight | undefined
  #follower: Follower | undefined
  /** Of a batch that followed one that was refused: sealed anew, before what is queued. */
  #withdrawn: readonly Entry[] = []
  /** Flights until another batch may follow one: the last one did in vain. */
  #alone = 0
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
    const all = (): readonly Pending[] => [
      ...(this.#flight?.batch ?? []),
      ...(this.#follower?.batch ?? []),
      ...this.#withdrawn.map(({ pending }) => pending),
      ...this.#queue,
    ]
    while (all().some(isOpen)) await new Promise<void>((resolve) => this.#flushed.push(resolve))
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
    const queue = [...this.#withdrawn.map(({ pending }) => pending), ...this.#queue]
    this.#queue = []
    this.#withdrawn = []
    for (const pending of queue) pending.failed(this.#closed)
    for (const resolve of this.#flushed.splice(0)) resolve()
  }

  #enqueue(author: string, make: DraftSource | JournalWrite, line?: number): Promise<Outcome | undefined> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed)
    return new Promise((done, failed) => {
      this.#queue.push({ author, make, line, done, failed })
      if (this.#context.store.isApart && this.#queue.length >= EARLY) this.#begin()
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length + this.#withdrawn.length === 0) return
    if (this.#flushing && (this.#follower !== undefined || !this.#context.store.isApart)) return
    this.#scheduled = true
    this.#context.clock.defer(() => {
      this.#scheduled = false
      this.#begin()
    })
  }

  /** Writes what is queued: at once if nothing is being written, or else behind that. */
  #begin(): void {
    if (this.#queue.length + this.#withdrawn.length === 0) return
    if (!this.#flushing) void this.#flush()
    else if (this.#queue.length >= FOLLOWING) this.#follow()
  }

  async #flush(): Promise<void> {
    this.#flushing = true
    let more = true
    while (more) {
      const tell: (() => void)[] = []
      const accepted = await this.#next(tell)
      if (!accepted) await this.#withdraw()
      this.#untold.push(...tell)
      this.#flight = undefined
      // What was refused may have to be mended, and go before what has gathered.
      more = this.#follower !== undefined
      if (accepted && this.#context.store.isApart) more ||= this.#queue.length + this.#withdrawn.length > 0
      // The next one is to be on its way before this process turns to what follows from this one.
      if (more) this.#context.clock.defer(() => this.#tell())
    }
    this.#flushing = false
    this.#tell()
    this.#schedule()
  }

  /** Writes one batch: that which is under way already, or else what is queued. */
  async #next(tell: (() => void)[]): Promise<boolean> {
    const follower = this.#follower
    this.#follower = undefined
    this.#refused.clear()
    if (follower !== undefined) {
      this.#flight = follower
      return this.#land(follower, tell)
    }
    this.batches += 1
    const withdrawn = this.#withdrawn
    this.#withdrawn = []
    const batch = this.#queue.splice(0, Math.max(1, this.#context.limits.batchRecords - withdrawn.length))
    const flight = {
      batch: [...withdrawn.map(({ pending }) => pending), ...batch],
      number: this.batches,
      heads: new Map(),
    }
    this.#flight = flight
    this.#alone = Math.max(0, this.#alone - 1)
    try {
      return await this.#commit(flight, withdrawn, batch, tell)
    } catch (error) {
      this.#failed(flight, error, tell)
      return false
    }
  }

  #failed({ batch }: Flight, error: unknown, tell: (() => void)[]): void {
    this.#break(batch.filter(({ make }) => typeof make === 'function'))
    for (const pending of batch) this.#heads.delete(pending.author)
    tell.push(() => {
      for (const pending of batch) pending.failed(error)
    })
  }

  /** Seals what is queued on what is under way, and sends it, if the store takes it. */
  #follow(): void {
    const { store, limits } = this.#context
    const flight = this.#flight
    if (flight === undefined || this.#follower !== undefined || this.#alone > 0) return
    const send = store.follow?.()
    if (send === undefined) return
    const batch = this.#queue.slice(0, limits.batchRecords)
    const isKnown = ({ author, make }: Pending): boolean =>
      typeof make !== 'function' || this.#heads.has(author) || flight.heads.has(author)
    if (!batch.every(isKnown) || !this.#signers.canSign(new Set(batch.map(({ author }) => author)))) return
    this.#queue.splice(0, batch.length)
    this.batches += 1
    const number = this.batches
    const { ready, heads } = this.#seal(this.#entries(batch), flight.heads)
    if (ready.length === 0) return
    const agents = this.#signers.registry.version
    const outcomes = send(ready.map(writeOf), this.#terms(agents))
    // It is waited for when the batch before it has been answered.
    outcomes.catch(() => undefined)
    this.#follower = {
      batch: ready.map(({ entry }) => entry.pending),
      number,
      heads,
      ready,
      agents,
      outcomes,
    }
  }

  /** Waits for a batch that has followed another. What was not written is sealed anew. */
  async #land(follower: Follower, tell: (() => void)[]): Promise<boolean> {
    const { ready, agents, number } = follower
    try {
      const outcomes = await follower.outcomes
      if (outcomes === undefined) {
        this.#alone = ALONE
        this.#withdrawn = ready.map(({ entry }) => entry)
        return true
      }
      const { answered } = this.#learn(ready, outcomes, agents)
      tell.push(() => this.#answer(answered, number))
      return true
    } catch (error) {
      this.#failed(follower, error, tell)
      return false
    }
  }

  /**
   * Something of the batch under way was refused: what follows it was not written. Those behind a refused record of
   * theirs hear of it before the author of that does, so that what is repeated comes in its order again.
   */
  async #withdraw(): Promise<void> {
    const follower = this.#follower
    if (follower === undefined) return
    const outcomes = await follower.outcomes.catch(() => [])
    // What was written, or may have been, is answered as any other.
    if (outcomes !== undefined) return
    this.#follower = undefined
    const entries = follower.ready.map(({ entry }) => entry)
    this.#withdrawn = entries.filter(({ pending }) => {
      const { author, make, done } = pending
      if (typeof make !== 'function' || !this.#refused.has(author)) return true
      done(conflictAt(this.#heads.get(author)))
      return false
    })
  }

  #tell(): void {
    for (const told of this.#untold.splice(0)) told()
    for (const resolve of this.#flushed.splice(0)) resolve()
    if (this.#isIdle) for (const resolve of this.#idle.splice(0)) resolve()
  }

  get #isIdle(): boolean {
    return this.#queue.length + this.#withdrawn.length + this.#untold.length === 0 && !this.#flushing
  }

  /** Puts into `tell` how those concerned hear of what was written; answers whether everything was accepted. */
  async #commit(
    flight: Flight,
    withdrawn: readonly Entry[],
    batch: readonly Pending[],
    tell: (() => void)[],
  ): Promise<boolean> {
    await this.#learnHeads(flight.batch)
    let accepted = true
    let entries = [...withdrawn, ...this.#entries(batch)]
    const authors = new Set(entries.map(({ pending }) => pending.author))
    if (!this.#signers.canSign(authors)) await this.#signers.catchUpKeys(authors)
    while (entries.length > 0) {
      const { ready, heads } = this.#seal(entries)
      if (ready.length === 0) return accepted
      flight.heads = heads
      const agents = this.#signers.registry.version
      const outcomes = await this.#context.store.commit(ready.map(writeOf), this.#terms(agents))
      const { rekeyed, answered } = this.#learn(ready, outcomes, agents)
      tell.push(() => this.#answer(answered, flight.number))
      accepted &&= answered.every(({ outcome }) => outcome.type === 'accepted')
      entries = [...rekeyed]
      // The owner has written since: keys are looked up anew, and what was refused for that is sealed again.
      if (entries.length > 0) await this.#signers.refresh()
    }
    return accepted
  }

  #terms(agents: number): CommitTerms {
    return { mailboxDepth: this.#context.limits.mailboxDepth, agents }
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
        if (isBehind) outcome = conflictAt(this.#heads.get(author))
      }
      answered.push({ write, pending: entry.pending, outcome })
    })
    for (const [author, head] of heads) this.#heads.set(author, { seq: head.seq, hash: head.hash })
    for (const [author, head] of told) this.#learned(author, head)
    const refused = answered.flatMap(({ pending, write, outcome }) => {
      return write.type === 'record' && outcome.type !== 'accepted' ? [pending] : []
    })
    this.#break(refused)
    for (const { author } of refused) this.#refused.add(author)
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

  /** `ahead` are the ends of chains behind what is under way. */
  #seal(entries: readonly Entry[], ahead?: ReadonlyMap<string, ChainHead>): SealedBatch {
    const { crypto, store } = this.#context
    const sealing = new Sealing(crypto, store.id, (author) => ahead?.get(author) ?? this.#heads.get(author))
    for (const entry of entries) {
      const { pending, content } = entry
      if ('type' in content) {
        sealing.journal(entry, content)
        continue
      }
      if (this.#isBehind(pending)) continue
      const goneBack = this.#goneBack.get(pending.author)
      if (goneBack !== undefined) {
        pending.failed(goneBack)
        continue
      }
      const key = this.#key(pending, content)
      if (key !== undefined) sealing.record(entry, content, key)
    }
    return sealing.seal()
  }

  /** Answers what stands behind a record of its author that was not written. */
  #isBehind({ author, line, done }: Pending): boolean {
    if (line === undefined || line === this.line(author)) return false
    done(conflictAt(this.#heads.get(author)))
    return true
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

function writeOf({ write }: Ready): Write {
  return write
}

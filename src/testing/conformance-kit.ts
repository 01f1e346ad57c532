/**
 * What the cases of the conformance suite have in common: a space of its own for each case, and writes that
 * continue the chains of their authors.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { turnOf } from '../core/ids.ts'
import type { Envelope } from '../core/message.ts'
import type { TurnEnd } from '../core/record.ts'
import type {
  Accepted,
  ChainHead,
  Lease,
  MessageRow,
  NewMessage,
  Outcome,
  RecordWrite,
  SpaceStore,
  Store,
  TurnWrite,
  Wait,
  Write,
} from '../ports/store.ts'
import { fakeMessage, fakeRecord, fakeTurn, fakeWrite, nextFixture } from './fixtures.ts'

/** A database under test. */
export interface StoreHarness {
  /** A new handle on the harness's one database, that keeps what was written through other handles. */
  open(): Promise<Store>
  /** Closes and removes everything. */
  cleanup(): Promise<void>
  /** The machine's clock, for all handles. `advance` may be given a negative time. */
  readonly clock: { advance(ms: number): void }
}

/** The lease time of all cases. */
export const LEASE_MS = 10_000

/** A space of one case, with its handle. */
export class Kit {
  readonly harness: StoreHarness
  readonly store: Store
  readonly space: SpaceStore
  mailboxDepth = 1_000
  readonly #heads = new Map<string, ChainHead>()
  readonly #leases = new Map<string, Lease>()

  private constructor(harness: StoreHarness, store: Store, space: SpaceStore) {
    this.harness = harness
    this.store = store
    this.space = space
  }

  /** Makes a new space. */
  static async start(harness: StoreHarness): Promise<Kit> {
    const store = await harness.open()
    const record = fakeRecord('@owner', { seq: -1, hash: '' })
    const space = await store.space(`case-${nextFixture()}`, { record })
    assert.ok(space !== undefined)
    const kit = new Kit(harness, store, space)
    kit.#heads.set('@owner', record)
    return kit
  }

  /** The same space through another handle. */
  async other(): Promise<Kit> {
    const store = await this.harness.open()
    const space = await store.space(this.space.name)
    assert.ok(space !== undefined)
    return new Kit(this.harness, store, space)
  }

  /** The next record of an author, under the lease that was taken for it. */
  write(author: string, given: Partial<RecordWrite> = {}): RecordWrite {
    const record = fakeRecord(author, this.#heads.get(author) ?? { seq: -1, hash: '' })
    this.#heads.set(author, record)
    return fakeWrite(record, { lease: this.#leases.get(author) ?? null, ...given })
  }

  /** Commits, and forgets what was refused. */
  async commit(...writes: readonly Write[]): Promise<readonly Outcome[]> {
    const outcomes = await this.space.commit(writes, { mailboxDepth: this.mailboxDepth })
    assert.equal(outcomes.length, writes.length)
    for (const [at, write] of writes.entries()) {
      if (write.type === 'record' && outcomes[at]?.type !== 'accepted') await this.learn(write.record.author)
    }
    return outcomes
  }

  /** Commits one write. */
  async commitOne(write: Write): Promise<Outcome> {
    const [outcome] = await this.commit(write)
    assert.ok(outcome !== undefined)
    return outcome
  }

  /** Commits one write that must be accepted. */
  async accept(write: Write): Promise<Accepted> {
    const outcome = await this.commitOne(write)
    assert.equal(outcome.type, 'accepted', JSON.stringify(outcome))
    assert.ok(outcome.type === 'accepted')
    return outcome
  }

  /** Continues an author's chain from where the store has it. */
  async learn(author: string): Promise<void> {
    this.#heads.set(author, await this.space.head(author))
  }

  /** Announces a worker and takes an address. */
  async lease(address: string, worker = 'worker'): Promise<Lease> {
    await this.space.heartbeat(worker, LEASE_MS, [])
    const grant = await this.space.lease(address, worker)
    assert.ok(grant !== undefined, `${address} is held by another`)
    this.#leases.set(address, grant.lease)
    this.#heads.set(address, grant.head)
    return grant.lease
  }

  /** Sends a message from outside. */
  async send(to: string, given: Partial<Envelope> = {}): Promise<NewMessage> {
    const message = fakeMessage({ to, ...given })
    await this.accept(this.write('client/one', { messages: [message] }))
    return message
  }

  /** A turn of an address: its record. */
  turn(
    address: string,
    message: NewMessage | string,
    end: TurnEnd,
    turn: Partial<TurnWrite> = {},
    given: Partial<RecordWrite> = {},
  ): RecordWrite {
    return this.write(address, { turn: fakeTurn(idOf(message), end, turn), ...given })
  }

  /** Handles a message, with effects. */
  async handle(
    address: string,
    message: NewMessage | string,
    given: Partial<RecordWrite> = {},
  ): Promise<Accepted> {
    return this.accept(this.turn(address, message, 'handled', {}, given))
  }

  /** The write of a turn that asks and waits; the questions are sent with it. */
  asking(
    address: string,
    message: NewMessage,
    ...targets: readonly string[]
  ): { write: RecordWrite; questions: readonly NewMessage[] } {
    const questions = targets.map((to) =>
      fakeMessage({
        to,
        from: address,
        kind: 'ask',
        cause: turnOf(idOf(message)),
        trace: message.envelope.trace,
      }),
    )
    const waits = questions.map((question, index): Wait => ({
      index,
      target: question.envelope.to,
      request: question.envelope.id,
      dueAt: Number.MAX_SAFE_INTEGER,
    }))
    return { write: this.turn(address, message, 'waiting', { waits }, { messages: questions }), questions }
  }

  /** A reply to a question. */
  reply(question: NewMessage): NewMessage {
    const { from, to, id, trace } = question.envelope
    return fakeMessage({ from: to, to: from, re: id, cause: turnOf(id), trace })
  }

  /** The message as it is now. */
  async row(message: NewMessage | string): Promise<MessageRow> {
    const row = await this.space.message(idOf(message))
    assert.ok(row !== undefined)
    return row
  }

  /** The ids of what a mailbox gives out. */
  async mail(
    address: string,
    query: { trace?: string; after?: number; limit?: number } = {},
  ): Promise<readonly string[]> {
    const page = await this.space.mail(address, { limit: 100, ...query })
    return page.mail.map((mail) => mail.envelope.id)
  }

  async now(): Promise<number> {
    return this.space.now()
  }
}

/** The id of a message. */
export function idOf(message: NewMessage | string): string {
  return typeof message === 'string' ? message : message.envelope.id
}

/** One case: a fact, and what shows it. */
export type Case = readonly [fact: string, check: (kit: Kit) => Promise<void>]

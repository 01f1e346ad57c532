import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { TestContext } from 'node:test'
import { turnOf } from '../../../src/core/ids.ts'
import type { ChainHead, Lease, Outcome, SpaceStore, Write } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { createMemoryDatabase, openSqlite } from '../../../src/stores/sqlite/index.ts'
import {
  fakeChunk,
  fakeEvent,
  fakeJournal,
  fakeMessage,
  fakeRecord,
  fakeTurn,
  fakeWrite,
} from '../../../src/testing/fixtures.ts'
import { Prng } from '../../../src/testing/simulation/prng.ts'
import { PostgresServer } from '../../support/postgres/server.ts'

const START_MS = 1_800_000_000_000
const ADDRESSES = ['a', 'b', 'c/1', 'c/2'] as const
const NONE: ChainHead = { seq: -1, hash: '' }
const TERMS = { mailboxDepth: 15 }
const STREAMS = ['s1', 's2']
const BATCHES = 600
/** How often something is not as it should be. */
const WILD = 0.01

let server: PostgresServer

before(async () => {
  server = await PostgresServer.start({ settings: { shared_preload_libraries: 'pg_stat_statements' } })
})

after(() => server[Symbol.asyncDispose]())

/** The same space in several stores: what is done in one of the handles is done in the oracle, too. */
class Twins {
  readonly oracle: SpaceStore
  readonly handles: readonly SpaceStore[]
  readonly prng: Prng
  readonly #leases = new Map<string, Lease>()
  readonly #open: { readonly id: string; readonly to: string }[] = []
  readonly #chunks = new Map<string, number>()
  readonly #versions = new Map<string, number>()
  readonly #tick: () => number
  accepted = 0
  refused = 0

  constructor(oracle: SpaceStore, handles: readonly SpaceStore[], prng: Prng, tick: () => number) {
    this.oracle = oracle
    this.handles = handles
    this.prng = prng
    this.#tick = tick
  }

  /** One batch of a few writes, or a change of hands. */
  async step(handle: SpaceStore): Promise<void> {
    const now = this.#tick()
    if (this.#leases.size < ADDRESSES.length || this.prng.chance(WILD)) return this.#handOver(handle)
    const heads = new Map<string, ChainHead>()
    for (const author of [...ADDRESSES, 'client/one']) heads.set(author, await this.oracle.head(author))
    for (const stream of STREAMS) this.#versions.set(stream, await this.oracle.version(stream))
    const writes = Array.from({ length: this.prng.between(1, 3) }, () => this.#write(heads, now))
    const expected = await this.oracle.commit(writes, TERMS)
    const actual = await handle.commit(writes, TERMS)
    assert.deepEqual(actual.map(told), expected.map(told))
    this.#learn(writes, expected)
  }

  async #handOver(handle: SpaceStore): Promise<void> {
    const address = ADDRESSES[this.#leases.size] ?? this.#address()
    const worker = this.prng.chance(0.5) ? 'w1' : 'w2'
    const before = this.#leases.get(address)
    for (const space of [this.oracle, handle]) {
      await space.heartbeat(worker, 1_000_000, [])
      if (before !== undefined) await space.release(before.worker, [address])
    }
    const expected = await this.oracle.lease(address, worker)
    assert.deepEqual(await handle.lease(address, worker), expected)
    if (expected !== undefined) this.#leases.set(address, expected.lease)
  }

  #write(heads: Map<string, ChainHead>, now: number): Write {
    const message =
      this.#open.length === 0 ? undefined : this.#open[this.prng.between(0, this.#open.length - 1)]
    if (message === undefined || (this.#open.length < 20 && this.prng.chance(0.4)))
      return this.#send(heads, now)
    const lease = this.#leases.get(message.to) ?? { address: message.to, worker: 'nobody', epoch: 7 }
    const chunk = this.#chunks.get(message.id) ?? 0
    if (this.prng.chance(0.15)) {
      if (this.prng.chance(0.3)) return fakeJournal(lease, message.id)
      this.#chunks.set(message.id, chunk + 1)
      return fakeJournal(lease, message.id, { chunk: fakeChunk(turnOf(message.id), chunk) })
    }
    const head = heads.get(message.to) ?? NONE
    const record = fakeRecord(message.to, this.prng.chance(WILD) ? { ...head, seq: head.seq + 1 } : head)
    heads.set(message.to, record)
    const end = this.prng.chance(0.15) ? 'retry' : this.prng.chance(0.1) ? 'dead' : 'handled'
    const stream = this.prng.pick(STREAMS)
    const version = this.prng.chance(WILD) ? 77 : (this.#versions.get(stream) ?? 0)
    const appends = this.prng.chance(0.2)
    if (appends) this.#versions.set(stream, version + 1)
    const journals = this.prng.chance(0.1)
    if (journals) this.#chunks.set(message.id, chunk + 1)
    return fakeWrite(record, {
      lease,
      turn: fakeTurn(message.id, end, end === 'retry' ? { attempts: 1, dueAt: now + 5 } : {}),
      ...(this.prng.chance(0.4) && { messages: [fakeMessage({ to: this.#address(), from: message.to })] }),
      ...(appends && { events: [fakeEvent(stream, version + 1)] }),
      ...(this.prng.chance(0.2) && { reads: [{ stream, version }] }),
      ...(journals && { journal: fakeChunk(turnOf(message.id), chunk) }),
    })
  }

  #send(heads: Map<string, ChainHead>, now: number): Write {
    const record = fakeRecord('client/one', heads.get('client/one') ?? NONE)
    heads.set('client/one', record)
    const message = fakeMessage({
      to: this.#address(),
      ...(this.prng.chance(0.2) && { deadline: now + this.prng.between(1, 200) }),
      ...(this.prng.chance(0.1) && { dueAt: now + this.prng.between(-5, 30) }),
      ...(this.prng.chance(WILD) && { key: `k${this.prng.between(0, 5)}` }),
    })
    const cancels = this.prng.chance(WILD) ? (this.#open.at(-1)?.id ?? null) : null
    return fakeWrite(record, { messages: [message], cancels })
  }

  #learn(writes: readonly Write[], outcomes: readonly Outcome[]): void {
    for (const [at, write] of writes.entries()) {
      const accepted = outcomes[at]?.type === 'accepted'
      if (accepted) this.accepted += 1
      else this.refused += 1
      this.#settle(write, outcomes[at])
      const chunk = write.type === 'journal' ? write.chunk : write.journal
      if (chunk !== null && !accepted) this.#chunks.set(`msg_${chunk.turn.slice(5)}`, chunk.chunk)
      if (write.type === 'journal' || !accepted) continue
      for (const { envelope } of write.messages) this.#open.push({ id: envelope.id, to: envelope.to })
    }
  }

  /** A message that is over is left alone, but for now and then. */
  #settle(write: Write, outcome: Outcome | undefined): void {
    const message = write.type === 'journal' ? write.message : write.turn?.message
    const ended = write.type === 'record' && write.turn?.end !== 'retry' && outcome?.type === 'accepted'
    const over = ended || outcome?.type === 'ended' || outcome?.type === 'expired'
    const at = this.#open.findIndex(({ id }) => id === message)
    if (over && at >= 0 && !this.prng.chance(WILD)) this.#open.splice(at, 1)
  }

  #address(): string {
    return ADDRESSES[this.prng.between(0, ADDRESSES.length - 1)] ?? 'a'
  }
}

/** The place of a message that is over is kept by one store and not by the other. */
function told(outcome: Outcome): unknown {
  return JSON.parse(JSON.stringify(outcome, (name, value: unknown) => (name === 'queue' ? 0 : value)))
}

test('what is known is judged as what is loaded, alone and beside others', { timeout: 60_000 }, async (t) => {
  await server.query('create extension pg_stat_statements')
  const loads = async (): Promise<number> => {
    const [row] = await server.query(
      `select coalesce(sum(calls), 0) as calls from pg_stat_statements
       where query like 'select address, worker, epoch%'`,
    )
    return Number(row?.['calls'])
  }
  let time = START_MS
  const now = (): number => time
  const url = `${server.url(await server.createDatabase())}?connections=3`
  const database = createMemoryDatabase()
  const record = fakeRecord('@owner', NONE)
  const stores = [openSqlite({ database }, { now }), openPostgres(url, { now }), openPostgres(url, { now })]
  t.after(async () => {
    for (const store of stores) await store.close()
    database.close()
  })
  const [oracle, ...handles] = await Promise.all(
    stores.map(async (store) => {
      const space = await store.space('twins', { record })
      assert.ok(space !== undefined)
      return space
    }),
  )
  const [first, second] = handles
  assert.ok(oracle !== undefined && first !== undefined && second !== undefined)
  const prng = new Prng(20_261_122)
  const twins = new Twins(oracle, handles, prng, () => (time += prng.between(0, 3)))
  for (let batch = 0; batch < BATCHES; batch++) await twins.step(first)
  const alone = await loads()
  assert.ok(alone < BATCHES / 2, `${alone} of ${BATCHES} batches were loaded`)
  // Now and then the other writes, and what the first one knows is not true any more.
  for (let batch = 0; batch < BATCHES; batch++) await twins.step(prng.chance(0.2) ? second : first)
  assert.ok(twins.accepted > BATCHES && twins.refused > BATCHES / 4, `${twins.accepted}, ${twins.refused}`)
  const { messages, mailboxes } = await oracle.status()
  for (const handle of handles) {
    const status = await handle.status()
    assert.deepEqual({ ...status.messages }, { ...messages })
    assert.deepEqual(status.mailboxes, mailboxes)
  }
})

/** Two handles of one new space, as two processes have them. */
async function pairFor(t: TestContext, now?: () => number): Promise<readonly [SpaceStore, SpaceStore]> {
  const url = `${server.url(await server.createDatabase())}?connections=3`
  const record = fakeRecord('@owner', NONE)
  const open = async (): Promise<SpaceStore> => {
    const store = openPostgres(url, now === undefined ? {} : { now })
    t.after(() => store.close())
    const space = await store.space('shared', { record })
    assert.ok(space !== undefined)
    return space
  }
  return [await open(), await open()]
}

test('a worker whose lease another has taken is refused by the process that knows it as held', async (t) => {
  let time = START_MS
  const [first, second] = await pairFor(t, () => time)
  await first.heartbeat('w1', 1_000, [])
  await second.heartbeat('w2', 1_000_000, [])
  const lease = (await first.lease('a', 'w1'))?.lease
  assert.ok(lease !== undefined)
  let head: ChainHead = NONE
  const commit = async (): Promise<string | undefined> => {
    const record = fakeRecord('a', head)
    const [outcome] = await first.commit([fakeWrite(record, { lease })], TERMS)
    if (outcome?.type === 'accepted') head = record
    return outcome?.type
  }
  // By the third, this process knows what it needs.
  for (let i = 0; i < 3; i++) assert.equal(await commit(), 'accepted')
  time += 1_000
  assert.equal((await second.lease('a', 'w2'))?.takenOver, true)
  assert.equal(await commit(), 'fenced')
  assert.equal((await second.head('a')).seq, 2)
})

test('a journal entry for a turn that another process has ended is refused by who knows it as open', async (t) => {
  const [first, second] = await pairFor(t)
  const lease = (await first.lease('a', 'w1'))?.lease
  assert.ok(lease !== undefined)
  const message = fakeMessage({ to: 'a' })
  const { id } = message.envelope
  await first.commit([fakeWrite(fakeRecord('client/one', NONE), { messages: [message] })], TERMS)
  const entry = (chunk: number): Write => fakeJournal(lease, id, { chunk: fakeChunk(turnOf(id), chunk) })
  for (let chunk = 0; chunk < 3; chunk++)
    assert.equal((await first.commit([entry(chunk)], TERMS))[0]?.type, 'accepted')
  const end = fakeWrite(fakeRecord('a', NONE), { lease, turn: fakeTurn(id, 'handled') })
  assert.equal((await second.commit([end], TERMS))[0]?.type, 'accepted')
  assert.deepEqual(await first.commit([entry(3)], TERMS), [{ type: 'ended', state: 'handled' }])
  assert.equal((await second.journal(turnOf(id))).length, 3)
})

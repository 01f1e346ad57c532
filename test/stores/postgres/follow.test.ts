import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import type { ChainHead, Outcome, RecordWrite, SpaceStore } from '../../../src/ports/store.ts'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../../src/testing/fixtures.ts'
import { seededFaults } from '../../support/postgres/fault-plan.ts'
import { sharedPostgres } from '../../support/postgres/keeper.ts'
import { commitAll, requireOnce, scene } from './lost-scene.ts'

const START_MS = 1_800_000_000_000
const NONE: ChainHead = { seq: -1, hash: '' }
const TERMS = { mailboxDepth: 1_000_000 }
const LIMIT = { timeout: 60_000 }
const SEED = Number(process.env['SEED'] ?? 3)
const ROUNDS = 60

/** Two handles of one space that are told of nothing: what they know is what they have written. */
async function pairFor(
  t: TestContext,
  now?: () => number,
): Promise<readonly [SpaceStore, SpaceStore, string]> {
  const server = await sharedPostgres()
  const database = await server.createDatabase()
  const record = fakeRecord('@owner', NONE)
  const open = async (): Promise<SpaceStore> => {
    const store = openPostgres(`${server.url(database)}?notify=false`, now === undefined ? {} : { now })
    t.after(() => store.close())
    const space = await store.space('team', { record })
    assert.ok(space !== undefined)
    return space
  }
  return [await open(), await open(), database]
}

function write(author: string, head: ChainHead, given: { readonly deadline?: number } = {}): RecordWrite {
  return fakeWrite(fakeRecord(author, head), {
    messages: [fakeMessage({ to: 'reviewer', from: author, ...given })],
  })
}

/** Lets these authors write, until the space is known to have them. */
async function warm(space: SpaceStore, ...authors: readonly string[]): Promise<Warm> {
  const writes: RecordWrite[] = []
  const heads = new Map<string, ChainHead>()
  for (let round = 0; round < 3; round++)
    for (const author of authors) {
      const next = write(author, heads.get(author) ?? NONE)
      assert.deepEqual(types(await space.commit([next], TERMS)), ['accepted'])
      heads.set(author, next.record)
      writes.push(next)
    }
  return { writes, next: (author, given) => write(author, heads.get(author) ?? NONE, given) }
}

interface Warm {
  readonly writes: readonly RecordWrite[]
  /** The next record of an author. */
  readonly next: (author: string, given?: { readonly deadline?: number }) => RecordWrite
}

/** Begins two batches without waiting for the first. */
function both(
  space: SpaceStore,
  first: RecordWrite,
  second: RecordWrite,
): readonly [Promise<readonly Outcome[]>, Promise<readonly Outcome[] | undefined>] {
  const committing = space.commit([first], TERMS)
  // What is under way is so from the next turn of the event loop on: the store finds a connection first.
  const following = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
    const follow = space.follow?.()
    assert.ok(follow !== undefined, 'nothing can follow')
    return follow([second], TERMS)
  })
  return [committing, following]
}

function types(outcomes: readonly Outcome[] | undefined): readonly string[] | undefined {
  return outcomes?.map(({ type }) => type)
}

test('a batch follows one that is under way: both are written, in their order', LIMIT, async (t) => {
  const [space, other] = await pairFor(t)
  const { writes: before, next } = await warm(space, 'client/one')
  const first = next('client/one')
  const second = write('client/one', first.record)
  const [committing, following] = both(space, first, second)
  assert.deepEqual(types(await committing), ['accepted'])
  assert.deepEqual(types(await following), ['accepted'])
  assert.equal(space.follow?.(), undefined)
  await requireOnce(other, [...before, first, second])
  const records = await other.records(0, 10)
  assert.deepEqual(
    records.slice(-2).map(({ hash }) => hash),
    [first.record.hash, second.record.hash],
  )
})

test('what follows a batch in whose place a stranger has written is not written', LIMIT, async (t) => {
  const [space, stranger] = await pairFor(t)
  const { writes: before, next } = await warm(space, 'client/one', 'client/two')
  // The space is now as the first batch would leave it, if only its stamp were looked at.
  const foreign = await commitAll(stranger, 'client/stranger', 1)
  const [first, second] = [next('client/one'), next('client/two')]
  const [committing, following] = both(space, first, second)
  assert.deepEqual(types(await committing), ['accepted'])
  assert.equal(await following, undefined)
  assert.equal((await stranger.head('client/two')).seq, second.record.seq - 1)
  assert.deepEqual(types(await space.commit([second], TERMS)), ['accepted'])
  await requireOnce(stranger, [...before, ...foreign, first, second])
})

test('what follows a batch that time has made wrong is not written', LIMIT, async (t) => {
  let time = START_MS
  const [space, other] = await pairFor(t, () => time)
  const { next } = await warm(space, 'client/one', 'client/two')
  const lease = (await space.lease('reviewer', 'worker'))?.lease
  assert.ok(lease !== undefined)
  const late = next('client/one', { deadline: time + 10 })
  assert.deepEqual(types(await space.commit([late], TERMS)), ['accepted'])
  const message = late.messages[0]
  assert.ok(message !== undefined)
  const turn = {
    message: message.envelope.id,
    end: 'handled',
    attempts: 0,
    dueAt: null,
    error: null,
    waits: [],
  } as const
  const first = fakeWrite(fakeRecord('reviewer', NONE), { lease, turn })
  const second = next('client/two')
  // The first is judged by the time of the commit before it: the deadline passes on its way.
  time += 20
  const [committing, following] = both(space, first, second)
  assert.deepEqual(types(await committing), ['expired'])
  assert.equal(await following, undefined)
  assert.equal((await other.head('client/two')).seq, second.record.seq - 1)
  assert.equal((await other.head('reviewer')).seq, -1)
})

test('a commit that waits for its turn is not kept waiting by what follows others', LIMIT, async (t) => {
  const [space] = await pairFor(t)
  const { next } = await warm(space, 'client/one')
  const committing = space.commit([next('client/one')], TERMS)
  await new Promise<void>((resolve) => setImmediate(resolve))
  const leasing = space.lease('reviewer', 'worker')
  assert.equal(space.follow?.(), undefined)
  assert.deepEqual(types(await committing), ['accepted'])
  assert.notEqual(await leasing, undefined)
})

test(
  'connections break under two batches at once: each is written once or found not to be',
  LIMIT,
  async (t) => {
    const { proxy, space, direct } = await scene(t)
    const { writes: before, next } = await warm(space, 'client/one')
    const writes = [...before]
    proxy.plan = seededFaults({ seed: SEED, every: 5 })
    let [followed, first] = [0, next('client/one')]
    for (let round = 0; round < ROUNDS; round++) {
      const second = write('client/one', first.record)
      const committing = space.commit([first], TERMS)
      await new Promise<void>((resolve) => setImmediate(resolve))
      const following = space.follow?.()?.([second], TERMS)
      assert.deepEqual(types(await committing), ['accepted'])
      const outcomes = await following
      if (outcomes !== undefined) followed += 1
      assert.deepEqual(types(outcomes ?? (await space.commit([second], TERMS))), ['accepted'])
      writes.push(first, second)
      first = write('client/one', second.record)
    }
    proxy.plan = undefined
    assert.ok(followed > ROUNDS / 4, `${followed} have followed`)
    assert.ok(proxy.happened.length > 5, `${proxy.happened.length} faults`)
    await requireOnce(direct, writes)
  },
)

test('what a lost connection may still hold is not written once it was found missing', LIMIT, async (t) => {
  const { proxy, space, direct, url } = await scene(t)
  const server = await sharedPostgres()
  const database = new URL(url).pathname.slice(1)
  const stamp = async (): Promise<number> => {
    const [row] = await server.query('select stamp::integer as n from coterie.spaces', [], database)
    return Number(row?.['n'])
  }
  const { writes: before, next } = await warm(space, 'client/one')
  const start = await stamp()
  proxy.plan = (point) => {
    if (point.phase !== 'statement') return undefined
    proxy.plan = undefined
    return { how: 'reset' }
  }
  const last = next('client/one')
  assert.deepEqual(types(await space.commit([last], TERMS)), ['accepted'])
  assert.equal(proxy.happened.length, 1)
  // Whoever came too late would find another stamp than that under which it was judged, before the second try, too.
  assert.equal((await stamp()) - start, 2)
  await requireOnce(direct, [...before, last])
})

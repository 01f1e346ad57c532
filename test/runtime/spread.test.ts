import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { agent, on } from '../../src/index.ts'
import type { AnyAgent, Space } from '../../src/index.ts'
import type { SpaceStore } from '../../src/ports/store.ts'
import { openStore } from '../../src/open.ts'
import { gate, number, recordsOf, start, tempUrl, test, until } from './helpers.ts'
import type { Gate } from './helpers.ts'
import { rig } from './rig.ts'

const LEASE_MS = 1_200
/** For a test in which thousands of messages are handled: a machine that is busy must not lose its leases. */
const LONG_LEASE_MS = 4_000

/** A worker of its own process, as far as the store can tell, with what it asks of the store. */
interface Member {
  readonly space: Space
  readonly calls: Map<string, number>
  readonly handled: string[]
  asked: number
  granted: number
}

const ref = agent('worker', { take: on({ input: number }, () => undefined) }).take

async function join(
  t: TestContext,
  url: string,
  { held, leaseMs = LEASE_MS }: { readonly held?: Gate; readonly leaseMs?: number } = {},
): Promise<Member> {
  const calls = new Map<string, number>()
  const handled: string[] = []
  const worker: AnyAgent = agent('worker', {
    take: on({ input: number }, async ({ self }, n) => {
      if (n < 0) await held?.opened
      handled.push(`${self} ${n}`)
    }),
  })
  const member = { calls, handled, asked: 0, granted: 0 }
  const change = (space: SpaceStore): Partial<SpaceStore> => ({
    ...counting(space, calls),
    leases: async (addresses, id) => {
      member.asked += addresses.length
      const grants = await space.leases(addresses, id)
      member.granted += grants.length
      return grants
    },
  })
  const space = await rig(t, url, { agents: [worker], limits: { leaseMs, pollMs: 10 }, change })
  return Object.assign(member, { space })
}

function counting(space: SpaceStore, calls: Map<string, number>): Partial<SpaceStore> {
  const names = ['heartbeat', 'workers', 'work', 'promote', 'due', 'nextDueAt', 'expirable', 'chain'] as const
  const wrapped = names.map((name) => [
    name,
    (...args: readonly unknown[]): unknown => {
      calls.set(name, (calls.get(name) ?? 0) + 1)
      return Reflect.apply(Reflect.get(space, name) as () => unknown, space, args)
    },
  ])
  return Object.fromEntries(wrapped) as Partial<SpaceStore>
}

async function feed(space: Space, addresses: number, n: number): Promise<void> {
  await Promise.all(Array.from({ length: addresses }, (_, key) => space.send(ref, n, { key: `k${key}` })))
}

async function holders(space: Space): Promise<ReadonlyMap<string | null, readonly string[]>> {
  const { mailboxes } = await space.status()
  return Map.groupBy(mailboxes, ({ worker }) => worker) as never
}

async function allHandled(members: readonly Member[], count: number, withinMs = 20_000): Promise<void> {
  const handled = (): number => members.reduce((sum, member) => sum + member.handled.length, 0)
  await until(`${count} are handled`, () => handled() >= count, withinMs)
}

test('workers that join get equal shares, and hardly ask for what they do not get', async (t) => {
  const addresses = 800
  const url = tempUrl(t)
  const enter = (): Promise<Member> => join(t, url, { leaseMs: LONG_LEASE_MS })
  const members = [await enter()]
  const client = await start(t, [], { url })
  await feed(client, addresses, 0)
  await allHandled(members, addresses)
  assert.equal(members[0]?.granted, addresses)

  members.push(await enter(), await enter(), await enter())
  await delay(LONG_LEASE_MS / 2)
  for (const n of [1, 2]) {
    await feed(client, addresses, n)
    await allHandled(members, addresses * (n + 1))
  }
  const shares = await holders(client)
  const workers = [...shares].filter(([worker]) => worker !== null)
  assert.equal(workers.length, 4)
  for (const [worker, held] of workers) {
    assert.ok(Math.abs(held.length / (addresses / 4) - 1) < 0.25, `${String(worker)} has ${held.length}`)
  }
  const asked = members.reduce((sum, member) => sum + member.asked, 0)
  // Each address once for the first worker, and three of four once more for those that joined.
  assert.ok(asked < addresses * 1.75 * 1.2, `${asked} attempts`)
})

test('the addresses of a worker that falls silent are shared out at once when it lapses', async (t) => {
  const addresses = 300
  const url = tempUrl(t)
  const members = [await join(t, url), await join(t, url)]
  const client = await start(t, [], { url })
  const store = openStore(url)
  t.after(() => store.close())
  const ghost = await store.space('main')
  assert.ok(ghost !== undefined)
  await ghost.heartbeat('ghost', LEASE_MS, ['worker'])
  const lapsesAt = performance.now() + LEASE_MS
  const keys = Array.from({ length: addresses }, (_, key) => `worker/k${key}`)
  assert.equal((await ghost.leases(keys, 'ghost')).length, addresses)

  await feed(client, addresses, 0)
  await allHandled(members, addresses)
  const late = performance.now() - lapsesAt
  assert.ok(late < LEASE_MS, `${late} ms after the lapse`)
  for (const { handled } of members) assert.ok(handled.length > addresses / 4, `${handled.length}`)
  const asked = members.reduce((sum, member) => sum + member.asked, 0)
  assert.ok(asked < addresses * 1.25, `${asked} attempts`)
})

test('no turn is interrupted when a worker joins: its address moves behind it, in order', async (t) => {
  const addresses = 24
  const url = tempUrl(t)
  const held = gate()
  const first = await join(t, url, { held })
  const client = await start(t, [], { url })
  await feed(client, addresses, -1)
  for (const n of [1, 2, 3]) await feed(client, addresses, n)
  await until('all are held', () => first.granted === addresses)
  const second = await join(t, url, { held })
  await delay(LEASE_MS)
  assert.equal((await holders(client)).get(null), undefined)
  assert.equal((await client.status()).workers.length, 2)
  assert.deepEqual([second.granted, second.handled.length], [0, 0])

  held.open()
  await allHandled([first, second], addresses * 4)
  await until('all is durable', async () => (await client.status()).messages.handled === addresses * 4)
  assert.ok(second.handled.length > 0)
  assert.equal(new Set([...first.handled, ...second.handled]).size, addresses * 4)
  const order = new Map<string, number[]>()
  for (const { body } of await recordsOf(client)) {
    if (body.turn === undefined) continue
    const { payload } = (await client.store.message(body.turn.message.id)) ?? { payload: '' }
    order.set(body.author, [...(order.get(body.author) ?? []), Number(payload)])
  }
  assert.equal(order.size, addresses)
  for (const [address, numbers] of order) assert.deepEqual(numbers, [-1, 1, 2, 3], address)
})

test('what a worker leaves when it closes is taken by those that stay', async (t) => {
  const addresses = 60
  const url = tempUrl(t)
  const [stays, leaves] = [await join(t, url), await join(t, url)]
  const client = await start(t, [], { url })
  await delay(LEASE_MS)
  await feed(client, addresses, 0)
  await allHandled([stays, leaves], addresses)
  assert.ok(leaves.handled.length > 0)
  await leaves.space.close()
  const closedAt = performance.now()
  await feed(client, addresses, 1)
  await allHandled([stays, leaves], addresses * 2)
  // Its addresses lie there: that says at once that it has left, and not only the next heartbeat.
  const late = performance.now() - closedAt
  assert.ok(late < LEASE_MS / 3, `${late} ms`)
})

test('what falls to a worker that lives and does not come is taken by another within a lease', async (t) => {
  const addresses = 40
  const url = tempUrl(t)
  const store = openStore(url)
  const members = [await join(t, url)]
  const client = await start(t, [], { url })
  const lazy = await store.space('main')
  assert.ok(lazy !== undefined)
  const beat = (): Promise<unknown> => lazy.heartbeat('lazy', LEASE_MS, ['worker'])
  await beat()
  const beats = setInterval(() => void beat(), LEASE_MS / 4)
  t.after(async () => {
    clearInterval(beats)
    await store.close()
  })
  await delay(LEASE_MS / 2)
  await feed(client, addresses, 0)
  await delay(LEASE_MS / 6)
  const own = members[0]?.handled.length ?? 0
  assert.ok(own > 0 && own < addresses, `${own} fall to the one that comes`)
  await allHandled(members, addresses, LEASE_MS * 1.5)
})

test('an idle worker asks the store a dozen questions in a lease, however many others live', async (t) => {
  const url = tempUrl(t)
  const members = [await join(t, url), await join(t, url), await join(t, url)]
  const client = await start(t, [], { url })
  await feed(client, 300, 0)
  await allHandled(members, 300)
  await delay(LEASE_MS)
  for (const { calls } of members) calls.clear()
  await delay(LEASE_MS * 2)
  for (const { calls } of members) {
    const total = [...calls.values()].reduce((sum, n) => sum + n, 0)
    assert.ok(total <= 32, JSON.stringify([...calls]))
  }
})

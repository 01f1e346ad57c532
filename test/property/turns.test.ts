/**
 * The real runtime and the real store against an oracle that knows nothing of either: a list of messages, and
 * what a list would look like if each had its effect once, whole, and in order.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { SpaceStore } from '../../src/ports/store.ts'
import { CALM, simulate } from '../../src/testing/index.ts'
import type { Op, Place, Request, Script, Swarm } from '../../src/testing/index.ts'

const RUNS = 60

/** One message from one agent to another, and how its handler fares. */
interface Plan {
  readonly to: Place
  readonly fate: 'fine' | 'stumbles' | 'waits' | 'poison'
  readonly children: number
}

const places: readonly Place[] = [
  { agent: 'beta', handler: 'plain' },
  { agent: 'gamma', handler: 'plain' },
  { agent: 'delta', key: '1', handler: 'plain' },
]
const plans = fc.array(
  fc.record<Plan>({
    to: fc.constantFrom(...places),
    fate: fc.constantFrom('fine', 'fine', 'stumbles', 'waits', 'poison'),
    children: fc.nat({ max: 2 }),
  }),
  { maxLength: 8 },
)
const faults: fc.Arbitrary<Swarm> = fc
  .record({
    processes: fc.integer({ min: 1, max: 3 }),
    latencyMs: fc.constantFrom(0, 5),
    crashesBefore: fc.constantFrom(0, 0.03),
    crashesAfter: fc.constantFrom(0, 0.03),
    pauseEveryMs: fc.constantFrom(0, 700),
    falsePulses: fc.constantFrom(0, 0.3),
  })
  .map((some) => ({ ...CALM, leaseMs: 600, ...some }))
const seeds = fc.nat({ max: 1_000_000 })

/** What a handler does: it notes that it ran, has children, and notes that it came to its end. */
function scriptOf({ to, fate, children }: Plan, index: number): Script {
  const id = `m${index}`
  const middle: Readonly<Record<Plan['fate'], readonly Op[]>> = {
    fine: [],
    stumbles: [{ op: 'stumble', attempts: 2 }],
    waits: [{ op: 'sleep', ms: 20 }],
    poison: [{ op: 'poison' }],
  }
  const sends = Array.from({ length: children }, (_, child): Op => {
    const note: Op = { op: 'append', stream: `children of ${id}` }
    return {
      op: 'send',
      to: { agent: 'alpha', handler: 'plain' },
      script: { id: `${id}.${child}`, ops: [note] },
    }
  })
  const note: Op = { op: 'append', stream: `at ${to.agent}` }
  return { id, ops: [note, ...sends, ...middle[fate], note] }
}

/** One request that makes alpha send all of them, in order: one lane to each recipient. */
function requestOf(list: readonly Plan[]): Request {
  const ops = list.map((plan, index): Op => ({ op: 'send', to: plan.to, script: scriptOf(plan, index) }))
  const to: Place = { agent: 'alpha', handler: 'plain' }
  return { atMs: 10, do: 'send', to, script: { id: 'root', ops }, idempotencyKey: 'root' }
}

async function notes(space: SpaceStore, stream: string): Promise<readonly string[]> {
  const { events } = await space.stream(stream)
  return events.map(({ data }) => (JSON.parse(data) as { readonly by: string }).by)
}

/** Runs the plan, and tells what was noted at each recipient and by each one's children. */
async function outcome(
  seed: number,
  swarm: Swarm,
  list: readonly Plan[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, readonly string[]>()
  const { violations } = await simulate(seed, {
    swarm,
    load: [requestOf(list)],
    examine: async (space) => {
      for (const { agent } of places) found.set(agent, await notes(space, `at ${agent}`))
      for (const index of list.keys()) found.set(`m${index}`, await notes(space, `children of m${index}`))
    },
  })
  assert.deepEqual(violations, [])
  return found
}

test('each message has its effect once, whole, and in the order sent, whatever crashes', async () => {
  let effective = 0
  await fc.assert(
    fc.asyncProperty(seeds, faults, plans, async (seed, swarm, list) => {
      const found = await outcome(seed, swarm, list)
      // When the process dies before the first message is written, nobody has sent anything.
      const sent =
        [...found.values()].some((seen) => seen.length > 0) || list.every(({ fate }) => fate === 'poison')
      if (!sent) return
      effective += 1
      for (const { agent } of places) {
        const expected = list.flatMap(({ to, fate }, index) =>
          to.agent === agent && fate !== 'poison' ? [`m${index}`] : [],
        )
        const seen = found.get(agent) ?? []
        // They begin in the order sent; while one of them waits, the next may run: they are of one trace.
        assert.deepEqual([...new Set(seen)], expected)
        assert.deepEqual(seen.toSorted(), expected.flatMap((id) => [id, id]).toSorted())
      }
      for (const [index, { fate, children }] of list.entries()) {
        const expected =
          fate === 'poison' ? [] : Array.from({ length: children }, (_, child) => `m${index}.${child}`)
        assert.deepEqual(found.get(`m${index}`), expected)
      }
    }),
    { numRuns: RUNS, seed: 20_261_122 },
  )
  assert.ok(effective > RUNS * 0.8, `messages were sent in ${effective} runs only`)
})

test('without faults every message arrives', async () => {
  await fc.assert(
    fc.asyncProperty(seeds, plans, async (seed, list) => {
      const found = await outcome(seed, CALM, list)
      const expected = list.flatMap(({ fate }, index) =>
        fate === 'poison' ? [] : [`m${index}`, `m${index}`],
      )
      const seen = places.flatMap(({ agent }) => found.get(agent) ?? [])
      assert.deepEqual(seen.toSorted(), expected.toSorted())
    }),
    { numRuns: RUNS, seed: 20_261_122 },
  )
})

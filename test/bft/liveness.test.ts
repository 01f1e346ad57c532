import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broken, liar, partition, runs } from './scenarios.ts'

const HEIGHTS = 240
const TAIL = 120
const FAST = { msMin: 1, msMax: 2, heavyTail: 0, drop: 0, duplicate: 0, corrupt: 0 }
const busy = {
  links: FAST,
  healMs: 0,
  submissions: Array.from({ length: HEIGHTS }, () => ({ at: 0, member: 0 })),
}

/** How long the last heights of a busy council took, in virtual milliseconds. */
function tailMs(liars: Parameters<typeof liar>[1][]): number {
  const [result] = runs(1, () => ({ ...busy, liars: liars.map((name) => liar(2, name)) }), {
    batchOperations: 1,
  })
  assert.ok(result !== undefined)
  assert.deepEqual(broken([result]), [])
  assert.equal(result.decidedAt.length, HEIGHTS)
  return (result.decidedAt.at(-1) ?? 0) - (result.decidedAt.at(-TAIL) ?? 0)
}

test('L6: a leader that is silent, or just not too late, cannot cut the rate below half for long', () => {
  const honest = tailMs([])
  for (const lie of ['silent', 'slow-leader', 'drops-own-votes'] as const) {
    const slowed = tailMs([lie])
    assert.ok(slowed < 2 * honest, `${lie}: ${slowed} ms, ${honest} ms when all are honest`)
  }
})

/** A council of which nothing could be decided before its network healed. */
const SPLIT = partition({ at: 0, from: [0, 1], to: [2, 3], untilMs: 5_000 })

test('L1: when the network is whole again, the next height is decided within a few round trips', () => {
  const results = runs(20, (seed) => ({
    liars: [liar(seed % 4, 'silent')],
    healMs: 1_500,
    faults: [SPLIT],
  }))
  assert.deepEqual(broken(results), [])
  for (const { decidedAt, script } of results) {
    const [first = Number.POSITIVE_INFINITY] = decidedAt
    assert.ok(first > script.healMs && first < script.healMs + 40 * script.deltaMs, `decided at ${first}`)
  }
})

test('L3: a member that was down for most of the run has all that was decided, soon after', () => {
  const down = {
    kind: 'crash',
    at: 30,
    member: 1,
    operations: 0,
    downMs: 5_000,
    survives: 0,
    forgets: 0,
  } as const
  const results = runs(20, (seed) => ({
    liars: [liar(seed % 2 === 0 ? 0 : 3, 'forges-status')],
    healMs: 5_000,
    submissions: Array.from({ length: 40 }, (_, at) => ({ at: at * 60, member: 2 })),
    faults: [down],
  }))
  // The oracle waits until it has, for half a minute at most.
  assert.deepEqual(broken(results), [])
  assert.ok(results.every(({ counts }) => counts.heights >= 20))
})

test('L4: views do not go on changing when the network is whole again', () => {
  const results = runs(20, (seed) => ({
    liars: [liar(seed % 4, 'nullifies-only')],
    healMs: 3_000,
    faults: [{ kind: 'isolate-leader', at: 0, untilMs: 3_000 }],
  }))
  assert.deepEqual(broken(results), [])
  assert.ok(results.some(({ counts }) => counts.viewsMax > 2))
  // The last heights were decided by the first honest leader.
  for (const { turns } of results) assert.ok((turns.at(-1) ?? 9) <= 3, `${turns.at(-1)} turns`)
})

test('L2: what an honest member hands in is decided within the turns of one leader more than may lie', () => {
  const results = runs(20, (seed) => ({
    liars: [liar(seed % 4, 'omits-operations')],
    submissions: [{ at: 0, member: (seed + 1) % 4 }],
  }))
  assert.deepEqual(broken(results), [])
  for (const { turns } of results) {
    const taken = turns.slice(0, 2).reduce((sum, one) => sum + one, 0)
    assert.ok(taken <= 3, `${taken} turns`)
  }
})

test('L5: a council that has nothing to do stays in the first view of its height, whatever a liar does', () => {
  const results = runs(12, (seed) => ({
    liars: [liar(seed % 4, 'nullifies-only', 'floods', 'forges-status')],
    submissions: [],
  }))
  assert.deepEqual(broken(results), [])
  assert.ok(results.every(({ counts }) => counts.heights === 0 && counts.viewsMax === 0))
})

test('in a good network without liars every height is decided in its first view', () => {
  const results = runs(20, () => ({}))
  assert.deepEqual(broken(results), [])
  assert.ok(results.every(({ turns }) => turns.every((one) => one === 1)))
})

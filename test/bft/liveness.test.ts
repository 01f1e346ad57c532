import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broken, liar, runs } from './scenarios.ts'

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

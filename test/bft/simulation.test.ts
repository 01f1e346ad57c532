import assert from 'node:assert/strict'
import { test } from 'node:test'
import { councilFailureText, councilReplayCommand, shrink } from '../../src/testing/council/report.ts'
import { simulateCouncil, type CouncilResult } from '../../src/testing/council/simulate.ts'

const SEEDS = Number(process.env['SIM_COUNCIL_SEEDS'] ?? 5_000)

test(`keeps every promise under the faults and liars of ${SEEDS} seeds`, { timeout: 1_500_000 }, (t) => {
  const failed: CouncilResult[] = []
  const totals = { deliveries: 0, heights: 0, faults: 0, lies: 0 }
  let later = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const result = simulateCouncil(seed)
    for (const name of ['deliveries', 'heights', 'faults', 'lies'] as const)
      totals[name] += result.counts[name]
    if (result.counts.viewsMax > 0) later += 1
    if (result.violations.length > 0) failed.push(result)
  }
  const { deliveries, heights, faults, lies } = totals
  t.diagnostic(`${deliveries} deliveries, ${heights} heights, ${faults} faults, ${lies} lies`)
  // A simulation in which nothing happens, or nothing goes wrong, proves nothing.
  assert.ok(heights > SEEDS, `only ${heights} heights`)
  assert.ok(faults > SEEDS, `only ${faults} faults`)
  assert.ok(lies > SEEDS * 10, `only ${lies} lies`)
  assert.ok(later > SEEDS / 3, `only ${later} runs with a change of view`)
  assert.deepEqual(
    failed.slice(0, 3).map((result) => councilFailureText(result)),
    [],
  )
})

test('S11: when more lie than can be tolerated, a fork names more weight than may lie, and nobody honest', () => {
  let forks = 0
  for (let seed = 1; seed <= 400; seed++) {
    const result = simulateCouncil(seed, { liars: 2 })
    assert.deepEqual(result.violations, [], councilReplayCommand(seed, 2))
    if (result.forked) forks += 1
  }
  assert.ok(forks > 10, `only ${forks} forks`)
})

test('happens the same when a seed is run again, and differently with another one', () => {
  const hashes = new Set<string>()
  for (const seed of [3, 17, 40, 41, 77]) {
    const first = simulateCouncil(seed)
    const second = simulateCouncil(seed)
    assert.equal(second.hash, first.hash, councilReplayCommand(seed))
    assert.deepEqual(second.counts, first.counts)
    hashes.add(first.hash)
  }
  assert.equal(hashes.size, 5)
})

test('tells of a seed that failed what was broken, how to replay it, and the smallest script', () => {
  const result = simulateCouncil(1)
  const violations = [{ rule: 'S1', detail: 'two' }]
  const text = councilFailureText({ ...result, violations })
  assert.match(text, /^seed 1 broke:\n {2}S1: two\n {2}npm run sim:council -- --seeds 1 --from 1 --verbose\n/)
})

test('cuts a script down to what is needed to break the same promise', () => {
  const result = simulateCouncil(1)
  // Of a promise that is broken by any script at all, nothing is left but the empty one.
  const small = shrink(result, () => true)
  assert.deepEqual([small.faults, small.liars, small.submissions], [[], [], []])
  const needed = result.script.submissions.at(-1)
  assert.deepEqual(
    shrink(result, ({ submissions }) => submissions.includes(needed ?? { at: 0, member: 0 })).submissions,
    [needed],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulate } from '../../src/testing/index.ts'
import type { SimulationResult } from '../../src/testing/index.ts'
import { failureText, replayCommand, runSeeds } from './fleet.ts'

const SEEDS = Number(process.env['SIM_SEEDS'] ?? 2_000)

test(`keeps every promise under the faults of ${SEEDS} seeds`, { timeout: 1_500_000 }, async (t) => {
  const failed: SimulationResult[] = []
  let faults = 0
  let messages = 0
  await runSeeds(1, SEEDS, (result) => {
    faults += result.counts.faults
    messages += result.counts.messages
    if (result.violations.length > 0) failed.push(result)
  })
  t.diagnostic(`${messages} messages, ${faults} faults`)
  // A simulation in which nothing happens, or nothing goes wrong, proves nothing.
  assert.ok(messages > SEEDS * 10, `only ${messages} messages`)
  assert.ok(faults > SEEDS * 2, `only ${faults} faults`)
  assert.deepEqual(
    failed.toSorted((a, b) => a.seed - b.seed).map((result) => failureText(result)),
    [],
  )
})

test('happens the same when a seed is run again', async () => {
  for (const seed of [3, 17, 40, 41]) {
    const first = await simulate(seed)
    const second = await simulate(seed)
    assert.equal(second.hash, first.hash, replayCommand(seed))
    assert.deepEqual(second.counts, first.counts)
  }
})

test('happens differently with another seed', async () => {
  const hashes = new Set<string>()
  for (let seed = 1; seed <= 5; seed++) hashes.add((await simulate(seed)).hash)
  assert.equal(hashes.size, 5)
})

test('tells of a seed that failed what was broken, and how to replay it', async () => {
  const result = await simulate(1)
  const violations = [{ rule: 'once', detail: 'twice' }]
  assert.equal(
    failureText({ ...result, seed: 12, violations }),
    'seed 12 broke:\n  once: twice\n  npm run sim -- --seeds 1 --from 12 --verbose',
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { simulateCouncil } from '../../src/testing/council/simulate.ts'
import { broken, liar, runs } from './scenarios.ts'

// The short version of simulation.test.ts: what a deliberate fault in the rules has to get past.
test('keeps every promise under the faults and liars of a few hundred other seeds', () => {
  const failed = Array.from({ length: 300 }, (_, at) => simulateCouncil(1_000_001 + at)).filter(
    ({ violations }) => violations.length > 0,
  )
  assert.deepEqual(
    failed.slice(0, 3).map(({ script, violations }) => [script.seed, violations]),
    [],
  )
})

test('keeps every promise while members crash in turn beside one that equivocates', () => {
  const results = runs(80, (seed) => ({
    liars: [liar(3, 'equivocates-values')],
    submissions: Array.from({ length: 8 }, (_, at) => ({ at: at * 90, member: at % 3 })),
    faults: Array.from({ length: 12 }, (_, at) => ({
      kind: 'crash',
      at: at * 60,
      member: (at + seed) % 3,
      operations: seed % 7,
      downMs: 1,
      survives: 0,
      forgets: 0,
    })),
  }))
  assert.deepEqual(broken(results), [])
})

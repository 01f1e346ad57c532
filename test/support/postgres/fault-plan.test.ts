import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PHASES, seededFaults } from './fault-plan.ts'
import type { FaultMenu } from './fault-plan.ts'

/** What a menu does to so many transactions; `kinds` are what they are about, in turns. */
function faultsOf(
  menu: FaultMenu,
  transactions: number,
  kinds: readonly string[] = ['work'],
): readonly string[] {
  const plan = seededFaults(menu)
  return Array.from({ length: transactions }, (_, i) => {
    for (const phase of PHASES) {
      const sql = phase === 'begin' || phase === 'begun' ? '' : (kinds[i % kinds.length] ?? '')
      const fault = plan({ phase, sql })
      // What is cut goes no further.
      if (fault !== undefined) return `${i} ${phase} ${sql} ${JSON.stringify(fault)}`
    }
    return ''
  }).filter((line) => line !== '')
}

test('one seed gives one sequence of faults, and another seed another', () => {
  const menu = { seed: 7, every: 4 }
  assert.deepEqual(faultsOf(menu, 300), faultsOf(menu, 300))
  assert.notDeepEqual(faultsOf(menu, 300), faultsOf({ ...menu, seed: 8 }, 300))
})

test('every phase is hit in every way', () => {
  const faults = faultsOf({ seed: 1, every: 3 }, 2_000)
  for (const phase of PHASES)
    for (const how of ['end', 'reset', 'stall'])
      assert.ok(
        faults.some((line) => line.includes(` ${phase} `) && line.includes(`"${how}"`)),
        `${phase} ${how}`,
      )
  assert.ok(!faults.some((line) => line.includes('hang')))
})

test('no fault is far from the next, and only transactions of the kind in question are counted and hit', () => {
  const at = faultsOf({ seed: 3, every: 5 }, 1_000).map((line) => Number(line.split(' ')[0]))
  assert.ok(at.every((place, i) => i === 0 || place - (at[i - 1] ?? 0) <= 6))
  const about = faultsOf({ seed: 3, every: 1, about: /work/ }, 1_000, ['work', 'rest'])
  assert.ok(about.length > 100 && !about.some((line) => line.includes('rest')))
})

test('a phase that never comes is given up for another', () => {
  const plan = seededFaults({ seed: 5, every: 1 })
  let faults = 0
  for (let i = 0; i < 1_000; i++) if (plan({ phase: 'commit', sql: 'work' }) !== undefined) faults += 1
  assert.ok(faults > 10, `${faults}`)
})

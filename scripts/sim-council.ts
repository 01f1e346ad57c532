/**
 * Simulates councils under faults and liars: `npm run sim:council -- [--seeds 5000] [--from 1] [--liars N] [--verbose]
 * [--json]`. One seed decides everything that happens in a run. Exit code 1 when a promise was broken, 2 for
 * arguments that make no sense.
 */

import { parseArgs } from 'node:util'
import { simulateCouncil, type CouncilResult } from '../src/testing/council/simulate.ts'
import { councilFailureText, councilReplayCommand } from '../src/testing/council/report.ts'
import { wholeNumber } from './whole-number.ts'

const PROGRESS_MS = 2_000
const SEEDS_MAX = 100_000_000
const FAILURES_SHOWN_MAX = 20

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '5000' },
    from: { type: 'string', default: '1' },
    liars: { type: 'string' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const seeds = wholeNumber('seeds', values.seeds, SEEDS_MAX)
const from = wholeNumber('from', values.from, SEEDS_MAX)
const liars = values.liars === undefined ? undefined : wholeNumber('liars', values.liars, SEEDS_MAX)

const started = Date.now()
const failures: CouncilResult[] = []
const totals = { seeds: 0, failed: 0, forked: 0, deliveries: 0, heights: 0, faults: 0, virtualMs: 0 }
let told = started

for (let seed = from; seed < from + seeds; seed++) {
  const tell = values.verbose && !values.json ? say : undefined
  count(simulateCouncil(seed, { tell, ...(liars !== undefined && { liars }) }))
}

const seconds = (Date.now() - started) / 1000
if (values.json) {
  const shown = failures.map(({ script: { seed }, hash, violations }) => {
    return { seed, hash, violations, replay: councilReplayCommand(seed, liars) }
  })
  process.stdout.write(`${JSON.stringify({ v: 1, from, ...totals, seconds, failures: shown })}\n`)
} else {
  for (const result of failures) say(councilFailureText(result, liars))
  say(`${totals.seeds} seeds from ${from}: ${totals.failed} failed. ${seconds.toFixed(1)} s,`)
  const { deliveries, heights, faults, forked } = totals
  const rate = Math.round(totals.seeds / Math.max(seconds, 0.001))
  say(`${rate} seeds/s, ${deliveries} deliveries, ${heights} heights, ${faults} faults, ${forked} forks.`)
}
process.exitCode = totals.failed === 0 ? 0 : 1

function count(result: CouncilResult): void {
  totals.seeds += 1
  if (result.forked) totals.forked += 1
  if (result.violations.length > 0) {
    totals.failed += 1
    if (failures.length < FAILURES_SHOWN_MAX) failures.push(result)
  }
  for (const name of ['deliveries', 'heights', 'faults', 'virtualMs'] as const)
    totals[name] += result.counts[name]
  if (values.json || values.verbose || Date.now() - told < PROGRESS_MS) return
  told = Date.now()
  process.stderr.write(`${totals.seeds} of ${seeds} seeds, ${totals.failed} failed\n`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/**
 * Simulates the runtime under faults: `npm run sim -- [--seeds 500] [--from 1] [--verbose] [--json]`. One seed decides
 * everything that happens in a run. Exit code 1 when a promise was broken, 2 for arguments that make no sense.
 */

import { parseArgs } from 'node:util'
import { simulate } from '../src/testing/index.ts'
import type { SimulationResult } from '../src/testing/index.ts'
import { failureText, replayCommand, runSeeds } from '../test/simulation/fleet.ts'
import { wholeNumber } from './whole-number.ts'

const PROGRESS_MS = 2_000
const SEEDS_MAX = 1_000_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    from: { type: 'string', default: '1' },
    verbose: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const seeds = wholeNumber('seeds', values.seeds, SEEDS_MAX)
const from = wholeNumber('from', values.from, SEEDS_MAX)

const started = Date.now()
const failed: SimulationResult[] = []
const totals = { seeds: 0, messages: 0, records: 0, faults: 0, events: 0, virtualMs: 0 }
let told = started

if (values.verbose) for (let seed = from; seed < from + seeds; seed++) count(await aloud(seed))
else await runSeeds(from, seeds, count)

const seconds = (Date.now() - started) / 1000
failed.sort((a, b) => a.seed - b.seed)
if (values.json) {
  const failures = failed.map(({ seed, hash, violations }) => {
    return { seed, hash, violations, replay: replayCommand(seed) }
  })
  process.stdout.write(`${JSON.stringify({ v: 1, from, ...totals, seconds, failures })}\n`)
} else {
  for (const result of failed) say(failureText(result))
  const { messages, records, faults, virtualMs } = totals
  const hours = (virtualMs / 3_600_000).toFixed(1)
  say(`${totals.seeds} seeds from ${from}: ${failed.length} failed. ${seconds.toFixed(1)} s,`)
  say(`${messages} messages, ${records} records, ${faults} faults, ${hours} hours of virtual time.`)
}
process.exitCode = failed.length === 0 ? 0 : 1

async function aloud(seed: number): Promise<SimulationResult> {
  const result = await simulate(seed, { tell: values.json ? () => undefined : say })
  if (!values.json) say(`seed ${seed}, trace hash ${result.hash}`)
  return result
}

function count(result: SimulationResult): void {
  totals.seeds += 1
  if (result.violations.length > 0) failed.push(result)
  for (const name of ['messages', 'records', 'faults', 'events', 'virtualMs'] as const) {
    totals[name] += result.counts[name]
  }
  if (values.json || values.verbose || Date.now() - told < PROGRESS_MS) return
  told = Date.now()
  process.stderr.write(`${totals.seeds} of ${seeds} seeds, ${failed.length} failed\n`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

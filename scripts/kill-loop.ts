/**
 * Kills worker processes at random moments and examines what is left: `npm run kill -- --kills 200 [--seed S]
 * [--workers 3] [--lease-ms 500] [--store sqlite|postgresql]`. Exit code 1 when something does not hold; a file is
 * then kept.
 */

import { randomInt } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { killLoop } from '../test/faults/kill-loop.ts'
import { SITES } from '../test/faults/site.ts'
import { wholeNumber } from './whole-number.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    workers: { type: 'string', default: '3' },
    'lease-ms': { type: 'string', default: '500' },
    store: { type: 'string', default: 'sqlite' },
  },
})

const plan = {
  kills: wholeNumber('kills', values.kills),
  seed: wholeNumber('seed', values.seed),
  workers: wholeNumber('workers', values.workers),
  leaseMs: wholeNumber('lease-ms', values['lease-ms']),
}
const store = SITES.find(({ name }) => name.toLowerCase() === values.store)
if (store === undefined) {
  process.stderr.write(`--store takes one of ${SITES.map(({ name }) => name.toLowerCase()).join(', ')}\n`)
  process.exit(2)
}
const folder = mkdtempSync(join(tmpdir(), 'coterie-kill-'))
const say = (line: string): void => void process.stdout.write(`${line}\n`)

say(`seed ${plan.seed}: ${plan.kills} kills among ${plan.workers} workers and a feeder`)
process.exitCode = 1
try {
  const report = await killLoop(await store.make(folder), folder, plan, say)
  say(
    `${report.kills} kills and ${report.freezes} freezes in ${(report.elapsedMs / 1000).toFixed(1)} s: ` +
      `${report.orders} orders, ${report.messages} messages, ${report.records} records, ` +
      `${report.decisions} decisions, ${report.handovers} changes of hands, ` +
      `${report.steps} steps recorded, ${report.repeats} runs of steps repeated, ${report.late} of them too late`,
  )
  for (const problem of report.problems.slice(0, 20)) say(`BROKEN: ${problem}`)
  if (report.problems.length === 0) {
    say('every message ended once, no recorded step ran again, every lane kept its order, the log verifies')
    process.exitCode = 0
  }
} finally {
  if (process.exitCode === 0) rmSync(folder, { recursive: true, force: true })
  else {
    say(`what was written to files is kept in ${folder}`)
    say(
      `replay: npm run kill -- --store ${values.store} --kills ${plan.kills} --seed ${plan.seed} ` +
        `--workers ${plan.workers} --lease-ms ${plan.leaseMs}`,
    )
  }
}

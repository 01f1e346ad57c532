import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { PHASES } from '../support/postgres/fault-plan.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'
import { cutLoop, cutsAt } from './cut-loop.ts'

const { COTERIE_CUTS = '300', COTERIE_CUT_SEED = '20261122' } = process.env
const PLAN = {
  cuts: Number(COTERIE_CUTS),
  seed: Number(COTERIE_CUT_SEED),
  every: 4,
  workers: 2,
  // A connection that breaks is no reason to lose a lease.
  leaseMs: 2_000,
}

test(`${PLAN.cuts} cuts at every phase of a commit lose, repeat and reorder nothing`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-cut-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const report = await cutLoop(await sharedPostgres(), folder, PLAN)
  t.diagnostic(
    `seed ${PLAN.seed}: ${report.orders} orders, ${report.records} records, ${report.closures} closures, ` +
      `${report.handovers} changes of hands, ${report.repeats} runs of steps repeated; cuts ` +
      [...report.cuts].map(([name, count]) => `${name} ${count}`).join(', '),
  )
  const replay = `COTERIE_CUT_SEED=${PLAN.seed} npm test -- test/faults/cut.test.ts`
  assert.deepEqual(report.problems, [], replay)
  for (const phase of PHASES) assert.ok(cutsAt(report, phase) >= PLAN.cuts / 50, `${phase} was hardly hit`)
  assert.ok(report.orders >= 20, `${report.orders} orders`)
})

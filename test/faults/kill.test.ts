import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { examine } from './evidence.ts'
import { killLoop } from './kill-loop.ts'
import { SITES } from './site.ts'
import { World } from './world.ts'

/**
 * Another one each time would find more, and fail for those who changed nothing: `npm run kill` draws its
 * own.
 */
const PLAN = { kills: 20, seed: 20_261_122, workers: 4, leaseMs: 500 }

for (const { name, make } of SITES)
  test(`${name}: twenty kills among four workers and a feeder lose, repeat and reorder nothing`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-kill-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const site = await make(folder)
    const report = await killLoop(site, folder, PLAN)
    const replay =
      `npm run kill -- --store ${name.toLowerCase()} --kills ${PLAN.kills} --seed ${PLAN.seed} ` +
      `--workers ${PLAN.workers}`
    assert.deepEqual(report.problems, [], replay)
    t.diagnostic(
      `${report.orders} orders, ${report.messages} messages, ${report.handovers} changes of hands, ` +
        `${report.repeats} runs of steps repeated, ${report.late} of them too late, ${report.freezes} freezes`,
    )
    // Without these the loop would have proved nothing.
    assert.ok(report.orders >= 20 && report.decisions >= 2, `${report.orders} orders`)
    assert.ok(report.handovers > 0, 'no mailbox has changed hands')

    const world = new World(join(folder, 'world.db'))
    t.after(() => world.close())
    const runs = world.runs()
    // Who was superseded is forgotten here: their late runs, if there are any, count as faults.
    const never = (): boolean => false
    const shipped = runs.findLast((run) => run.step === 'ship')
    assert.ok(shipped !== undefined)
    const problems = async (...[more = []]: [typeof runs?]): Promise<string> =>
      (await examine(site, [...runs, ...more], report.orders, never)).problems.join('\n')

    const sound = await problems()
    assert.equal(sound === '' ? 0 : sound.split('\n').length, report.late)
    // Each fault that the examination looks for is put in, and must be found.
    assert.match(
      await problems([{ ...shipped, run: 1e9 }]),
      /step ship of order \d+ ran again \(1000000000\)/,
    )
    assert.match(await problems([{ ...shipped, step: 'undo reserve' }]), /order \d+ did not come to its end/)
    await site.spoil('order')
    assert.match(await problems(), /lane #taken -> audit is out of order/)
    assert.match(await problems(), /audit and stats have seen different orders/)
    await site.spoil('order')
    assert.equal(await problems(), sound)
    await site.spoil('state')
    assert.match(await problems(), /the log does not verify[^]*message \S+ to audit see is queued/)
  })

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededFaults } from '../../support/postgres/fault-plan.ts'
import { commitAll, requireOnce, scene } from './lost-scene.ts'

const SEED = Number(process.env['SEED'] ?? 1)
const COMMITS = Number(process.env['FAULT_COMMITS'] ?? 200)

test(
  'every commit takes effect once, at whatever moment its connection breaks',
  { timeout: 120_000 },
  async (t) => {
    const { proxy, space, direct } = await scene(t)
    proxy.plan = seededFaults({ seed: SEED, every: 2 })
    const writes = await commitAll(space, 'client/one', COMMITS)
    proxy.plan = undefined
    t.diagnostic(`${proxy.happened.length} faults with seed ${SEED}`)
    assert.ok(proxy.happened.length >= COMMITS / 4, `only ${proxy.happened.length} faults`)
    for (const phase of ['commit', 'sent', 'committed'] as const)
      assert.ok(
        proxy.happened.some(({ point }) => point.phase === phase),
        `no fault in the phase ${phase}`,
      )
    await requireOnce(direct, writes)
  },
)

import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { nodeCrypto, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { Fleet } from './fleet.ts'
import { SITES } from './site.ts'

const { COTERIE_HOPS = '10000', COTERIE_HOP_SEED = '20261122' } = process.env
const PLAN = {
  script: new URL('hop-worker.ts', import.meta.url),
  workers: 4,
  leaseMs: 1_000,
  seed: Number(COTERIE_HOP_SEED),
}
const STRIKES = 12
const INSTANCES = 16
const IN_FLIGHT = 64
const LIMIT = { timeout: 240_000 }

for (const { name, make } of SITES) {
  // Four processes on one file wait for each other more than they work.
  const hops = Number(COTERIE_HOPS) / (name === 'SQLite' ? 5 : 1)

  test(
    `${name}: ${hops} hops over four workers that are killed and stopped are made once each`,
    LIMIT,
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'coterie-hops-'))
      const site = await make(folder)
      const fleet = new Fleet(site, PLAN)
      t.after(async () => {
        await fleet.end()
        rmSync(folder, { recursive: true, force: true })
      })
      await fleet.ready()
      const space = await open(site.url, { keyring: site.keyring })
      t.after(() => space.close())

      const started = performance.now()
      await feedAndHarass(fleet, space, hops)
      await until(async () => (await handled(space)) === 2 * hops)
      const seconds = (performance.now() - started) / 1000

      const rows = await rowsOf(space)
      const counts = (to: string): readonly number[] => {
        const seen = Array.from({ length: hops }, () => 0)
        for (const { payload, state, envelope } of rows) {
          if (!envelope.to.startsWith(`${to}/`)) continue
          assert.equal(state, 'handled')
          const { i } = JSON.parse(payload) as { readonly i: number }
          seen[i] = (seen[i] ?? 0) + 1
        }
        return seen
      }
      for (const to of ['b', 'c'])
        assert.deepEqual(new Set(counts(to)), new Set([1]), `${to}, seed ${PLAN.seed}`)
      assert.equal(rows.length, 2 * hops)
      const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
      assert.deepEqual([report.ok, report.fault], [true, undefined])
      assert.deepEqual(await site.integrity(), [])
      const { mailboxes } = await space.status()
      const handovers = mailboxes.reduce((sum, { epoch }) => sum + Math.max(0, epoch - 1), 0)
      t.diagnostic(
        `${(hops / seconds).toFixed(0)} hops/s through ${fleet.kills} kills and ${fleet.stops} stops, ` +
          `${handovers} changes of hands`,
      )
      assert.ok(fleet.kills >= 3 && handovers > 0, `${fleet.kills} kills, ${handovers} changes of hands`)
    },
  )
}

/**
 * Sends the messages in portions. In the middle of each but the last, a worker is killed or stopped: so that there is
 * always work for it to leave undone.
 */
async function feedAndHarass(fleet: Fleet, space: Space, hops: number): Promise<void> {
  let sent = 0
  for (let portion = 1; portion <= STRIKES + 1; portion++) {
    const end = Math.ceil((hops * portion) / (STRIKES + 1))
    const due = 2 * (sent + (end - sent) * fleet.random())
    const sending = feed(space, sent, end)
    sent = end
    if (portion <= STRIKES) {
      await until(async () => (await handled(space)) >= due)
      await fleet.strike()
    }
    await sending
  }
}

async function feed(space: Space, from: number, end: number): Promise<void> {
  let next = from
  const one = async (): Promise<void> => {
    while (next < end) {
      const i = next
      next += 1
      await space.sendTo(`b/k${i % INSTANCES}`, 'relay', { i }, { idempotencyKey: `hop-${i}` })
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, one))
}

/** Messages that B and C have handled. */
async function handled(space: Space): Promise<number> {
  return (await space.status()).messages.handled
}

async function rowsOf(space: Space) {
  const rows: Awaited<ReturnType<Space['store']['messagesOf']>>[number][] = []
  for (let after = -1; ; after = rows.at(-1)?.position ?? after) {
    const page = await space.store.messagesOf({ after, limit: 1_000 })
    if (page.length === 0) return rows
    rows.push(...page)
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20)
}

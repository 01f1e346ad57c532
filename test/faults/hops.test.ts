import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { nodeCrypto, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { Child } from '../helpers/processes.ts'
import { generator } from '../helpers/random.ts'
import { SITES } from './site.ts'
import type { Site } from './site.ts'

const { COTERIE_HOPS = '10000', COTERIE_HOP_SEED = '20261122' } = process.env
const SEED = Number(COTERIE_HOP_SEED)
const WORKERS = 4
const STRIKES = 12
const INSTANCES = 16
const IN_FLIGHT = 64
const LEASE_MS = 1_000
const WORKER = new URL('hop-worker.ts', import.meta.url)
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
      const workers = Array.from({ length: WORKERS }, () => worker(site))
      t.after(async () => {
        await Promise.all(workers.map((each) => each.end()))
        rmSync(folder, { recursive: true, force: true })
      })
      await Promise.all(workers.map((each) => each.event('ready')))
      const space = await open(site.url, { keyring: site.keyring })
      t.after(() => space.close())

      const started = performance.now()
      const { kills, freezes } = await feedAndHarass(site, workers, space, hops)
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
      for (const to of ['b', 'c']) assert.deepEqual(new Set(counts(to)), new Set([1]), `${to}, seed ${SEED}`)
      assert.equal(rows.length, 2 * hops)
      const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
      assert.deepEqual([report.ok, report.fault], [true, undefined])
      assert.deepEqual(await site.integrity(), [])
      const { mailboxes } = await space.status()
      const handovers = mailboxes.reduce((sum, { epoch }) => sum + Math.max(0, epoch - 1), 0)
      t.diagnostic(
        `${(hops / seconds).toFixed(0)} hops/s through ${kills} kills and ${freezes} stops, ` +
          `${handovers} changes of hands`,
      )
      assert.ok(kills >= 3 && handovers > 0, `${kills} kills, ${handovers} changes of hands`)
    },
  )
}

function worker(site: Site): Child {
  return new Child(WORKER.pathname, [site.url, site.keyring, String(LEASE_MS)])
}

/**
 * Sends the messages in portions. In the middle of each but the last, a worker is killed or stopped: so that there is
 * always work for it to leave undone.
 */
async function feedAndHarass(
  site: Site,
  workers: Child[],
  space: Space,
  hops: number,
): Promise<{ readonly kills: number; readonly freezes: number }> {
  const random = generator(SEED)
  const ends = Array.from({ length: STRIKES + 1 }, (_, i) => Math.ceil((hops * (i + 1)) / (STRIKES + 1)))
  let [kills, freezes, sent] = [0, 0, 0]
  for (const end of ends) {
    const due = 2 * (sent + (end - sent) * random())
    const sending = feed(space, sent, end)
    sent = end
    if (end < hops) {
      await until(async () => (await handled(space)) >= due)
      const at = Math.floor(random() * workers.length)
      const victim = workers[at]
      assert.ok(victim !== undefined)
      await victim.event('ready')
      if (random() < 0.3) {
        freezes += 1
        victim.kill('SIGSTOP')
        await delay(LEASE_MS * (1 + random()))
        victim.kill('SIGCONT')
      } else {
        kills += 1
        await victim.end()
        workers[at] = worker(site)
      }
    }
    await sending
  }
  return { kills, freezes }
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

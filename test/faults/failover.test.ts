import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { failoverPairFor } from '../support/postgres/failover-pair.ts'
import { releases, skipUnless } from '../support/postgres/release.ts'
import type { Endpoint } from '../support/postgres/endpoint.ts'
import { trial } from './crew.ts'
import { postgresSite } from './site.ts'

const PLAN = { workers: 3, leaseMs: 2_000 }
/** Orders that are through, or on their way, before the primary dies. */
const LOAD = 60
/** And afterwards, on the standby. */
const MORE = 40
const PATIENCE_MS = 60_000

for (const release of releases) {
  const options = { timeout: 240_000, skip: skipUnless(release) }

  test(
    `PostgreSQL ${release.name}: a standby takes over under load, nothing lost, nothing doubled`,
    options,
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'coterie-failover-'))
      t.after(() => rmSync(folder, { recursive: true, force: true }))
      const pair = await failoverPairFor(t, release)
      let database = ''
      const site = await postgresSite(folder, pair.primary, (name) => {
        database = name
        return pair.url(name)
      })
      const report = await trial({ ...site, integrity: async () => [] }, folder, PLAN, async (crew) => {
        await until('the crew is at work', () => crew.sent >= LOAD)
        const before = await position(pair.primary, database)
        const killed = performance.now()
        await pair.killPrimary()
        const acknowledged = crew.sent
        await pair.promote()
        const promotedMs = performance.now() - killed
        const kept = await position(pair.standby, database)
        await until('there is a commit', async () => (await position(pair.standby, database)) > kept)
        const commitMs = performance.now() - killed
        await until('the work goes on', () => crew.sent >= acknowledged + MORE)
        return { before, kept, acknowledged, promotedMs, commitMs }
      })
      const { before, kept, acknowledged, promotedMs, commitMs } = report.result
      t.diagnostic(
        `promoted ${promotedMs.toFixed(0)} ms after the kill, first new commit after ${commitMs.toFixed(0)} ms; ` +
          `${acknowledged} orders acknowledged before, ${report.orders} in all; ${report.records} records, ` +
          `${report.handovers} changes of hands`,
      )
      // The orders that were acknowledged are all there, and came to their end once: see `examine`.
      assert.deepEqual(report.problems, [])
      assert.ok(kept >= before, `the standby's log ends at ${kept}, the primary's had reached ${before}`)
      assert.ok(report.orders >= acknowledged + MORE)
      assert.equal(pair.primary.postmaster, undefined)
    },
  )
}

async function position(server: Endpoint, database: string): Promise<number> {
  const [row] = await server.query('select position from coterie.spaces', [], database)
  return Number(row?.['position'])
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + PATIENCE_MS; !(await holds()); await delay(5))
    assert.ok(performance.now() < end, `not within ${PATIENCE_MS} ms: ${what}`)
}

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { coordinator, instanceKey, REVIEW_KEPT_MS } from '../../examples/dependency-review/agents.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'
import type { Verdict } from '../../examples/dependency-review/messages.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { nodeCrypto, open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { lockfileOf, plainOutcomes } from '../helpers/demo.ts'
import { Fleet } from './fleet.ts'
import { SITES } from './site.ts'

const PLAN = {
  script: new URL('review-worker.ts', import.meta.url),
  workers: 4,
  leaseMs: 1_000,
  seed: 20_261_122,
}
/** Packages under review at the same moment. */
const AT_ONCE = 4
/** The review of one package writes at least so many records. */
const RECORDS_MIN = 20
const INPUT = lockfileOf('suspicious')
const LIMIT = { timeout: 240_000 }

for (const { name, make } of SITES)
  test(
    `${name}: four workers that are killed and stopped decide as one undisturbed function`,
    LIMIT,
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'coterie-review-'))
      const site = await make(folder)
      const fleet = new Fleet(site, PLAN)
      t.after(async () => {
        await fleet.end()
        rmSync(folder, { recursive: true, force: true })
      })
      await fleet.ready()
      await using space = await open(site.url, { keyring: site.keyring })
      const verdicts = await reviewAndHarass(fleet, space)

      const expected = plainOutcomes(INPUT)
      assert.deepEqual(Object.fromEntries(verdicts.map((one) => [one.package, one.outcome])), expected)
      const status = await space.status()
      // Each package was put to the vote once in each of its rounds.
      assert.equal(status.decisions, votesIn(expected))
      const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
      assert.deepEqual([report.ok, report.fault], [true, undefined])
      assert.deepEqual(await site.integrity(), [])
      const handovers = status.mailboxes.reduce((sum, { epoch }) => sum + Math.max(0, epoch - 1), 0)
      t.diagnostic(
        `${verdicts.length} packages, ${status.decisions} votes, ${fleet.kills} kills, ${fleet.stops} stops, ` +
          `${handovers} changes of hands`,
      )
      assert.ok(fleet.kills > 0 && fleet.stops > 0 && handovers > 0)
    },
  )

/** The votes that there must be: one for each round of each package. */
function votesIn(outcomes: Readonly<Record<string, string>>): number {
  return Object.values(outcomes).reduce((sum, outcome) => sum + (outcome.startsWith('escalated') ? 2 : 1), 0)
}

/** Asks for some packages at a time; before they are decided, a worker is killed or stopped. */
async function reviewAndHarass(fleet: Fleet, space: Space): Promise<readonly Verdict[]> {
  const { packages, licencesRecorded } = parseLockfile(readFileSync(INPUT, 'utf8'), INPUT)
  const nodeVersion = process.versions.node
  const verdicts: Verdict[] = []
  for (let from = 0; from < packages.length; from += AT_ONCE) {
    const { position } = await space.status()
    const tasks = packages
      .slice(from, from + AT_ONCE)
      .map((pkg) => ({ pkg, nodeVersion, licencesRecorded, projectFolder: null }))
    const answers = tasks.map((task) => {
      const key = instanceKey(task)
      return space.ask(coordinator.review, task, { key, idempotencyKey: key, timeoutMs: REVIEW_KEPT_MS })
    })
    const due = position + Math.floor(tasks.length * RECORDS_MIN * fleet.random())
    while ((await space.status()).position < due) await delay(2)
    await fleet.strike()
    verdicts.push(...(await Promise.all(answers)))
  }
  return verdicts
}

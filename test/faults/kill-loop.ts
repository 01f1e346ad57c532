/**
 * Kills processes at random moments: workers and a feeder on one database, one of them killed with SIGKILL
 * and started again, over and over; now and then one is stopped until its leases are gone. Then all finish,
 * and the books are examined.
 *
 * The seed gives who is hit when. What the processes do meanwhile is up to the machine, so a seed that found
 * something is worth several runs.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { generator } from '../helpers/random.ts'
import { FEEDER, trial } from './crew.ts'
import type { Crew, CrewPlan, TrialReport } from './crew.ts'
import type { Site } from './site.ts'

/** What is done. */
export interface KillPlan extends CrewPlan {
  readonly kills: number
  readonly seed: number
}

/** What came of it. */
export interface KillReport extends TrialReport {
  readonly kills: number
  readonly freezes: number
}

const PAUSE_MS_MAX = 500

/** Runs the plan on a site without a space; `folder` is for the world outside; `told` hears how far it is. */
export async function killLoop(
  site: Site,
  folder: string,
  plan: KillPlan,
  told: (line: string) => void = () => undefined,
): Promise<KillReport> {
  const { result, ...report } = await trial(site, folder, plan, (crew) => strike(crew, plan, told))
  return { ...report, kills: plan.kills, freezes: result }
}

async function strike(crew: Crew, plan: KillPlan, told: (line: string) => void): Promise<number> {
  const random = generator(plan.seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  let freezes = 0
  for (let kill = 1; kill <= plan.kills; kill++) {
    // The feeder is one victim of many: without it there is nothing to break.
    const victim = below(10) === 0 ? FEEDER : below(plan.workers)
    // One in four is hit while it starts, if its start takes that long; the others are at work.
    if (below(4) > 0) await crew.ready(victim)
    await delay(below(PAUSE_MS_MAX))
    await crew.kill(victim)
    if (below(8) === 0) {
      freezes += 1
      crew.freeze(below(plan.workers), plan.leaseMs * (1 + 2 * random()))
    }
    if (kill % 10 === 0) told(`${kill} kills, ${freezes} freezes, ${crew.sent} orders sent`)
  }
  return freezes
}

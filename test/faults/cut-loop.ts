/**
 * Breaks the connections of a crew at every moment of their transactions, as a seed has it, until it has happened often
 * enough. Then the crew finishes, and the books are examined.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import type { Endpoint } from '../support/postgres/endpoint.ts'
import type { Phase } from '../support/postgres/conversation.ts'
import { seededFaults } from '../support/postgres/fault-plan.ts'
import { PostgresProxy } from '../support/postgres/proxy.ts'
import { trial } from './crew.ts'
import type { CrewPlan, TrialReport } from './crew.ts'
import { postgresSite } from './site.ts'

/** What is done. */
export interface CutPlan extends CrewPlan {
  readonly cuts: number
  readonly seed: number
  /** Transactions between two cuts, at most. */
  readonly every: number
}

/** What came of it. */
export interface CutReport extends TrialReport {
  /** How often each phase was hit, and in which way. */
  readonly cuts: ReadonlyMap<string, number>
  /** How often the proxy was closed to new connections. */
  readonly closures: number
}

/** One in so many cuts takes all connections with it, and keeps new ones out for a while. */
const CLOSURE = 25
const CLOSED_MS = 150
const PATIENCE_MS = 180_000

/** Runs the plan on a server of any load; `folder` is for the world outside; `told` hears how far it is. */
export async function cutLoop(
  server: Endpoint,
  folder: string,
  plan: CutPlan,
  told: (line: string) => void = () => undefined,
): Promise<CutReport> {
  await using proxy = await PostgresProxy.start(server.port)
  const site = await postgresSite(folder, server, (database) => server.url(database, proxy.port))
  const report = await trial(site, folder, plan, async () => {
    // What writes to the log, or takes leases: reads alone are never in doubt.
    proxy.plan = seededFaults({ seed: plan.seed, every: plan.every, about: /\b(insert|update|delete)\b/i })
    const closures = await cuts(proxy, plan.cuts, told)
    proxy.plan = undefined
    return closures
  })
  const hit = new Map<string, number>()
  for (const { point, fault } of proxy.happened) {
    const name = `${point.phase} ${fault.how}`
    hit.set(name, (hit.get(name) ?? 0) + 1)
  }
  return { ...report, cuts: hit, closures: report.result }
}

/** The number of cuts at a phase. */
export function cutsAt({ cuts }: CutReport, phase: Phase): number {
  return [...cuts].reduce((sum, [name, count]) => (name.startsWith(`${phase} `) ? sum + count : sum), 0)
}

async function cuts(proxy: PostgresProxy, goal: number, told: (line: string) => void): Promise<number> {
  let closures = 0
  for (const end = performance.now() + PATIENCE_MS; proxy.happened.length < goal; await delay(5)) {
    if (performance.now() > end) throw new Error(`There were only ${proxy.happened.length} cuts.`)
    if (proxy.happened.length < (closures + 1) * CLOSURE) continue
    closures += 1
    told(`${proxy.happened.length} cuts, ${proxy.connections} connections`)
    await proxy.refuse()
    proxy.cutAll(closures % 2 === 0 ? 'reset' : 'end')
    await delay(CLOSED_MS)
    await proxy.accept()
  }
  return closures
}

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

import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Child, said } from '../helpers/processes.ts'
import { generator } from '../helpers/random.ts'
import { examine } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import { World } from './world.ts'
import type { Run } from './world.ts'

/** What is done. */
export interface KillPlan {
  readonly kills: number
  readonly seed: number
  readonly workers: number
  readonly leaseMs: number
}

/** What came of it. */
export interface KillReport extends Evidence {
  readonly kills: number
  readonly freezes: number
  readonly orders: number
  readonly elapsedMs: number
}

const PAUSE_MS_MAX = 500
const FINISH_MS = 180_000
const WORKER = new URL('worker.ts', import.meta.url)
const FEEDING = new URL('feeder.ts', import.meta.url)
/** The place of the feeder among the victims. */
const FEEDER = -1

/** Runs the plan in an empty folder; `told` hears how far it is. */
export async function killLoop(
  folder: string,
  plan: KillPlan,
  told: (line: string) => void = () => undefined,
): Promise<KillReport> {
  const started = performance.now()
  const crew = new Crew(folder, plan)
  try {
    await crew.start()
    const freezes = await strike(crew, plan, told)
    const orders = await crew.finish()
    told(`${orders} orders are through; examining the books`)
    const evidence = await examine(crew.database, crew.world.runs(), orders, (run) => crew.superseded(run))
    const problems = [...evidence.problems, ...crew.accidents]
    return {
      ...evidence,
      problems,
      kills: plan.kills,
      freezes,
      orders,
      elapsedMs: performance.now() - started,
    }
  } finally {
    await crew.end()
  }
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

/** The processes. */
class Crew {
  readonly database: string
  readonly world: World
  readonly accidents: string[] = []
  readonly #outside: string
  readonly #leaseMs: number
  readonly #workers: Child[] = []
  readonly #all = new Map<number, Child>()
  readonly #killedAt = new Map<number, number>()
  readonly #frozen = new Map<Child, NodeJS.Timeout>()
  #feeder: Child | undefined
  #sent = 0

  constructor(folder: string, { workers, leaseMs }: KillPlan) {
    this.database = join(folder, 'space.db')
    this.#outside = join(folder, 'world.db')
    this.world = new World(this.#outside)
    this.#leaseMs = leaseMs
    for (let at = 0; at < workers; at++) this.#workers.push(this.#worker())
  }

  /** Orders that were acknowledged to the feeder. */
  get sent(): number {
    const last = this.#feeder?.reports.findLast((line) => line['event'] === 'sent')
    return typeof last?.['i'] === 'number' ? last['i'] + 1 : this.#sent
  }

  /** The feeder needs agents to send to; the workers make them known. */
  async start(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.event('ready')))
    this.#feed()
  }

  /** Waits until a victim is at work. That it ended before is found out when it is to be killed. */
  async ready(victim: number): Promise<void> {
    await this.#victim(victim)
      ?.event('ready')
      .catch(() => undefined)
  }

  /** Kills a victim and starts it again. */
  async kill(victim: number): Promise<void> {
    const child = this.#victim(victim)
    if (child === undefined) return
    if (!child.running) this.accidents.push(`process ${child.pid} had ended by itself: ${lastWords(child)}`)
    clearTimeout(this.#frozen.get(child))
    this.#frozen.delete(child)
    this.#killedAt.set(child.pid, Date.now())
    await child.end()
    if (victim === FEEDER) this.#feed()
    else this.#workers[victim] = this.#worker()
  }

  /** Stops a worker as if the machine had paused it; meanwhile it may be killed like any other. */
  freeze(at: number, ms: number): void {
    const worker = this.#workers[at]
    if (worker === undefined || this.#frozen.has(worker)) return
    worker.kill('SIGSTOP')
    this.#frozen.set(
      worker,
      setTimeout(() => this.#thaw(worker), ms),
    )
  }

  /** Lets everything come to its end; answers the number of orders. */
  async finish(): Promise<number> {
    for (const worker of this.#frozen.keys()) this.#thaw(worker)
    const feeder = this.#feeder
    feeder?.tell('stop')
    await feeder?.success(FINISH_MS)
    const orders = this.sent
    for (const worker of this.#workers) worker.tell('finish')
    await Promise.all(this.#workers.map((worker) => worker.success(FINISH_MS)))
    return orders
  }

  /** True for a run of a process that was told of its successor, or was killed too soon to be told. */
  superseded({ pid, at }: Run): boolean {
    const killedAt = this.#killedAt.get(pid) ?? Infinity
    return (
      killedAt - at < this.#leaseMs ||
      (this.#all.get(pid)?.log.some((line) => /leases? lost/.test(said(line))) ?? false)
    )
  }

  async end(): Promise<void> {
    for (const timer of this.#frozen.values()) clearTimeout(timer)
    await Promise.all([...this.#all.values()].map((child) => child.end()))
    this.world.close()
  }

  #victim(victim: number): Child | undefined {
    return victim === FEEDER ? this.#feeder : this.#workers[victim]
  }

  #thaw(worker: Child): void {
    clearTimeout(this.#frozen.get(worker))
    this.#frozen.delete(worker)
    worker.kill('SIGCONT')
  }

  #worker(): Child {
    return this.#child(WORKER, [this.database, this.#outside, String(this.#leaseMs)])
  }

  #feed(): void {
    this.#sent = this.sent
    this.#feeder = this.#child(FEEDING, [this.database, String(this.#sent)])
  }

  #child(script: URL, args: readonly string[]): Child {
    const child = new Child(script.pathname, args)
    this.#all.set(child.pid, child)
    return child
  }
}

function lastWords(child: Child): string {
  return child.log
    .slice(-15)
    .map((line) => `\n  ${said(line)}`)
    .join('')
}

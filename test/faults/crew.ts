/**
 * The crew of the pipeline: workers and a feeder, each a process of its own, on one site; and what becomes of them and
 * of their work while somebody does them harm.
 *
 * @module
 */

import { join } from 'node:path'
import { Child, said } from '../helpers/processes.ts'
import { examine } from './evidence.ts'
import type { Evidence } from './evidence.ts'
import type { Site } from './site.ts'
import { World } from './world.ts'
import type { Run } from './world.ts'

/** Who takes part. */
export interface CrewPlan {
  readonly workers: number
  readonly leaseMs: number
}

/** What came of it; `problems` is empty when all is well. */
export interface TrialReport extends Evidence {
  readonly orders: number
  readonly elapsedMs: number
}

/** The place of the feeder among the victims. */
export const FEEDER = -1

const FINISH_MS = 180_000
const WORKER = new URL('worker.ts', import.meta.url)
const FEEDING = new URL('feeder.ts', import.meta.url)

/**
 * Lets a crew work on a site without a space while `harm` is done, lets it finish, and examines the books. `folder` is
 * for the world outside.
 */
export async function trial<T>(
  site: Site,
  folder: string,
  plan: CrewPlan,
  harm: (crew: Crew) => Promise<T>,
): Promise<TrialReport & { readonly result: T }> {
  const started = performance.now()
  const crew = new Crew(site, folder, plan)
  try {
    await crew.start()
    const result = await harm(crew)
    const orders = await crew.finish()
    const evidence = await examine(site, crew.world.runs(), orders, (run) => crew.superseded(run))
    const problems = [...evidence.problems, ...crew.accidents]
    return { ...evidence, problems, orders, result, elapsedMs: performance.now() - started }
  } finally {
    await crew.end()
  }
}

/** The processes. */
export class Crew {
  readonly #site: Site
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

  constructor(site: Site, folder: string, { workers, leaseMs }: CrewPlan) {
    this.#site = site
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

  #place(): readonly string[] {
    return [this.#site.url, this.#site.keyring]
  }

  #worker(): Child {
    return this.#child(WORKER, [...this.#place(), this.#outside, String(this.#leaseMs)])
  }

  #feed(): void {
    this.#sent = this.sent
    this.#feeder = this.#child(FEEDING, [...this.#place(), String(this.#sent)])
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

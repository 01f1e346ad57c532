/**
 * A council as a user runs it: each replica in a process of its own, here all on one machine.
 *
 * @module
 */

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildTask } from './council-child.ts'
import { WARM_HEIGHTS } from './council-member.ts'
import { freePorts } from '../test/helpers/ports.ts'
import { n as num, say } from './report.ts'
import { ascending, quantile } from './statistics.ts'

/** What a council of processes did. */
export interface ProcessFigures {
  readonly members: number
  readonly agreementP50Ms: number
  readonly agreementP99Ms: number
  readonly operationsPerSecond: number
  /** Processor time of all replicas for one agreement, and for one operation of a batch. */
  readonly agreementCpuMs: number
  readonly operationCpuMs: number
}

const WIDTH = 50

/** Measures councils of these sizes. */
export async function benchCouncilProcesses(
  folder: string,
  quick: boolean,
  sizes: readonly number[],
): Promise<readonly ProcessFigures[]> {
  const figures: ProcessFigures[] = []
  for (const members of sizes) {
    say(`a council of ${members} processes`)
    const rounds = Math.max(20, Math.round((quick ? 200 : 1_000) / members))
    figures.push(await measure(join(folder, `processes-${members}`), members, rounds, quick ? 2_000 : 8_000))
  }
  return figures
}

/** The figures as lines. */
export function processLines(figures: readonly ProcessFigures[]): readonly string[] {
  const cells = (one: ProcessFigures): readonly string[] => [
    String(one.members),
    num(one.agreementP50Ms, 1),
    num(one.agreementP99Ms, 1),
    num(one.agreementCpuMs, 1),
    num(one.operationsPerSecond),
    num(one.operationCpuMs, 2),
  ]
  const widths = [7, 8, 8, 8, 8, 10]
  const rows = figures.map((one) =>
    cells(one)
      .map((cell, at) => cell.padStart(widths[at] ?? 0))
      .join('  '),
  )
  return [
    `councils: each replica in a process of its own, on ${availableParallelism()} cores; "cpu": of all of them, in ms`,
    'members       p50       p99       cpu     ops/s   cpu of one',
    ...rows,
  ]
}

async function measure(
  folder: string,
  members: number,
  rounds: number,
  operations: number,
): Promise<ProcessFigures> {
  const ports = await freePorts(members)
  const children = ports.map((_, place) => new Child(folder, ports, place))
  try {
    await Promise.all(children.map((child) => child.ready()))
    for (const child of children)
      await child.ask({ what: 'agree', rounds: Math.ceil(WARM_HEIGHTS / members) })
    const idle = await cpuOf(children)
    const samples: number[] = []
    for (const child of children) samples.push(...((await child.ask({ what: 'agree', rounds })) as number[]))
    const agreed = await cpuOf(children)
    const start = performance.now()
    const count = Math.round(operations / members)
    await Promise.all(children.map((child) => child.ask({ what: 'flood', count, width: WIDTH })))
    const seconds = (performance.now() - start) / 1_000
    const flooded = await cpuOf(children)
    const sorted = ascending(samples)
    return {
      members,
      agreementP50Ms: quantile(sorted, 0.5),
      agreementP99Ms: quantile(sorted, 0.99),
      operationsPerSecond: (count * members) / seconds,
      agreementCpuMs: (agreed - idle) / samples.length,
      operationCpuMs: (flooded - agreed) / (count * members),
    }
  } finally {
    await Promise.all(children.map((child) => child.stop()))
  }
}

async function cpuOf(children: readonly Child[]): Promise<number> {
  const each = await Promise.all(children.map((child) => child.ask({ what: 'cpu' })))
  return each.reduce((sum: number, ms) => sum + Number(ms), 0)
}

class Child {
  readonly #process: ChildProcess

  constructor(folder: string, ports: readonly number[], place: number) {
    const script = fileURLToPath(new URL('council-child.ts', import.meta.url))
    this.#process = fork(script, [folder, ports.join(','), String(place)])
  }

  async ready(): Promise<void> {
    await this.#answer()
  }

  async ask(task: ChildTask): Promise<unknown> {
    const answer = this.#answer()
    this.#process.send(task)
    return answer
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return
    const gone = once(this.#process, 'exit')
    if (this.#process.connected) this.#process.send({ what: 'stop' } satisfies ChildTask)
    await gone
  }

  async #answer(): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    const left = (): void => reject(new Error('a replica of the benchmark has stopped'))
    this.#process.once('exit', left)
    this.#process.once('message', ({ value }: { readonly value: unknown }) => resolve(value))
    try {
      return await promise
    } finally {
      this.#process.off('exit', left)
    }
  }
}

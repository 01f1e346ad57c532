/**
 * Where it stops scaling: the hop of W1 in 1, 4 and 16 spaces of one database, on 1, 2 and 4 worker processes.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { Child } from '../test/helpers/processes.ts'
import { cpuMsOf } from '../test/support/postgres/processes.ts'
import { PostgresServer } from '../test/support/postgres/server.ts'
import { PLAIN } from './postgres.ts'
import { benchFolder, machine, n, say } from './report.ts'
import type { BenchOptions } from './report.ts'

const WORKERS: readonly number[] = [1, 2, 4]
const SPACES: readonly number[] = [1, 4, 16]
const MESSAGES = 10_000
const QUICK_SHARE = 0.2
const PATIENCE_MS = 120_000
const CHILD = new URL('postgres-scale-child.ts', import.meta.url)

/** One cell of the table. */
interface Cell {
  readonly workers: number
  readonly spaces: number
  readonly hopsPerSecond: number
  readonly commitsPerSecond: number
  /** Cores in use, of the machine's. */
  readonly serverCores: number
  readonly workerCores: number
}

/** Runs all; answers the report. */
export async function benchPostgresScale({ quick, json }: BenchOptions): Promise<string> {
  const folder = mkdtempSync(join(benchFolder(), 'coterie-bench-'))
  await using server = await PostgresServer.start({ settings: { max_connections: '600' } })
  const cells: Cell[] = []
  try {
    for (const workers of WORKERS)
      for (const spaces of SPACES) {
        say(`${workers} workers, ${spaces} spaces ...`)
        const keyring = join(folder, `keys-${workers}-${spaces}`)
        cells.push(await measure(server, keyring, { workers, spaces }, quick ? QUICK_SHARE : 1))
      }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  return json ? `${JSON.stringify({ machine: machine(), cells })}\n` : readable(cells)
}

async function measure(
  server: PostgresServer,
  keyring: string,
  { workers, spaces }: { readonly workers: number; readonly spaces: number },
  share: number,
): Promise<Cell> {
  const database = await server.createDatabase(PLAIN)
  // A space commits one batch at a time: two connections for each will do where there are many.
  const connections = Math.max(2, Math.floor(8 / spaces))
  const args = [`${server.url(database)}?connections=${connections}`, keyring, String(spaces)]
  const children: Child[] = []
  try {
    // The first one makes the spaces: how long that takes is not what is measured.
    for (let i = 0; i < workers; i++) {
      const child = new Child(CHILD.pathname, args)
      children.push(child)
      await child.event('ready', PATIENCE_MS)
    }
    const before = await usage(server)
    const start = performance.now()
    const each = Math.floor((MESSAGES * share) / workers)
    children.forEach((child, i) => child.tell(`go ${i * each} ${each}`))
    await handled(children, each * workers)
    const seconds = (performance.now() - start) / 1000
    const after = await usage(server)
    const workersCpuMs = await stopped(children)
    return {
      workers,
      spaces,
      hopsPerSecond: (each * workers) / seconds,
      commitsPerSecond: (after.commits - before.commits) / seconds,
      serverCores: (after.cpuMs - before.cpuMs) / 1000 / seconds,
      workerCores: workersCpuMs / 1000 / seconds,
    }
  } finally {
    await Promise.all(children.map((child) => child.end()))
    await server.query(`drop database ${database} with (force)`)
  }
}

/** Resolves when so many messages have come through, in all workers together. */
async function handled(children: readonly Child[], goal: number): Promise<void> {
  const count = (child: Child): number =>
    Number(child.reports.findLast((line) => line['event'] === 'handled')?.['count'] ?? 0)
  const reached = (): boolean => children.reduce((sum, child) => sum + count(child), 0) >= goal
  await Promise.any(children.map((child) => child.report(reached, PATIENCE_MS)))
}

/** Ends the workers; answers the processor time that they took since they were told to go. */
async function stopped(children: readonly Child[]): Promise<number> {
  let cpuMs = 0
  for (const child of children) {
    child.tell('stop')
    const { cpuMs: own } = await child.event('stopped')
    cpuMs += Number(own)
  }
  return cpuMs
}

async function usage(server: PostgresServer): Promise<{ commits: number; cpuMs: number }> {
  // Transactions that have written anything get numbers; the statistics of the server lag a second behind.
  const [row] = await server.query('select pg_snapshot_xmax(pg_current_snapshot())::text as next')
  return { commits: Number(row?.['next']), cpuMs: cpuMsOf(server.postmaster) }
}

function readable(cells: readonly Cell[]): string {
  const head = ['workers', 'spaces', 'hops/s', 'commits/s', 'hops/commit', 'server', 'workers']
  const rows = cells.map((cell) => [
    n(cell.workers),
    n(cell.spaces),
    n(cell.hopsPerSecond),
    n(cell.commitsPerSecond),
    n(cell.hopsPerSecond / cell.commitsPerSecond, 1),
    n(cell.serverCores, 2),
    n(cell.workerCores, 2),
  ])
  const lines = [head, ...rows].map((row) => row.map((text) => text.padStart(12)).join(''))
  return [
    machine(),
    `Cores in use of ${cpus().length}, by the server and by the workers. Commits are those that wrote anything, ` +
      'leases included.',
    '',
    ...lines,
    '',
  ].join('\n')
}

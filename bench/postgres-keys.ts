/**
 * Many keyed agents: 10,000 instances over four workers, one message each, twice. The first time each is created and
 * leased; the second time they are at home with a worker.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { open } from '../src/index.ts'
import type { Space } from '../src/index.ts'
import { Child } from '../test/helpers/processes.ts'
import type { Line } from '../test/helpers/processes.ts'
import { cpuMsOf } from '../test/support/postgres/processes.ts'
import { PostgresServer } from '../test/support/postgres/server.ts'
import { PLAIN } from './postgres.ts'
import { benchFolder, machine, n, say } from './report.ts'
import type { BenchOptions } from './report.ts'
import { payload } from './statistics.ts'

const AGENTS = 10_000
const QUICK_SHARE = 0.2
const WORKERS = 4
const ROUNDS = 2
const IDLE_MS = 10_000
/** What the last round has left to do is over by then. */
const SETTLED_MS = 5_000
const PATIENCE_MS = 300_000
const CHILD = new URL('postgres-keys-child.ts', import.meta.url)

/** One round, or the time behind the last, in which nothing is to be done. */
interface Round {
  readonly name: string
  readonly seconds: number
  readonly turns: number
  readonly statements: number
  readonly serverCpuMs: number
  /** For each worker. */
  readonly workers: readonly { readonly turns: number; readonly rssMb: number; readonly cpuMs: number }[]
}

/** Runs it; answers the report. */
export async function benchPostgresKeys({ quick, json }: BenchOptions): Promise<string> {
  const agents = AGENTS * (quick ? QUICK_SHARE : 1)
  const folder = mkdtempSync(join(benchFolder(), 'coterie-bench-'))
  await using server = await PostgresServer.start({
    settings: { shared_preload_libraries: 'pg_stat_statements' },
  })
  await server.query('create extension pg_stat_statements')
  const database = await server.createDatabase(PLAIN)
  const [url, keyring] = [server.url(database), join(folder, 'keys')]
  const children = Array.from({ length: WORKERS }, () => new Child(CHILD.pathname, [url, keyring]))
  try {
    await Promise.all(children.map((child) => child.event('ready', PATIENCE_MS)))
    const space = await open(url, { keyring })
    const rounds: Round[] = []
    const measured = async (name: string, work: () => Promise<unknown>): Promise<void> => {
      say(`${name} ...`)
      rounds.push(await measure(server, database, children, name, work))
    }
    for (let round = 1; round <= ROUNDS; round++)
      await measured(`round ${round}`, () =>
        oneEach(space, agents, () => handled(server, database), round * agents),
      )
    await delay(SETTLED_MS)
    await measured('idle', () => delay(IDLE_MS))
    await space.close()
    return json ? `${JSON.stringify({ machine: machine(), agents, rounds })}\n` : readable(agents, rounds)
  } finally {
    await Promise.all(children.map((child) => child.end()))
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Sends one message to each, and waits until so many are handled in all. */
async function oneEach(
  space: Space,
  agents: number,
  handledSoFar: () => Promise<number>,
  goal: number,
): Promise<void> {
  await Promise.all(Array.from({ length: agents }, (_, i) => space.sendTo(`item/k${i}`, 'take', payload(i))))
  for (const end = performance.now() + PATIENCE_MS; ; await delay(50)) {
    if ((await handledSoFar()) >= goal) return
    if (performance.now() > end) throw new Error('The messages are not handled in time.')
  }
}

/** Looked up past the store: `status` counts 10,000 mailboxes each time, which would be most of what is measured. */
async function handled(server: PostgresServer, database: string): Promise<number> {
  const [row] = await server.query('select handled::integer as n from coterie.spaces', [], database)
  return Number(row?.['n'])
}

async function measure(
  server: PostgresServer,
  database: string,
  children: readonly Child[],
  name: string,
  work: () => Promise<unknown>,
): Promise<Round> {
  const [before, workersBefore] = [await usage(server, database), await reports(children)]
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const [after, workersAfter] = [await usage(server, database), await reports(children)]
  const workers = workersAfter.map((line, i) => ({
    turns: Number(line['turns']) - Number(workersBefore[i]?.['turns']),
    rssMb: Number(line['rssMb']),
    cpuMs: Number(line['cpuMs']) - Number(workersBefore[i]?.['cpuMs']),
  }))
  return {
    name,
    seconds,
    turns: workers.reduce((sum, { turns }) => sum + turns, 0),
    statements: after.statements - before.statements,
    serverCpuMs: after.cpuMs - before.cpuMs,
    workers,
  }
}

const asked = new WeakMap<Child, number>()

async function reports(children: readonly Child[]): Promise<readonly Line[]> {
  return Promise.all(
    children.map((child) => {
      const number = (asked.get(child) ?? 0) + 1
      asked.set(child, number)
      child.tell('report')
      return child.event(`report ${number}`, PATIENCE_MS)
    }),
  )
}

async function usage(
  server: PostgresServer,
  database: string,
): Promise<{ statements: number; cpuMs: number }> {
  const [row] = await server.query(
    `select sum(calls) as statements from pg_stat_statements s join pg_database d on s.dbid = d.oid
     where datname = $1`,
    [database],
  )
  return {
    statements: Number(row?.['statements']),
    cpuMs: cpuMsOf(server.postmaster),
  }
}

function readable(agents: number, rounds: readonly Round[]): string {
  const lines = rounds.flatMap(({ name, seconds, turns, statements, serverCpuMs, workers }) => {
    const per = turns === 0 ? seconds * (workers.length + 1) : turns
    const unit = turns === 0 ? 'a second and process (the client is one too)' : 'a turn'
    const list = (figure: (worker: Round['workers'][number]) => number): string =>
      workers.map((worker) => n(figure(worker))).join(', ')
    return [
      `${name.padEnd(10)}${n(seconds, 2)} s, ${n(turns)} turns; ${n(statements / per, 2)} statements ${unit}; ` +
        `${n(serverCpuMs / 10 / seconds)} % of a core for the server`,
      `          turns of each worker: ${list((worker) => worker.turns)}; MB resident: ` +
        `${list(({ rssMb }) => rssMb)}; % of a core: ${list(({ cpuMs }) => cpuMs / 10 / seconds)}`,
    ]
  })
  return [
    machine(),
    `${n(agents)} keyed agents, ${WORKERS} workers, one message for each agent in a round`,
    '',
    ...lines,
    '',
  ].join('\n')
}

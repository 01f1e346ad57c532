/**
 * The benchmark of the store on PostgreSQL: the three workloads beside the raw limits of the server and, on the same
 * server, beside two job queues.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { PostgresServer } from '../test/support/postgres/server.ts'
import { installPeers, measurePeer, PEERS } from './peers.ts'
import type { PeerName, PeerReport } from './peers.ts'
import { measurePostgres } from './postgres-raw.ts'
import type { PostgresLimits } from './postgres-raw.ts'
import { benchFolder, machine, n, say } from './report.ts'
import type { BenchOptions } from './report.ts'
import { ask, fanOut, hop } from './workloads.ts'
import type { Place } from './workloads.ts'

/** Options of a run. */
export interface PostgresBenchOptions extends BenchOptions {
  /** Some of `raw`, `coterie` and the peers; by default all. */
  readonly only?: readonly string[]
}

interface Own {
  readonly w1: { readonly perSecond: number; readonly rounds: readonly number[] }
  readonly w2: { readonly p50Ms: number; readonly p99Ms: number; readonly perSecond: number }
  readonly w3: { readonly perSecond: number }
}

interface Report {
  readonly machine: string
  readonly durability: string
  readonly raw?: PostgresLimits
  readonly coterie?: Own
  readonly peers: Partial<Record<PeerName, PeerReport>>
  /** Why a peer was not measured. */
  readonly left: Readonly<Record<string, string>>
}

const QUICK_SHARE = 0.2
const NOT_MEASURED =
  'Not measured: a server on another machine, payloads above 256 bytes, handlers that do real work, several worker ' +
  'processes (--scale), whether the disk keeps what it says it has flushed. The queues deliver at least once, and ' +
  'what a handler sends is not atomic with its job; Coterie signs every record, and commits both as one.'

/** Runs it; answers the report. */
export async function benchPostgres(options: PostgresBenchOptions): Promise<string> {
  const wants = (name: string): boolean => options.only?.includes(name) ?? true
  const share = options.quick ? QUICK_SHARE : 1
  const folder = mkdtempSync(join(benchFolder(), 'coterie-bench-'))
  await using server = await PostgresServer.start()
  try {
    const database = async (): Promise<string> => server.url(await server.createDatabase(PLAIN))
    say('raw limits ...')
    const raw = wants('raw') ? await measurePostgres(await database()) : undefined
    const coterie = wants('coterie') ? await measureOwn(database, join(folder, 'keys'), share) : undefined
    const { peers, left } = await measurePeers(database, share, wants)
    const report: Report = {
      machine: machine(),
      durability: `PostgreSQL ${raw?.version ?? server.release.name} on this machine, fsync=on, synchronous_commit=on`,
      ...(raw !== undefined && { raw }),
      ...(coterie !== undefined && { coterie }),
      peers,
      left,
    }
    return options.json ? `${JSON.stringify({ ...report, notMeasured: NOT_MEASURED })}\n` : readable(report)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Databases that sort by bytes, the same for all. */
export const PLAIN = "template template0 locale_provider libc locale 'C'"

async function measureOwn(database: () => Promise<string>, keyring: string, share: number): Promise<Own> {
  const place = async (): Promise<Place> => ({ url: await database(), keyring })
  say('W1 hop ...')
  const w1 = await hop(await place(), 10_000 * share)
  say('W2 ask ...')
  const w2 = await ask(await place(), 2_000 * share, 10_000 * share)
  say('W3 fan-out ...')
  const w3 = await fanOut(await place(), 100, 100 * share)
  return { w1, w2, w3 }
}

async function measurePeers(
  database: () => Promise<string>,
  share: number,
  wants: (name: string) => boolean,
): Promise<Pick<Report, 'peers' | 'left'>> {
  const peers: Partial<Record<PeerName, PeerReport>> = {}
  const left: Record<string, string> = {}
  for (const name of PEERS.filter(wants)) {
    say(`${name} ...`)
    try {
      installPeers()
      peers[name] = await measurePeer(name, await database(), share)
    } catch (error) {
      // Without a registry the rest is still worth having.
      left[name] = error instanceof Error ? error.message : String(error)
    }
  }
  return { peers, left }
}

function readable({ machine, durability, raw, coterie, peers, left }: Report): string {
  const lines = [machine, durability, '']
  if (raw !== undefined)
    lines.push(
      `raw   one single-row commit   p50 ${n(raw.singleCommitP50Us)} us, p99 ${n(raw.singleCommitP99Us)} us; ` +
        `${n(raw.commitsPerSecond)} commits/s on 16 connections`,
      `      one row in 100          ${n(raw.batchedRowUs, 1)} us`,
      `      one round trip          ${n(raw.roundTripUs)} us`,
      `      one signature           ${n(raw.signatureUs, 1)} us (one verification ${n(raw.verificationUs, 1)} us)`,
    )
  if (coterie !== undefined && raw !== undefined)
    lines.push(
      `W1    of the limit            ${n(coterie.w1.perSecond / raw.hopsPerSecond, 2)} of ${n(raw.hopsPerSecond)}/s ` +
        `(one signature and four rows in 100)`,
      `W2    p50 of two commits      ${n((coterie.w2.p50Ms * 1000) / (2 * raw.singleCommitP50Us), 2)}`,
    )
  lines.push('', ...table(coterie, peers))
  for (const [name, why] of Object.entries(left)) lines.push('', `${name} was not measured: ${why}`)
  return `${[...lines, '', NOT_MEASURED].join('\n')}\n`
}

/** A line for each figure, a column for each system; behind a peer's figure, how many times better ours is. */
function table(coterie: Own | undefined, peers: Report['peers']): readonly string[] {
  const systems = PEERS.flatMap((name) => {
    const report = peers[name]
    return report === undefined ? [] : [{ name: `${name} ${report.version}`, report }]
  })
  const row = (
    label: string,
    figure: (of: Own | PeerReport) => number,
    digits: number,
    better: 'more' | 'less',
  ): string => {
    const own = coterie === undefined ? undefined : figure(coterie)
    const cells = systems.map(({ report }) => {
      const value = figure(report)
      const times = own === undefined ? undefined : better === 'more' ? own / value : value / own
      return `${n(value, digits)}${times === undefined ? '' : ` (${n(times, 1)} x)`}`
    })
    return [label.padEnd(30), own === undefined ? '-' : n(own, digits), ...cells].map(column).join('')
  }
  return [
    ['', 'Coterie', ...systems.map(({ name }) => name)].map(column).join(''),
    row('W1 hop A -> B -> C, hops/s', ({ w1 }) => w1.perSecond, 0, 'more'),
    row('W2 ask, p50 ms', ({ w2 }) => w2.p50Ms, 2, 'less'),
    row('W2 ask, p99 ms', ({ w2 }) => w2.p99Ms, 2, 'less'),
    row('W2 ask, 64 in flight, asks/s', ({ w2 }) => w2.perSecond, 0, 'more'),
    row('W3 fan-out, deliveries/s', ({ w3 }) => w3.perSecond, 0, 'more'),
  ]
}

function column(text: string, at: number): string {
  return at === 0 ? text.padEnd(30) : text.padStart(26)
}

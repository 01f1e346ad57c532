/**
 * The benchmark of the store on SQLite: the three workloads, memory, idle agents and restart.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { meanOf, measureRaw } from './raw.ts'
import { measureScale } from './scale.ts'
import { benchFolder, machine, n, say } from './report.ts'
import type { BenchOptions } from './report.ts'
import { ask, fanOut, hop } from './workloads.ts'
import type { Place } from './workloads.ts'

const NOT_MEASURED =
  'Not measured: several processes on one file, payloads above 256 bytes, handlers that do real work, ' +
  'whether the disk keeps what it says it has flushed.'

/** Runs it; answers the report. */
export async function benchSqlite({ quick, json }: BenchOptions): Promise<string> {
  const folder = mkdtempSync(join(benchFolder(), 'coterie-bench-'))
  try {
    const at = (name: string): Place => ({ url: `sqlite:${join(folder, name)}` })
    say('raw limits ...')
    const before = measureRaw(mkdtempSync(join(folder, 'raw-')))
    say('W1 hop ...')
    const w1 = await hop(at('w1.db'))
    say('W2 ask ...')
    const w2 = await ask(at('w2.db'))
    say('raw limits again ...')
    const raw = meanOf(before, measureRaw(mkdtempSync(join(folder, 'raw-'))))
    say('W3 fan-out ...')
    const w3 = await fanOut(at('w3.db'))
    say('scale ...')
    const scale = quick ? undefined : await measureScale(folder)
    const report = {
      machine: machine(),
      durability:
        'SQLite file, WAL, synchronous=FULL: every commit is flushed before it is acknowledged; every record is signed',
      raw,
      w1: { ...w1, ofLimit: w1.perSecond / raw.hopsPerSecond },
      w2: { ...w2, p50OfTwoCommits: (w2.p50Ms * 1000) / (2 * raw.singleCommitP50Us) },
      w3,
      ...(scale !== undefined && { scale }),
      notMeasured: NOT_MEASURED,
    }
    return json ? `${JSON.stringify(report)}\n` : readable(report)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

interface Report {
  machine: string
  durability: string
  raw: ReturnType<typeof measureRaw>
  w1: { perSecond: number; rounds: readonly number[]; ofLimit: number }
  w2: { p50Ms: number; p99Ms: number; perSecond: number; p50OfTwoCommits: number }
  w3: { perSecond: number }
  scale?: Awaited<ReturnType<typeof measureScale>>
}

function readable({ machine, durability, raw, w1, w2, w3, scale }: Report): string {
  const lines = [
    machine,
    durability,
    '',
    `raw   one single-row commit   p50 ${n(raw.singleCommitP50Us)} us, p99 ${n(raw.singleCommitP99Us)} us`,
    `      one row in 100          ${n(raw.batchedRowUs, 1)} us`,
    `      one signature           ${n(raw.signatureUs, 1)} us (one verification ${n(raw.verificationUs, 1)} us)`,
    `W1    hop A -> B -> C         ${n(w1.perSecond)} hops/s = ${n(w1.ofLimit, 2)} of the limit ` +
      `${n(raw.hopsPerSecond)}/s (to reach: 0.5; rounds ${w1.rounds.map((rate) => n(rate)).join(', ')})`,
    `W2    ask, one at a time      p50 ${n(w2.p50Ms, 2)} ms, p99 ${n(w2.p99Ms, 2)} ms; p50 = ` +
      `${n(w2.p50OfTwoCommits, 2)} x two commits (to reach: 3)`,
    `      ask, 64 in flight       ${n(w2.perSecond)} asks/s`,
    `W3    fan-out 1 to 100        ${n(w3.perSecond)} deliveries/s`,
  ]
  if (scale !== undefined) {
    lines.push(
      `scale 100,000 queued          handled in ${n(scale.backlogSeconds, 1)} s, at most ` +
        `${n(scale.backlogRssMb)} MB resident (to reach: 250)`,
      `      10,000 idle agents      ${n(scale.idleCpuPercent, 2)} % of one core (none at all: ` +
        `${n(scale.emptyCpuPercent, 2)} %)`,
      `      restart                 over ${n(scale.restartRecords)} records ready in ${n(scale.restartMs)} ` +
        `ms (to reach: 2,000)`,
    )
  }
  return `${[...lines, '', NOT_MEASURED].join('\n')}\n`
}

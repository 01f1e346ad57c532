/**
 * Votes of 5, 20 and 100 members who answer at once: how long a decision takes, with everything durable and signed,
 * beside what its signatures and flushes cost in the same run.
 *
 * @module
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { agent, majority, on, open, vote } from '../src/index.ts'
import { benchCouncilProcesses, processLines } from './council-processes.ts'
import { benchCouncils, councilLines } from './council.ts'
import { measureRaw, meanOf, type RawLimits } from './raw.ts'
import { benchFolder, machine, n, say, type BenchOptions } from './report.ts'
import { ascending, quantile } from './statistics.ts'

interface Votes {
  readonly members: number
  readonly sealed: boolean
  readonly decisions: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** The signatures, verifications and flushes that one decision cannot do without, one after the other. */
  readonly limitMs: number
}

/** More processes than these are more than a small machine can run at once. */
const PROCESSES: readonly number[] = [4, 7]

/** Runs the suite; answers the report. */
export async function benchDecisions({ quick, json, councils: sizes }: BenchOptions): Promise<string> {
  const folder = mkdtempSync(join(benchFolder(), 'coterie-bench-'))
  try {
    say('raw limits')
    const before = measureRaw(folder)
    const measured: Omit<Votes, 'limitMs'>[] = []
    for (const sealed of sizes === undefined ? [false, true] : []) {
      for (const [members, decisions] of [
        [5, quick ? 40 : 400],
        [20, quick ? 20 : 200],
        [100, quick ? 10 : 60],
      ] as const) {
        say(`${members} members${sealed ? ', sealed' : ''}`)
        const file = join(folder, `${members}-${sealed ? 'sealed' : 'open'}.db`)
        measured.push(await quorum(`sqlite:${file}`, members, decisions, sealed))
      }
    }
    const processes = await benchCouncilProcesses(
      folder,
      quick,
      (sizes ?? PROCESSES).filter((size) => PROCESSES.includes(size)),
    )
    const councils = await benchCouncils(folder, before, quick, sizes ?? [4, 7, 13, 31])
    rmSync(join(folder, 'raw.db'))
    const raw = meanOf(before, measureRaw(folder))
    const votes = measured.map((one) => ({ ...one, limitMs: limitOf(raw, one.members, one.sealed) }))
    return json
      ? `${JSON.stringify({ machine: machine(), raw, votes, councils, processes })}\n`
      : report(raw, votes, [...councilLines(councils), '', ...processLines(processes)])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Decisions one after the other, from the question to the chair to its answer. Every ballot is waited for. */
async function quorum(
  url: string,
  members: number,
  decisions: number,
  sealed: boolean,
): Promise<Omit<Votes, 'limitMs'>> {
  const judges = Array.from({ length: members }, (_, i) =>
    agent(`m${i}`, { judge: vote(() => ({ choice: 'approve', reason: 'yes' })) }),
  )
  const chair = agent('chair', {
    decide: on({ input: z.object({ i: z.int() }) }, async (turn, subject) => {
      const { outcome } = await turn.decide({
        question: 'Go on?',
        subject,
        electorate: judges.map(({ judge }) => judge),
        rule: majority(),
        everyBallot: true,
        sealed,
      })
      return outcome
    }),
  })
  await using space = await open(url, { agents: [chair, ...judges] })
  for (let i = 0; i < 10; i++) await space.ask(chair.decide, { i })
  const samples: number[] = []
  for (let i = 0; i < decisions; i++) {
    const start = performance.now()
    if ((await space.ask(chair.decide, { i })) !== 'approve') throw new Error('a vote went astray')
    samples.push(performance.now() - start)
  }
  const sorted = ascending(samples)
  return { members, sealed, decisions, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99) }
}

// Per member and round one signature on what it answers and one on its record, and one verification; the chair signs
// its records. Flushes in a row: the question, the chair's questions (twice when sealed), the answers, the decision.
function limitOf(raw: RawLimits, members: number, sealed: boolean): number {
  const rounds = sealed ? 2 : 1
  const signatures = (2 * members + 1) * rounds + 2
  const flushes = 2 + 2 * rounds
  const us =
    signatures * raw.signatureUs + members * rounds * raw.verificationUs + flushes * raw.singleCommitP50Us
  return us / 1_000
}

function report(raw: RawLimits, votes: readonly Votes[], councils: readonly string[]): string {
  const lines = [
    machine(),
    `raw: one commit p50 ${n(raw.singleCommitP50Us)} us, p99 ${n(raw.singleCommitP99Us)} us; ` +
      `signature ${n(raw.signatureUs, 1)} us, verification ${n(raw.verificationUs, 1)} us`,
    '',
    'members  ballots    p50 ms    p99 ms   signatures and flushes ms   decisions',
    ...votes.map(({ members, sealed, decisions, p50Ms, p99Ms, limitMs }) =>
      [
        String(members).padStart(7),
        (sealed ? 'sealed' : 'open').padEnd(7),
        n(p50Ms, 1).padStart(9),
        n(p99Ms, 1).padStart(9),
        n(limitMs, 1).padStart(27),
        String(decisions).padStart(11),
      ].join('  '),
    ),
    '',
    ...councils,
  ]
  return `${lines.join('\n')}\n`
}

/**
 * Councils of 4, 7, 13 and 31 replicas in one process, each with its own database and its own connections to all
 * others over the loopback address: how long an agreement and a whole vote take, how many signed operations are
 * agreed on in a second, what a silent leader costs, and what a certificate weighs; beside what the signatures alone
 * cost on one core in the same run.
 *
 * @module
 */

import { join } from 'node:path'
import { systemClock } from '../src/adapters/node/clock.ts'
import { nodeCrypto } from '../src/adapters/node/crypto.ts'
import { systemRandom } from '../src/adapters/node/random.ts'
import { councilCrypto } from '../src/bft/crypto.ts'
import { canonicalize, type Json } from '../src/core/json.ts'
import { verifyDecisionCertificate } from '../src/council/certificate.ts'
import type { Roster } from '../src/council/roster.ts'
import { silentLogger } from '../src/ports/logger.ts'
import { CouncilReplica } from '../src/runtime/council/replica.ts'
import {
  benchKey,
  benchLog,
  BenchMember,
  benchRoster,
  benchTransport,
  WARM_HEIGHTS,
} from './council-member.ts'

import { freePorts } from '../test/helpers/ports.ts'
import type { RawLimits } from './raw.ts'
import { n as num, say } from './report.ts'
import { ascending, quantile } from './statistics.ts'

/** What a council of one size did. */
export interface CouncilFigures {
  readonly members: number
  /** One operation after the other: from handing it in to its durable decision at the same replica. */
  readonly agreementP50Ms: number
  readonly agreementP99Ms: number
  /** Processor time of one replica for one agreement: what it would take on a machine of its own. */
  readonly replicaCpuMs: number
  /** Signed operations in a second, up to 100 in a value; undefined when not measured. */
  readonly operationsPerSecond: number | undefined
  /** A whole vote: question, ballots of all members, certificate. */
  readonly voteP50Ms: number
  readonly certificateBytes: number
  readonly verifyMs: number
  /** With one replica gone: the longest and the median agreement. */
  readonly silentMaxMs: number
  readonly silentP50Ms: number
  /** The signatures and verifications of one agreement by all replicas, one after the other on one core. */
  readonly limitMs: number
  readonly limitOperationsPerSecond: number
}

/** Measures councils of these sizes. */
export async function benchCouncils(
  folder: string,
  raw: RawLimits,
  quick: boolean,
  sizes: readonly number[],
): Promise<readonly CouncilFigures[]> {
  const stay = setInterval(() => undefined, 1_000)
  const figures: CouncilFigures[] = []
  for (const members of sizes) {
    say(`a council of ${members}`)
    const rounds = Math.max(10, Math.round((quick ? 200 : 1_000) / members))
    figures.push(await measure(join(folder, `council-${members}`), members, rounds, raw))
  }
  clearInterval(stay)
  return figures
}

/** The figures as lines. */
export function councilLines(figures: readonly CouncilFigures[]): readonly string[] {
  const cells = (one: CouncilFigures): readonly string[] => [
    String(one.members),
    num(one.agreementP50Ms, 1),
    num(one.agreementP99Ms, 1),
    num(one.replicaCpuMs, 1),
    num(one.limitMs, 1),
    one.operationsPerSecond === undefined ? '-' : num(one.operationsPerSecond),
    num(one.limitOperationsPerSecond),
    num(one.voteP50Ms, 1),
    num(one.silentP50Ms, 1),
    num(one.silentMaxMs),
    num(one.certificateBytes),
    num(one.verifyMs, 1),
  ]
  const widths = [7, 8, 8, 11, 11, 8, 11, 8, 11, 11, 12, 9]
  const head =
    'members       p50       p99   cpu of one   signatures     ops/s   signatures      vote   one silent  its longest' +
    '   certificate   verified'
  const rows = figures.map((one) =>
    cells(one)
      .map((cell, at) => cell.padStart(widths[at] ?? 0))
      .join('  '),
  )
  return [
    'councils: all replicas in one process, HTTP over the loopback address, a database with synchronous=FULL for each;',
    'times in ms; "cpu of one": processor time of one replica for one agreement; "signatures": what all signatures of',
    'all replicas cost one after the other on one core',
    head,
    ...rows,
  ]
}

async function measure(
  folder: string,
  members: number,
  rounds: number,
  raw: RawLimits,
): Promise<CouncilFigures> {
  const council = new Bench(folder, benchRoster(await freePorts(members)))
  try {
    await council.start()
    for (let warm = 0; warm < Math.min(WARM_HEIGHTS, 1_000 / members); warm++)
      await council.agree(warm % members)
    const samples: number[] = []
    const before = process.cpuUsage()
    for (let round = 0; round < rounds; round++) samples.push(await council.agree(round % members))
    const { user, system } = process.cpuUsage(before)
    const operationsPerSecond = members > 13 ? undefined : await council.flood(members === 4 ? 4_000 : 1_000)
    await council.stopOne(members - 1)
    const silent: number[] = []
    for (let round = 0; round < 4 * members; round++) silent.push(await council.agree(0))
    await council.stop()
    const votes = await council.votes(Math.max(5, Math.round(rounds / 20)))
    const sorted = ascending(samples)
    const quiet = ascending(silent)
    const quorum = Math.floor((members + Math.floor((members - 1) / 3)) / 2) + 1
    const verifications = members * (2 + 2 * (quorum - 1))
    const signatures = 2 * members + 2
    const perOperationUs = raw.signatureUs + (members - 1) * raw.verificationUs
    return {
      members,
      agreementP50Ms: quantile(sorted, 0.5),
      agreementP99Ms: quantile(sorted, 0.99),
      replicaCpuMs: (user + system) / 1_000 / rounds / members,
      operationsPerSecond,
      ...votes,
      silentMaxMs: Math.max(...silent),
      silentP50Ms: quantile(quiet, 0.5),
      limitMs: (verifications * raw.verificationUs + signatures * raw.signatureUs) / 1_000,
      limitOperationsPerSecond: 1_000_000 / perOperationUs,
    }
  } finally {
    await council.stop()
  }
}

class Bench {
  readonly #folder: string
  readonly #roster: Roster
  readonly #members: (BenchMember | undefined)[] = []

  constructor(folder: string, roster: Roster) {
    this.#folder = folder
    this.#roster = roster
  }

  async start(): Promise<void> {
    for (const { id } of this.#roster.members) {
      const member = new BenchMember(this.#folder, this.#roster, id)
      this.#members.push(member)
      await member.start()
    }
  }

  async stopOne(at: number): Promise<void> {
    const member = this.#members[at]
    this.#members[at] = undefined
    await member?.stop()
  }

  async stop(): Promise<void> {
    for (const at of this.#members.keys()) await this.stopOne(at)
  }

  /** One operation of a member; answers how long it took, in milliseconds. */
  async agree(at: number): Promise<number> {
    return (await this.#members[at]?.agree()) ?? Number.NaN
  }

  /** Operations of all members at once; answers how many were decided in a second. */
  async flood(operations: number): Promise<number> {
    const members = this.#members.filter((member) => member !== undefined)
    const count = Math.round(operations / members.length)
    const start = performance.now()
    await Promise.all(members.map((member) => member.flood(count, Math.min(50, count))))
    return (count * members.length * 1_000) / (performance.now() - start)
  }

  /** Whole votes, one after the other, by replicas of their own. */
  async votes(count: number): Promise<Pick<CouncilFigures, 'voteP50Ms' | 'certificateBytes' | 'verifyMs'>> {
    const replicas: CouncilReplica[] = []
    for (const { id } of this.#roster.members) {
      const replica = new CouncilReplica({
        roster: this.#roster,
        self: id,
        key: benchKey(id),
        crypto: nodeCrypto,
        log: benchLog(`${this.#folder}-votes-${id}.db`, this.#roster, id),
        transport: benchTransport(this.#roster, id),
        clock: systemClock,
        random: systemRandom,
        logger: silentLogger,
        judge: () => ({ choice: 'approve', reason: 'yes' }),
      })
      replicas.push(replica)
      await replica.start()
    }
    const [chair] = replicas
    if (chair === undefined) throw new Error('a council has members')
    for (let warm = 0; warm < 3; warm++) await chair.propose({ question: 'Go on?' })
    const samples: number[] = []
    let certificate: Json = null
    for (let round = 0; round < count; round++) {
      const start = performance.now()
      certificate = await chair.propose({ question: 'Go on?' })
      samples.push(performance.now() - start)
    }
    await Promise.all(replicas.map((replica) => replica.close()))
    const cryptos = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }
    const { instance, epoch } = this.#roster
    const members = this.#roster.members.map(({ id, publicKey, weight }) => ({ id, publicKey, weight }))
    const trusted = { instance, epoch, members }
    const start = performance.now()
    for (let round = 0; round < 20; round++) {
      if (!verifyDecisionCertificate(cryptos, certificate, trusted).ok)
        throw new Error('a certificate does not hold')
    }
    const verifyMs = (performance.now() - start) / 20
    const certificateBytes = Buffer.byteLength(canonicalize(certificate))
    return { voteP50Ms: quantile(ascending(samples), 0.5), certificateBytes, verifyMs }
  }
}

/**
 * Councils of 4, 7, 13 and 31 replicas in one process, each with its own database and its own connections to all
 * others over the loopback address: how long an agreement and a whole vote take, how many signed operations are
 * agreed on in a second, what a silent leader costs, and what a certificate weighs; beside what the signatures alone
 * cost on one core in the same run.
 *
 * @module
 */

import { join } from 'node:path'
import { HttpCouncilTransport } from '../src/adapters/http/council-transport.ts'
import { systemClock } from '../src/adapters/node/clock.ts'
import { nodeCrypto } from '../src/adapters/node/crypto.ts'
import { systemRandom } from '../src/adapters/node/random.ts'
import { councilCrypto } from '../src/bft/crypto.ts'
import type { Application } from '../src/bft/ledger.ts'
import type { Membership } from '../src/bft/membership.ts'
import type { Operation } from '../src/bft/proposal.ts'
import { statementBytes, type OperationText, type Statement } from '../src/bft/statements.ts'
import { canonicalize, type Json } from '../src/core/json.ts'
import { verifyDecisionCertificate } from '../src/council/certificate.ts'
import { makeRoster, membershipOf, type Roster } from '../src/council/roster.ts'
import type { Crypto, KeyPair } from '../src/ports/crypto.ts'
import { silentLogger } from '../src/ports/logger.ts'
import { CouncilDriver } from '../src/runtime/council/driver.ts'
import { rememberingCrypto } from '../src/runtime/council/remembering-crypto.ts'
import { CouncilReplica } from '../src/runtime/council/replica.ts'
import { openCouncilLog } from '../src/stores/sqlite/council-log.ts'
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

const COUNT: Application = { initial: 0, apply: (state) => Number(state) + 1 }
const BATCH = 100

/** Measures councils of these sizes. */
export async function benchCouncils(
  folder: string,
  raw: RawLimits,
  quick: boolean,
): Promise<readonly CouncilFigures[]> {
  const stay = setInterval(() => undefined, 1_000)
  const figures: CouncilFigures[] = []
  for (const members of [4, 7, 13, 31]) {
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
    num(one.limitMs, 1),
    one.operationsPerSecond === undefined ? '-' : num(one.operationsPerSecond),
    num(one.limitOperationsPerSecond),
    num(one.voteP50Ms, 1),
    num(one.silentP50Ms, 1),
    num(one.silentMaxMs),
    num(one.certificateBytes),
    num(one.verifyMs, 1),
  ]
  const widths = [7, 8, 8, 11, 8, 11, 8, 11, 11, 12, 9]
  const head =
    'members       p50       p99   signatures     ops/s   signatures      vote   one silent  its longest' +
    '   certificate   verified'
  const rows = figures.map((one) =>
    cells(one)
      .map((cell, at) => cell.padStart(widths[at] ?? 0))
      .join('  '),
  )
  return [
    'councils: all replicas in one process, HTTP over the loopback address, a database with synchronous=FULL for each;',
    'times in ms; "signatures": what all signatures of all replicas cost one after the other on one core',
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
  const council = await Bench.make(folder, members)
  try {
    await council.startDrivers()
    for (let warm = 0; warm < 20; warm++) await council.agree(warm % members)
    const samples: number[] = []
    for (let round = 0; round < rounds; round++) samples.push(await council.agree(round % members))
    const operationsPerSecond = members > 13 ? undefined : await council.flood(members === 4 ? 4_000 : 1_000)
    await council.stopDriver(members - 1)
    const silent: number[] = []
    for (let round = 0; round < 4 * members; round++) silent.push(await council.agree(0))
    await council.stopDrivers()
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
      operationsPerSecond,
      ...votes,
      silentMaxMs: Math.max(...silent),
      silentP50Ms: quantile(quiet, 0.5),
      limitMs: (verifications * raw.verificationUs + signatures * raw.signatureUs) / 1_000,
      limitOperationsPerSecond: 1_000_000 / perOperationUs,
    }
  } finally {
    await council.stopDrivers()
  }
}

interface Waiting {
  done(): void
}

class Bench {
  readonly #folder: string
  readonly #roster: Roster
  readonly #membership: Membership
  readonly #keys: ReadonlyMap<string, KeyPair>
  readonly #drivers: (CouncilDriver | undefined)[] = []
  readonly #cryptos = new Map<string, Crypto>()
  readonly #waiting = new Map<string, Waiting>()
  readonly #sequences = new Map<string, number>()

  constructor(folder: string, roster: Roster, keys: ReadonlyMap<string, KeyPair>) {
    this.#folder = folder
    this.#roster = roster
    this.#keys = keys
    this.#membership = membershipOf(councilCrypto(nodeCrypto), roster)
  }

  static async make(folder: string, members: number): Promise<Bench> {
    const ports = await freePorts(members)
    const ids = Array.from({ length: members }, (_, at) => `m${String(at).padStart(2, '0')}`)
    const keys = new Map(ids.map((id) => [id, nodeCrypto.keyPair(systemRandom.bytes(32))]))
    const cards = ids.map((id, at) => {
      const publicKey = keys.get(id)?.publicKey ?? ''
      return { id, publicKey, weight: 1, url: `http://127.0.0.1:${ports[at] ?? 0}` }
    })
    return new Bench(folder, makeRoster('bench', cards), keys)
  }

  async startDrivers(): Promise<void> {
    for (const { id } of this.#roster.members) {
      const remembering = rememberingCrypto(nodeCrypto, this.#key(id))
      this.#cryptos.set(id, remembering)
      const crypto = councilCrypto(remembering)
      const rules = {
        crypto,
        instance: 'bench',
        application: COUNT,
        self: id,
        ...TIMES,
        batchOperations: BATCH,
      }
      const driver = new CouncilDriver(
        {
          rules,
          genesis: this.#membership,
          seal: (statement: Statement) => this.#seal(id, statement),
          log: this.#log(`${this.#folder}-${id}.db`, id),
          transport: this.#transport(id),
          clock: systemClock,
          logger: silentLogger,
          sha256: (text) => nodeCrypto.sha256(text),
          nonce: 'none',
        },
        {
          decided: ({ value }) => {
            const own = value.operations.filter(({ author }) => author === id)
            if (own.length > 0) driver.keep({}, () => own.forEach((one) => this.#done(one)))
          },
          evidence: () => undefined,
          halted: () => undefined,
          failed: (error) => {
            throw error
          },
        },
      )
      this.#drivers.push(driver)
      await driver.start()
    }
  }

  async stopDriver(at: number): Promise<void> {
    const driver = this.#drivers[at]
    this.#drivers[at] = undefined
    await driver?.stop()
  }

  async stopDrivers(): Promise<void> {
    for (const at of this.#drivers.keys()) await this.stopDriver(at)
  }

  /** One operation of a member; answers how long it took, in milliseconds. */
  async agree(at: number): Promise<number> {
    const start = performance.now()
    await this.#submit(at)
    return performance.now() - start
  }

  /** Operations of all members at once; answers how many were decided in a second. */
  async flood(count: number): Promise<number> {
    const start = performance.now()
    const lanes = this.#drivers.flatMap((driver, at) => (driver === undefined ? [] : [at]))
    const width = Math.min(50, Math.floor(count / lanes.length))
    let left = count
    const lane = async (at: number): Promise<void> => {
      while (left > 0) {
        left -= 1
        await this.#submit(at)
      }
    }
    await Promise.all(lanes.flatMap((at) => Array.from({ length: width }, () => lane(at))))
    return (count * 1_000) / (performance.now() - start)
  }

  /** Whole votes, one after the other, by replicas of their own. */
  async votes(count: number): Promise<Pick<CouncilFigures, 'voteP50Ms' | 'certificateBytes' | 'verifyMs'>> {
    const replicas: CouncilReplica[] = []
    for (const { id } of this.#roster.members) {
      const replica = new CouncilReplica({
        roster: this.#roster,
        self: id,
        key: this.#key(id),
        crypto: nodeCrypto,
        log: this.#log(`${this.#folder}-votes-${id}.db`, id),
        transport: this.#transport(id),
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
    const trusted = { instance, epoch, members: this.#membership.members }
    const start = performance.now()
    for (let round = 0; round < 20; round++) {
      if (!verifyDecisionCertificate(cryptos, certificate, trusted).ok)
        throw new Error('a certificate does not hold')
    }
    const verifyMs = (performance.now() - start) / 20
    const certificateBytes = Buffer.byteLength(canonicalize(certificate))
    return { voteP50Ms: quantile(ascending(samples), 0.5), certificateBytes, verifyMs }
  }

  async #submit(at: number): Promise<void> {
    const id = this.#roster.members[at]?.id ?? ''
    const sequence = (this.#sequences.get(id) ?? 0) + 1
    this.#sequences.set(id, sequence)
    const body = { kind: 'application', payload: sequence } as const
    const text: OperationText = {
      type: 'operation',
      instance: 'bench',
      author: id,
      sequence,
      expires: 0,
      body,
    }
    const operation = { ...text, signature: this.#seal(id, text) }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.set(`${id} ${sequence}`, { done: resolve })
    this.#drivers[at]?.submit(operation)
    await promise
  }

  #done({ author, sequence }: Operation): void {
    const name = `${author} ${sequence}`
    this.#waiting.get(name)?.done()
    this.#waiting.delete(name)
  }

  #seal(id: string, statement: Statement): string {
    const crypto = this.#cryptos.get(id) ?? nodeCrypto
    return crypto.sign(this.#key(id).privateKey, statementBytes(statement))
  }

  #key(id: string): KeyPair {
    const key = this.#keys.get(id)
    if (key === undefined) throw new Error(`there is no member ${id}`)
    return key
  }

  #log(file: string, member: string) {
    const identity = { instance: 'bench', member, membership: this.#membership.digest }
    return openCouncilLog(file, identity, {
      run: Buffer.from(systemRandom.bytes(16)).toString('hex'),
      isNew: true,
    })
  }

  #transport(self: string): HttpCouncilTransport {
    const { members } = this.#roster
    const keys = new Map(members.map(({ id, publicKey }) => [id, publicKey]))
    const own = members.find(({ id }) => id === self)
    return new HttpCouncilTransport({
      identity: {
        instance: 'bench',
        self,
        key: this.#key(self),
        crypto: nodeCrypto,
        publicKeyOf: (id) => keys.get(id),
      },
      peers: members.filter(({ id }) => id !== self),
      port: Number(new URL(own?.url ?? '').port),
      logger: silentLogger,
    })
  }
}

const TIMES = { deltaMs: 250, deltaMsMin: 50, deltaMsMax: 5_000 }

/** A council of replicas in one process: real keys, real files or memory, a network that can be cut. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { MemoryCouncilNetwork } from '../../src/adapters/memory/council-network.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Decision } from '../../src/bft/decision.ts'
import { makeRoster, membershipOf, type Roster } from '../../src/council/roster.ts'
import type { CouncilBatch, CouncilLog, CouncilTransport } from '../../src/ports/council.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { Judge } from '../../src/runtime/council/member.ts'
import { CouncilReplica } from '../../src/runtime/council/replica.ts'
import { openCouncilLog } from '../../src/stores/sqlite/council-log.ts'

export const NAMES: readonly string[] = ['alice', 'bob', 'carol', 'dave']

/** Approves everything. */
const approving: Judge = () => ({ choice: 'approve', reason: 'fine' })

export function keysOf(names: readonly string[]): ReadonlyMap<string, KeyPair> {
  return new Map(names.map((name, at) => [name, nodeCrypto.keyPair(new Uint8Array(32).fill(at + 1))]))
}

export function rosterOf(keys: ReadonlyMap<string, KeyPair>, port = 1): Roster {
  const members = [...keys].map(([id, { publicKey }], at) => {
    return { id, publicKey, weight: 1, url: `http://127.0.0.1:${port + at}` }
  })
  return makeRoster('test council', members)
}

/** A log whose commits go through a function. */
export function withCommit(log: CouncilLog, commit: (batch: CouncilBatch) => void): CouncilLog {
  return {
    history: log.history,
    commit,
    decisions: (first, last) => log.decisions(first, last),
    ballot: (decision) => log.ballot(decision),
    certificate: (decision) => log.certificate(decision),
    certificates: (limit) => log.certificates(limit),
    evidence: (limit) => log.evidence(limit),
    evidenceAgainst: (culprit) => log.evidenceAgainst(culprit),
    close: () => log.close(),
  }
}

interface Options {
  /** What to begin with; the file of the council unless told otherwise. */
  readonly roster?: Roster
  readonly isNew?: boolean
  readonly transport?: CouncilTransport
  readonly wrapLog?: (log: CouncilLog) => CouncilLog
}

/** The council. */
export class TestCouncil {
  readonly names: readonly string[]
  readonly keys: ReadonlyMap<string, KeyPair>
  readonly roster: Roster
  readonly network: MemoryCouncilNetwork
  readonly folder: string
  readonly replicas = new Map<string, CouncilReplica>()
  judge: Judge = approving

  /** `later`: who may join it later on. */
  constructor(names: readonly string[] = NAMES, later: readonly string[] = []) {
    this.names = names
    this.keys = keysOf([...names, ...later])
    this.roster = rosterOf(new Map([...this.keys].filter(([id]) => names.includes(id))))
    this.network = new MemoryCouncilNetwork([...names, ...later], (fn) => systemClock.defer(fn))
    this.folder = mkdtempSync(join(tmpdir(), 'coterie-council-'))
  }

  file(name: string): string {
    return join(this.folder, `${name}.db`)
  }

  async start(name: string, options: Options = {}) {
    const key = this.keys.get(name)
    if (key === undefined) throw new TypeError(`no member ${name}`)
    const membership = membershipOf(councilCrypto(nodeCrypto), this.roster).digest
    const identity = { instance: this.roster.instance, member: name, membership }
    const run = Buffer.from(systemRandom.bytes(16)).toString('hex')
    const own = openCouncilLog(this.file(name), identity, { run, isNew: options.isNew ?? true })
    const log = options.wrapLog?.(own) ?? own
    const replica = new CouncilReplica({
      roster: options.roster ?? this.roster,
      self: name,
      key,
      crypto: nodeCrypto,
      log,
      transport: options.transport ?? this.network.transport(name),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      judge: (question) => this.judge(question),
      deltaMs: 50,
    })
    this.replicas.set(name, replica)
    await replica.start()
    return replica
  }

  async startAll(): Promise<void> {
    for (const name of this.names) await this.start(name)
  }

  get(name: string): CouncilReplica {
    const replica = this.replicas.get(name)
    if (replica === undefined) throw new TypeError(`no replica ${name}`)
    return replica
  }

  /** How many operations a member has had decided, as another one has them in its file. */
  operationsOf(author: string, file: string = this.file('carol')): number {
    const db = new DatabaseSync(file, { readOnly: true })
    const rows = db.prepare('select text from decisions').all()
    db.close()
    const decided = rows.flatMap(({ text }) => (JSON.parse(String(text)) as Decision).value.operations)
    return decided.filter((operation) => operation.author === author).length
  }

  async stop(name: string): Promise<void> {
    await this.replicas.get(name)?.close()
    this.replicas.delete(name)
  }

  async close(): Promise<void> {
    for (const name of this.replicas.keys()) await this.stop(name)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

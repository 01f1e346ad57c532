/**
 * One member of a council that is measured: in the process of the others, or in one of its own.
 *
 * @module
 */

import { HttpCouncilTransport } from '../src/adapters/http/council-transport.ts'
import { systemClock } from '../src/adapters/node/clock.ts'
import { nodeCrypto } from '../src/adapters/node/crypto.ts'
import { systemRandom } from '../src/adapters/node/random.ts'
import { councilCrypto } from '../src/bft/crypto.ts'
import type { Application } from '../src/bft/ledger.ts'
import { statementBytes, type OperationText, type Statement } from '../src/bft/statements.ts'
import { contactsOf, makeRoster, membershipOf, type Roster } from '../src/council/roster.ts'
import type { CouncilLog } from '../src/ports/council.ts'
import type { Crypto, KeyPair } from '../src/ports/crypto.ts'
import { silentLogger } from '../src/ports/logger.ts'
import { CouncilDriver } from '../src/runtime/council/driver.ts'
import { rememberingCouncilCrypto, rememberingCrypto } from '../src/runtime/council/remembering-crypto.ts'
import { openCouncilLog } from '../src/stores/sqlite/council-log.ts'

/**
 * Heights before anything is measured. Until a replica's log was copied for the first time (after 400 commits), each
 * flush makes its file longer, and takes twice as long.
 */
export const WARM_HEIGHTS = 200

const COUNT: Application = { initial: 0, apply: (state) => Number(state) + 1 }
const BATCH = 100
const TIMES = { deltaMs: 250, deltaMsMin: 50, deltaMsMax: 5_000 }

/** A council of members who listen on these ports of the loopback address. */
export function benchRoster(ports: readonly number[]): Roster {
  const members = ports.map((port, at) => {
    const id = `m${String(at).padStart(2, '0')}`
    return { id, publicKey: benchKey(id).publicKey, weight: 1, url: `http://127.0.0.1:${port}` }
  })
  return makeRoster('bench', members)
}

/** The key of a member, the same in every process. */
export function benchKey(id: string): KeyPair {
  return nodeCrypto.keyPair(Buffer.from(nodeCrypto.sha256(`a member of the bench: ${id}`), 'hex'))
}

/** A new log of a member. */
export function benchLog(file: string, roster: Roster, member: string): CouncilLog {
  const membership = membershipOf(councilCrypto(nodeCrypto), roster).digest
  return openCouncilLog(
    file,
    { instance: 'bench', member, membership },
    { run: Buffer.from(systemRandom.bytes(16)).toString('hex'), isNew: true },
  )
}

/** The connections of a member to all others. */
export function benchTransport({ members }: Roster, self: string): HttpCouncilTransport {
  const own = members.find(({ id }) => id === self)
  const transport = new HttpCouncilTransport({
    identity: {
      instance: 'bench',
      self,
      key: benchKey(self),
      crypto: nodeCrypto,
      publicKeyOf: () => undefined,
    },
    port: Number(new URL(own?.url ?? '').port),
    logger: silentLogger,
  })
  transport.meet(contactsOf({ members }, self))
  return transport
}

/** The machine of one member at work, with an application that only counts. */
export class BenchMember {
  readonly id: string
  readonly #crypto: Crypto
  readonly #key: KeyPair
  readonly #driver: CouncilDriver
  readonly #waiting = new Map<number, () => void>()
  #sequence = 0

  constructor(folder: string, roster: Roster, id: string) {
    this.id = id
    this.#key = benchKey(id)
    this.#crypto = rememberingCrypto(nodeCrypto, this.#key)
    const crypto = rememberingCouncilCrypto(this.#crypto)
    const rules = {
      crypto,
      instance: 'bench',
      application: COUNT,
      self: id,
      ...TIMES,
      batchOperations: BATCH,
    }
    this.#driver = new CouncilDriver(
      {
        rules,
        genesis: membershipOf(crypto, roster),
        seal: (statement) => this.#seal(statement),
        log: benchLog(`${folder}-${id}.db`, roster, id),
        transport: benchTransport(roster, id),
        clock: systemClock,
        logger: silentLogger,
        sha256: (text) => nodeCrypto.sha256(text),
        nonce: 'none',
      },
      {
        decided: ({ value }) => {
          const own = value.operations.filter(({ author }) => author === id)
          if (own.length > 0) this.#driver.keep({}, () => own.forEach(({ sequence }) => this.#done(sequence)))
        },
        culprit: () => '',
        evidence: () => undefined,
        halted: () => undefined,
        failed: (error) => {
          throw error
        },
      },
    )
  }

  start(): Promise<void> {
    return this.#driver.start()
  }

  stop(): Promise<void> {
    return this.#driver.stop()
  }

  /** One operation; answers how long it took until it was decided and durable here, in milliseconds. */
  async agree(): Promise<number> {
    const start = performance.now()
    await this.#submit()
    return performance.now() - start
  }

  /** So many operations, of which `width` wait at a time. */
  async flood(count: number, width: number): Promise<void> {
    let left = count
    const lane = async (): Promise<void> => {
      while (left > 0) {
        left -= 1
        await this.#submit()
      }
    }
    await Promise.all(Array.from({ length: width }, lane))
  }

  async #submit(): Promise<void> {
    this.#sequence += 1
    const sequence = this.#sequence
    const body = { kind: 'application', payload: sequence } as const
    const text: OperationText = {
      type: 'operation',
      instance: 'bench',
      author: this.id,
      sequence,
      expires: 0,
      body,
    }
    const operation = { ...text, signature: this.#seal(text) }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#waiting.set(sequence, resolve)
    this.#driver.submit(operation)
    await promise
  }

  #done(sequence: number): void {
    this.#waiting.get(sequence)?.()
    this.#waiting.delete(sequence)
  }

  #seal(statement: Statement): string {
    return this.#crypto.sign(this.#key.privateKey, statementBytes(statement))
  }
}

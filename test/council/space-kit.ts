/** A council within a space: folders as the command line makes them, and one opening of the space for each member. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lying, type Kind } from '../../examples/council/lies.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { fileKeyring } from '../../src/adapters/node/keyring.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { makeRoster, membershipOf, type Roster } from '../../src/council/roster.ts'
import { open, type AnyAgent, type Space } from '../../src/index.ts'
import {
  councilFiles,
  councilSeat,
  createReplicaFile,
  readMemberFolder,
  type CouncilReplica,
  type SeatOptions,
} from '../../src/open-council.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import { CouncilSeat } from '../../src/runtime/council/seat.ts'
import { openCouncilLog } from '../../src/stores/sqlite/council-log.ts'
import { NAMES } from './kit.ts'

interface Seated {
  readonly seat: CouncilSeat
  readonly space: Space
  readonly replica: CouncilReplica
}

/** The council. Its members are agents called `ID-replica`. */
export class SpaceCouncil {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'coterie-space-council-'))
  readonly url: string
  readonly roster: Roster
  readonly seated = new Map<string, Seated>()
  readonly #spaces: Space[] = []

  private constructor(url: string | undefined, names: readonly string[]) {
    this.url = url ?? `sqlite:${join(this.folder, 'team.db')}`
    const members = names.map((id) => {
      mkdirSync(join(this.folder, id))
      const keys = fileKeyring(councilFiles(join(this.folder, id)).keys, nodeCrypto, systemRandom)
      return { id, publicKey: keys.create(id).publicKey, weight: 1, url: `space:${id}-replica` }
    })
    this.roster = makeRoster('space council', members)
    for (const place of [this.folder, ...names.map((id) => join(this.folder, id))])
      writeFileSync(councilFiles(place).roster, JSON.stringify(this.roster))
  }

  static async make(url?: string, names: readonly string[] = NAMES): Promise<SpaceCouncil> {
    const council = new SpaceCouncil(url, names)
    for (const id of names) await createReplicaFile(readMemberFolder(join(council.folder, id)))
    return council
  }

  get rosterFile(): string {
    return councilFiles(this.folder).roster
  }

  /** The keys of the space, which all its processes share here. */
  get keyring(): string {
    return join(this.folder, 'space.keys')
  }

  seat(id: string, options: SeatOptions = {}): CouncilSeat {
    const judge = () => ({ choice: 'approve', reason: 'fine' }) as const
    return councilSeat(join(this.folder, id), { judge, deltaMs: 50, ...options })
  }

  /** The seat of a member whose transport lies. */
  lyingSeat(id: string, kind: Kind): CouncilSeat {
    const place = readMemberFolder(join(this.folder, id))
    const { roster, self, url, key, database } = place
    const peers = roster.members.map((member) => member.id).filter((one) => one !== id)
    const liar = { key, place: roster.members.findIndex((member) => member.id === id), peers }
    const membership = membershipOf(councilCrypto(nodeCrypto), roster).digest
    return new CouncilSeat({
      ...{ roster, self, url, key },
      crypto: nodeCrypto,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      deltaMs: 50,
      openLog: () =>
        openCouncilLog(
          database,
          { instance: roster.instance, member: id, membership },
          { run: Buffer.from(systemRandom.bytes(16)).toString('hex') },
        ),
      wrap: (transport) => lying(kind, transport, liar),
    })
  }

  /** Opens the space with some agents; it is closed with the council. */
  async open(agents: readonly AnyAgent[], limits: { readonly leaseMs?: number } = {}): Promise<Space> {
    const space = await open(this.url, { agents, keyring: this.keyring, limits })
    this.#spaces.push(space)
    return space
  }

  async start(id: string, options: SeatOptions | CouncilSeat = {}): Promise<CouncilReplica> {
    const seat = options instanceof CouncilSeat ? options : this.seat(id, options)
    const space = await this.open([seat.agent])
    const replica = await seat.join(space)
    this.seated.set(id, { seat, space, replica })
    return replica
  }

  /** Starts all; an agent is known in the space before the first one writes to it. */
  async startAll(options: SeatOptions = {}): Promise<void> {
    for (const { id } of this.roster.members) await this.start(id, options)
  }

  get(id: string): CouncilReplica {
    const seated = this.seated.get(id)
    if (seated === undefined) throw new TypeError(`no replica ${id}`)
    return seated.replica
  }

  async stop(id: string): Promise<void> {
    const seated = this.seated.get(id)
    this.seated.delete(id)
    await seated?.replica.close()
    await seated?.space.close()
  }

  async close(): Promise<void> {
    for (const id of this.seated.keys()) await this.stop(id)
    for (const space of this.#spaces) await space.close()
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** Waits until something holds. */
export async function until(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (let waited = 0; !(await holds()); waited += 10) {
    assert.ok(waited < withinMs, `it did not happen within ${withinMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

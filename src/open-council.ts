/**
 * A replica of a council in a folder: its membership file, its key, and its own database.
 *
 * ```text
 *   council.json    who the first members are, and where; the same for all
 *   member.json     the card of a member that comes later
 *   keys/ID.key     this member's private key
 *   council.db      what this replica keeps
 * ```
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { askReplica } from './adapters/http/council-client.ts'
import { HttpCouncilTransport } from './adapters/http/council-transport.ts'
import { Gate } from './adapters/http/gate.ts'
import type { LinkIdentity } from './adapters/http/handshake.ts'
import { systemClock } from './adapters/node/clock.ts'
import { nodeCrypto } from './adapters/node/crypto.ts'
import { fileKeyring } from './adapters/node/keyring.ts'
import { systemRandom } from './adapters/node/random.ts'
import { councilCrypto } from './bft/crypto.ts'
import { toHex } from './core/bytes.ts'
import { CoterieError } from './core/errors.ts'
import { parseStrict, type Json } from './core/json.ts'
import type { DecisionCertificate } from './council/certificate.ts'
import { verifyByRoster } from './council/verify-by-roster.ts'
import {
  agentOfUrl,
  epochsOf,
  isInSpace,
  membershipOf,
  readCard,
  readRoster,
  type Roster,
  type RosterMember,
} from './council/roster.ts'
import type { KeyPair } from './ports/crypto.ts'
import { silentLogger, type Logger } from './ports/logger.ts'
import type { Judge } from './runtime/council/member.ts'
import { CouncilReplica } from './runtime/council/replica.ts'
import { answerRequest } from './runtime/council/requests.ts'
import { CouncilSeat } from './runtime/council/seat.ts'
import { spaceCouncilOf } from './runtime/council/space-asker.ts'
import { askInSpace } from './runtime/council/space-tools.ts'
import type { Space } from './runtime/space.ts'
import type { CouncilRef, SpaceCouncilRef } from './turn/council.ts'
import { openCouncilLog } from './stores/sqlite/council-log.ts'

export type { Judge } from './runtime/council/member.ts'
export { CouncilReplica } from './runtime/council/replica.ts'
export type { CouncilQuestion } from './runtime/council/question.ts'
export type { CouncilMembers, CouncilStatus } from './runtime/council/status.ts'
export type { AgreeResult, ChangeStatus } from './runtime/council/changes.ts'
export {
  verifyDecisionCertificate,
  type CouncilVerdict,
  type DecisionCertificate,
  type TrustedCouncil,
} from './council/certificate.ts'
export { verifyByRoster } from './council/verify-by-roster.ts'
export type { Roster, RosterMember } from './council/roster.ts'
export type { CouncilSeat } from './runtime/council/seat.ts'
export type {
  CouncilDecideOptions,
  CouncilDecision,
  CouncilMatter,
  CouncilRef,
  SpaceCouncilRef,
} from './turn/council.ts'

/** How a member takes its seat in a space. */
export interface SeatOptions extends Omit<ReplicaOptions, 'folder' | 'listen'> {
  /** Which agents of the space may put questions to the council through this member; by default all. */
  readonly mayAsk?: (agent: string) => boolean
}

/** How a replica is run. */
export interface ReplicaOptions {
  /** The folder of the member. */
  readonly folder: string
  /** How this member forms its opinions; without it, it orders and counts, and abstains by silence. */
  readonly judge?: Judge
  /** Where to listen, as `HOST:PORT`: the host and port of the member's URL unless told otherwise. */
  readonly listen?: string
  readonly logger?: Logger
  /** The first estimate of how long a message takes, in milliseconds. */
  readonly deltaMs?: number
}

/** What a member's folder holds. */
export interface MemberFolder {
  readonly folder: string
  readonly roster: Roster
  /** The id of the member whose key is here. */
  readonly self: string
  readonly url: string
  readonly key: KeyPair
  readonly database: string
}

/** The files of a member's folder. */
export function councilFiles(folder: string): {
  readonly roster: string
  readonly card: string
  readonly keys: string
  readonly database: string
} {
  return {
    roster: join(folder, 'council.json'),
    card: join(folder, 'member.json'),
    keys: join(folder, 'keys'),
    database: join(folder, 'council.db'),
  }
}

/** Reads a member's folder. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_ARGUMENT, COTERIE_KEY_*. */
export function readMemberFolder(path: string): MemberFolder {
  const folder = resolve(path)
  const files = councilFiles(folder)
  const roster = readRosterFile(files.roster)
  const keyring = fileKeyring(files.keys, nodeCrypto, systemRandom)
  const names = keyring.names()
  const [self, second] = names
  const key = self === undefined ? undefined : keyring.get(self)
  if (self === undefined || second !== undefined || key === undefined) {
    const what = names.length === 0 ? 'There is no key' : 'There are keys of several members'
    throw new CoterieError('COTERIE_KEY_MISSING', `${what} in ${files.keys}: a replica has one member's key.`)
  }
  const member = ownMember(files, roster, self)
  if (member === undefined) {
    throw new CoterieError('COTERIE_KEY_MISMATCH', `${JSON.stringify(self)} is no member in ${files.roster}.`)
  }
  if (member.publicKey !== key.publicKey) {
    const message = `The key of ${JSON.stringify(self)} in ${files.keys} is not the one of the member.`
    throw new CoterieError('COTERIE_KEY_MISMATCH', message)
  }
  return { folder, roster, self, url: member.url, key, database: files.database }
}

/** A first member, one that the file knows from a change, or one with a card, that is to be taken in. */
function ownMember(
  files: ReturnType<typeof councilFiles>,
  roster: Roster,
  self: string,
): RosterMember | undefined {
  const first = roster.members.find(({ id }) => id === self)
  if (first !== undefined) return first
  if (existsSync(files.card)) return readCard(parseStrict(readFileSync(files.card, 'utf8')), files.card)
  const epochs = epochsOf(councilCrypto(nodeCrypto), roster)
  return epochs.flatMap(({ members }) => members).find(({ id }) => id === self)
}

/** Reads a membership file. Throws COTERIE_NOT_FOUND, COTERIE_INVALID_JSON, COTERIE_INVALID_ARGUMENT. */
export function readRosterFile(file: string): Roster {
  if (!existsSync(file)) throw new CoterieError('COTERIE_NOT_FOUND', `There is no membership file ${file}.`)
  const text = readFileSync(file, 'utf8')
  let value: Json
  try {
    value = parseStrict(text)
  } catch (cause) {
    throw new CoterieError('COTERIE_INVALID_JSON', `The membership file ${file} cannot be read as JSON.`, {
      cause,
    })
  }
  return readRoster(value, file)
}

/** Makes the database of a new replica, so that it knows that it has forgotten nothing. */
export async function createReplicaFile({ roster, self, database }: MemberFolder): Promise<void> {
  await openLog(roster, self, database, true).close()
}

/**
 * Opens the replica in a folder and joins the others. A replica whose database is missing, damaged, or an older copy
 * casts no votes until none that it may have forgotten can matter.
 *
 * @throws CoterieError COTERIE_COUNCIL_UNREACHABLE when nothing can listen there; COTERIE_COUNCIL_HALTED;
 * COTERIE_KEY_*; COTERIE_STORE_*.
 */
export async function openReplica(options: ReplicaOptions): Promise<CouncilReplica> {
  const place = readMemberFolder(options.folder)
  const { roster, self, key } = place
  const logger = options.logger ?? silentLogger
  requireHttp(place)
  const { host, port } = listenAt(options.listen ?? place.url.slice('http://'.length))
  // Opening the database takes it from a process that has it: not before it is known that this one can be reached.
  await probe(identityOf(place), host, port)
  const log = openLog(roster, self, place.database, false)
  try {
    const transport = new HttpCouncilTransport({
      identity: identityOf(place),
      host,
      port,
      logger,
      onRequest: (request) => answerRequest(replica, request),
    })
    const replica: CouncilReplica = new CouncilReplica({
      roster,
      self,
      key,
      crypto: nodeCrypto,
      log,
      transport,
      clock: systemClock,
      random: systemRandom,
      logger,
      judge: options.judge,
      ...(options.deltaMs !== undefined && { deltaMs: options.deltaMs }),
    })
    await replica.start()
    return replica
  } catch (error) {
    await log.close()
    throw error
  }
}

/**
 * The seat of the member in a folder, for a council whose membership file names agents of a space (`space:AGENT`): give
 * its agent to `open`, and join.
 *
 * @throws CoterieError as `readMemberFolder` does; COTERIE_INVALID_ARGUMENT when the member is reached over HTTP.
 *
 * @example
 * ```ts
 * import { open } from 'coterie'
 * import { councilSeat } from 'coterie/council'
 * const alice = councilSeat('./council/alice', { judge: () => ({ choice: 'approve', reason: 'why not' }) })
 * await using space = await open('sqlite:./team.db', { agents: [alice.agent] })
 * await using replica = await alice.join(space)
 * ```
 */
export function councilSeat(folder: string, options: SeatOptions = {}): CouncilSeat {
  const place = readMemberFolder(folder)
  const { roster, self, url, key } = place
  const { judge, mayAsk, deltaMs, logger = silentLogger } = options
  return new CouncilSeat({
    ...{ roster, self, url, key, judge, mayAsk, logger },
    crypto: nodeCrypto,
    clock: systemClock,
    random: systemRandom,
    openLog: () => openLog(roster, self, place.database, false),
    ...(deltaMs !== undefined && { deltaMs }),
  })
}

/**
 * A council for `turn.decide({ by })` by agents of the space that its replicas live in. It takes the membership file
 * alone: any agent may ask, if the members let it. Certificates are verified against that file, and against what was
 * asked.
 *
 * @throws CoterieError as `readRosterFile` does; COTERIE_INVALID_ARGUMENT when its members are reached over HTTP.
 */
export function spaceCouncil(file: string): SpaceCouncilRef {
  const roster = readRosterFile(file)
  if (!isInSpace(roster)) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      `The members in ${file} are reached over HTTP: see council().`,
    )
  }
  const members = epochsOf(councilCrypto(nodeCrypto), roster).at(-1)?.members ?? roster.members
  return spaceCouncilOf(roster.instance, members, (found, decision) =>
    checkedCertificate(roster, found, decision, 'the space'),
  )
}

/**
 * A council for `turn.decide({ by })`: asked through the running replica in a folder, whose member's key is there too.
 * Each certificate is verified against the membership file, so that a replica that lies is found out.
 *
 * @throws CoterieError as `readMemberFolder` does.
 */
export function council(folder: string): CouncilRef {
  const place = readMemberFolder(folder)
  requireHttp(place)
  return {
    name: place.roster.instance,
    open: async (matter) => {
      const opened = await askRunningReplica(place, 'open', { ...matter }, ANSWER_MS)
      return opened as { readonly decision: string; readonly deadline: number }
    },
    wait: async (decision, deadline) => {
      const timeoutMs = Math.max(0, deadline - systemClock.now()) + CLOSING_MS
      const found = await askRunningReplica(place, 'wait', { decision, timeoutMs }, timeoutMs + ANSWER_MS)
      return checkedCertificate(place.roster, found, decision, `the replica at ${place.url}`)
    },
  }
}

function checkedCertificate(
  roster: Roster,
  found: unknown,
  decision: string,
  from: string,
): DecisionCertificate {
  const cryptos = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }
  const verdict = verifyByRoster(cryptos, found, roster)
  if (verdict.ok && verdict.certificate.vote.proposal.decision === decision) return verdict.certificate
  const problem = verdict.ok ? 'it is of another decision' : verdict.problem
  const message = `The certificate of ${decision} from ${from} does not hold: ${problem}.`
  throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details: { decision, problem } })
}

function requireHttp({ url, self }: MemberFolder): void {
  if (agentOfUrl(url) === undefined) return
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `${self} is reached at ${url}: a seat in a space, and no replica of its own (councilSeat, --db).`,
  )
}

const ANSWER_MS = 10_000
/** What the council takes at most to agree that a deadline has passed. */
const CLOSING_MS = 30_000

/** Asks the running replica of a folder; see `answerRequest`. */
export function askRunningReplica(
  place: MemberFolder,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<unknown> {
  return askReplica(identityOf(place), place.url, { method, params }, timeoutMs)
}

/** Asks the running replica of a folder whose member is reached in a space; see `askInSpace`. */
export function askSeat(
  space: Space,
  { roster, self, url, key }: MemberFolder,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<unknown> {
  const asking = { roster, self, url, key, crypto: nodeCrypto, clock: systemClock }
  return askInSpace(space, asking, method, params, timeoutMs)
}

function identityOf({ roster, self, key }: MemberFolder): LinkIdentity {
  // The replica tells its transport who the others are; a tool talks to its own replica alone.
  const publicKeyOf = (id: string): string | undefined => (id === self ? key.publicKey : undefined)
  return { instance: roster.instance, self, key, crypto: nodeCrypto, publicKeyOf }
}

/** Listens there for a moment. Throws COTERIE_COUNCIL_UNREACHABLE. */
async function probe(identity: LinkIdentity, host: string, port: number): Promise<void> {
  const refuse = (): Promise<never> => Promise.reject(new Error('only a probe'))
  const nothing = (): undefined => undefined
  const gate = new Gate(identity, { message: nothing, request: refuse, admitted: nothing, refused: nothing })
  await gate.listen(host, port)
  await gate.close()
}

function openLog(roster: Roster, member: string, file: string, isNew: boolean) {
  const membership = membershipOf(councilCrypto(nodeCrypto), roster).digest
  const identity = { instance: roster.instance, member, membership }
  return openCouncilLog(file, identity, { run: toHex(systemRandom.bytes(16)), isNew })
}

function listenAt(text: string): { readonly host: string; readonly port: number } {
  const [, host = '', port = ''] = /^(.+):(\d+)$/.exec(text) ?? []
  if (host === '' || Number(port) > 65_535) {
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${JSON.stringify(text)} is not HOST:PORT.`)
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

/**
 * The membership file: who the members of a council are, and where to reach them. It holds nothing secret; each
 * member has the same one, and whoever has it can verify the council's certificates.
 *
 * @module
 */

import { makeMembership, membershipProblem, type Membership } from '../bft/membership.ts'
import type { CouncilCrypto } from '../bft/crypto.ts'
import { isName } from '../core/address.ts'
import type { Change } from '../bft/statements.ts'
import { CoterieError } from '../core/errors.ts'
import type { CouncilContact } from '../ports/council.ts'
import { followChanges, type ChangeLink, type ProvenEpoch } from './chain.ts'

/** One member, and the URL at which its replica is reached: `http://HOST:PORT`, or `space:AGENT` in a space. */
export type RosterMember = {
  readonly id: string
  /** Ed25519, raw 32 bytes in base64url. */
  readonly publicKey: string
  readonly weight: number
  readonly url: string
}

/** The file: `coterie.council` version 1. */
export type Roster = {
  readonly v: 1
  readonly type: 'coterie.council'
  readonly instance: string
  /** Always 0: the first members, whom whoever has the file trusts. */
  readonly epoch: number
  readonly members: readonly RosterMember[]
  /** How they became those of later epochs, with proofs; see `chain.ts`. */
  readonly changes?: readonly ChangeLink[]
}

/** What one member hands to the others: `coterie.council-member` version 1. */
export type MemberCard = RosterMember & { readonly v: 1; readonly type: 'coterie.council-member' }

const INSTANCE_CHARS_MAX = 256
const SPACE_SCHEME = 'space:'
const PORT_MAX = 65_535

/** The roster of members, sorted by id. */
export function makeRoster(instance: string, members: readonly RosterMember[]): Roster {
  const sorted = members
    .map(({ id, publicKey, weight, url }) => ({ id, publicKey, weight, url }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  return { v: 1, type: 'coterie.council', instance, epoch: 0, members: sorted }
}

/** The roster that a value is. Throws COTERIE_INVALID_ARGUMENT. */
export function readRoster(value: unknown, name: string): Roster {
  const problem = rosterProblem(value)
  if (problem === undefined) return value as Roster
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `${name} is no membership file of a council: ${problem}.`,
  )
}

/** Whether a value has the form of a membership file; it may be a wrong one. */
export function isRoster(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'coterie.council'
}

/** The agent that a member's URL names, when it is reached in a space. */
export function agentOfUrl(url: string): string | undefined {
  const name = url.startsWith(SPACE_SCHEME) ? url.slice(SPACE_SCHEME.length) : ''
  return isName(name) ? name : undefined
}

/** Whether a member can be reached at such a URL: `http://HOST:PORT` or `space:AGENT`. */
export function isMemberUrl(url: string): boolean {
  const [, port] = /^http:\/\/[^/]+:(\d+)$/.exec(url) ?? []
  return port === undefined ? agentOfUrl(url) !== undefined : Number(port) >= 1 && Number(port) <= PORT_MAX
}

/** Whether the members are reached in a space. */
export function isInSpace({ members }: Roster): boolean {
  return members.every(({ url }) => agentOfUrl(url) !== undefined)
}

/** The card that a value is. Throws COTERIE_INVALID_ARGUMENT. */
export function readCard(value: unknown, name: string): MemberCard {
  const isCard =
    hasOnly(value, ['v', 'type', 'id', 'publicKey', 'weight', 'url']) &&
    value['v'] === 1 &&
    value['type'] === 'coterie.council-member' &&
    isMember(value)
  if (isCard) return value as unknown as MemberCard
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${name} is no card of a council's member.`)
}

/** The membership of a roster. */
export function membershipOf(crypto: CouncilCrypto, { epoch, members }: Roster): Membership {
  return makeMembership(crypto, epoch, members)
}

/** The members after a change, with the URLs of all. */
export function rosterMembersAfter(
  members: readonly RosterMember[],
  { add, remove }: Change,
): readonly RosterMember[] {
  const left = members.filter(({ id }) => !remove.includes(id))
  return [...left, ...add].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** The members of one epoch, as a membership file tells and proves them. */
export interface RosterEpoch {
  readonly membership: Membership
  readonly members: readonly RosterMember[]
  /** What led to it; undefined for the first one. */
  readonly proven: ProvenEpoch | undefined
}

/** The epochs of a membership file, from 0 on. Throws COTERIE_VERIFICATION_FAILED when a change does not hold. */
export function epochsOf(crypto: CouncilCrypto, roster: Roster): readonly [RosterEpoch, ...RosterEpoch[]] {
  const membership = membershipOf(crypto, roster)
  const verdict = followChanges(crypto, roster.instance, membership, roster.changes ?? [])
  if (!verdict.ok) {
    const message = `The membership file of ${roster.instance} does not hold: ${verdict.problem}.`
    throw new CoterieError('COTERIE_VERIFICATION_FAILED', message)
  }
  let { members } = roster
  const later = verdict.epochs.map((proven): RosterEpoch => {
    members = rosterMembersAfter(members, proven.change)
    return { membership: proven.membership, members, proven }
  })
  return [{ membership, members: roster.members, proven: undefined }, ...later]
}

/** The other first members, as a transport meets them. */
export function contactsOf({ members }: Pick<Roster, 'members'>, self: string): readonly CouncilContact[] {
  return members
    .filter(({ id }) => id !== self)
    .map(({ id, url, publicKey }) => ({ id, url, publicKey, isMember: true }))
}

function rosterProblem(value: unknown): string | undefined {
  const { changes = [], ...rest } = (value ?? {}) as { readonly changes?: unknown }
  if (!Array.isArray(changes)) return 'its changes are no list'
  return firstMembersProblem(rest)
}

function firstMembersProblem(value: unknown): string | undefined {
  if (!hasOnly(value, ['v', 'type', 'instance', 'epoch', 'members'])) return 'it has missing or unknown keys'
  const { v, type, instance, epoch, members } = value
  if (v !== 1 || type !== 'coterie.council') return 'it is not of version 1'
  if (typeof instance !== 'string' || instance === '' || instance.length > INSTANCE_CHARS_MAX)
    return 'its council has no name'
  if (epoch !== 0) return 'its epoch is not 0'
  if (!Array.isArray(members)) return 'it has no members'
  const rest = (member: unknown): boolean =>
    hasOnly(member, ['id', 'publicKey', 'weight', 'url']) && isMember(member)
  if (!members.every(rest)) return 'a member is malformed'
  const urls = new Set<string>(members.map(({ url }: RosterMember) => url))
  if (urls.size !== members.length) return 'two members have one URL'
  const inSpace = [...urls].filter((url) => agentOfUrl(url) !== undefined).length
  if (inSpace !== 0 && inSpace !== members.length) return 'some members are in a space, and others are not'
  return membershipProblem(members as readonly RosterMember[])
}

function isMember(value: Readonly<Record<string, unknown>>): boolean {
  const { id, publicKey, weight, url } = value
  if (typeof id !== 'string' || !isName(id) || typeof publicKey !== 'string') return false
  if (!Number.isSafeInteger(weight) || typeof url !== 'string') return false
  return isMemberUrl(url)
}

function hasOnly(value: unknown, keys: readonly string[]): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
}

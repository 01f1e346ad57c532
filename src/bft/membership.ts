/**
 * Who votes, with what weight, and how much weight is enough.
 *
 * @module
 */

import { fromBase64url, toHex } from '../core/bytes.ts'
import { CoterieError } from '../core/errors.ts'
import type { CouncilCrypto } from './crypto.ts'

/** One replica of a council. */
export type Member = {
  readonly id: string
  /** Ed25519, raw 32 bytes in base64url. */
  readonly publicKey: string
  /** A whole number from 1. */
  readonly weight: number
}

/** The members of one epoch. They are sorted by id, and votes name a member by its place. */
export type Membership = {
  readonly epoch: number
  readonly members: readonly Member[]
  /** Binds the epoch, the ids, keys and weights. Every signature covers it. */
  readonly digest: string
  readonly totalWeight: number
  /** The weight that may lie: the largest whole number below a third of all. */
  readonly faultyWeight: number
  /** The weight of a quorum. Any two have more than `faultyWeight` in common. */
  readonly quorumWeight: number
}

/** The most members of a council. */
export const MEMBERS_MAX = 64
const WEIGHT_MAX = 1_000_000

// The seven encodings of points of small order, without the sign bit. Under such a key somebody else can
// make signatures that verify, and one signature may verify for many messages (RFC 8032 section 8.9).
const SMALL_ORDER: readonly string[] = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]

/**
 * The membership of an epoch. Members may come in any order.
 *
 * @throws CoterieError `COTERIE_INVALID_ARGUMENT` when it could not tolerate a single liar (fewer than four
 * members, or one with more weight than may lie), or when ids or keys repeat or are malformed.
 */
export function makeMembership(crypto: CouncilCrypto, epoch: number, members: readonly Member[]): Membership {
  const problem = membershipProblem(members)
  if (problem !== undefined) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      `A council cannot be made of these members: ${problem}.`,
    )
  }
  const sorted = members
    .map(({ id, publicKey, weight }) => ({ id, publicKey, weight }))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const totalWeight = sorted.reduce((sum, { weight }) => sum + weight, 0)
  const faultyWeight = faultyWeightOf(totalWeight)
  return {
    epoch,
    members: sorted,
    digest: crypto.digest('membership', { epoch, members: sorted }),
    totalWeight,
    faultyWeight,
    quorumWeight: Math.floor((totalWeight + faultyWeight) / 2) + 1,
  }
}

/** Why members cannot form a council, as a phrase; undefined when they can. */
export function membershipProblem(members: readonly Member[]): string | undefined {
  if (members.length < 4) return 'it takes four to tolerate one liar'
  if (members.length > MEMBERS_MAX) return `there are more than ${MEMBERS_MAX}`
  if (new Set(members.map(({ id }) => id)).size !== members.length) return 'an id is there twice'
  if (new Set(members.map(({ publicKey }) => publicKey)).size !== members.length)
    return 'a key is there twice'
  for (const { id, publicKey, weight } of members) {
    if (!Number.isSafeInteger(weight) || weight < 1 || weight > WEIGHT_MAX) return 'a weight is out of bounds'
    if (isWeakKey(publicKey)) return `the key of ${JSON.stringify(id)} is no key, or one of small order`
  }
  const total = members.reduce((sum, { weight }) => sum + weight, 0)
  const heaviest = members.find(({ weight }) => weight > faultyWeightOf(total))
  if (heaviest !== undefined) return `${JSON.stringify(heaviest.id)} has more weight than may lie`
  return undefined
}

/** The place of a member, or -1. */
export function indexOf(membership: Membership, id: string): number {
  return membership.members.findIndex((member) => member.id === id)
}

/** The weight of some members, given by place. Places that do not exist weigh nothing. */
export function weightOf(membership: Membership, indices: readonly number[]): number {
  let sum = 0
  for (const index of indices) sum += membership.members[index]?.weight ?? 0
  return sum
}

function faultyWeightOf(totalWeight: number): number {
  return Math.floor((totalWeight - 1) / 3)
}

function isWeakKey(publicKey: string): boolean {
  let bytes: Uint8Array
  try {
    bytes = fromBase64url(publicKey)
  } catch {
    return true
  }
  if (bytes.length !== 32) return true
  bytes[31] = (bytes[31] ?? 0) & 0x7f
  return SMALL_ORDER.includes(toHex(bytes))
}

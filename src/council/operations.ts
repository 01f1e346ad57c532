/**
 * What members ask of a council: the payloads of its operations.
 *
 * @module
 */

import { isAgreementShape } from '../bft/shape.ts'
import type { Change } from '../bft/statements.ts'
import { canonicalize, type Json } from '../core/json.ts'
import { isSignedBallot, type SignedBallot } from '../voting/ballot.ts'
import { proposalProblem, type Proposal } from '../voting/proposal.ts'

/** A question is put to the vote. Its decision is named by the operation: `author.sequence`. */
export type OpenPayload = { readonly type: 'open'; readonly proposal: Proposal }
/** Ballots, signed by whoever is in the electorate, handed in by any member of the council. */
export type BallotPayload = {
  readonly type: 'ballot'
  readonly decision: string
  readonly ballots: readonly SignedBallot[]
  /** The author's clock, in milliseconds since the epoch. */
  readonly at: number
}
/** The author's clock is past the deadline. When more weight says so than may lie, the vote is over. */
export type ExpirePayload = { readonly type: 'expire'; readonly decision: string; readonly at: number }
/** Names the certificate of a vote that is over, so that the council's finalisation covers it. */
export type ClosePayload = { readonly type: 'close'; readonly decision: string; readonly certificate: string }
/**
 * Its author agrees to a change of the members: `signature` is that of the agreement itself, which counts in the
 * present epoch only. When a quorum has agreed, one of them hands the change in.
 */
export type AgreePayload = { readonly type: 'agree'; readonly change: Change; readonly signature: string }
/** Nothing: it takes the place of an operation that came too late. */
export type PassPayload = { readonly type: 'pass' }

export type Payload = OpenPayload | BallotPayload | ExpirePayload | ClosePayload | AgreePayload | PassPayload

/** The longest proposal, in characters of its canonical text. */
const PROPOSAL_CHARS_MAX = 128 * 1024
/** Ballots in one operation. */
const BALLOTS_PER_OPERATION_MAX = 64
const DECISION_CHARS_MAX = 512

const HASH = /^[0-9a-f]{64}$/

/** The payload that a value is, or undefined. It accepts hostile input that has a canonical form. */
export function readPayload(value: Json): Payload | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const one = value as Readonly<Record<string, unknown>>
  switch (one['type']) {
    case 'open':
      return hasOnly(one, ['type', 'proposal']) && isProposal(one['proposal'])
        ? (value as OpenPayload)
        : undefined
    case 'ballot': {
      if (!hasOnly(one, ['type', 'decision', 'ballots', 'at'])) return undefined
      const { ballots } = one
      if (!Array.isArray(ballots) || ballots.length === 0 || ballots.length > BALLOTS_PER_OPERATION_MAX)
        return undefined
      return isDecisionId(one['decision']) && isTime(one['at']) && ballots.every(isSignedBallot)
        ? (value as unknown as BallotPayload)
        : undefined
    }
    case 'expire':
      return hasOnly(one, ['type', 'decision', 'at']) && isDecisionId(one['decision']) && isTime(one['at'])
        ? (value as ExpirePayload)
        : undefined
    case 'close':
      return hasOnly(one, ['type', 'decision', 'certificate']) &&
        isDecisionId(one['decision']) &&
        typeof one['certificate'] === 'string' &&
        HASH.test(one['certificate'])
        ? (value as ClosePayload)
        : undefined
    case 'agree':
      return hasOnly(one, ['type', 'change', 'signature']) &&
        isAgreementShape(one['change'], one['signature'])
        ? (value as unknown as AgreePayload)
        : undefined
    case 'pass':
      return hasOnly(one, ['type']) ? { type: 'pass' } : undefined
    default:
      return undefined
  }
}

/** The name of the decision that an operation opens. As no two operations are applied with one name, none has two. */
export function decisionIdOf(author: string, sequence: number): string {
  return `${author}.${sequence}`
}

function isProposal(value: unknown): value is Proposal {
  if (proposalProblem(value) !== undefined) return false
  // Members commit themselves before the first ballot is seen: an order of steps that a council does not have yet.
  if ((value as Proposal).sealed !== undefined) return false
  return canonicalize(value as Json).length <= PROPOSAL_CHARS_MAX
}

function isDecisionId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= DECISION_CHARS_MAX
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function hasOnly(value: Readonly<Record<string, unknown>>, keys: readonly string[]): boolean {
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
}

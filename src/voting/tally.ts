import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import { isSignedBallot, judgeBallot, type BallotProblem, type SignedBallot } from './ballot.ts'
import { ABSTAIN, isLabel, NO_OUTCOME, proposalHash, proposalProblem, type Proposal } from './proposal.ts'
import { votesNeeded } from './rule.ts'

/** The count of a proposal's ballots. */
export type Tally = {
  /** An option, or `none` when no option reaches the threshold. */
  readonly outcome: string
  /**
   * Votes for each option, and under `abstain` and `silent`. A member is silent when no ballot of its
   * own counts. Together with the members in `void` this adds up to `total`.
   */
  readonly counts: Readonly<Record<string, number>>
  /** Votes that an option needs. */
  readonly needed: number
  /** Members of the electorate. */
  readonly total: number
  /** Ballots that do not count, by member and problem, each pair once. The member is as claimed. */
  readonly refused: readonly RefusedBallot[]
  /** Members who signed two different ballots for this proposal. Neither counts. */
  readonly void: readonly string[]
}

/** A ballot that does not count, and why. The member is empty when the ballot names none. */
export type RefusedBallot = { readonly member: string; readonly problem: BallotProblem }

/** The ballots of a proposal, judged: what is left for counting and for evidence. */
export type SiftedBallots = {
  /** By member: ballots that are valid and differ in content, sorted by signature. */
  readonly valid: ReadonlyMap<string, readonly SignedBallot[]>
  readonly refused: readonly (RefusedBallot & { readonly signed: SignedBallot })[]
}

/**
 * Counts ballots. The result does not depend on their order, nor on how often a ballot is there.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE` when the proposal is not one that can be counted.
 */
export function tally(crypto: Crypto, proposal: Proposal, ballots: readonly SignedBallot[]): Tally {
  return countSifted(proposal, siftBallots(crypto, proposal, ballots))
}

/**
 * Judges each ballot once, and sorts them into valid and refused ones.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE` when the proposal is not one that can be counted.
 */
export function siftBallots(
  crypto: Crypto,
  proposal: Proposal,
  ballots: readonly SignedBallot[],
): SiftedBallots {
  const flaw = proposalProblem(proposal)
  if (flaw !== undefined) {
    throw new CoterieError('COTERIE_INVALID_RULE', `The proposal cannot be counted: ${flaw}.`)
  }
  const hash = proposalHash(crypto, proposal)
  // By member, and then by what the ballot says: a second signature on the same words is no second vote.
  const valid = new Map<string, Map<string, SignedBallot>>()
  const refused: (RefusedBallot & { readonly signed: SignedBallot })[] = []
  for (const signed of ballots) {
    const problem = judgeBallot(crypto, proposal, hash, signed)
    if (problem !== undefined) {
      refused.push({ member: claimedMember(signed), problem, signed })
      continue
    }
    const ofMember = valid.get(signed.ballot.member) ?? new Map<string, SignedBallot>()
    const words = canonicalize(signed.ballot)
    const earlier = ofMember.get(words)
    if (earlier === undefined || signed.signature < earlier.signature) ofMember.set(words, signed)
    valid.set(signed.ballot.member, ofMember)
  }
  const sorted = [...valid].map(([member, byWords]) => {
    return [member, [...byWords.values()].toSorted(bySignature)] as const
  })
  return { valid: new Map(sorted), refused }
}

/** Counts ballots that were judged already. */
export function countSifted(proposal: Proposal, sifted: SiftedBallots): Tally {
  const total = proposal.electorate.length
  const needed = votesNeeded(proposal.rule, total)
  const counts: Record<string, number> = { [ABSTAIN]: 0, silent: total - sifted.valid.size }
  for (const option of proposal.options) counts[option] = 0
  const voided: string[] = []
  for (const [member, ballots] of sifted.valid) {
    const [only, second] = ballots
    if (only === undefined || second !== undefined) voided.push(member)
    else counts[only.ballot.choice] = (counts[only.ballot.choice] ?? 0) + 1
  }
  // At most one option can be found: every rule asks for more than half of the electorate.
  const outcome = proposal.options.find((option) => (counts[option] ?? 0) >= needed) ?? NO_OUTCOME
  return { outcome, counts, needed, total, refused: listRefused(sifted), void: voided.toSorted() }
}

/** Orders ballots by member, then by signature, in UTF-16 code units. */
export function byMemberThenSignature(left: SignedBallot, right: SignedBallot): number {
  return compare(left.ballot.member, right.ballot.member) || bySignature(left, right)
}

function bySignature(left: SignedBallot, right: SignedBallot): number {
  return compare(left.signature, right.signature)
}

function listRefused(sifted: SiftedBallots): RefusedBallot[] {
  const unique = new Map<string, RefusedBallot>()
  for (const { member, problem } of sifted.refused) {
    unique.set(`${problem} ${member}`, { member, problem })
  }
  return [...unique.values()].toSorted((left, right) => {
    return compare(left.member, right.member) || compare(left.problem, right.problem)
  })
}

// A malformed ballot may lack anything, whatever its type says.
function claimedMember(signed: SignedBallot): string {
  if (isSignedBallot(signed)) return signed.ballot.member
  const ballot: unknown = (signed as { readonly ballot?: unknown } | null)?.ballot
  const member = (ballot as { readonly member?: unknown } | null | undefined)?.member
  return isLabel(member) ? member : ''
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import { choicesOf, isSignedBallot, judgeBallot, type BallotProblem, type SignedBallot } from './ballot.ts'
import { ABSTAIN, isLabel, NO_OUTCOME, proposalHash, proposalProblem, type Proposal } from './proposal.ts'
import { outcomeOf, totalWeight, type Why } from './outcome.ts'
import { votesNeeded } from './rule.ts'
import type { Cast, Round } from './run-off.ts'
import { closeCommitments, type Closed, type SignedCommitment } from './sealed.ts'
import { compare } from './shape.ts'

/** The count of a proposal's ballots. */
export type Tally = {
  /** An option, or `none` when no option reaches the threshold. */
  readonly outcome: string
  /**
   * The weight of the ballots for each option (in a ranked vote, of those that put it first), and under `abstain` and
   * `silent`. A member is silent when no ballot of its own counts.
   */
  readonly counts: Readonly<Record<string, number>>
  /** The weight that an option needs. */
  readonly needed: number
  /** The weight of the electorate: the number of its members, when none has another weight than 1. */
  readonly total: number
  /** Why the outcome is not simply that of the count. */
  readonly why?: Why
  /** The rule gave no outcome, and this is the one that the proposal names for want of one. */
  readonly otherwise?: true
  /** Of a ranked vote. */
  readonly rounds?: readonly Round[]
  /** Of a sealed vote: members who committed themselves and whose ballot does not count, because none was shown. */
  readonly withheld?: readonly string[]
  /** Ballots that do not count, by member and problem, each pair once. The member is as claimed. */
  readonly refused: readonly RefusedBallot[]
  /** Members who signed two different ballots for this proposal. Neither counts. */
  readonly void: readonly string[]
}

/** A ballot that does not count, and why. The member is empty when the ballot names none. */
export type RefusedBallot = { readonly member: string; readonly problem: BallotProblem }

/** The ballots of a proposal, judged: what is left for counting and for evidence. */
export type SiftedBallots = {
  /** The commitments of a sealed vote. */
  readonly closed: Closed
  /** By member: ballots that are valid and differ in content, sorted by signature. */
  readonly valid: ReadonlyMap<string, readonly SignedBallot[]>
  readonly refused: readonly (RefusedBallot & { readonly signed: SignedBallot })[]
}

/**
 * Counts ballots. The result does not depend on their order, nor on how often a ballot is there.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE` when the proposal is not one that can be counted.
 */
export function tally(
  crypto: Crypto,
  proposal: Proposal,
  ballots: readonly SignedBallot[],
  commitments: readonly SignedCommitment[] = [],
): Tally {
  return countSifted(proposal, siftBallots(crypto, proposal, ballots, commitments))
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
  commitments: readonly SignedCommitment[] = [],
): SiftedBallots {
  const flaw = proposalProblem(proposal)
  if (flaw !== undefined) {
    throw new CoterieError('COTERIE_INVALID_RULE', `The proposal cannot be counted: ${flaw}.`)
  }
  const hash = proposalHash(crypto, proposal)
  const closed = closeCommitments(crypto, proposal, hash, proposal.sealed === undefined ? [] : commitments)
  const matter = { proposal, hash, closed }
  // By member, and then by what the ballot says: a second signature on the same words is no second vote.
  const valid = new Map<string, Map<string, SignedBallot>>()
  const refused: (RefusedBallot & { readonly signed: SignedBallot })[] = []
  for (const signed of ballots) {
    const problem = judgeBallot(crypto, matter, signed)
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
  return { closed, valid: new Map(sorted), refused }
}

/** Counts ballots that were judged already. */
export function countSifted(proposal: Proposal, sifted: SiftedBallots): Tally {
  const total = totalWeight(proposal)
  const { casts, voided } = castsOf(proposal, sifted)
  const { outcome, counts, why, rounds } = outcomeOf(proposal, casts)
  const { otherwise } = proposal
  const heard = new Set([...casts.map(({ member }) => member), ...voided])
  const weigh = (members: readonly { readonly weight?: number }[]): number =>
    members.reduce((sum, { weight = 1 }) => sum + weight, 0)
  return {
    outcome: outcome === NO_OUTCOME ? (otherwise ?? NO_OUTCOME) : outcome,
    counts: {
      [ABSTAIN]: weigh(casts.filter(({ choices }) => choices.length === 0)),
      silent: weigh(proposal.electorate.filter(({ member }) => !heard.has(member))),
      ...Object.fromEntries(counts),
    },
    needed: votesNeeded(proposal.rule, total),
    total,
    refused: listRefused(sifted),
    void: voided.toSorted(),
    ...(why !== undefined && { why }),
    ...(outcome === NO_OUTCOME && otherwise !== undefined && { otherwise: true }),
    ...(rounds !== undefined && { rounds }),
    ...(proposal.sealed !== undefined && {
      withheld: [...sifted.closed.hashes.keys()].filter((member) => !heard.has(member)).toSorted(),
    }),
  }
}

/** The ballots that count, as choices with their weight, and the members whose ballots are void. */
export function castsOf(
  proposal: Proposal,
  sifted: Pick<SiftedBallots, 'valid' | 'closed'>,
): {
  readonly casts: readonly Cast[]
  readonly voided: readonly string[]
  readonly counted: readonly SignedBallot[]
} {
  const casts: Cast[] = []
  const counted: SignedBallot[] = []
  const voided: string[] = []
  for (const { member, weight = 1 } of proposal.electorate) {
    const ballots = sifted.valid.get(member)
    // Whoever committed itself to two ballots has voted twice, whether it shows them or not.
    if ((sifted.closed.hashes.get(member)?.length ?? 0) > 1) {
      voided.push(member)
      continue
    }
    if (ballots === undefined) continue
    const [only, second] = ballots
    if (only === undefined || second !== undefined) {
      voided.push(member)
      continue
    }
    counted.push(only)
    const { choice, family } = only.ballot
    const choices = choicesOf(proposal, choice) ?? []
    casts.push({ member, weight, choices, ...(family !== undefined && { family }) })
  }
  return { casts, voided, counted }
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

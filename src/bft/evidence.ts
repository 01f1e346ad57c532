/**
 * Proof that a member broke the rules, as a value that anybody can check offline.
 *
 * @module
 */

import { isInScope, voteIn, type Certificate } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import { justificationProblem } from './justification.ts'
import type { Membership } from './membership.ts'
import { proposalDigest, type Justification } from './proposal.ts'
import type { Finalize, Notarize, Propose, Signed, Vote } from './statements.ts'

/** Evidence of misbehaviour of one member. */
export type Evidence =
  | {
      /** Two votes of one view that no honest member signs both. */
      readonly type: 'contradiction'
      readonly first: Signed<Vote>
      readonly second: Signed<Vote>
    }
  | {
      /** A vote for, or a proposal of, what its justification does not justify. */
      readonly type: 'unjustified'
      readonly vote: Signed<Propose | Notarize | Finalize>
      readonly value: string
      readonly justification: Justification
    }

/** Whose guilt evidence proves, by place; or why it proves nothing. */
export type EvidenceVerdict =
  | { readonly ok: true; readonly culprit: number; readonly offence: string }
  | { readonly ok: false; readonly problem: string }

/**
 * Why no honest member signs both votes, as a phrase; undefined when one may. Votes of different councils, epochs,
 * heights, views or senders never contradict each other.
 */
export function contradictionOf(one: Vote, other: Vote): string | undefined {
  if (one.instance !== other.instance || one.epoch !== other.epoch || one.membership !== other.membership) {
    return undefined
  }
  if (one.height !== other.height || one.view !== other.view || one.sender !== other.sender) return undefined
  const types = `${one.type} ${other.type}`
  if (types === 'finalize nullify' || types === 'nullify finalize') return 'finalised and nullified one view'
  if (one.type === 'nullify' || other.type === 'nullify') return undefined
  if (one.type === 'propose' || other.type === 'propose') {
    const isOne = one.type !== other.type || one.proposal === other.proposal
    return isOne ? undefined : 'made two proposals in one view'
  }
  if (one.proposal === other.proposal && one.value === other.value) return undefined
  if (one.type !== other.type) return 'notarised one proposal and finalised another in one view'
  return one.type === 'notarize'
    ? 'notarised two proposals in one view'
    : 'finalised two proposals in one view'
}

/** Checks evidence against the membership of its epoch, from the evidence alone. */
export function verifyEvidence(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  evidence: Evidence,
): EvidenceVerdict {
  const votes = evidence.type === 'contradiction' ? [evidence.first, evidence.second] : [evidence.vote]
  for (const vote of votes) {
    if (!isInScope(vote, instance, membership)) return refuse('a vote is of another council or epoch')
    const key = membership.members[vote.sender]?.publicKey
    if (key === undefined || !crypto.verify(key, vote, vote.signature))
      return refuse('a vote is not signed by its sender')
  }
  if (evidence.type === 'contradiction') {
    const offence = contradictionOf(evidence.first, evidence.second)
    if (offence === undefined) return refuse('an honest member may sign both votes')
    return { ok: true, culprit: evidence.first.sender, offence }
  }
  const { vote, value, justification } = evidence
  if (vote.proposal !== proposalDigest(crypto, vote, value, justification))
    return refuse('the vote is for something else')
  const { height, view } = vote
  if (
    justificationProblem(crypto, membership, { instance, height, view, value }, justification) === undefined
  ) {
    return refuse('the justification holds')
  }
  return { ok: true, culprit: vote.sender, offence: 'voted for a proposal that is not justified' }
}

/** Evidence against each member who signed both certificates, when they contradict each other. */
export function contradictionsIn(one: Certificate, other: Certificate): readonly Evidence[] {
  const found: Evidence[] = []
  for (const [at, sender] of one.signers.entries()) {
    const first = { ...voteIn(one, sender), signature: one.signatures[at] ?? '' }
    const there = other.signers.indexOf(sender)
    if (there < 0) continue
    const second = { ...voteIn(other, sender), signature: other.signatures[there] ?? '' }
    if (contradictionOf(first, second) !== undefined) found.push({ type: 'contradiction', first, second })
  }
  return found
}

function refuse(problem: string): EvidenceVerdict {
  return { ok: false, problem }
}

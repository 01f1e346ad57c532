import { contradictionsIn, type Evidence } from './evidence.ts'
import { voteIn, type Certificate } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import type { Decision } from './decision.ts'
import { justificationProblem } from './justification.ts'
import type { Membership } from './membership.ts'
import { proposalDigest } from './proposal.ts'
import type { Finalize } from './statements.ts'

/**
 * The guilty when two different values of one height were decided, each with a finalisation that verifies: evidence
 * against more weight than may lie. Empty when one of the decisions does not show the justification that was signed.
 *
 * Either the later decision is justified, and says of the view of the earlier one what contradicts it; or it is not,
 * and everybody who finalised it is guilty.
 */
export function culpritsOf(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  one: Decision,
  other: Decision,
): readonly Evidence[] {
  if (one.finalization.value === other.finalization.value) return []
  const [early, late] = one.finalization.view <= other.finalization.view ? [one, other] : [other, one]
  const { finalization, justification } = late
  const { height, view, value, proposal } = finalization
  if (view === early.finalization.view) return contradictionsIn(early.finalization, finalization)
  if (proposal !== proposalDigest(crypto, finalization, value, justification)) return []
  if (
    justificationProblem(crypto, membership, { instance, height, view, value }, justification) !== undefined
  ) {
    return finalization.signers.map((sender, at) => ({
      type: 'unjustified',
      vote: { ...(voteIn(finalization, sender) as Finalize), signature: finalization.signatures[at] ?? '' },
      value,
      justification,
    }))
  }
  const rival: Certificate | undefined = justification[early.finalization.view]
  return rival === undefined ? [] : contradictionsIn(early.finalization, rival)
}

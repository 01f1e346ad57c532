import { verifyCertificate, type Certificate } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import { justificationProblem } from './justification.ts'
import type { Membership } from './membership.ts'
import { proposalDigest, valueDigest, type Justification, type Value } from './proposal.ts'

/**
 * A decided value with all that proves it, and all that is needed to find the guilty if another was decided, too:
 * a finalisation alone would not tell why the proposal was justified.
 */
export type Decision = {
  readonly value: Value
  readonly justification: Justification
  readonly finalization: Certificate
}

/** Why a decision does not hold under the membership of its height, as a phrase; undefined when it holds. */
export function decisionProblem(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  decision: Decision,
): string | undefined {
  const { value, justification, finalization } = decision
  if (finalization.type !== 'finalization') return 'its certificate is no finalisation'
  if (finalization.height !== value.height) return 'its certificate is for another height'
  if (finalization.value !== valueDigest(crypto, value)) return 'its certificate is for another value'
  if (!verifyCertificate(crypto, membership, instance, finalization)) return 'its certificate does not verify'
  if (finalization.proposal !== proposalDigest(crypto, finalization, finalization.value, justification)) {
    return 'its certificate is for another justification'
  }
  return justificationProblem(crypto, membership, { ...finalization, instance }, justification)
}

import {
  areDistinctMembers,
  isInScope,
  voteIn,
  verifyCertificate,
  type Certificate,
} from '../bft/certificate.ts'
import type { CouncilCrypto } from '../bft/crypto.ts'
import { weightOf, type Membership } from '../bft/membership.ts'

/**
 * Why a finalisation does not hold, as a phrase that a person can follow; undefined when it holds. Whether it does is
 * said by `verifyCertificate` alone.
 */
export function quorumProblem(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  certificate: Certificate,
): string | undefined {
  if (verifyCertificate(crypto, membership, instance, certificate)) return undefined
  const { signers, signatures } = certificate
  if (certificate.instance !== instance) return 'its finalisation is of another council'
  if (certificate.epoch !== membership.epoch) return 'its finalisation is of another epoch'
  if (!isInScope(certificate, instance, membership)) return 'its finalisation is by other members'
  if (!areDistinctMembers(membership, signers))
    return 'its finalisation names a signer twice, out of order, or one who is no member'
  if (signatures.length !== signers.length) return 'its finalisation has not one signature for each signer'
  const weight = weightOf(membership, signers)
  if (weight < membership.quorumWeight)
    return `its finalisation is not signed by a quorum: it has ${weight}, and it takes ${membership.quorumWeight}`
  const forged = signers.flatMap((place, at) => {
    const member = membership.members[place]
    const isSigned =
      member !== undefined &&
      crypto.verify(member.publicKey, voteIn(certificate, place), signatures[at] ?? '')
    return isSigned ? [] : [JSON.stringify(member?.id ?? '')]
  })
  return `its finalisation is not signed by ${forged.join(', ')}, whom it names`
}

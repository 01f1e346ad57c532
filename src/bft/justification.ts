import { verifyCertificate, type Certificate } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import type { Membership } from './membership.ts'
import { proposalDigest, type Justification } from './proposal.ts'

/** The place of what is to be justified. */
export interface JustifiedPlace {
  readonly instance: string
  readonly height: number
  readonly view: number
  /** The digest of the value. */
  readonly value: string
}

/**
 * Why a justification does not hold, as a phrase; undefined when it holds. A pure function of the message: everybody
 * who looks at it comes to the same answer, now and years later.
 *
 * Each earlier view must be shown to be nullified, or to have notarised this very value. A value that was finalised
 * in an earlier view cannot have been nullified there, and nothing else can have been notarised there: so whatever
 * is justified later is that value. `isKnown` may spare the verification of certificates that were verified before.
 */
export function justificationProblem(
  crypto: CouncilCrypto,
  membership: Membership,
  place: JustifiedPlace,
  justification: Justification,
  isKnown: (certificate: Certificate) => boolean = () => false,
): string | undefined {
  if (justification.length !== place.view) return 'it does not have one certificate for each earlier view'
  for (const [view, certificate] of justification.entries()) {
    if (certificate.view !== view || certificate.height !== place.height) {
      return 'a certificate is for another view or height'
    }
    if (certificate.type === 'finalization') return 'a finalisation justifies nothing'
    if (certificate.type === 'notarization') {
      if (certificate.value !== place.value) return 'another value was notarised before'
      const earlier = proposalDigest(crypto, certificate, place.value, justification.slice(0, view))
      if (certificate.proposal !== earlier) return 'what was notarised before had another justification'
    }
    if (isKnown(certificate)) continue
    if (!verifyCertificate(crypto, membership, place.instance, certificate))
      return 'a certificate does not verify'
  }
  return undefined
}

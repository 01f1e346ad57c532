import type { TrustedKey } from '../voting/certificate.ts'
import {
  keyIdOf,
  verifyDecisionCertificate,
  type CertificateCrypto,
  type CouncilVerdict,
} from './certificate.ts'
import { epochsOf, type Roster } from './roster.ts'

/**
 * Checks a certificate by a membership file. What the file says of later members, with proofs, is trusted like the
 * first ones; beyond, the changes in the certificate are followed. Throws COTERIE_VERIFICATION_FAILED when the changes
 * in the file do not hold.
 */
export function verifyByRoster(
  cryptos: CertificateCrypto,
  certificate: unknown,
  roster: Roster,
): CouncilVerdict {
  const epochs = epochsOf(cryptos.council, roster)
  const claimed = (certificate as { readonly epoch?: unknown } | null)?.epoch
  const at = typeof claimed === 'number' ? Math.min(claimed, epochs.length - 1) : 0
  const { membership } = epochs[at] ?? epochs[0]
  const { instance } = roster
  const trusted = { instance, epoch: membership.epoch, members: membership.members }
  // A vote that was open while the members changed has the electorate of an earlier epoch.
  const earlier = epochs.slice(0, membership.epoch).flatMap(({ members }) => members)
  const voters = new Map(
    earlier.map(({ id, publicKey }): [string, TrustedKey] => {
      return [keyIdOf(cryptos.crypto, publicKey), { agent: id, publicKey }]
    }),
  )
  return verifyDecisionCertificate(cryptos, certificate, trusted, voters)
}

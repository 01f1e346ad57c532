/**
 * Certificates: the same vote by a quorum. They verify alone, against the membership.
 *
 * @module
 */

import type { CouncilCrypto } from './crypto.ts'
import { weightOf, type Membership } from './membership.ts'
import type { Finalize, Notarize, Nullify, Scope, Signed } from './statements.ts'

/** The votes that a quorum can make into a certificate. */
export type QuorumVote = Notarize | Finalize | Nullify

/** A quorum's vote on one view. */
export type Certificate = Scope & {
  readonly type: 'notarization' | 'finalization' | 'nullification'
  readonly height: number
  readonly view: number
  /** Empty in a nullification. */
  readonly proposal: string
  /** Empty in a nullification. */
  readonly value: string
  /** Places of the signers, ascending. */
  readonly signers: readonly number[]
  /** In the order of the signers. */
  readonly signatures: readonly string[]
}

const VOTE_OF = { notarization: 'notarize', finalization: 'finalize', nullification: 'nullify' } as const
const CERTIFICATE_OF = {
  notarize: 'notarization',
  finalize: 'finalization',
  nullify: 'nullification',
} as const

/** The kind of certificate that votes of one kind make. */
export function certificateTypeOf(type: QuorumVote['type']): Certificate['type'] {
  return CERTIFICATE_OF[type]
}

/** A certificate of equal votes of different members. The votes must have been verified, in the order of places. */
export function makeCertificate(votes: readonly Signed<QuorumVote>[]): Certificate | undefined {
  const first = votes[0]
  if (first === undefined) return undefined
  const { instance, epoch, membership, height, view } = first
  return {
    type: CERTIFICATE_OF[first.type],
    instance,
    epoch,
    membership,
    height,
    view,
    proposal: first.type === 'nullify' ? '' : first.proposal,
    value: first.type === 'nullify' ? '' : first.value,
    signers: votes.map(({ sender }) => sender),
    signatures: votes.map(({ signature }) => signature),
  }
}

/** The vote of one signer, as it was signed. */
export function voteIn(certificate: Certificate, sender: number): QuorumVote {
  const { instance, epoch, membership, height, view, proposal, value } = certificate
  const type = VOTE_OF[certificate.type]
  if (type === 'nullify') return { type, instance, epoch, membership, height, view, sender }
  return { type, instance, epoch, membership, height, view, sender, proposal, value }
}

/** Whether a certificate holds: a quorum of different members of this membership signed the same vote. */
export function verifyCertificate(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  certificate: Certificate,
): boolean {
  const { signers, signatures } = certificate
  if (!isInScope(certificate, instance, membership)) return false
  if ((certificate.type === 'nullification') !== (certificate.proposal === '')) return false
  if ((certificate.type === 'nullification') !== (certificate.value === '')) return false
  if (!areDistinctMembers(membership, signers) || signatures.length !== signers.length) return false
  if (weightOf(membership, signers) < membership.quorumWeight) return false
  return signers.every((sender, at) =>
    crypto.verify(
      membership.members[sender]?.publicKey ?? '',
      voteIn(certificate, sender),
      signatures[at] ?? '',
    ),
  )
}

/** Whether something was said in this council under this membership. */
export function isInScope(said: Scope, instance: string, membership: Membership): boolean {
  return (
    said.membership === membership.digest && said.epoch === membership.epoch && said.instance === instance
  )
}

/** Whether places are ascending, each once, and all exist. */
export function areDistinctMembers(membership: Membership, signers: readonly number[]): boolean {
  let before = -1
  for (const signer of signers) {
    if (!Number.isSafeInteger(signer) || signer <= before || signer >= membership.members.length) return false
    before = signer
  }
  return true
}

/** Whether two certificates are the same, signatures included. */
export function isSameCertificate(one: Certificate, other: Certificate): boolean {
  if (one === other) return true
  return (
    one.type === other.type &&
    one.height === other.height &&
    one.view === other.view &&
    one.proposal === other.proposal &&
    one.value === other.value &&
    one.membership === other.membership &&
    one.epoch === other.epoch &&
    one.instance === other.instance &&
    one.signers.length === other.signers.length &&
    one.signatures.length === other.signatures.length &&
    one.signers.every((signer, at) => other.signers[at] === signer) &&
    one.signatures.every((signature, at) => other.signatures[at] === signature)
  )
}

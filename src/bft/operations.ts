import { areDistinctMembers } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import {
  indexOf,
  makeMembership,
  membershipProblem,
  weightOf,
  type Member,
  type Membership,
} from './membership.ts'
import type { Operation } from './proposal.ts'
import type { Approval, Change, OperationBody } from './statements.ts'

/** Whether a member of this membership signed the operation for this council. */
export function isAuthentic(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  operation: Operation,
): boolean {
  const author = membership.members[indexOf(membership, operation.author)]
  if (author === undefined || operation.instance !== instance) return false
  return crypto.verify(author.publicKey, operation, operation.signature)
}

/** What a member signs to agree to a change under the present membership. */
export function approvalOf(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  change: Change,
  sender: number,
): Approval {
  return {
    type: 'approval',
    instance,
    epoch: membership.epoch,
    membership: membership.digest,
    sender,
    change: crypto.digest('change', change),
  }
}

/** The members of the next epoch, after a change that was decided. */
export function membershipAfter(crypto: CouncilCrypto, membership: Membership, change: Change): Membership {
  return makeMembership(crypto, membership.epoch + 1, membersAfter(membership, change))
}

/**
 * The members after a change, or why it is refused, as a phrase. A quorum must have agreed, or a single member could
 * fill the council with its own; and no more weight may change at once than may lie, so that the honest of one
 * epoch are a majority of the next. A key that was removed stays dead.
 */
export function changedMembers(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  body: Extract<OperationBody, { kind: 'change' }>,
  retired: readonly string[],
): readonly Member[] | string {
  const { change, signers, signatures } = body
  if (!areDistinctMembers(membership, signers) || signatures.length !== signers.length)
    return 'the approvals are malformed'
  if (weightOf(membership, signers) < membership.quorumWeight) return 'no quorum has agreed to it'
  const problem = changeProblem(membership, change, retired)
  if (problem !== undefined) return problem
  const isSigned = signers.every((sender, at) =>
    crypto.verify(
      membership.members[sender]?.publicKey ?? '',
      approvalOf(crypto, membership, instance, change, sender),
      signatures[at] ?? '',
    ),
  )
  return isSigned ? membersAfter(membership, change) : 'an approval does not verify'
}

/** Why a change is refused, whoever has agreed to it, as a phrase; undefined when it may be made. */
export function changeProblem(
  membership: Membership,
  change: Change,
  retired: readonly string[],
): string | undefined {
  const removed = membership.members.filter(({ id }) => change.remove.includes(id))
  if (removed.length !== change.remove.length) return 'it removes somebody who is no member, or twice'
  const changing = [...removed, ...change.add].reduce((sum, { weight }) => sum + weight, 0)
  if (changing === 0 || changing > membership.faultyWeight)
    return 'it changes nothing, or more weight than may lie'
  const isDead = ({ publicKey }: Member): boolean =>
    retired.includes(publicKey) || membership.members.some((member) => member.publicKey === publicKey)
  if (change.add.some(isDead)) return 'it adds a key that is or was there'
  return membershipProblem(membersAfter(membership, change))
}

function membersAfter({ members }: Membership, { add, remove }: Change): readonly Member[] {
  return [...members.filter(({ id }) => !remove.includes(id)), ...add]
}

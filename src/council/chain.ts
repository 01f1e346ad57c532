/**
 * How the members of a council became others: each change is part of a value that the members before it have
 * finalised. Whoever trusts the members of one epoch can follow these to any later one, offline.
 *
 * @module
 */

import type { Certificate as Quorum } from '../bft/certificate.ts'
import type { CouncilCrypto } from '../bft/crypto.ts'
import type { Membership } from '../bft/membership.ts'
import { changedMembers, isAuthentic, membershipAfter } from '../bft/operations.ts'
import { valueDigest, type Operation, type Value } from '../bft/proposal.ts'
import { isMessageShape } from '../bft/shape.ts'
import type { Change, OperationBody } from '../bft/statements.ts'
import { quorumProblem } from './quorum-problem.ts'

/** One change of the members with its proof. */
export type ChangeLink = {
  /** What was agreed on at the height of the change; one of its operations is the change. */
  readonly value: Value
  /** A quorum of the members before the change has finalised that value. */
  readonly finalization: Quorum
}

/** One epoch that a chain leads to. */
export interface ProvenEpoch {
  readonly membership: Membership
  readonly change: Change
  /** The height that changed the members: the new ones decide from the next one on. */
  readonly height: number
  /** Who agreed to it, by id. */
  readonly agreed: readonly string[]
}

/** Where a chain leads, or why it does not hold, as a phrase. */
export type ChainVerdict =
  | { readonly ok: true; readonly epochs: readonly ProvenEpoch[] }
  | { readonly ok: false; readonly problem: string }

/** More changes than this are followed by nobody. */
const CHANGES_MAX = 10_000

type ChangeBody = Extract<OperationBody, { kind: 'change' }>

/**
 * Follows changes from the members of one epoch. They may come from anywhere: each must be finalised by a quorum of
 * the members that it changes, agreed to by a quorum of them, and no larger than may lie. It never throws.
 */
export function followChanges(
  crypto: CouncilCrypto,
  instance: string,
  start: Membership,
  links: readonly unknown[],
): ChainVerdict {
  if (links.length > CHANGES_MAX) return { ok: false, problem: 'there are too many changes of the members' }
  const epochs: ProvenEpoch[] = []
  const retired: string[] = []
  let membership = start
  for (const link of links) {
    const next = followOne(crypto, instance, membership, retired, link, epochs.at(-1)?.height ?? 0)
    if (typeof next === 'string') {
      const problem = `the change of the members after epoch ${membership.epoch} does not hold: ${next}`
      return { ok: false, problem }
    }
    const { remove } = next.change
    retired.push(...membership.members.filter(({ id }) => remove.includes(id)).map((one) => one.publicKey))
    epochs.push(next)
    membership = next.membership
  }
  return { ok: true, epochs }
}

function followOne(
  crypto: CouncilCrypto,
  instance: string,
  membership: Membership,
  retired: readonly string[],
  link: unknown,
  heightBefore: number,
): ProvenEpoch | string {
  if (!isChangeLink(link)) return 'it is malformed'
  const { value, finalization } = link
  if (value.height <= heightBefore) return 'it is of an earlier height than the one before'
  if (finalization.type !== 'finalization' || finalization.height !== value.height)
    return 'its finalisation is of another kind, or of another height'
  if (finalization.value !== valueDigest(crypto, value)) return 'its finalisation is for another value'
  const flaw = quorumProblem(crypto, membership, instance, finalization)
  if (flaw !== undefined) return flaw
  const [operation, second] = changesIn(value)
  if (operation === undefined || second !== undefined) return 'its value does not change the members once'
  if (!isAuthentic(crypto, membership, instance, operation)) return 'it is not signed by a member'
  const { body } = operation
  const members = changedMembers(crypto, membership, instance, body, retired)
  if (typeof members === 'string') return members
  const agreed = body.signers.flatMap((place) => membership.members[place]?.id ?? [])
  const after = membershipAfter(crypto, membership, body.change)
  return { membership: after, change: body.change, height: value.height, agreed }
}

/** The operations of a value that change the members. A value that can be decided has one at most. */
export function changesIn({ operations }: Value): readonly (Operation & { readonly body: ChangeBody })[] {
  return operations.filter(
    (operation): operation is Operation & { readonly body: ChangeBody } => operation.body.kind === 'change',
  )
}

function isChangeLink(link: unknown): link is ChangeLink {
  if (typeof link !== 'object' || link === null || Object.keys(link).length !== 2) return false
  if (!Object.hasOwn(link, 'value') || !Object.hasOwn(link, 'finalization')) return false
  const decisions = [{ ...link, justification: [] }]
  return isMessageShape({ type: 'reply', decisions, certificates: [], proposals: [] })
}

/**
 * What the decided values add up to: whose turn it is, who the members are, what was applied. Every honest member has
 * the same after the same height.
 *
 * @module
 */

import type { Json } from '../core/json.ts'
import { areDistinctMembers } from './certificate.ts'
import type { CouncilCrypto } from './crypto.ts'
import { indexOf, makeMembership, weightOf, type Membership } from './membership.ts'
import { changedMembers, isAuthentic } from './operations.ts'
import { valueDigest, type ComplaintSet, type Operation, type Value } from './proposal.ts'
import { afterComplaints, countsAt, FRESH_ROTATION, leadersAt, type Rotation } from './rotation.ts'
import type { Complaint } from './statements.ts'

/** What the council is for: a pure, deterministic fold of operations. It must not depend on anything but its input. */
export interface Application {
  readonly initial: Json
  /**
   * The next state; undefined, or an error, when it refuses the operation now: then nobody may propose it. The members
   * are those who decide this height.
   */
  apply(state: Json, operation: Operation, height: number, membership: Membership): Json | undefined
}

/** The state after a height. */
export type Ledger = {
  /** The last decided height; 0 at the start. */
  readonly height: number
  /** The digest of its value; empty at the start. */
  readonly previous: string
  readonly stateRoot: string
  readonly membership: Membership
  /** Public keys of removed members. */
  readonly retired: readonly string[]
  /** The last applied sequence of each author. */
  readonly sequences: ReadonlyMap<string, number>
  readonly rotation: Rotation
  /** Who takes turns at the next height. */
  readonly leaders: readonly number[]
  readonly application: Json
}

/** What the rules of a ledger need. */
export interface LedgerRules {
  readonly crypto: CouncilCrypto
  readonly instance: string
  readonly application: Application
}

/** The most operations in one value. */
const BATCH_OPERATIONS_MAX = 1_000

/** A state in the middle of a value, or after its last operation. */
export type Folded = Pick<Ledger, 'sequences' | 'application' | 'retired'> & { readonly change?: Membership }

/** The ledger before the first height. */
export function genesisLedger(rules: LedgerRules, membership: Membership): Ledger {
  return withRoot(rules, {
    height: 0,
    previous: '',
    stateRoot: '',
    membership,
    retired: [],
    sequences: new Map(),
    rotation: FRESH_ROTATION,
    leaders: leadersAt(membership, FRESH_ROTATION, 1),
    application: rules.application.initial,
  })
}

/**
 * Why a value may not be decided next, as a phrase, or what it makes of the ledger. Everybody with the same ledger
 * comes to the same answer. `isKnown` may spare the signatures of operations that were verified before.
 */
export function foldValue(
  rules: LedgerRules,
  ledger: Ledger,
  value: Value,
  isKnown: (operation: Operation) => boolean = () => false,
): Folded | string {
  if (value.height !== ledger.height + 1) return 'it is for another height'
  if (value.previous !== ledger.previous) return 'it does not follow from what was decided before'
  if (value.stateRoot !== ledger.stateRoot) return 'it names another state'
  if (value.operations.length === 0) return 'it is empty'
  if (value.operations.length > BATCH_OPERATIONS_MAX) return 'it has too many operations'
  const complaint = complaintProblem(rules, ledger, value)
  if (complaint !== undefined) return complaint
  let folded: Folded = {
    sequences: ledger.sequences,
    application: ledger.application,
    retired: ledger.retired,
  }
  for (const operation of value.operations) {
    if (!isKnown(operation) && !isAuthentic(rules.crypto, ledger.membership, rules.instance, operation)) {
      return 'an operation is not signed by a member'
    }
    const next = foldOperation(rules, ledger, folded, operation)
    if (typeof next === 'string') return next
    folded = next
  }
  return folded
}

/** What an operation makes of a state in the middle of a value, or why it is refused. Its signature was verified. */
export function foldOperation(
  rules: LedgerRules,
  ledger: Ledger,
  folded: Folded,
  operation: Operation,
): Folded | string {
  const { author, sequence, expires, body } = operation
  if (sequence !== (folded.sequences.get(author) ?? 0) + 1) return 'an operation is out of its order'
  if (expires !== 0 && expires <= ledger.height) return 'an operation has expired'
  const sequences = new Map(folded.sequences).set(author, sequence)
  if (body.kind === 'application') {
    const application = applied(rules, folded.application, operation, ledger)
    return application === undefined
      ? 'the application refuses an operation'
      : { ...folded, sequences, application }
  }
  if (folded.change !== undefined) return 'the members change twice'
  const members = changedMembers(rules.crypto, ledger.membership, rules.instance, body, ledger.retired)
  if (typeof members === 'string') return members
  const change = makeMembership(rules.crypto, ledger.membership.epoch + 1, members)
  const removed = ledger.membership.members.filter(({ id }) => body.change.remove.includes(id))
  const retired = [...folded.retired, ...removed.map(({ publicKey }) => publicKey)]
  return { ...folded, sequences, retired, change }
}

/** An application that throws refuses: an operation that is made to stumble over must not stop the members. */
function applied(
  rules: LedgerRules,
  state: Json,
  operation: Operation,
  { height, membership }: Ledger,
): Json | undefined {
  try {
    return rules.application.apply(state, operation, height + 1, membership)
  } catch {
    return undefined
  }
}

/** The ledger after a decided value. A change of members takes effect at the next height. */
export function afterValue(rules: LedgerRules, ledger: Ledger, value: Value, folded: Folded): Ledger {
  const { height } = value
  const rotation = afterComplaints(ledger.rotation, ledger.membership, value.complaints, height)
  const membership = folded.change ?? ledger.membership
  return withRoot(rules, {
    height,
    previous: valueDigest(rules.crypto, value),
    stateRoot: '',
    membership,
    retired: folded.retired,
    sequences: folded.sequences,
    rotation,
    leaders: leadersAt(membership, rotation, height + 1),
    application: folded.application,
  })
}

/** Why the complaints of a value do not count, as a phrase. */
function complaintProblem(rules: LedgerRules, ledger: Ledger, value: Value): string | undefined {
  let before: ComplaintSet | undefined
  for (const set of value.complaints) {
    const ascends = before === undefined || before.height < set.height || before.view < set.view
    if (!ascends || (before !== undefined && before.height > set.height))
      return 'its complaints are not in order'
    if (!countsAt(ledger.rotation, set, value.height)) return 'a complaint is too old, or counted already'
    if (!verifyComplaints(rules.crypto, ledger.membership, rules.instance, set))
      return 'a complaint does not hold'
    before = set
  }
  return undefined
}

/** Whether more weight than may lie complains of the leader of a view. */
export function verifyComplaints(
  crypto: CouncilCrypto,
  membership: Membership,
  instance: string,
  set: ComplaintSet,
): boolean {
  const { signers, signatures, height, view, leader } = set
  if (!areDistinctMembers(membership, signers) || signers.length !== signatures.length) return false
  if (weightOf(membership, signers) <= membership.faultyWeight || indexOf(membership, leader) < 0)
    return false
  const scope = { instance, epoch: membership.epoch, membership: membership.digest }
  return signers.every((sender, at) => {
    const complaint: Complaint = { type: 'complaint', ...scope, height, view, sender, leader }
    return crypto.verify(membership.members[sender]?.publicKey ?? '', complaint, signatures[at] ?? '')
  })
}

function withRoot(rules: LedgerRules, ledger: Ledger): Ledger {
  const { height, previous, membership, retired, rotation, application } = ledger
  const sequences = [...ledger.sequences].sort(([a], [b]) => (a < b ? -1 : 1))
  const stateRoot = rules.crypto.digest('state', {
    height,
    previous,
    membership: membership.digest,
    retired,
    sequences,
    rotation,
    application,
  })
  return { ...ledger, stateRoot }
}

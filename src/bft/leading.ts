/**
 * What a leader does: it proposes what was notarised before, or something new, and says why it may.
 *
 * @module
 */

import { foldOperation, verifyComplaints, type Folded } from './ledger.ts'
import {
  proposalDigest,
  valueDigest,
  type ComplaintSet,
  type Justification,
  type Operation,
  type Value,
} from './proposal.ts'
import { countsAt } from './rotation.ts'
import { leaderAt, mayVote, roundAt, type Replica } from './state.ts'
import { scopeOf } from './scope.ts'

/** What a leader can propose in a view, and what it lacks when it can propose nothing. */
export type Grounds =
  | { readonly ok: true; readonly justification: Justification; readonly carried: Value | undefined }
  | { readonly ok: false; readonly missing: readonly number[] }

/**
 * R2: the grounds for a proposal in a view. The newest notarised value whose proposal is at hand is proposed again,
 * with the justification that it had, its notarisation, and nullifications of the views since; without one, all
 * earlier views must have been nullified.
 */
export function groundsFor(replica: Replica, view: number): Grounds {
  const missing: number[] = []
  const since: Justification[number][] = []
  for (let at = view - 1; at >= 0; at--) {
    const round = replica.rounds.get(at)
    const notarized = round?.notarization
    const proposal = notarized === undefined ? undefined : round?.proposals.get(notarized.proposal)
    if (notarized !== undefined && proposal !== undefined) {
      if (missing.length > 0) return { ok: false, missing }
      return {
        ok: true,
        justification: [...proposal.justification, notarized, ...since.toReversed()],
        carried: proposal.value,
      }
    }
    if (round?.nullification === undefined) missing.push(at)
    else since.push(round.nullification)
  }
  if (missing.length > 0) return { ok: false, missing }
  return { ok: true, justification: since.toReversed(), carried: undefined }
}

/** Makes the proposal of the present view when it is this replica's turn and it can. */
export function considerLeading(replica: Replica): void {
  const { view, height, rules } = replica
  if (!replica.isActive || !mayVote(replica) || leaderAt(replica, view) !== replica.self) return
  const round = roundAt(replica, view)
  if (round.own.propose !== undefined || round.own.nullify === true) return
  const grounds = groundsFor(replica, view)
  if (!grounds.ok) {
    const at = Math.max(replica.now, replica.askedAt + 2 * replica.deltaMs)
    replica.deadlines.ask = Math.min(replica.deadlines.ask, at)
    return
  }
  const value = grounds.carried ?? freshValue(replica)
  if (value === undefined) return
  const scope = { ...scopeOf(replica), height, view }
  const { justification } = grounds
  const digest = proposalDigest(rules.crypto, scope, valueDigest(rules.crypto, value), justification)
  round.own.propose = digest
  const statement = { type: 'propose', ...scope, sender: replica.self, proposal: digest } as const
  replica.draft = {
    statement: { ...statement, signature: '' },
    value,
    justification,
    previous: replica.lastFinalization,
  }
  replica.effects.push({ type: 'vote', vote: statement })
}

/** Something new to decide, or undefined when nothing waits. The authors take turns, the oldest of each first. */
function freshValue(replica: Replica): Value | undefined {
  const { ledger, pool, rules, height } = replica
  const { sequences, application, retired } = ledger
  const operations: Operation[] = []
  let folded = { sequences, application, retired }
  let isMore = true
  while (isMore && operations.length < rules.batchOperations) {
    isMore = false
    for (const author of pool.authors()) {
      const next = pool.get(author, (folded.sequences.get(author) ?? 0) + 1)
      if (next === undefined || operations.length >= rules.batchOperations) continue
      const after = foldOperation(rules, ledger, folded, next.operation)
      if (typeof after === 'string') continue
      operations.push(next.operation)
      folded = after
      isMore = true
    }
  }
  if (operations.length === 0) return undefined
  const complaints = provenComplaints(replica)
  return { height, previous: ledger.previous, stateRoot: ledger.stateRoot, operations, complaints }
}

/** The complaints that enough members have made and that were not counted yet. */
function provenComplaints(replica: Replica): readonly ComplaintSet[] {
  const { rules, ledger, height } = replica
  const sets: ComplaintSet[] = []
  for (const votes of replica.complaints.values()) {
    const made = votes.filter((vote) => vote !== undefined)
    const [first] = made
    if (first === undefined) continue
    const equal = made.filter(({ leader }) => leader === first.leader)
    const set = {
      height: first.height,
      view: first.view,
      leader: first.leader,
      signers: equal.map(({ sender }) => sender),
      signatures: equal.map(({ signature }) => signature),
    }
    const counts = countsAt(ledger.rotation, set, height)
    if (counts && verifyComplaints(rules.crypto, ledger.membership, rules.instance, set)) sets.push(set)
  }
  return sets.sort((a, b) => a.height - b.height || a.view - b.view)
}

/**
 * The inclusion rule: an operation that a new value leaves out although this replica told everybody of it in
 * good time; undefined when there is none. `folded` is what the value makes of the state.
 * What was notarised before is never held against its next leader.
 */
export function omitted(replica: Replica, value: Value, folded: Folded): Operation | undefined {
  const { ledger, pool, rules } = replica
  if (pool.size === 0 || value.operations.length >= rules.batchOperations) return undefined
  const due = replica.enteredAt - 3 * replica.deltaMs
  for (const author of pool.authors()) {
    const next = pool.get(author, (folded.sequences.get(author) ?? 0) + 1)
    if (next === undefined || next.sharedAt > due) continue
    if (typeof foldOperation(rules, ledger, folded, next.operation) !== 'string') return next.operation
  }
  return undefined
}

/**
 * What follows from what a replica knows: rules R1 to R8, applied until nothing more follows.
 *
 * @module
 */

import { considerNotarizing } from './accept.ts'
import type { Decision } from './decision.ts'
import { considerLeading } from './leading.ts'
import { valueDigest } from './proposal.ts'
import type { Round } from './round.ts'
import { placeOf } from './scope.ts'
import { broadcast, deltaIn, mayVote, roundAt, type Replica } from './state.ts'
import { activate, enterView } from './views.ts'

/** A decision that can be taken now, once all rules of the present views were applied; undefined when there is none. */
export function applyRules(replica: Replica): Decision | undefined {
  for (const view of replica.touched) {
    const decision = decisionIn(replica, replica.rounds.get(view))
    if (decision !== undefined) return decision
  }
  while (advance(replica));
  for (const view of replica.touched) {
    const round = replica.rounds.get(view)
    if (round !== undefined) considerFinalizing(replica, round)
  }
  replica.touched.clear()
  considerLeading(replica)
  considerNotarizing(replica)
  considerNullifying(replica)
  return undefined
}

/** R5: a quorum has finalised a proposal, in whatever view, and it is at hand. */
function decisionIn(replica: Replica, round: Round | undefined): Decision | undefined {
  const finalization = round?.finalization
  if (round === undefined || finalization === undefined) return undefined
  const proposal = round.proposals.get(finalization.proposal)
  if (proposal === undefined) {
    want(replica)
    return undefined
  }
  if (finalization.value !== valueDigest(replica.rules.crypto, proposal.value)) return undefined
  return { value: proposal.value, justification: proposal.justification, finalization }
}

/** R1, R7: moves to a later view when a certificate allows it. True when it did. */
function advance(replica: Replica): boolean {
  const { view, rounds, deadlines, now } = replica
  let target = view
  for (const at of replica.touched) {
    const round = rounds.get(at)
    if (round?.nullification !== undefined) target = Math.max(target, at + 1)
    else if (round?.notarization !== undefined) target = Math.max(target, at)
  }
  const round = rounds.get(view)
  if (replica.movesOn && round?.notarization !== undefined) target = Math.max(target, view + 1)
  if (target > view) {
    enterView(replica, target)
    return true
  }
  if (round?.notarization !== undefined && !replica.isActive) activate(replica)
  if (round?.notarization !== undefined && deadlines.carry === Number.POSITIVE_INFINITY && !replica.movesOn) {
    deadlines.notarize = Number.POSITIVE_INFINITY
    deadlines.leader = Number.POSITIVE_INFINITY
    deadlines.carry = now + 2 * deltaIn(replica, view)
  }
  return false
}

/**
 * R4, R8: finalises what a quorum has notarised, unless this replica gave the view up, or voted for something else in
 * it. The proposal must be at hand, judged by this replica itself: so its justification is never lost.
 */
function considerFinalizing(replica: Replica, round: Round): void {
  const { notarization, own, view } = round
  if (notarization === undefined) return
  const { proposal, value } = notarization
  const judged = round.proposals.get(proposal)
  if (judged === undefined) return want(replica)
  if (value !== valueDigest(replica.rules.crypto, judged.value)) return
  if (own.finalize !== undefined || own.nullify === true || !mayVote(replica)) return
  if (own.notarize !== undefined && own.notarize !== proposal) return
  own.finalize = proposal
  replica.effects.push({
    type: 'vote',
    vote: { type: 'finalize', ...placeOf(replica, view), proposal, value },
  })
}

/** R6, R8: gives the view up when there is a reason, unless this replica has finalised in it. */
function considerNullifying(replica: Replica): void {
  const { view } = replica
  const round = roundAt(replica, view)
  const { isRejected, equivocated, omits, hasResigned, own } = round
  if (!replica.givesUp && !isRejected && !equivocated && omits === undefined && !hasResigned) return
  if (!replica.isActive || round.notarization !== undefined) return
  if (own.finalize !== undefined || own.nullify === true || !mayVote(replica)) return
  own.nullify = true
  // To have told everybody is not to have been heard: the next leader shall have no excuse.
  if (omits !== undefined) broadcast(replica, { type: 'operation', operation: omits })
  replica.effects.push({ type: 'vote', vote: { type: 'nullify', ...placeOf(replica, view) } })
}

/** Something that a certificate speaks of is not at hand. It may only be late: it is asked for a little later. */
function want(replica: Replica): void {
  replica.deadlines.ask = Math.min(replica.deadlines.ask, replica.now + replica.deltaMs / 2)
}

/**
 * Taking in votes, certificates, complaints and operations. Nothing is kept before its signature was verified, and
 * nothing without a bound: one message of each kind for each sender, view and height, a few heights and views ahead.
 *
 * @module
 */

import {
  certificateTypeOf,
  isInScope,
  isSameCertificate,
  verifyCertificate,
  type Certificate,
  type QuorumVote,
} from './certificate.ts'
import { contradictionOf, contradictionsIn, type Evidence } from './evidence.ts'
import { indexOf } from './membership.ts'
import type { Message } from './messages.ts'
import { isAuthentic, isOfEpoch } from './operations.ts'
import type { Operation } from './proposal.ts'
import type { Round } from './round.ts'
import { COMPLAINT_HEIGHTS, COMPLAINT_VIEWS } from './rotation.ts'
import { leaderAt, roundAt, type Replica } from './state.ts'
import type { Complaint, Scope, Signed } from './statements.ts'
import { decisionProblem, type Decision } from './decision.ts'
import { culpritsOf } from './fork.ts'
import { activate, haltAtFork, hasPending } from './views.ts'

/** How far ahead votes and proposals are kept. */
const HEIGHTS_AHEAD = 2
export const VIEWS_AHEAD = 8

/** Whether something was said in this council, under the present membership, by one of its members. */
export function isOurs(replica: Replica, said: Scope & { readonly sender: number }): boolean {
  const { membership } = replica.ledger
  return isInScope(said, replica.rules.instance, membership) && membership.members[said.sender] !== undefined
}

/** The key of a member by place. */
export function keyAt(replica: Replica, sender: number): string {
  return replica.ledger.membership.members[sender]?.publicKey ?? ''
}

/** A sign of life: the leader is not absent, and somebody may be ahead. */
export function heard(replica: Replica, sender: number, height: number): void {
  replica.absent.delete(sender)
  const id = replica.ledger.membership.members[sender]?.id
  if (height > replica.height && id !== undefined && id !== replica.rules.self) claim(replica, id, height)
}

/** Notes that a peer says it is at a later height. It proves nothing, but is a reason to ask. */
export function claim(replica: Replica, peer: string, height: number): void {
  if (height <= replica.height) return
  replica.claims.set(peer, Math.max(replica.claims.get(peer) ?? 0, height))
  replica.deadlines.ask = Math.min(replica.deadlines.ask, replica.now + replica.deltaMs)
}

/** Keeps a verified message for one of the next heights; one for each sender, kind, height and view. */
export function keepForLater(
  replica: Replica,
  sender: number,
  height: number,
  view: number,
  message: Message,
): void {
  if (height > replica.height + HEIGHTS_AHEAD || view >= VIEWS_AHEAD) return
  const kind = message.type === 'vote' ? message.vote.type : message.type
  const key = `${height} ${view} ${sender} ${kind}`
  if (!replica.future.has(key)) replica.future.set(key, message)
}

/** Takes in a vote. One of this replica's own comes from its signer, and needs no verification. */
export function receiveVote(replica: Replica, vote: Signed<QuorumVote>, isOwn = false): void {
  if (vote.height < replica.height || !isOurs(replica, vote)) return
  if (vote.height > replica.height) return receiveEarlyVote(replica, vote)
  if (vote.view > replica.view + VIEWS_AHEAD) return
  const round = roundAt(replica, vote.view)
  const earlier = round.voteOf(vote.type, vote.sender)
  const isAgainst =
    !round.convicted.has(vote.sender) &&
    round.votesOf(vote.sender).some((other) => contradictionOf(other, vote) !== undefined)
  // A repetition, or a vote that a certificate makes needless, costs no verification; a contradiction is wanted.
  const isCertified = round[certificateTypeOf(vote.type)] !== undefined
  if (!isAgainst && (earlier !== undefined || isCertified)) return
  if (!isOwn && !replica.rules.crypto.verify(keyAt(replica, vote.sender), vote, vote.signature)) return
  heard(replica, vote.sender, vote.height)
  accuse(replica, round, vote)
  if (earlier !== undefined || isCertified) return
  round.add(vote)
  measure(replica, vote)
  if (vote.type === 'nullify' && vote.sender === leaderAt(replica, vote.view)) round.hasResigned = true
  replica.touched.add(vote.view)
  const certificate = round.certify(replica.ledger.membership, vote)
  if (certificate !== undefined) adopt(replica, round, certificate)
}

function receiveEarlyVote(replica: Replica, vote: Signed<QuorumVote>): void {
  const { height, view, sender } = vote
  const isFar = height > replica.height + HEIGHTS_AHEAD || view >= VIEWS_AHEAD
  const id = replica.ledger.membership.members[sender]?.id ?? ''
  // A vote from far ahead is only a hint that there is more to know, and one hint is enough.
  if (isFar && replica.claims.has(id)) return
  if (replica.future.has(`${height} ${view} ${sender} ${vote.type}`)) return
  if (!replica.rules.crypto.verify(keyAt(replica, sender), vote, vote.signature)) return
  heard(replica, sender, height)
  keepForLater(replica, sender, height, view, { type: 'vote', vote })
}

/** Takes in a verified certificate of the present height. */
export function adopt(replica: Replica, round: Round, certificate: Certificate): void {
  const held = round[certificate.type]
  if (held !== undefined) {
    // Two quorums for different proposals in one view: more liars than can be tolerated.
    if (held.proposal !== certificate.proposal) report(replica, contradictionsIn(held, certificate))
    return
  }
  round[certificate.type] = certificate
  replica.effects.push({ type: 'append', entry: { type: 'certificate', certificate } })
  replica.touched.add(round.view)
}

export function receiveCertificate(replica: Replica, certificate: Certificate): void {
  const { rules, ledger, height } = replica
  if (certificate.height < height) return checkFork(replica, certificate)
  if (certificate.height > height) return
  const held = replica.rounds.get(certificate.view)?.[certificate.type]
  if (held !== undefined && held.proposal === certificate.proposal) return
  if (!verifyCertificate(rules.crypto, ledger.membership, rules.instance, certificate)) return
  adopt(replica, roundAt(replica, certificate.view), certificate)
}

/** Whether this very certificate was verified before. */
export function isHeld(replica: Replica, certificate: Certificate): boolean {
  if (certificate.height !== replica.height) return false
  const held = replica.rounds.get(certificate.view)?.[certificate.type]
  return held !== undefined && isSameCertificate(held, certificate)
}

/** A finalisation of another value than was decided here: the council has forked, and halts. */
function checkFork(replica: Replica, certificate: Certificate): void {
  if (certificate.type !== 'finalization') return
  const mine = replica.recent.find(({ decision }) => decision.value.height === certificate.height)
  if (mine === undefined || mine.decision.finalization.value === certificate.value) return
  const { crypto, instance } = replica.rules
  if (!verifyCertificate(crypto, mine.membership, instance, certificate)) return
  haltAtFork(replica, mine.decision)
}

/** A decision for a height that is decided here: nothing, or the proof of a fork. */
export function checkDecision(replica: Replica, decision: Decision): void {
  const mine = replica.recent.find(({ decision: { value } }) => value.height === decision.value.height)
  if (mine === undefined || mine.decision.finalization.value === decision.finalization.value) return
  const { crypto, instance } = replica.rules
  if (!verifyCertificate(crypto, mine.membership, instance, decision.finalization)) return
  const problem = decisionProblem(crypto, mine.membership, instance, decision)
  if (
    problem !== undefined &&
    culpritsOf(crypto, mine.membership, instance, mine.decision, decision).length === 0
  ) {
    return
  }
  report(replica, culpritsOf(crypto, mine.membership, instance, mine.decision, decision))
  haltAtFork(replica, mine.decision, decision)
}

export function receiveComplaint(replica: Replica, complaint: Signed<Complaint>): void {
  const { height, view, sender, leader } = complaint
  const isOld = height < replica.height - COMPLAINT_HEIGHTS
  if (isOld || height > replica.height + HEIGHTS_AHEAD || view >= COMPLAINT_VIEWS) return
  if (!isOurs(replica, complaint) || indexOf(replica.ledger.membership, leader) < 0) return
  const key = `${height} ${view}`
  const made = replica.complaints.get(key)
  if (made?.[sender] !== undefined) return
  if (!replica.rules.crypto.verify(keyAt(replica, sender), complaint, complaint.signature)) return
  heard(replica, sender, height)
  const votes = made ?? []
  votes[sender] = complaint
  if (made === undefined) replica.complaints.set(key, votes)
}

/** Takes in an operation: from a client of this replica, or from a peer. */
export function receiveOperation(replica: Replica, operation: Operation, isFromHere: boolean): void {
  const { pool, rules, ledger, now } = replica
  if (!pool.hasRoom(operation, ledger.sequences.get(operation.author) ?? 0)) return
  if (operation.expires !== 0 && operation.expires < replica.height) return
  const { body } = operation
  if (!isAuthentic(rules.crypto, ledger.membership, rules.instance, operation)) return
  if (body.kind === 'change' && !isOfEpoch(rules.crypto, ledger.membership, rules.instance, body)) return
  pool.add(operation, now, isFromHere)
  if (isFromHere) replica.effects.push({ type: 'send', message: { type: 'operation', operation }, to: null })
  else replica.deadlines.share = Math.min(replica.deadlines.share, now + replica.deltaMs)
  if (!replica.isActive && hasPending(replica)) activate(replica)
}

/** Hands out evidence against a member who contradicts itself, or votes for what nothing justifies. */
function accuse(replica: Replica, round: Round, vote: Signed<QuorumVote>): void {
  for (const other of round.votesOf(vote.sender)) {
    if (contradictionOf(other, vote) === undefined || round.convicted.has(vote.sender)) continue
    round.convicted.add(vote.sender)
    report(replica, [{ type: 'contradiction', first: other, second: vote }])
  }
  const unjustified = vote.type === 'nullify' ? undefined : round.unjustified.get(vote.proposal)
  if (unjustified !== undefined && vote.type !== 'nullify') {
    report(replica, [{ type: 'unjustified', vote, ...unjustified }])
  }
}

/** Hands out evidence. */
export function report(replica: Replica, found: readonly Evidence[]): void {
  for (const evidence of found) replica.effects.push({ type: 'evidence', evidence })
}

/**
 * The time from a leader's proposal to a member's vote is a round trip. The estimate is four times that of the
 * member that completes a quorum, the quickest first: liars can neither stretch it nor shrink it beyond the honest.
 */
function measure(replica: Replica, vote: Signed<QuorumVote>): void {
  const { membership } = replica.ledger
  const own = roundAt(replica, vote.view).own.propose
  if (vote.type !== 'notarize' || own === undefined || own !== vote.proposal || vote.sender === replica.self)
    return
  replica.roundTrips[vote.sender] = replica.now - replica.proposedAt
  const measured = replica.roundTrips
    .flatMap((ms, at) => (ms === undefined ? [] : [{ ms, weight: membership.members[at]?.weight ?? 0 }]))
    .sort((a, b) => a.ms - b.ms)
  let weight = membership.members[replica.self]?.weight ?? 0
  for (const one of measured) {
    weight += one.weight
    if (weight < membership.quorumWeight) continue
    const { deltaMsMin, deltaMsMax } = replica.rules
    const wanted = Math.min(Math.max(4 * one.ms, deltaMsMin), deltaMsMax)
    // Down slowly, and up to the double in one height: longer waits make for longer measurements, which must not
    // feed themselves. Within a height the views take longer and longer anyway.
    replica.deltaMs =
      wanted > replica.deltaMs
        ? Math.min(wanted, 2 * replica.deltaMsBefore)
        : (replica.deltaMs * 7 + wanted) / 8
    return
  }
}

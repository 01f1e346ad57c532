/**
 * Judging proposals (R3).
 *
 * @module
 */

import { contradictionOf } from './evidence.ts'
import { justificationProblem } from './justification.ts'
import { foldValue } from './ledger.ts'
import { omitted } from './leading.ts'
import { proposalDigest, valueDigest, type Proposal } from './proposal.ts'
import {
  adopt,
  heard,
  isHeld,
  isOurs,
  keepForLater,
  keyAt,
  receiveCertificate,
  report,
  VIEWS_AHEAD,
} from './receive.ts'
import { COMPLAINT_VIEWS } from './rotation.ts'
import type { Round } from './round.ts'
import { placeOf } from './scope.ts'
import { leaderAt, mayVote, roundAt, type Replica } from './state.ts'
import { activate, isInPool } from './views.ts'

/** The least time after which a leader is called slow. */
const SLOW_MS_MIN = 5
const SLOW_FACTOR = 3
const DURATIONS_MIN = 4

/** Takes in a proposal. This replica's own comes from its signer, and needs no verification. */
export function receiveProposal(replica: Replica, proposal: Proposal, isOwn = false): void {
  const { statement, previous } = proposal
  const { height, view } = statement
  if (height < replica.height || !isOurs(replica, statement)) return
  if (height > replica.height) {
    if (previous?.height === replica.height) receiveCertificate(replica, previous)
    // Proposals are large, and who leads then is not known yet: one of each member is kept, for the next height.
    if (height > replica.height + 1 || view > 0 || !isSignedByLeader(replica, proposal)) return
    heard(replica, statement.sender, height)
    keepForLater(replica, statement.sender, height, view, { type: 'proposal', proposal })
    return
  }
  if (leaderAt(replica, view) !== statement.sender) return
  const known = replica.rounds.get(view)
  if (known?.proposals.has(statement.proposal) === true) return
  // What a quorum has voted for is wanted whatever the leader said besides.
  const isWanted = [known?.notarization, known?.finalization].some(
    (one) => one?.proposal === statement.proposal,
  )
  if (
    known?.first !== undefined &&
    !isWanted &&
    (known.equivocated || known.first.proposal === statement.proposal)
  )
    return
  if (!isOwn && !isSignedByLeader(replica, proposal)) return
  heard(replica, statement.sender, height)
  // The signature is over a digest. Whoever passes it on with something else can only waste our time.
  const digest = valueDigest(replica.rules.crypto, proposal.value)
  const signed = proposalDigest(replica.rules.crypto, statement, digest, proposal.justification)
  if (statement.proposal !== signed) return
  if (view > replica.view + VIEWS_AHEAD && !isJustified(replica, proposal)) return
  const round = roundAt(replica, view)
  replica.touched.add(view)
  if (round.first === undefined) {
    round.first = statement
    complainIfSlow(replica, view)
  } else if (contradictionOf(round.first, statement) !== undefined) {
    if (!round.equivocated)
      report(replica, [{ type: 'contradiction', first: round.first, second: statement }])
    round.equivocated = true
    if (!isWanted) return
  }
  judge(replica, round, proposal, digest)
}

/** Takes in a proposal that its leader signed: it is kept when it is justified and valid. */
function judge(replica: Replica, round: Round, proposal: Proposal, digest: string): void {
  const { rules, ledger } = replica
  const { statement, value, justification } = proposal
  const { height, view } = statement
  const place = { instance: rules.instance, height, view, value: digest }
  const isKnown = (certificate: Parameters<typeof isHeld>[1]): boolean => isHeld(replica, certificate)
  if (justificationProblem(rules.crypto, ledger.membership, place, justification, isKnown) !== undefined) {
    if (round.unjustified.size === 0) {
      round.unjustified.set(statement.proposal, { value: digest, justification })
      report(replica, [{ type: 'unjustified', vote: statement, value: digest, justification }])
    }
    round.isRejected = true
    return
  }
  for (const certificate of justification) {
    if (!isKnown(certificate)) adopt(replica, roundAt(replica, certificate.view), certificate)
  }
  const folded = foldValue(rules, ledger, value, (operation) => isInPool(replica, operation))
  if (typeof folded === 'string') {
    round.isRejected = true
    return
  }
  if (justification.every(({ type }) => type === 'nullification')) {
    round.omits = omitted(replica, value, folded)
  }
  round.proposals.set(statement.proposal, proposal)
  replica.effects.push({ type: 'append', entry: { type: 'proposal', proposal } })
}

/** R3: votes for the leader's first proposal of the present view. At most once, and never for an omission. */
export function considerNotarizing(replica: Replica): void {
  const { view } = replica
  const round = replica.rounds.get(view)
  const first = round?.first
  const proposal = first === undefined ? undefined : round?.proposals.get(first.proposal)
  if (round === undefined || proposal === undefined) return
  if (!replica.isActive) activate(replica)
  replica.deadlines.leader = Number.POSITIVE_INFINITY
  if (round.equivocated || round.omits !== undefined || round.own.notarize !== undefined || !mayVote(replica))
    return
  const digest = proposal.statement.proposal
  if (round.own.finalize !== undefined && round.own.finalize !== digest) return
  round.own.notarize = digest
  const value = valueDigest(replica.rules.crypto, proposal.value)
  const vote = { type: 'notarize', ...placeOf(replica, view), proposal: digest, value } as const
  replica.effects.push({ type: 'vote', vote })
}

function isSignedByLeader(replica: Replica, { statement }: Proposal): boolean {
  return replica.rules.crypto.verify(keyAt(replica, statement.sender), statement, statement.signature)
}

function isJustified(replica: Replica, { statement, value, justification }: Proposal): boolean {
  const { rules, ledger } = replica
  const { height, view } = statement
  const place = { instance: rules.instance, height, view, value: valueDigest(rules.crypto, value) }
  return justificationProblem(rules.crypto, ledger.membership, place, justification) === undefined
}

/** Complains of a leader whose proposal came late, measured by how long a whole decision usually takes here. */
function complainIfSlow(replica: Replica, view: number): void {
  if (view !== replica.view || !replica.isActive || leaderAt(replica, view) === replica.self) return
  if (replica.durations.length < DURATIONS_MIN) return
  const sorted = replica.durations.toSorted((a, b) => a - b)
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0
  const limit = Math.max(SLOW_FACTOR * median, SLOW_MS_MIN)
  if (replica.now - replica.activeSince > limit) complain(replica, view)
}

/** Says that the leader of the view was slow. */
export function complain(replica: Replica, view: number): void {
  const leader = replica.ledger.membership.members[leaderAt(replica, view)]?.id
  if (leader === undefined || view >= COMPLAINT_VIEWS || !mayVote(replica)) return
  const statement = { type: 'complaint', ...placeOf(replica, view), leader } as const
  replica.effects.push({ type: 'say', statement, proof: null, to: null })
}

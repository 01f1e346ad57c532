/**
 * Catching up, and helping others to. Only certificates move a replica; what peers say of themselves is a reason to ask
 * them, and no more.
 *
 * @module
 */

import { receiveProposal } from './accept.ts'
import { verifyCertificate, type Certificate } from './certificate.ts'
import { decisionProblem, type Decision } from './decision.ts'
import { groundsFor } from './leading.ts'
import { indexOf, weightOf } from './membership.ts'
import type { Message } from './messages.ts'
import type { Proposal } from './proposal.ts'
import { checkDecision, claim, receiveCertificate } from './receive.ts'
import { leaderAt, mayVote, type Acquaintance, type Replica } from './state.ts'
import type { Fetch, Signed, Status, Wanted } from './statements.ts'
import { decide } from './views.ts'

/** Decisions in one reply. */
const DECISIONS_PER_REPLY_MAX = 16
/** Answers to one peer within one round trip. */
const ANSWERS_MAX = 8
const STATUS_DELTAS = 20
const STATUS_MS_MIN = 2_000

/** Tells everybody where this replica is, and asks the same when it may have forgotten votes. */
export function sayStatus(replica: Replica): void {
  const { amnesia, rules } = replica
  say(replica, statusOf(replica, ''), null)
  if (amnesia !== undefined && amnesia.until === undefined)
    ask(replica, { kind: 'status', nonce: amnesia.nonce }, null)
  replica.deadlines.status =
    replica.now + Math.max(STATUS_DELTAS * replica.deltaMs, rules.statusMs ?? STATUS_MS_MIN)
}

export function receiveStatus(replica: Replica, status: Signed<Status>, proof: Certificate | null): void {
  const { rules, ledger, amnesia } = replica
  const { from, height } = status
  const known = acquainted(replica, from)
  if (known === undefined || from === rules.self || status.instance !== rules.instance) return
  if (!rules.crypto.verify(known.publicKey, status, status.signature)) return
  const sender = indexOf(ledger.membership, from)
  replica.absent.delete(sender)
  if (proof !== null) receiveCertificate(replica, proof)
  if (height > replica.height && known.until === Number.POSITIVE_INFINITY) claim(replica, from, height)
  else if (height < replica.height && status.nonce === '')
    serve(replica, from, height, Math.min(known.until, replica.height - 1))
  if (sender < 0) return
  if (amnesia === undefined || amnesia.until !== undefined || status.nonce !== amnesia.nonce) return
  if (isProven(replica, status.height, proof)) remember(replica, amnesia.heights, sender, status.height)
}

export function receiveFetch(replica: Replica, asked: Signed<Fetch>): void {
  const { rules, ledger } = replica
  const { wanted, from } = asked
  const known = acquainted(replica, from)
  if (known === undefined || from === rules.self || asked.instance !== rules.instance) return
  if (!rules.crypto.verify(known.publicKey, asked, asked.signature)) return
  const sender = indexOf(ledger.membership, from)
  replica.absent.delete(sender)
  if (sender < 0 && wanted.kind !== 'decisions') return
  switch (wanted.kind) {
    case 'decisions':
      return serve(replica, from, wanted.first, Math.min(wanted.last, known.until, replica.height - 1))
    case 'status':
      if (mayAnswer(replica, from, 0)) say(replica, statusOf(replica, wanted.nonce), from)
      return
    case 'certificates':
      if (wanted.height < replica.height) return serve(replica, from, wanted.height, wanted.height)
      if (wanted.height === replica.height && mayAnswer(replica, from, 0))
        replyCertificates(replica, from, wanted.views)
      return
    case 'proposal':
      if (wanted.height < replica.height) return serve(replica, from, wanted.height, wanted.height)
      if (wanted.height === replica.height && mayAnswer(replica, from, 0)) {
        const proposal = replica.rounds.get(wanted.view)?.proposals.get(wanted.proposal)
        if (proposal !== undefined) reply(replica, from, [], [proposal])
      }
  }
}

/** A member, or who was or will be one. */
function acquainted({ ledger, rules }: Replica, id: string): Acquaintance | undefined {
  const { membership } = ledger
  const publicKey = membership.members[indexOf(membership, id)]?.publicKey
  if (publicKey !== undefined) return { publicKey, until: Number.POSITIVE_INFINITY }
  return rules.acquaintance?.(id)
}

/** Takes what others sent; each part proves itself. True when a decision was taken. */
export function receiveReply(
  replica: Replica,
  from: string,
  message: Extract<Message, { type: 'reply' }>,
): boolean {
  let progressed = false
  for (const decision of message.decisions.slice(0, DECISIONS_PER_REPLY_MAX)) {
    if (decision.value.height < replica.height) checkDecision(replica, decision)
    if (replica.halted !== undefined) return progressed
    if (decision.value.height !== replica.height) continue
    if (!takeDecision(replica, from, decision)) break
    progressed = true
  }
  for (const certificate of message.certificates.slice(0, CERTIFICATES_MAX))
    receiveCertificate(replica, certificate)
  for (const proposal of message.proposals.slice(0, 2)) receiveProposal(replica, proposal)
  if (progressed) {
    const { fetching } = replica
    if (fetching?.peer === from) replica.fetching = undefined
    if (isBehind(replica)) replica.deadlines.ask = replica.now
  }
  return progressed
}

const CERTIFICATES_MAX = 256

function takeDecision(replica: Replica, from: string, decision: Decision): boolean {
  const { rules, ledger } = replica
  if (decisionProblem(rules.crypto, ledger.membership, rules.instance, decision) !== undefined) {
    // A poisoned answer: whoever sends one is not asked again for this height.
    replica.claims.delete(from)
    return false
  }
  return decide(replica, decision)
}

/** Asks for what is missing. Peers take turns; one that does not answer in time is believed nothing any more. */
export function askForMissing(replica: Replica): void {
  const { height, view, now, deltaMs, deadlines } = replica
  deadlines.ask = Number.POSITIVE_INFINITY
  replica.askedAt = now
  let isAsking = false
  for (const round of replica.rounds.values()) {
    const wanted = round.finalization ?? round.notarization
    if (wanted === undefined || round.proposals.has(wanted.proposal)) continue
    if (round.finalization === undefined && round.view < view - 1) continue
    ask(replica, { kind: 'proposal', height, view: round.view, proposal: wanted.proposal }, null)
    isAsking = true
  }
  if (replica.isActive && mayVote(replica) && leaderAt(replica, view) === replica.self) {
    const grounds = groundsFor(replica, view)
    if (!grounds.ok) {
      ask(replica, { kind: 'certificates', height, views: grounds.missing.slice(0, CERTIFICATES_MAX) }, null)
      isAsking = true
    }
  }
  if (isAsking) deadlines.ask = now + 2 * deltaMs
  askForDecisions(replica)
}

function askForDecisions(replica: Replica): void {
  const { fetching, height, now, deltaMs, deadlines } = replica
  if (fetching !== undefined && fetching.first === height) {
    if (now < fetching.until) {
      deadlines.ask = Math.min(deadlines.ask, fetching.until)
      return
    }
    replica.claims.delete(fetching.peer)
  }
  replica.fetching = undefined
  if (!isBehind(replica)) return
  const peers = [...replica.claims.keys()].sort()
  const peer = peers.find((id) => id > replica.lastPeer) ?? peers[0]
  if (peer === undefined) return
  const last = Math.min((replica.claims.get(peer) ?? height) - 1, height + DECISIONS_PER_REPLY_MAX - 1)
  replica.lastPeer = peer
  replica.fetching = { peer, first: height, until: now + 4 * deltaMs }
  deadlines.ask = Math.min(deadlines.ask, now + 4 * deltaMs)
  ask(replica, { kind: 'decisions', first: height, last }, peer)
}

function isBehind(replica: Replica): boolean {
  for (const [peer, height] of replica.claims) if (height <= replica.height) replica.claims.delete(peer)
  return replica.claims.size > 0
}

/** Whether what a peer says of its height is proven by the decision before. */
function isProven(replica: Replica, height: number, proof: Certificate | null): boolean {
  if (height === 1) return true
  if (proof === null || proof.type !== 'finalization' || proof.height !== height - 1) return false
  const { rules, ledger } = replica
  return verifyCertificate(rules.crypto, ledger.membership, rules.instance, proof)
}

/**
 * Notes the proven height of a member. Once a quorum has answered, no vote that was forgotten can be for more than one
 * height above the highest: to vote there, this replica had to see the decision before, which takes a quorum's votes
 * at the height below, and an honest one of these has answered.
 */
function remember(replica: Replica, heights: Map<number, number>, sender: number, height: number): void {
  heights.set(sender, Math.max(heights.get(sender) ?? 0, height))
  const { membership } = replica.ledger
  if (weightOf(membership, [...heights.keys()]) < membership.quorumWeight) return
  if (replica.amnesia !== undefined) replica.amnesia.until = Math.max(replica.height, ...heights.values()) + 1
}

function serve(replica: Replica, to: string, first: number, last: number): void {
  if (first < 1 || last < first || !mayAnswer(replica, to, first)) return
  replica.effects.push({
    type: 'serve',
    first,
    last: Math.min(last, first + DECISIONS_PER_REPLY_MAX - 1),
    to,
  })
}

/** Peers get a few answers in a round trip, so that nobody keeps a replica busy with questions. */
function mayAnswer(replica: Replica, to: string, first: number): boolean {
  const earlier = replica.served.get(to)
  const isFresh = earlier === undefined || replica.now - earlier.at >= replica.deltaMs
  if (!isFresh && (earlier.count >= ANSWERS_MAX || (first !== 0 && earlier.first === first))) return false
  const at = isFresh ? replica.now : earlier.at
  const kept = first === 0 ? (isFresh ? 0 : earlier.first) : first
  replica.served.set(to, { at, first: kept, count: isFresh ? 1 : earlier.count + 1 })
  return true
}

function replyCertificates(replica: Replica, to: string, views: readonly number[]): void {
  const certificates = views.slice(0, CERTIFICATES_MAX).flatMap((view) => {
    const round = replica.rounds.get(view)
    return [round?.nullification, round?.notarization].filter((one) => one !== undefined)
  })
  const proposals = views.flatMap((view) => {
    const round = replica.rounds.get(view)
    return round?.notarization === undefined ? [] : [round.proposals.get(round.notarization.proposal)]
  })
  const last = proposals.filter((one) => one !== undefined).slice(-1)
  if (certificates.length > 0) reply(replica, to, certificates, last)
}

function reply(
  replica: Replica,
  to: string,
  certificates: readonly Certificate[],
  proposals: readonly Proposal[],
): void {
  replica.effects.push({
    type: 'send',
    message: { type: 'reply', decisions: [], certificates, proposals },
    to,
  })
}

function ask(replica: Replica, wanted: Wanted, to: string | null): void {
  const { instance, self } = replica.rules
  say(replica, { type: 'fetch', instance, from: self, wanted }, to)
}

function say(replica: Replica, statement: Status | Fetch, to: string | null): void {
  const proof = statement.type === 'status' ? replica.lastFinalization : null
  replica.effects.push({ type: 'say', statement, proof, to })
}

function statusOf(replica: Replica, nonce: string): Status {
  const { height, view, rules } = replica
  return { type: 'status', instance: rules.instance, from: rules.self, height, view, nonce }
}

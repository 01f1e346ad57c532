/**
 * What a council decides on: votes. A question is opened, ballots are ordered, a pure function counts them, and the
 * finalisation of the height that closes the vote covers the hash of its certificate.
 *
 * ```text
 *   open --ballots--> over (complete, certain, or its deadline has passed) --close--> certified
 * ```
 *
 * Nobody can close a vote early: it is over when nothing that is missing can change the outcome, or when more members
 * than may lie say that its deadline has passed. Nobody can close it with another result: an operation `close` that
 * does not name the one certificate is refused, so no honest member votes for a value that has it.
 *
 * @module
 */

import { councilCrypto, type CouncilCrypto } from '../bft/crypto.ts'
import type { Application } from '../bft/ledger.ts'
import { indexOf, weightOf, type Membership } from '../bft/membership.ts'
import { approvalOf } from '../bft/operations.ts'
import type { Operation } from '../bft/proposal.ts'
import type { Change } from '../bft/statements.ts'
import { canonicalize } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { SignedBallot } from '../voting/ballot.ts'
import { isCertain } from '../voting/certain.ts'
import { makeCertificate, type Certificate } from '../voting/certificate.ts'
import type { Proposal } from '../voting/proposal.ts'
import { castsOf, siftBallots } from '../voting/tally.ts'
import {
  decisionIdOf,
  readPayload,
  type AgreePayload,
  type BallotPayload,
  type ClosePayload,
  type ExpirePayload,
  type OpenPayload,
} from './operations.ts'

/** A vote under way, or over and not certified yet. */
export type OpenVote = {
  readonly proposal: Proposal
  /** What a certificate keeps of the ballots so far. */
  readonly ballots: readonly SignedBallot[]
  /** Members who say that the deadline has passed, by id: places mean others when the members have changed. */
  readonly late: readonly string[]
  /** Set when it is over: when, and the hash of the certificate. */
  readonly result: { readonly at: number; readonly certificate: string } | null
}

/** A change of the members that some have agreed to. */
export type ProposedChange = {
  /** The epoch in which they have: in another one it is nothing. */
  readonly epoch: number
  readonly change: Change
  /** Who asked for it. */
  readonly author: string
  /** Each agreement, by the id of the member. */
  readonly agreed: Readonly<Record<string, string>>
}

/** The state of the application. */
export type CouncilState = {
  /** Changes of the members, by digest. */
  readonly changes: Readonly<Record<string, ProposedChange>>
  readonly open: Readonly<Record<string, OpenVote>>
  /** Votes that were certified of late: a member may name the same certificate again. */
  readonly closed: Readonly<Record<string, { readonly height: number; readonly certificate: string }>>
}

/** The most votes under way in one council; further ones are not opened. */
const OPEN_VOTES_MAX = 256
/** The most votes under way that one member opened. */
const OPEN_VOTES_PER_MEMBER_MAX = 64
/** The most changes of the members that one of them may have agreed to in an epoch; further ones are not noted. */
export const CHANGES_PER_MEMBER_MAX = 8
/** An operation `close` expires within so many heights, and a certified vote is remembered for so many. */
export const CLOSE_HEIGHTS_MAX = 16

const EMPTY: CouncilState = { changes: {}, open: {}, closed: {} }

/**
 * The application of a council. Equal states, operations and members give equal states, on every machine; `crypto`
 * verifies and hashes, and may remember what it has verified. Who may vote was fixed when a vote was opened; who says
 * that its deadline has passed is asked of the members of the day.
 */
export function councilApplication(crypto: Crypto): Application {
  return {
    initial: EMPTY,
    apply: (state, operation, height, membership) =>
      apply(crypto, membership, state as CouncilState, operation, height),
  }
}

function apply(
  crypto: Crypto,
  membership: Membership,
  state: CouncilState,
  operation: Operation,
  height: number,
): CouncilState | undefined {
  if (operation.body.kind !== 'application') return undefined
  const payload = readPayload(operation.body.payload)
  switch (payload?.type) {
    case undefined:
      return undefined
    case 'open':
      return applyOpen(state, operation, payload)
    case 'ballot':
      return applyBallots(crypto, state, payload)
    case 'expire':
      return applyExpire(crypto, membership, state, operation.author, payload)
    case 'close':
      return applyClose(state, operation, payload, height)
    case 'agree':
      return applyAgree(councilCrypto(crypto), membership, state, operation, payload)
    case 'pass':
      return state
  }
}

function applyOpen(
  state: CouncilState,
  operation: Operation,
  { proposal }: OpenPayload,
): CouncilState | undefined {
  const { author, sequence, instance } = operation
  const decision = decisionIdOf(author, sequence)
  if (proposal.space !== instance || proposal.decision !== decision) return undefined
  const ids = Object.keys(state.open)
  const own = ids.filter((id) => id.startsWith(`${author}.`)).length
  // Not refused: what is refused keeps all later operations of its author waiting.
  if (ids.length >= OPEN_VOTES_MAX || own >= OPEN_VOTES_PER_MEMBER_MAX) return state
  return withVote(state, decision, { proposal, ballots: [], late: [], result: null })
}

function applyBallots(
  crypto: Crypto,
  state: CouncilState,
  { decision, ballots, at }: BallotPayload,
): CouncilState {
  const vote = voteIn(state, decision)
  if (vote === undefined || vote.result !== null) return state
  const all = makeCertificate(crypto, vote.proposal, [...vote.ballots, ...ballots], at).ballots
  const next = { ...vote, ballots: all }
  return withVote(state, decision, isSettled(crypto, next) ? over(crypto, next, at) : next)
}

function applyExpire(
  crypto: Crypto,
  membership: Membership,
  state: CouncilState,
  author: string,
  { decision, at }: ExpirePayload,
): CouncilState {
  const vote = voteIn(state, decision)
  if (vote === undefined || vote.result !== null || vote.proposal.deadline === null) return state
  if (vote.late.includes(author)) return state
  const late = [...vote.late, author].sort()
  const next = { ...vote, late }
  // Who is no member any more has no weight.
  const places = late.map((id) => indexOf(membership, id))
  const isOver = weightOf(membership, places) > membership.faultyWeight
  return withVote(state, decision, isOver ? over(crypto, next, at) : next)
}

function applyClose(
  state: CouncilState,
  { expires }: Operation,
  { decision, certificate }: ClosePayload,
  height: number,
): CouncilState | undefined {
  if (expires === 0 || expires > height + CLOSE_HEIGHTS_MAX) return undefined
  const earlier = Object.hasOwn(state.closed, decision) ? state.closed[decision] : undefined
  if (earlier !== undefined) return earlier.certificate === certificate ? state : undefined
  if (voteIn(state, decision)?.result?.certificate !== certificate) return undefined
  const { [decision]: _, ...open } = state.open
  const recent = Object.entries(state.closed).filter(([, one]) => one.height >= height - CLOSE_HEIGHTS_MAX)
  return { ...state, open, closed: { ...Object.fromEntries(recent), [decision]: { height, certificate } } }
}

/** What does not hold, or is of an earlier epoch, changes nothing: to refuse it would hold its author up. */
function applyAgree(
  crypto: CouncilCrypto,
  membership: Membership,
  state: CouncilState,
  { author, instance }: Operation,
  { change, signature }: AgreePayload,
): CouncilState {
  const place = indexOf(membership, author)
  const agreement = approvalOf(crypto, membership, instance, change, place)
  if (!crypto.verify(membership.members[place]?.publicKey ?? '', agreement, signature)) return state
  const changes = proposedChanges(state, membership.epoch)
  const known = Object.hasOwn(changes, agreement.change) ? changes[agreement.change] : undefined
  const own = Object.values(changes).filter(({ agreed }) => Object.hasOwn(agreed, author)).length
  if (own >= CHANGES_PER_MEMBER_MAX) return state
  const { epoch } = membership
  const agreed = { ...known?.agreed, [author]: signature }
  const proposed = { epoch, change, author: known?.author ?? author, agreed }
  return { ...state, changes: { ...changes, [agreement.change]: proposed } }
}

/** The changes of the members that somebody has agreed to in an epoch, by digest. */
export function proposedChanges(
  { changes }: CouncilState,
  epoch: number,
): Readonly<Record<string, ProposedChange>> {
  return Object.fromEntries(Object.entries(changes).filter(([, one]) => one.epoch === epoch))
}

/** The certificate of a vote that is over. Everybody with the same state makes the same one. */
export function certificateOf(crypto: Crypto, vote: OpenVote): Certificate | undefined {
  if (vote.result === null) return undefined
  return makeCertificate(crypto, vote.proposal, vote.ballots, vote.result.at)
}

/** The hash that an operation `close` names. */
export function certificateHash(crypto: Crypto, certificate: Certificate): string {
  return crypto.sha256(canonicalize(certificate))
}

/** The vote with this name that is under way, or over and not certified. */
export function voteIn(state: CouncilState, decision: string): OpenVote | undefined {
  return Object.hasOwn(state.open, decision) ? state.open[decision] : undefined
}

/** Whether nothing that is missing can change the outcome. */
function isSettled(crypto: Crypto, { proposal, ballots }: OpenVote): boolean {
  const { casts, voided } = castsOf(proposal, siftBallots(crypto, proposal, ballots))
  const heard = new Set([...casts.map(({ member }) => member), ...voided])
  const missing = proposal.electorate
    .filter(({ member }) => !heard.has(member))
    .map(({ member, weight = 1 }) => ({ member, weight }))
  return isCertain(proposal, casts, missing)
}

function over(crypto: Crypto, vote: OpenVote, at: number): OpenVote {
  const certificate = makeCertificate(crypto, vote.proposal, vote.ballots, at)
  return { ...vote, result: { at, certificate: certificateHash(crypto, certificate) } }
}

function withVote(state: CouncilState, decision: string, vote: OpenVote): CouncilState {
  return { ...state, open: { ...state.open, [decision]: vote } }
}

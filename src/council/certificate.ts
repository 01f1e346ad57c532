/**
 * The proof of what a council decided: the certificate of the vote, and the council's finalisation of the value that
 * names its hash. It verifies offline, from the members' keys alone.
 *
 * @module
 */

import type { Certificate as Quorum } from '../bft/certificate.ts'
import type { CouncilCrypto } from '../bft/crypto.ts'
import { makeMembership, membershipProblem, type Member, type Membership } from '../bft/membership.ts'
import { isAuthentic } from '../bft/operations.ts'
import { valueDigest, type Operation, type Value } from '../bft/proposal.ts'
import { isMessageShape } from '../bft/shape.ts'
import { fromBase64url } from '../core/bytes.ts'
import { canonicalize, type Json } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import {
  verifyCertificate as verifyVote,
  type Certificate as VoteCertificate,
  type TrustedKey,
} from '../voting/certificate.ts'
import { followChanges, type ChangeLink, type ProvenEpoch } from './chain.ts'
import { readPayload } from './operations.ts'
import { quorumProblem } from './quorum-problem.ts'

/** A decision of a council with its proof. */
export type DecisionCertificate = {
  readonly v: 1
  readonly type: 'coterie.council-certificate'
  readonly instance: string
  /** The members of the epoch that decided. */
  readonly epoch: number
  readonly members: readonly Member[]
  /** Question, electorate, ballots, outcome and count. */
  readonly vote: VoteCertificate
  /** What was agreed on at the height that closed the vote: one of its operations names the hash of `vote`. */
  readonly value: Value
  /** A quorum of members has finalised that value. */
  readonly finalization: Quorum
  /** How the first members became those of this epoch, one change for each; nothing in epoch 0. */
  readonly changes?: readonly ChangeLink[]
}

/** The council whose certificates somebody trusts. */
export type TrustedCouncil = {
  readonly instance: string
  readonly epoch: number
  readonly members: readonly Member[]
}

/** What a verifier needs. */
export interface CertificateCrypto {
  readonly crypto: Crypto
  readonly council: CouncilCrypto
}

/** Whether a certificate holds, with the reasons in sentences. */
export type CouncilVerdict =
  | { readonly ok: true; readonly certificate: DecisionCertificate; readonly explanation: readonly string[] }
  | { readonly ok: false; readonly problem: string; readonly explanation: readonly string[] }

const KEYS = ['v', 'type', 'instance', 'epoch', 'members', 'vote', 'value', 'finalization']

/** Puts a certificate together; the changes of the members are added when it is handed out. */
export function makeDecisionCertificate(
  instance: string,
  { epoch, members }: Membership,
  vote: VoteCertificate,
  value: Value,
  finalization: Quorum,
): DecisionCertificate {
  return { v: 1, type: 'coterie.council-certificate', instance, epoch, members, vote, value, finalization }
}

/**
 * Checks a certificate that came from anywhere, and fails closed. Members of the electorate must be trusted by their
 * keys: those of the council are; others by `voters`, from key id to key. Trusted are the members of one epoch; those
 * of a later one follow from them by the changes that the certificate brings along.
 *
 * What it does not prove: that the electorate's answers are right, or that the council's members are run by different
 * people. It never throws.
 */
export function verifyDecisionCertificate(
  { crypto, council }: CertificateCrypto,
  certificate: unknown,
  trusted: TrustedCouncil,
  voters: ReadonlyMap<string, TrustedKey> = new Map(),
): CouncilVerdict {
  const claimed = snapshot(certificate)
  const shape = shapeProblem(claimed)
  if (shape !== undefined) return refuse(shape, [])
  const one = claimed as DecisionCertificate
  if (one.instance !== trusted.instance) {
    const [theirs, ours] = [one.instance, trusted.instance].map((name) => JSON.stringify(name))
    return refuse(`it is of another council: ${theirs}, and not ${ours}`, [])
  }
  const flaw = membershipProblem(trusted.members)
  if (flaw !== undefined) return refuse(`the trusted members are no council: ${flaw}`, [])
  const followed = membersOf(council, one, trusted)
  if (typeof followed === 'string') return refuse(followed, [])
  const { membership } = followed
  const sameMembers = canonicalize(one.members) === canonicalize(membership.members)
  if (!sameMembers) return refuse('it names other members of the council', [])
  const { value, finalization, vote } = one
  if (finalization.type !== 'finalization' || finalization.height !== value.height) {
    return refuse('its finalisation is of another kind, or of another height', [])
  }
  if (finalization.value !== valueDigest(council, value)) {
    return refuse('its finalisation is for another value', [])
  }
  const flawed = quorumProblem(council, membership, one.instance, finalization)
  if (flawed !== undefined) return refuse(flawed, [])
  const checked = [...followed.checked, ...explainQuorum(one, membership)]
  const closing = closingIn(crypto, one)
  if (closing === undefined) return refuse('what was finalised does not name this vote', checked)
  if (!isAuthentic(council, membership, one.instance, closing)) {
    return refuse('the operation that closed the vote is not signed by a member', checked)
  }
  if (vote.proposal.space !== one.instance) return refuse('the vote belongs to another council', checked)
  checked.push(`That height closed this very vote; ${JSON.stringify(closing.author)} put it forward.`)

  const verdict = verifyVote(crypto, vote, trustedVoters(crypto, followed.known, voters))
  const explanation = [...checked, ...verdict.explanation]
  if (!verdict.ok) return { ok: false, problem: verdict.problem, explanation }
  return { ok: true, certificate: one, explanation }
}

/** The members of a certificate's epoch, as they follow from those that are trusted. */
interface Followed {
  readonly membership: Membership
  /** Everybody who was a member on the way there: a vote that was open meanwhile has an older electorate. */
  readonly known: readonly Member[]
  readonly checked: readonly string[]
}

function membersOf(
  crypto: CouncilCrypto,
  { instance, epoch, changes = [] }: DecisionCertificate,
  trusted: TrustedCouncil,
): Followed | string {
  const start = makeMembership(crypto, trusted.epoch, trusted.members)
  const isOther = `it is of epoch ${epoch}, and the members of epoch ${trusted.epoch} are trusted`
  if (epoch < trusted.epoch) return isOther
  if (epoch === trusted.epoch) return { membership: start, known: start.members, checked: [] }
  if (changes.length !== epoch) return `${isOther}: it lacks the changes of the members between`
  const verdict = followChanges(crypto, instance, start, changes.slice(trusted.epoch))
  if (!verdict.ok) return verdict.problem
  const { epochs } = verdict
  const membership = epochs.at(-1)?.membership ?? start
  const known = [start, ...epochs.map((one) => one.membership)].flatMap(({ members }) => members)
  return { membership, known, checked: epochs.map(explainChange) }
}

function explainChange({ membership, change, height, agreed }: ProvenEpoch): string {
  const names = (ids: readonly string[]): string => ids.map((id) => JSON.stringify(id)).join(', ')
  const added = names(change.add.map(({ id }) => id))
  const what = [
    ...(added === '' ? [] : [`${added} came`]),
    ...(change.remove.length === 0 ? [] : [`${names(change.remove)} left`]),
  ]
  return (
    `With height ${height} epoch ${membership.epoch} began: ${what.join(', ')}. ` +
    `A quorum of the members before has agreed (${names(agreed)}), and finalised it.`
  )
}

/** Who has signed, who has not, and how much was needed. */
function explainQuorum(
  { instance, epoch, members, finalization, value }: DecisionCertificate,
  { faultyWeight, quorumWeight, totalWeight }: Membership,
): string[] {
  const { signers } = finalization
  const named = (isSigner: boolean): readonly string[] =>
    members.flatMap(({ id }, place) => (signers.includes(place) === isSigner ? [JSON.stringify(id)] : []))
  const others = named(false)
  const isWeighted = totalWeight !== members.length
  const lines = [
    `${signers.length} of the ${members.length} members of the council ${JSON.stringify(instance)}, in its epoch ` +
      `${epoch}, have finalised height ${value.height}: ${named(true).join(', ')}.`,
    `It takes ${quorumWeight} of ${totalWeight}${isWeighted ? ' by weight' : ''}; up to ${faultyWeight} may lie.`,
  ]
  if (others.length > 0) lines.push(`Not among them, and not needed: ${others.join(', ')}.`)
  return lines
}

/** The operation that names the vote. */
function closingIn(crypto: Crypto, { value, vote }: DecisionCertificate): Operation | undefined {
  const hash = crypto.sha256(canonicalize(vote))
  return value.operations.find(({ body }) => {
    const payload = body.kind === 'application' ? readPayload(body.payload) : undefined
    return (
      payload?.type === 'close' && payload.decision === vote.proposal.decision && payload.certificate === hash
    )
  })
}

/** Members of the council vote under their id, with the key that they sign for the council with. */
function trustedVoters(
  crypto: Crypto,
  members: readonly Member[],
  voters: ReadonlyMap<string, TrustedKey>,
): ReadonlyMap<string, TrustedKey> {
  const own = members.map(
    ({ id, publicKey }) => [keyIdOf(crypto, publicKey), { agent: id, publicKey }] as const,
  )
  return new Map([...voters, ...own])
}

/** The id of a key: the first 40 hex digits of SHA-256 over its raw bytes. */
export function keyIdOf(crypto: Crypto, publicKey: string): string {
  return crypto.sha256(fromBase64url(publicKey)).slice(0, 40)
}

function shapeProblem(value: unknown): string | undefined {
  if (value === undefined) return 'it is not plain JSON in the canonical subset'
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'it is not a JSON object'
  const one = value as Readonly<Record<string, unknown>>
  const keys = Object.keys(one).filter((key) => key !== 'changes')
  if (keys.length !== KEYS.length || !KEYS.every((key) => Object.hasOwn(one, key)))
    return 'it has missing or unknown keys'
  if (Object.hasOwn(one, 'changes') && !Array.isArray(one['changes']))
    return 'its changes of the members are malformed'
  if (one['v'] !== 1 || one['type'] !== 'coterie.council-certificate')
    return 'it is not a certificate of a council of version 1'
  const { value: agreed, finalization, members, vote } = one
  const decisions = [{ value: agreed, justification: [], finalization }]
  if (!isMessageShape({ type: 'reply', decisions, certificates: [], proposals: [] }))
    return 'its value or its finalisation is malformed'
  if (!Array.isArray(members) || !members.every(isMember)) return 'its members are malformed'
  // The certificate of the vote is checked as a whole below; only its name is needed before that.
  const proposal = isObject(vote) ? vote['proposal'] : undefined
  return isObject(proposal) ? undefined : 'it has no vote'
}

function isMember(value: unknown): value is Member {
  if (!isObject(value) || Object.keys(value).length !== 3) return false
  const { id, publicKey, weight } = value
  return typeof id === 'string' && typeof publicKey === 'string' && Number.isSafeInteger(weight)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

// A copy through the canonical text: it has no getters, cycles, classes or shared parts to lie with.
function snapshot(value: unknown): unknown {
  try {
    return JSON.parse(canonicalize(value as Json))
  } catch {
    return undefined
  }
}

function refuse(problem: string, checked: readonly string[]): CouncilVerdict {
  return { ok: false, problem, explanation: [...checked, `Refused: ${problem}.`] }
}

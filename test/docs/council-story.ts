/** The councils of `council.json`: their members, and everything that they sign, word for word. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import {
  makeCertificate as makeQuorum,
  type Certificate,
  type QuorumVote,
} from '../../src/bft/certificate.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import { makeMembership, type Membership } from '../../src/bft/membership.ts'
import {
  proposalDigest,
  valueDigest,
  type Justification,
  type Operation,
  type Value,
} from '../../src/bft/proposal.ts'
import {
  statementBytes,
  type OperationBody,
  type OperationText,
  type Scope,
  type Signed,
  type Statement,
  type Vote,
} from '../../src/bft/statements.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { canonicalize, type Json } from '../../src/core/json.ts'
import { makeDecisionCertificate, type DecisionCertificate } from '../../src/council/certificate.ts'
import { makeRoster, type Roster } from '../../src/council/roster.ts'
import { preAuthEncoding } from '../../src/log/dsse.ts'
import type { Proposal, SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, type Certificate as VoteCertificate } from '../../src/voting/certificate.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

export const council = councilCrypto(crypto)
const DECIDED_AT = 1_700_000_000_009
const STATE = crypto.sha256('a state')
const BEFORE = crypto.sha256('what was decided before')

/** A membership file of these members, with the keys of their names. */
export function rosterOf(instance: string, weights: Readonly<Record<string, number>>): Roster {
  const members = Object.entries(weights).map(([id, weight], at) => {
    return { id, publicKey: keyPairOf(id).publicKey, weight, url: `http://127.0.0.1:${4100 + at}` }
  })
  return makeRoster(instance, members)
}

export const FOUR: Roster = rosterOf('release-board', { alice: 1, bob: 1, carol: 1, dave: 1 })
/** Of a weight of 8 two may lie, and it takes 6. */
export const WEIGHTED: Roster = rosterOf('weighted-board', { alice: 2, bob: 2, carol: 2, dave: 1, erin: 1 })

/** The membership of a file, at any epoch. */
export function membershipIn(roster: Roster, epoch = 0): Membership {
  return makeMembership(council, epoch, roster.members)
}

/** The scope of what is signed. */
export function scopeIn(roster: Roster, epoch = 0): Scope {
  return { instance: roster.instance, epoch, membership: membershipIn(roster, epoch).digest }
}

/** A statement with the signature of a member; under another payload type, when one is named. */
export function sign<T extends Statement>(roster: Roster, sender: number, said: T, type?: string): Signed<T> {
  const { privateKey } = keyPairOf(roster.members[sender]?.id ?? '')
  const bytes = type === undefined ? statementBytes(said) : preAuthEncoding(type, utf8(canonicalize(said)))
  return { ...said, signature: crypto.sign(privateKey, bytes) }
}

/** A vote of a member. */
export function voteOf(
  roster: Roster,
  type: Vote['type'],
  place: { readonly sender: number; readonly height: number; readonly view: number; readonly epoch?: number },
  proposal = '',
  value = '',
): Signed<Vote> {
  const { epoch = 0, ...rest } = place
  const base = { ...scopeIn(roster, epoch), ...rest }
  if (type === 'nullify') return sign(roster, place.sender, { type, ...base })
  if (type === 'propose') return sign(roster, place.sender, { type, ...base, proposal })
  return sign(roster, place.sender, { type, ...base, proposal, value })
}

/** A certificate of these members. */
export function quorumOf(
  roster: Roster,
  type: QuorumVote['type'],
  place: { readonly height: number; readonly view: number; readonly epoch?: number },
  signers: readonly number[],
  [proposal, value]: readonly [string, string] = ['', ''],
): Certificate {
  const votes = signers.map((sender) => voteOf(roster, type, { ...place, sender }, proposal, value))
  const made = makeQuorum(votes as Signed<QuorumVote>[])
  if (made === undefined) throw new Error('a certificate has signers')
  return made
}

/** An operation of a member. */
export function operationOf(
  roster: Roster,
  sender: number,
  sequence: number,
  body: OperationBody,
  changes: Partial<OperationText> = {},
): Operation {
  const author = roster.members[sender]?.id ?? ''
  const { instance } = roster
  const text = { type: 'operation', instance, author, sequence, expires: 0, body, ...changes } as const
  return sign(roster, sender, text)
}

/** An operation for the application. */
export function applied(roster: Roster, sender: number, sequence: number, payload: Json): Operation {
  return operationOf(roster, sender, sequence, { kind: 'application', payload })
}

/** The operation that closes a vote. */
export function closing(
  roster: Roster,
  sender: number,
  vote: VoteCertificate,
  changes: Readonly<Record<string, Json>> = {},
): Operation {
  const { decision } = vote.proposal
  const payload = { type: 'close', decision, certificate: crypto.sha256(canonicalize(vote)), ...changes }
  return operationOf(roster, sender, 2, { kind: 'application', payload }, { expires: 20 })
}

/** A question to all members of a council. */
export function asked(roster: Roster, changes: Partial<Proposal> = {}): Proposal {
  const space = roster.instance
  const electorate = roster.members.map(({ id, publicKey }) => {
    return { member: id, key: keyPairOf(id).id, publicKey }
  })
  return proposalOf(0, { space, decision: 'alice.1', electorate, ...changes })
}

/** What members answered, by name. */
export type Answers = Readonly<Record<string, string>>

/** A vote that was counted. */
export function counted(roster: Roster, answers: Answers, changes: Partial<Proposal> = {}): VoteCertificate {
  const proposal = asked(roster, changes)
  const ballots = Object.entries(answers).map(([member, choice]) => castBy(member, proposal, choice))
  return countedOf(proposal, ballots)
}

export function countedOf(proposal: Proposal, ballots: readonly SignedBallot[]): VoteCertificate {
  return makeCertificate(crypto, proposal, ballots, DECIDED_AT)
}

/** A value with these operations. */
export function valueWith(operations: readonly Operation[], changes: Partial<Value> = {}): Value {
  return { height: 4, previous: BEFORE, stateRoot: STATE, operations, complaints: [], ...changes }
}

/** How a value was finalised. */
export interface Finalized {
  readonly signers?: readonly number[]
  readonly view?: number
  readonly justification?: Justification
  readonly epoch?: number
}

/** A value with the signatures of members on it. */
export function finalized(roster: Roster, value: Value, how: Finalized = {}): Certificate {
  const { signers = [0, 1, 2], view = 0, justification = [], epoch = 0 } = how
  const digest = valueDigest(council, value)
  const { height } = value
  const scope = { ...scopeIn(roster, epoch), height, view }
  const proposal = proposalDigest(council, scope, digest, justification)
  return quorumOf(roster, 'finalize', { height, view, epoch }, signers, [proposal, digest])
}

/** The certificate of a vote, in a value of its own unless one is given. */
export function decided(
  roster: Roster,
  vote: VoteCertificate,
  how: Finalized & { readonly value?: Value } = {},
): DecisionCertificate {
  const value = how.value ?? valueWith([closing(roster, 0, vote)])
  const membership = membershipIn(roster, how.epoch)
  return makeDecisionCertificate(roster.instance, membership, vote, value, finalized(roster, value, how))
}

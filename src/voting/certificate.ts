import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize, type Json } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { BallotProblem, SignedBallot } from './ballot.ts'
import { explainTally } from './explain.ts'
import { isTime, proposalProblem, type Proposal } from './proposal.ts'
import type { SignedCommitment } from './sealed.ts'
import { hasExactly } from './shape.ts'
import {
  byMemberThenSignature,
  castsOf,
  countSifted,
  siftBallots,
  type SiftedBallots,
  type Tally,
} from './tally.ts'

/**
 * The proof of a decision. It is checked offline, from the members' keys alone.
 *
 * What it does not prove: that no other ballots exist (who assembles it may leave some out, which can
 * take votes away but never adds one, unless a member signed two different ballots; what that can change is said for
 * each rule in docs/concepts/decisions.md), and when it was
 * decided (`decidedAt` is the assembler's word; the signed record that holds the certificate binds it).
 */
export type Certificate = {
  readonly v: 1
  readonly type: 'coterie.certificate'
  readonly proposal: Proposal
  /** Sorted by member, then by signature: counted ballots, and ballots that are evidence. */
  readonly ballots: readonly SignedBallot[]
  /** Of a sealed vote, and of no other: sorted by member, then by signature. */
  readonly commitments?: readonly SignedCommitment[]
  readonly outcome: string
  readonly tally: Tally
  /** Milliseconds since the epoch. */
  readonly decidedAt: number
}

/** The agent that a trusted key belongs to, and the key: Ed25519, raw 32 bytes in base64url. */
export type TrustedKey = { readonly agent: string; readonly publicKey: string }

/** Whether a certificate holds, with the reason in sentences that a person can follow. */
export type CertificateVerdict =
  | { readonly ok: true; readonly certificate: Certificate; readonly explanation: readonly string[] }
  | { readonly ok: false; readonly problem: string; readonly explanation: readonly string[] }

const CERTIFICATE_KEYS = ['v', 'type', 'proposal', 'ballots', 'outcome', 'tally', 'decidedAt'] as const

// A ballot is evidence when the member signed it for this very decision. Others prove nothing about
// anybody here (anyone can write an unsigned ballot, or copy one from another decision), and would let
// strangers grow a certificate or change its bytes.
const EVIDENCE: readonly BallotProblem[] = [
  'wrong-proposal',
  'no-commitment',
  'wrong-reveal',
  'wrong-close',
  'unknown-option',
  'after-close',
]
const VALID_PER_MEMBER_MAX = 2
const BALLOTS_PER_MEMBER_MAX = VALID_PER_MEMBER_MAX + EVIDENCE.length

/**
 * Assembles the certificate of a decision from all ballots at hand. It keeps one ballot of each
 * member that voted once, two of a member that signed different ones, and one of each kind that a
 * member signed for this decision but that does not count. Its tally is that of the ballots it keeps.
 *
 * @throws CoterieError `COTERIE_INVALID_CERTIFICATE` when `decidedAt` is not a time, and
 * `COTERIE_INVALID_RULE` when the proposal is not one that can be counted.
 */
export function makeCertificate(
  crypto: Crypto,
  proposal: Proposal,
  ballots: readonly SignedBallot[],
  decidedAt: number,
  commitments: readonly SignedCommitment[] = [],
): Certificate {
  if (!isTime(decidedAt)) {
    const message = 'The time of a decision is in whole milliseconds since the epoch.'
    throw new CoterieError('COTERIE_INVALID_CERTIFICATE', message, { details: { decidedAt } })
  }
  return assemble(proposal, siftBallots(crypto, proposal, ballots, commitments), decidedAt)
}

/**
 * Checks a certificate that came from anywhere. It fails closed: whatever is not exactly the
 * certificate that its own ballots give, under keys that the caller trusts, is refused.
 *
 * `trustedKeys` maps key ids to keys. Each member of the electorate must be there with the same public
 * key, and the key's agent must own the member's address (`name`, or `name/key` for an instance).
 * It never throws.
 */
export function verifyCertificate(
  crypto: Crypto,
  certificate: unknown,
  trustedKeys: ReadonlyMap<string, TrustedKey>,
): CertificateVerdict {
  const claimed = snapshot(certificate)
  const shape = shapeProblem(claimed)
  if (shape !== undefined) return refuse(shape, [])
  // Every part that the type promises and shapeProblem did not look at is compared below.
  const { proposal, ballots, commitments = [], decidedAt } = claimed as Certificate

  const trust = trustProblem(proposal, trustedKeys)
  if (trust !== undefined) return refuse(trust, [])
  const checked = [`Each of the ${proposal.electorate.length} members has the key that you trust.`]

  const sifted = siftBallots(crypto, proposal, ballots, commitments)
  const stray = sifted.refused.find(({ problem }) => !EVIDENCE.includes(problem))
  if (stray !== undefined) {
    return refuse(`a ballot of ${JSON.stringify(stray.member)} is refused: ${stray.problem}`, checked)
  }
  checked.push(`Each of the ${ballots.length} ballots is signed by its member for this decision.`)

  const expected = assemble(proposal, sifted, decidedAt)
  const difference = firstDifference(claimed as Certificate, expected)
  if (difference !== undefined) return refuse(difference, checked)
  const sentences = explainTally(expected, castsOf(proposal, sifted).counted)
  checked.push('The count was done again, and is the same.', ...sentences)
  return { ok: true, certificate: expected, explanation: checked }
}

function assemble(proposal: Proposal, sifted: SiftedBallots, decidedAt: number): Certificate {
  const kept = keepEvidence(sifted)
  const ballots = [...kept.valid.values(), kept.refused.map(({ signed }) => signed)].flat()
  const tally = countSifted(proposal, kept)
  return {
    v: 1,
    type: 'coterie.certificate',
    proposal,
    ballots: ballots.toSorted(byMemberThenSignature),
    ...(proposal.sealed !== undefined && { commitments: sifted.closed.commitments }),
    outcome: tally.outcome,
    tally,
    decidedAt,
  }
}

// Keeping is bounded and idempotent: of what is kept, the same is kept again. So a verifier can ask for
// equality, and a member who signs a thousand different ballots does not make a certificate long.
function keepEvidence(sifted: SiftedBallots): SiftedBallots {
  const valid = new Map<string, readonly SignedBallot[]>()
  for (const [member, ballots] of sifted.valid) valid.set(member, ballots.slice(0, VALID_PER_MEMBER_MAX))
  const refused = new Map<string, SiftedBallots['refused'][number]>()
  for (const entry of sifted.refused) {
    if (!EVIDENCE.includes(entry.problem)) continue
    const place = `${entry.problem} ${entry.member}`
    const earlier = refused.get(place)
    if (earlier === undefined || entry.signed.signature < earlier.signed.signature) refused.set(place, entry)
  }
  return { closed: sifted.closed, valid, refused: [...refused.values()] }
}

// A copy through the canonical text: it has no getters, cycles, classes or shared parts to lie with.
function snapshot(value: unknown): unknown {
  try {
    return JSON.parse(canonicalize(value as Json))
  } catch {
    return undefined
  }
}

function shapeProblem(value: unknown): string | undefined {
  if (value === undefined) return 'a certificate is plain JSON in the canonical subset'
  if (!hasExactly(value, CERTIFICATE_KEYS, ['commitments']))
    return 'a certificate has missing or unknown keys'
  if (value.v !== 1 || value.type !== 'coterie.certificate') return 'it is not a certificate of version 1'
  if (!isTime(value.decidedAt)) return 'the time of the decision is not in milliseconds since the epoch'
  const flaw = proposalProblem(value.proposal)
  if (flaw !== undefined) return flaw
  const { electorate, sealed } = value.proposal as Proposal
  const { commitments } = value
  if (Array.isArray(commitments) !== (sealed !== undefined)) {
    return 'a sealed vote, and no other, has commitments'
  }
  const commitmentsMax = electorate.length * VALID_PER_MEMBER_MAX
  if (Array.isArray(commitments) && commitments.length > commitmentsMax) {
    return `a certificate has at most ${commitmentsMax} commitments here`
  }
  if (!Array.isArray(value.ballots)) return 'the ballots of a certificate are an array'
  const ballotsMax = electorate.length * BALLOTS_PER_MEMBER_MAX
  if (value.ballots.length > ballotsMax) return `a certificate has at most ${ballotsMax} ballots here`
  return undefined
}

function trustProblem(proposal: Proposal, trustedKeys: ReadonlyMap<string, TrustedKey>): string | undefined {
  for (const { member, key, publicKey } of proposal.electorate) {
    const trusted = trustedKeys.get(key)
    const who = `the key ${JSON.stringify(key)} of member ${JSON.stringify(member)}`
    if (trusted === undefined) return `${who} is not trusted`
    if (trusted.publicKey !== publicKey) return `${who} is not the key that is trusted under this id`
    if (nameOf(member) !== trusted.agent) {
      return `${who} belongs to the agent ${JSON.stringify(trusted.agent)}`
    }
  }
  return undefined
}

function firstDifference(claimed: Certificate, expected: Certificate): string | undefined {
  const parts = [
    [
      'commitments',
      'the commitments do not stand, are not sorted, or are there more often than a proof needs',
    ],
    ['ballots', 'the ballots are not sorted, or some are there more often than a proof needs'],
    ['outcome', `the outcome is not what the ballots say, which is ${JSON.stringify(expected.outcome)}`],
    ['tally', 'the tally is not the count of the ballots'],
  ] as const
  for (const [part, problem] of parts) {
    const [ours, theirs] = [expected[part] ?? null, claimed[part] ?? null]
    if (canonicalize(theirs) !== canonicalize(ours)) return problem
  }
  // The rest is equal by construction; this holds the line should a member be added to the type.
  if (canonicalize(claimed) !== canonicalize(expected)) return 'the certificate is not what its ballots give'
  return undefined
}

function refuse(problem: string, checked: readonly string[]): CertificateVerdict {
  return { ok: false, problem, explanation: [...checked, `Refused: ${problem}.`] }
}

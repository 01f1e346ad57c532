import { utf8 } from '../core/bytes.ts'
import { canonicalize } from '../core/json.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../log/dsse.ts'
import type { Crypto } from '../ports/crypto.ts'
import {
  ABSTAIN,
  isLabel,
  isTime,
  OPTIONS_MAX,
  PROSE_LENGTH_MAX,
  proposalHash,
  type Proposal,
} from './proposal.ts'
import { takesList } from './rule.ts'
import { closeCommitments, sealHash, type Closed } from './sealed.ts'
import { hasExactly, isText, SIGNATURE } from './shape.ts'
import { judgeStatement, type StatementProblem } from './statement.ts'

export { proposalHash, type Proposal } from './proposal.ts'

/** One member's answer to one proposal. */
export type Ballot = {
  readonly v: 1
  readonly space: string
  readonly decision: string
  /** SHA-256 of the canonical proposal, in hex: a ballot counts for exactly what was asked. */
  readonly proposal: string
  readonly member: string
  readonly key: string
  /**
   * One of the options, or `abstain`. Under `approval` and `ranked`: a list of different options, those approved in
   * the order of the proposal, or those ranked, best first; or `abstain`.
   */
  readonly choice: string | readonly string[]
  readonly reason: string
  /** When it was signed, by the member's own clock, in milliseconds since the epoch. */
  readonly at?: number
  /** The model family that judged, as the member names it. */
  readonly family?: string
  /** In a sealed vote: 32 random bytes in base64url. */
  readonly nonce?: string
  /** In a sealed vote: the hash of all commitments, known when they were closed. */
  readonly close?: string
}

/** A ballot with the Ed25519 signature over `ballotBytes`, in base64url. */
export type SignedBallot = { readonly ballot: Ballot; readonly signature: string }

/** Why a ballot is not counted. */
export type BallotProblem =
  | 'malformed'
  | StatementProblem
  /** In a sealed vote: its signer had not committed itself. */
  | 'no-commitment'
  /** In a sealed vote: it is not the ballot that its signer committed to. */
  | 'wrong-reveal'
  /** In a sealed vote: it was shown for another set of commitments. */
  | 'wrong-close'
  | 'unknown-option'
  /** By the clock of its signer, it came too late. */
  | 'after-close'

const BALLOT_KEYS = ['v', 'space', 'decision', 'proposal', 'member', 'key', 'choice', 'reason'] as const
// 32 bytes in base64url.
const NONCE = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const HASH = /^[0-9a-f]{64}$/

/**
 * The bytes that a member signs: the DSSE encoding of the canonical ballot.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON` when a text of the ballot has a lone surrogate.
 */
export function ballotBytes(ballot: Ballot): Uint8Array {
  return preAuthEncoding(PAYLOAD_TYPES.ballot, utf8(canonicalize(ballot)))
}

/**
 * Judges one ballot by its proposal; undefined means that it counts. It accepts hostile input.
 *
 * Who signed is judged before what was signed: `unknown-option` is said only of what the member did sign.
 */
export function verifyBallot(
  crypto: Crypto,
  proposal: Proposal,
  signed: SignedBallot,
): BallotProblem | undefined {
  const hash = proposalHash(crypto, proposal)
  return judgeBallot(crypto, { proposal, hash, closed: closeCommitments(crypto, proposal, hash, []) }, signed)
}

/** What ballots are judged by; hashed once, however many there are. */
export type Matter = {
  readonly proposal: Proposal
  /** The proposal hash. */
  readonly hash: string
  /** The commitments, which an open vote has none of. */
  readonly closed: Closed
}

/** The same as `verifyBallot`, for many ballots, and for sealed ones. */
export function judgeBallot(
  crypto: Crypto,
  { proposal, hash, closed }: Matter,
  signed: unknown,
): BallotProblem | undefined {
  if (!isSignedBallot(signed)) return 'malformed'
  const { ballot, signature } = signed
  const flaw =
    judgeStatement(crypto, { proposal, hash }, ballot, { bytes: ballotBytes(ballot), signature }) ??
    sealProblem(crypto, proposal, closed, ballot)
  if (flaw !== undefined) return flaw
  if (choicesOf(proposal, ballot.choice) === undefined) return 'unknown-option'
  const deadline = proposal.sealed?.commitBy ?? proposal.deadline
  return deadline !== null && ballot.at !== undefined && ballot.at > deadline ? 'after-close' : undefined
}

function sealProblem(
  crypto: Crypto,
  { sealed }: Proposal,
  closed: Closed,
  ballot: Ballot,
): BallotProblem | undefined {
  if (sealed === undefined) return ballot.nonce === undefined ? undefined : 'malformed'
  const committed = closed.hashes.get(ballot.member) ?? []
  if (ballot.nonce === undefined || committed.length === 0) return 'no-commitment'
  if (!committed.includes(sealHash(crypto, ballot))) return 'wrong-reveal'
  return ballot.close === closed.hash ? undefined : 'wrong-close'
}

/**
 * The options that a choice names, none for an abstention; undefined when it is no choice under the proposal's rule:
 * an option that is not there, one twice, approved ones in another order, a list where one option is asked for, or an
 * empty list (who chooses nothing abstains).
 */
export function choicesOf(
  { options, rule }: Pick<Proposal, 'options' | 'rule'>,
  choice: unknown,
): readonly string[] | undefined {
  if (choice === ABSTAIN) return []
  if (!takesList(rule)) return options.some((option) => option === choice) ? [choice as string] : undefined
  if (!Array.isArray(choice) || choice.length === 0) return undefined
  const places = choice.map((one) => options.indexOf(one as string))
  if (places.includes(-1) || new Set(places).size < places.length) return undefined
  const isSorted = places.every((place, i) => i === 0 || place > (places[i - 1] ?? 0))
  return rule.type === 'ranked' || isSorted ? (choice as readonly string[]) : undefined
}

/** A choice in words. */
export function choiceText(choice: Ballot['choice']): string {
  return typeof choice === 'string' ? choice : choice.join(', ')
}

/** Whether a value has exactly the form of a signed ballot. It says nothing about the signature. */
export function isSignedBallot(value: unknown): value is SignedBallot {
  if (!hasExactly(value, ['ballot', 'signature'])) return false
  const { ballot, signature } = value
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return false
  if (!hasExactly(ballot, BALLOT_KEYS, ['at', 'family', 'nonce', 'close']) || ballot.v !== 1) return false
  if (!isText(ballot.reason, 0, PROSE_LENGTH_MAX)) return false
  if ('at' in ballot && !isTime(ballot['at'])) return false
  if ('family' in ballot && !isLabel(ballot['family'])) return false
  if ('nonce' in ballot !== 'close' in ballot) return false
  if ('nonce' in ballot && !(matches(NONCE, ballot['nonce']) && matches(HASH, ballot['close']))) return false
  const { space, decision, proposal, member, key, choice } = ballot
  return [space, decision, proposal, member, key].every(isLabel) && isChoice(choice)
}

function matches(pattern: RegExp, value: unknown): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isChoice(choice: unknown): boolean {
  if (!Array.isArray(choice)) return isLabel(choice)
  return choice.length <= OPTIONS_MAX && choice.every(isLabel)
}

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
import { hasExactly, isText } from './shape.ts'

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
}

/** A ballot with the Ed25519 signature over `ballotBytes`, in base64url. */
export type SignedBallot = { readonly ballot: Ballot; readonly signature: string }

/** Why a ballot is not counted. */
export type BallotProblem =
  | 'malformed'
  | 'not-a-member'
  | 'wrong-key'
  | 'bad-signature'
  | 'wrong-space'
  | 'wrong-decision'
  | 'wrong-proposal'
  | 'unknown-option'
  | 'after-close'

const BALLOT_KEYS = ['v', 'space', 'decision', 'proposal', 'member', 'key', 'choice', 'reason'] as const
// 64 bytes in base64url. The last character holds two bits only: four spellings of a signature would
// otherwise pass for four signatures.
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/

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
 * Who signed is judged before what was signed, so that `wrong-space`, `wrong-decision`,
 * `wrong-proposal` and `unknown-option` are said only of what the member did sign.
 */
export function verifyBallot(
  crypto: Crypto,
  proposal: Proposal,
  signed: SignedBallot,
): BallotProblem | undefined {
  return judgeBallot(crypto, proposal, proposalHash(crypto, proposal), signed)
}

/** The same as `verifyBallot`, with the proposal's hash at hand: to count n ballots, hash it once. */
export function judgeBallot(
  crypto: Crypto,
  proposal: Proposal,
  hash: string,
  signed: unknown,
): BallotProblem | undefined {
  if (!isSignedBallot(signed)) return 'malformed'
  const { ballot, signature } = signed
  const member = proposal.electorate.find((one) => one.member === ballot.member)
  if (member === undefined) return 'not-a-member'
  if (ballot.key !== member.key) return 'wrong-key'
  if (!crypto.verify(member.publicKey, ballotBytes(ballot), signature)) return 'bad-signature'
  if (ballot.space !== proposal.space) return 'wrong-space'
  if (ballot.decision !== proposal.decision) return 'wrong-decision'
  if (ballot.proposal !== hash) return 'wrong-proposal'
  if (choicesOf(proposal, ballot.choice) === undefined) return 'unknown-option'
  const { deadline } = proposal
  return deadline !== null && ballot.at !== undefined && ballot.at > deadline ? 'after-close' : undefined
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
  if (!hasExactly(ballot, BALLOT_KEYS, ['at', 'family']) || ballot.v !== 1) return false
  if (!isText(ballot.reason, 0, PROSE_LENGTH_MAX)) return false
  if ('at' in ballot && !isTime(ballot['at'])) return false
  if ('family' in ballot && !isLabel(ballot['family'])) return false
  const { space, decision, proposal, member, key, choice } = ballot
  return [space, decision, proposal, member, key].every(isLabel) && isChoice(choice)
}

function isChoice(choice: unknown): boolean {
  if (!Array.isArray(choice)) return isLabel(choice)
  return choice.length <= OPTIONS_MAX && choice.every(isLabel)
}

/**
 * Sealed ballots: each member first commits to its ballot, and shows it when all commitments are closed.
 *
 * A commitment is a hash of the whole ballot, with a nonce that nobody can guess; the voter, the decision, the
 * proposal and the choice are inside. So it tells nothing before the ballot is shown, fits no other ballot, and is
 * useless to anybody else. What is shown names the hash of all commitments (`close`), so that none can be added,
 * dropped or changed once the first ballot has been seen.
 *
 * @module
 */

import { utf8 } from '../core/bytes.ts'
import { canonicalize } from '../core/json.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../log/dsse.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Ballot } from './ballot.ts'
import { isLabel, type Proposal } from './proposal.ts'
import { compare, hasExactly, SIGNATURE } from './shape.ts'
import { judgeStatement, type StatementProblem } from './statement.ts'

/** What a member signs before it shows its ballot. */
export type Commitment = {
  readonly v: 1
  readonly space: string
  readonly decision: string
  /** The proposal hash. */
  readonly proposal: string
  readonly member: string
  readonly key: string
  /** Of the ballot without its `close`, in hex: see `sealHash`. */
  readonly sha256: string
}

/** A commitment with the Ed25519 signature over `commitmentBytes`, in base64url. */
export type SignedCommitment = { readonly commitment: Commitment; readonly signature: string }

/** Why a commitment is refused. */
export type CommitmentProblem = 'malformed' | StatementProblem

const COMMITMENT_KEYS = ['v', 'space', 'decision', 'proposal', 'member', 'key', 'sha256'] as const
const HASH = /^[0-9a-f]{64}$/
const PER_MEMBER_MAX = 2

/** The hash that a member commits to: of the DSSE encoding of its canonical ballot, without `close`. */
export function sealHash(crypto: Crypto, { close: _close, ...ballot }: Ballot): string {
  return crypto.sha256(preAuthEncoding(PAYLOAD_TYPES.sealedBallot, utf8(canonicalize(ballot))))
}

/** The bytes that a member signs to commit itself. */
export function commitmentBytes(commitment: Commitment): Uint8Array {
  return preAuthEncoding(PAYLOAD_TYPES.commitment, utf8(canonicalize(commitment)))
}

/** Judges one commitment by its proposal; undefined means that it stands. It accepts hostile input. */
export function judgeCommitment(
  crypto: Crypto,
  proposal: Proposal,
  hash: string,
  signed: unknown,
): CommitmentProblem | undefined {
  if (!isSignedCommitment(signed)) return 'malformed'
  const { commitment, signature } = signed
  const bytes = commitmentBytes(commitment)
  return judgeStatement(crypto, { proposal, hash }, commitment, { bytes, signature })
}

/** The commitments of a decision once they are closed. */
export type Closed = {
  /** Two at most of each member, sorted by member, then by signature. */
  readonly commitments: readonly SignedCommitment[]
  /** By member: the hashes that it committed to. More than one: its ballots are void. */
  readonly hashes: ReadonlyMap<string, readonly string[]>
  /** The hash of all of them, which every ballot that is shown must name. */
  readonly hash: string
}

/**
 * Closes the commitments: keeps those that stand, one of each member, or two different ones as evidence. What it keeps
 * does not depend on their order.
 */
export function closeCommitments(
  crypto: Crypto,
  proposal: Proposal,
  proposalSha256: string,
  all: readonly SignedCommitment[],
): Closed {
  const byMember = new Map<string, Map<string, SignedCommitment>>()
  for (const signed of all) {
    if (judgeCommitment(crypto, proposal, proposalSha256, signed) !== undefined) continue
    const { member, sha256 } = signed.commitment
    const mine = byMember.get(member) ?? new Map<string, SignedCommitment>()
    const earlier = mine.get(sha256)
    if (earlier === undefined || signed.signature < earlier.signature) mine.set(sha256, signed)
    byMember.set(member, mine)
  }
  const commitments: SignedCommitment[] = []
  const hashes = new Map<string, readonly string[]>()
  for (const member of [...byMember.keys()].toSorted(compare)) {
    const mine = [...(byMember.get(member)?.values() ?? [])]
      .toSorted((left, right) => compare(left.signature, right.signature))
      .slice(0, PER_MEMBER_MAX)
    commitments.push(...mine)
    hashes.set(
      member,
      mine.map(({ commitment }) => commitment.sha256),
    )
  }
  return { commitments, hashes, hash: crypto.sha256(canonicalize(commitments)) }
}

/** Whether a value has exactly the form of a signed commitment. It says nothing about the signature. */
export function isSignedCommitment(value: unknown): value is SignedCommitment {
  if (!hasExactly(value, ['commitment', 'signature'])) return false
  const { commitment, signature } = value
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return false
  if (!hasExactly(commitment, COMMITMENT_KEYS) || commitment.v !== 1) return false
  const { space, decision, proposal, member, key, sha256 } = commitment
  if (typeof sha256 !== 'string' || !HASH.test(sha256)) return false
  return [space, decision, proposal, member, key].every(isLabel)
}

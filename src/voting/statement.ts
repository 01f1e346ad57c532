/**
 * What a member states about a decision, be it a ballot or a commitment to one: who states it, and about what.
 *
 * @module
 */

import type { Crypto } from '../ports/crypto.ts'
import type { Proposal } from './proposal.ts'

/** What every statement has. */
export type Statement = {
  readonly space: string
  readonly decision: string
  /** The proposal hash. */
  readonly proposal: string
  readonly member: string
  readonly key: string
}

/** Why a statement is refused, whatever it says. */
export type StatementProblem =
  | 'not-a-member'
  | 'wrong-key'
  | 'bad-signature'
  | 'wrong-space'
  | 'wrong-decision'
  | 'wrong-proposal'

/**
 * Judges who made a statement, and about what; undefined means that it is a member's, about this proposal.
 *
 * Who signed is judged before what was signed, so that `wrong-space`, `wrong-decision` and `wrong-proposal` are said
 * only of what the member did sign.
 */
export function judgeStatement(
  crypto: Crypto,
  { proposal, hash }: { readonly proposal: Proposal; readonly hash: string },
  statement: Statement,
  signed: { readonly bytes: Uint8Array; readonly signature: string },
): StatementProblem | undefined {
  const member = proposal.electorate.find((one) => one.member === statement.member)
  if (member === undefined) return 'not-a-member'
  if (statement.key !== member.key) return 'wrong-key'
  if (!crypto.verify(member.publicKey, signed.bytes, signed.signature)) return 'bad-signature'
  if (statement.space !== proposal.space) return 'wrong-space'
  if (statement.decision !== proposal.decision) return 'wrong-decision'
  return statement.proposal === hash ? undefined : 'wrong-proposal'
}

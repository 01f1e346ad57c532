/**
 * Whether a certificate approves of exactly this action, by whom it should.
 *
 * @module
 */

import { canonicalize, type Json } from '../core/json.ts'
import type { Certificate } from './certificate.ts'
import type { Rule } from './rule.ts'

/** The options of a decision on an action. */
export const APPROVE = 'approve'
const REJECT = 'reject'

/** What a decision on an action is about: its name and its arguments. */
export type ActionSubject = { readonly action: string; readonly arguments: Json }

/** Who must have approved, and by which rule. */
export type ApprovalTerms = {
  /** What they were asked: a harmless question about a harmful action is not an approval. */
  readonly question: string
  readonly members: readonly { readonly member: string; readonly weight?: number }[]
  readonly rule: Rule
  readonly sealed: boolean
}

/**
 * Why a certificate that holds does not approve of this action; undefined when it does. `terms` are the electorates any
 * of which may approve.
 */
export function approvalProblem(
  { proposal, outcome, tally }: Certificate,
  space: string,
  subject: ActionSubject,
  terms: readonly ApprovalTerms[],
): string | undefined {
  if (proposal.space !== space) return 'it was decided in another space'
  if (canonicalize(proposal.subject ?? null) !== canonicalize(subject)) {
    return `it is about something else: ${canonicalize(proposal.subject ?? null).slice(0, 300)}`
  }
  if (canonicalize([...proposal.options]) !== canonicalize([APPROVE, REJECT])) {
    return 'its options are not those of an approval'
  }
  if (!terms.some((one) => isUnder(proposal, one))) {
    return 'it was asked in other words, or decided by others or by another rule, than the policy says'
  }
  if (outcome !== APPROVE) return `its outcome is ${JSON.stringify(outcome)}`
  return tally.otherwise === true ? 'nobody approved: that is only what was to hold otherwise' : undefined
}

function isUnder(
  { question, electorate, rule, sealed }: Certificate['proposal'],
  terms: ApprovalTerms,
): boolean {
  if (question !== terms.question) return false
  const members = (of: ApprovalTerms['members']): string =>
    canonicalize(of.map(({ member, weight = 1 }) => `${weight} ${member}`).toSorted())
  if (canonicalize(rule) !== canonicalize(terms.rule)) return false
  return members(electorate) === members(terms.members) && (sealed !== undefined || !terms.sealed)
}

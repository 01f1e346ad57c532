import { canonicalize, type Json } from '../../core/json.ts'
import type { DecisionCertificate } from '../../council/certificate.ts'
import type { CouncilMatter } from '../../turn/council.ts'
import { majority } from '../../voting/rule.ts'

/** What a question has that names none. */
export const DEFAULT_OPTIONS: readonly string[] = ['approve', 'reject']

/**
 * Why a council's certificate is not about what was asked: the member that put the question may have put another one,
 * or to others than the council's members. Undefined when it is. The certificate was verified.
 */
export function matterProblem(
  matter: CouncilMatter,
  { vote, members }: DecisionCertificate,
): string | undefined {
  const { question, subject, options, rule, otherwise, electorate } = vote.proposal
  const voters = electorate.map(({ member, publicKey, weight = 1 }) => ({ member, publicKey, weight }))
  const council = members.map(({ id, publicKey }) => ({ member: id, publicKey, weight: 1 }))
  const parts: readonly (readonly [string, unknown, unknown])[] = [
    ['question', question, matter.question],
    ['subject', subject, matter.subject],
    ['options', options, matter.options ?? DEFAULT_OPTIONS],
    ['rule', rule, matter.rule ?? majority()],
    ['otherwise', otherwise, matter.otherwise],
    ['electorate', voters, council],
  ]
  const other = parts.find(([, found, asked]) => textOf(found) !== textOf(asked))
  return other === undefined ? undefined : `another ${other[0]} was put to the council`
}

function textOf(value: unknown): string {
  return value === undefined ? '' : canonicalize(value as Json)
}

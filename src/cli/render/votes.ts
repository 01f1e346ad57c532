/**
 * How a vote went: members who chose alike for the same reason together.
 *
 * @module
 */

import { ABSTAIN } from '../../voting/proposal.ts'
import type { Why } from '../../voting/outcome.ts'
import type { DecisionView } from '../queries/decision.ts'
import type { Row } from './steps.ts'
import type { Style } from './style.ts'
import { clean, clip } from './text.ts'

const REASON_CHARS = 1_000

const WHY: Readonly<Record<Why, string>> = {
  tie: 'there was a tie',
  quorum: 'too few took part',
  veto: 'a member with a veto chose something else',
  'veto-silent': 'a member with a veto has not answered',
  families: 'the votes come from too few model families',
}

/** The rows of a decision's count and ballots. */
export function votesRows(decision: DecisionView, style: Style): readonly Row[] {
  const { counts, needed, total } = decision
  const choices = [...decision.options, ABSTAIN, 'silent']
  const votes = choices.map((choice) => `${clean(choice)} ${counts[choice] ?? 0}`)
  const rows: Row[] = [['votes', `${votes.join(', ')}; ${needed} of ${total} needed`]]
  const { why, otherwise } = decision
  const because = why === null ? [] : [WHY[why]]
  const told = otherwise ? [...because, 'the rule gave no outcome: this is what was to hold then'] : because
  if (told.length > 0) rows.push(['because', told.join('; ')])
  const alike = Map.groupBy(decision.ballots, ({ member, choice, reason, reasons }) => {
    return JSON.stringify(reasons.length > 0 ? [member] : [choice, reason])
  })
  for (const group of alike.values()) rows.push(...ballotRows(group, style))
  for (const member of decision.withheld)
    rows.push(['withheld', style.bad(`${clean(member)} committed itself, and did not show the ballot`)])
  for (const member of decision.void)
    rows.push(['void', style.bad(`${clean(member)} signed two different ballots`)])
  for (const { member, problem } of decision.refused) {
    rows.push(['refused', style.bad(`a ballot of ${clean(member)}: ${clean(problem)}`)])
  }
  if (decision.silent.length > 0) rows.push(['silent', decision.silent.map(clean).join(', ')])
  return rows
}

function ballotRows(group: DecisionView['ballots'], style: Style): readonly Row[] {
  const [first] = group
  if (first === undefined) return []
  const { choice, reason, reasons, turn } = first
  const why = reason === '' ? '' : `: ${clip(reason, REASON_CHARS)}`
  const where = turn === null || group.length > 1 ? '' : `  ${style.id(turn)}`
  const count = group.length > 3 ? ` (${group.length})` : ''
  const members = group.map(({ member }) => clean(member)).join(', ')
  const row: Row = [
    group.length === 1 ? 'ballot' : 'ballots',
    `${style.bold(clean(choice))} by ${members}${count}${why}${where}`,
  ]
  return [row, ...reasons.map((text): Row => ['', `  ${clip(text, REASON_CHARS)}`])]
}

/**
 * From what the members chose to the outcome: a pure function of the set of ballots that count.
 *
 * @module
 */

import { NO_OUTCOME, type Proposal } from './proposal.ts'
import { shareOf, tiePolicy, votesNeeded } from './rule.ts'
import { preferred, runOff, type Cast, type Round } from './run-off.ts'

/** Why the outcome is not simply that of the count. */
export type Why =
  /** Options were tied: the tie policy decided, or nothing did. */
  | 'tie'
  /** Too few took part. */
  | 'quorum'
  /** A member with a veto chose something else. */
  | 'veto'
  /** A member with a veto has no ballot that counts. */
  | 'veto-silent'
  /** The ballots for the option name too few model families. */
  | 'families'

/** What the rule gives. */
export type Outcome = {
  /** An option, or `none`. */
  readonly outcome: string
  readonly counts: ReadonlyMap<string, number>
  readonly why?: Why
  /** Of a ranked vote. */
  readonly rounds?: readonly Round[]
}

type Found = {
  readonly winner: string | undefined
  readonly tied: boolean
  readonly rounds?: readonly Round[]
}

/** The weight of the whole electorate. */
export function totalWeight({ electorate }: Pick<Proposal, 'electorate'>): number {
  return electorate.reduce((sum, { weight = 1 }) => sum + weight, 0)
}

/** Applies the rule. The order of `casts` does not matter; each member is there once at most. */
export function outcomeOf(proposal: Proposal, casts: readonly Cast[]): Outcome {
  const counts = supportOf(proposal, casts)
  const { winner, tied, rounds } = winnerOf(proposal, casts, counts)
  const parts = { counts, ...(rounds !== undefined && { rounds }) }
  if (winner === undefined) return { outcome: NO_OUTCOME, ...parts, ...(tied && { why: 'tie' }) }
  const why = objection(proposal, casts, winner)
  if (why !== undefined) return { outcome: NO_OUTCOME, ...parts, why }
  return { outcome: winner, ...parts, ...(tied && { why: 'tie' }) }
}

/** For each option the weight of those who chose it; in a ranked vote, of those who put it first. */
function supportOf({ options, rule }: Proposal, casts: readonly Cast[]): ReadonlyMap<string, number> {
  const counts = new Map(options.map((option) => [option, 0]))
  for (const { choices, weight } of casts) {
    const chosen = rule.type === 'ranked' ? choices.slice(0, 1) : choices
    for (const option of chosen) counts.set(option, (counts.get(option) ?? 0) + weight)
  }
  return counts
}

function winnerOf(proposal: Proposal, casts: readonly Cast[], counts: ReadonlyMap<string, number>): Found {
  const { options, rule } = proposal
  const total = totalWeight(proposal)
  const needed = votesNeeded(rule, total)
  const onTie = tiePolicy(rule)
  if (rule.type === 'ranked') return runOff(options, casts, needed, total, onTie)
  const votes = (option: string): number => counts.get(option) ?? 0
  if (rule.type === 'majority') {
    const winner = options.find((option) => votes(option) >= needed)
    const halves = options.filter((option) => votes(option) * 2 === total)
    if (halves.length < 2) return { winner, tied: false }
    return { winner: preferred(halves, casts, onTie), tied: true }
  }
  const most = Math.max(...options.map(votes))
  const leaders = most >= needed ? options.filter((option) => votes(option) === most) : []
  if (leaders.length < 2) return { winner: leaders[0], tied: false }
  return { winner: castingVote(leaders, casts, proposal), tied: true }
}

/** Who approves several of the tied options prefers none of them. */
function castingVote(
  leaders: readonly string[],
  casts: readonly Cast[],
  { rule }: Proposal,
): string | undefined {
  const onTie = tiePolicy(rule)
  if (rule.type === 'approval' && typeof onTie === 'object') {
    const cast = casts.find(({ member }) => member === onTie.member)
    const approved = leaders.filter((option) => cast?.choices.includes(option))
    return approved.length === 1 ? approved[0] : undefined
  }
  return preferred(leaders, casts, onTie)
}

/** What keeps a winner from being the outcome. */
function objection(proposal: Proposal, casts: readonly Cast[], winner: string): Why | undefined {
  const { quorum, veto = [], families = 0 } = proposal.rule
  const present = casts.reduce((sum, { weight }) => sum + weight, 0)
  if (quorum !== undefined && present < shareOf(quorum, totalWeight(proposal))) return 'quorum'
  for (const name of veto) {
    const cast = casts.find(({ member }) => member === name)
    if (cast === undefined) return 'veto-silent'
    if (cast.choices.length > 0 && !cast.choices.includes(winner)) return 'veto'
  }
  const named = new Set<string>()
  for (const { choices, family } of casts) {
    if (family !== undefined && choices.includes(winner)) named.add(family)
  }
  return named.size < families ? 'families' : undefined
}

/**
 * When counting may stop: once no ballot that is still missing can change the outcome.
 *
 * @module
 */

import { NO_OUTCOME, type Proposal } from './proposal.ts'
import { outcomeOf } from './outcome.ts'
import type { Cast } from './run-off.ts'

/** How many ways to complete a ranked vote are tried: beyond that, only a winner of the first round is certain. */
const COMPLETIONS_MAX = 1_000

/**
 * Whether the outcome is the same whatever the members in `missing` will say, silence included. Exact for every rule
 * but `ranked`, where it is exact while there are at most 1000 ways to complete the vote, and then says true only
 * when an option has more than half of all weight in the first round. True is never said too early.
 */
export function isCertain(
  proposal: Proposal,
  casts: readonly Cast[],
  missing: readonly { readonly member: string; readonly weight: number }[],
): boolean {
  if (missing.length === 0) return true
  const now = finalOutcome(proposal, casts)
  const differs = (more: readonly Cast[]): boolean => finalOutcome(proposal, [...casts, ...more]) !== now
  if (proposal.rule.type === 'ranked') return isRankedCertain(proposal, casts, missing, now, differs)
  // Fresh families: what a rule asks of them is never in the way.
  const all = (choices: readonly string[]): readonly Cast[] =>
    missing.map(({ member, weight }) => ({ member, weight, choices, family: `\u0000${member}` }))
  // An option can win if and only if it wins when all that are missing choose it, and it alone. And a winner can lose
  // only to another that then has as much or more.
  return !proposal.options.some((option) => differs(all([option])))
}

/** The outcome, with the default that the proposal names for want of one. */
export function finalOutcome(proposal: Proposal, casts: readonly Cast[]): string {
  const { outcome } = outcomeOf(proposal, casts)
  return outcome === NO_OUTCOME ? (proposal.otherwise ?? NO_OUTCOME) : outcome
}

function isRankedCertain(
  proposal: Proposal,
  casts: readonly Cast[],
  missing: readonly { readonly member: string; readonly weight: number }[],
  now: string,
  differs: (more: readonly Cast[]) => boolean,
): boolean {
  const ballots = rankings(proposal.options, COMPLETIONS_MAX)
  if (ballots === undefined || ballots.length ** missing.length > COMPLETIONS_MAX) {
    const total = proposal.electorate.reduce((sum, { weight = 1 }) => sum + weight, 0)
    const { outcome, counts } = outcomeOf(proposal, casts)
    return outcome === now && (counts.get(outcome) ?? 0) * 2 > total
  }
  const complete = (rest: typeof missing, more: readonly Cast[]): boolean => {
    const [next, ...others] = rest
    if (next === undefined) return differs(more)
    if (complete(others, more)) return true
    const family = `\u0000${next.member}`
    return ballots.some((choices) => complete(others, [...more, { ...next, choices, family }]))
  }
  return !complete(missing, [])
}

/** Every ballot that one can cast: all orders of all subsets, the empty one being an abstention. */
function rankings(options: readonly string[], max: number): readonly (readonly string[])[] | undefined {
  let longest: readonly (readonly string[])[] = [[]]
  const found: (readonly string[])[] = [[]]
  for (let length = 1; length <= options.length; length++) {
    longest = longest.flatMap((ballot) =>
      options.filter((option) => !ballot.includes(option)).map((option) => [...ballot, option]),
    )
    found.push(...longest)
    if (found.length > max) return undefined
  }
  return found
}

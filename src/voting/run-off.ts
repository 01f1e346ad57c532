/**
 * Ranked choice by instant run-off, with an exact order of elimination.
 *
 * @module
 */

import type { TiePolicy } from './rule.ts'

/** What one member chose, as it counts. */
export type Cast = {
  readonly member: string
  readonly weight: number
  /** Options: one, those approved, or those ranked, best first. Empty: an abstention. */
  readonly choices: readonly string[]
  /** The model family that the ballot names. */
  readonly family?: string
}

/** One round: the weight that stands with each option left, and the options that go. */
export type Round = {
  readonly counts: Readonly<Record<string, number>>
  readonly eliminated: readonly string[]
}

/** The winner, or undefined; `tied` when a tie decided, or kept anything from being decided. */
export type RunOff = {
  readonly winner: string | undefined
  readonly tied: boolean
  readonly rounds: readonly Round[]
}

/**
 * Counts ranked ballots. In each round a ballot stands with the first option on it that is left. An option with more
 * than half of ALL weight wins. Two options with exactly half each: the tie policy says which. Otherwise options that
 * no ballot stands with go together; if there are none, the one with the least weight goes; of several with the least,
 * the one with the least weight in the first round; of several still, the tie policy says which stays: `first` lets
 * the one go that the proposal lists last, a member's casting vote the one that this member ranks last (what it does
 * not rank comes behind, in the order of the proposal), and `none` ends the count without a winner.
 */
export function runOff(
  options: readonly string[],
  casts: readonly Cast[],
  needed: number,
  total: number,
  onTie: TiePolicy,
): RunOff {
  const rounds: Round[] = []
  let left = [...options]
  let first: ReadonlyMap<string, number> | undefined
  let tied = false
  for (;;) {
    const counts = countRound(left, casts)
    first ??= counts
    const winner = left.find((option) => votes(counts, option) >= needed)
    const halves = left.filter((option) => votes(counts, option) * 2 === total)
    if (winner !== undefined || halves.length === 2 || left.length === 1) {
      rounds.push({ counts: Object.fromEntries(counts), eliminated: [] })
      if (winner !== undefined || halves.length < 2) return { winner, tied, rounds }
      return { winner: preferred(halves, casts, onTie), tied: true, rounds }
    }
    const least = weakest(left, counts, first)
    const gone = least.length > 1 && votes(counts, least[0] ?? '') > 0 ? loser(least, casts, onTie) : least
    tied ||= gone !== least
    rounds.push({ counts: Object.fromEntries(counts), eliminated: gone ?? [] })
    if (gone === undefined || gone.length === left.length) return { winner: undefined, tied, rounds }
    left = left.filter((option) => !gone.includes(option))
  }
}

/** Of tied options the one that the policy takes; undefined when it takes none. */
export function preferred(
  tied: readonly string[],
  casts: readonly Cast[],
  onTie: TiePolicy,
): string | undefined {
  if (onTie === 'none') return undefined
  if (onTie === 'first') return tied[0]
  const cast = casts.find(({ member }) => member === onTie.member)
  return cast?.choices.find((option) => tied.includes(option))
}

function countRound(left: readonly string[], casts: readonly Cast[]): ReadonlyMap<string, number> {
  const counts = new Map(left.map((option) => [option, 0]))
  for (const { choices, weight } of casts) {
    const stands = choices.find((option) => counts.has(option))
    if (stands !== undefined) counts.set(stands, votes(counts, stands) + weight)
  }
  return counts
}

function weakest(
  left: readonly string[],
  counts: ReadonlyMap<string, number>,
  first: ReadonlyMap<string, number>,
): readonly string[] {
  const least = lowest(left, counts)
  return votes(counts, least[0] ?? '') === 0 ? least : lowest(least, first)
}

function lowest(options: readonly string[], counts: ReadonlyMap<string, number>): readonly string[] {
  const least = Math.min(...options.map((option) => votes(counts, option)))
  return options.filter((option) => votes(counts, option) === least)
}

/** Which of the options that are last together goes; undefined: nobody says. */
function loser(
  tied: readonly string[],
  casts: readonly Cast[],
  onTie: TiePolicy,
): readonly string[] | undefined {
  if (onTie === 'none') return undefined
  if (onTie === 'first') return tied.slice(-1)
  const cast = casts.find(({ member }) => member === onTie.member)
  if (cast === undefined) return undefined
  const unranked = tied.filter((option) => !cast.choices.includes(option))
  if (unranked.length > 0) return unranked.slice(-1)
  return [...cast.choices].filter((option) => tied.includes(option)).slice(-1)
}

function votes(counts: ReadonlyMap<string, number>, option: string): number {
  return counts.get(option) ?? 0
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { finalOutcome, isCertain } from '../../src/voting/certain.ts'
import { outcomeOf } from '../../src/voting/outcome.ts'
import type { Proposal } from '../../src/voting/proposal.ts'
import type { Rule, TiePolicy } from '../../src/voting/rule.ts'
import type { Cast } from '../../src/voting/run-off.ts'
import { proposalOf } from '../helpers/voting.ts'

const OPTIONS = ['a', 'b', 'c'] as const

/** An election of a few members, of whom some have voted. */
type Election = {
  readonly proposal: Proposal
  readonly casts: readonly Cast[]
  readonly missing: readonly Cast[]
}

const share = fc
  .constantFrom([1, 4], [1, 3], [1, 2], [2, 3], [1, 1])
  .map(([numerator = 1, denominator = 1]) => ({
    numerator,
    denominator,
  }))
const onTie: fc.Arbitrary<TiePolicy> = fc.constantFrom<TiePolicy>('none', 'first', { member: 'alice' })
const form: fc.Arbitrary<Rule> = fc.oneof(
  onTie.map((tie): Rule => ({ type: 'majority', onTie: tie })),
  fc.constant<Rule>({ type: 'supermajority', numerator: 2, denominator: 3 }),
  fc.constant<Rule>({ type: 'unanimity' }),
  fc.tuple(share, onTie).map(([part, tie]): Rule => ({ type: 'threshold', ...part, onTie: tie })),
  fc.tuple(share, onTie).map(([part, tie]): Rule => ({ type: 'approval', ...part, onTie: tie })),
  onTie.map((tie): Rule => ({ type: 'ranked', onTie: tie })),
)
const rule: fc.Arbitrary<Rule> = fc
  .tuple(
    form,
    fc.option(share, { nil: undefined }),
    fc.constantFrom<readonly string[] | undefined>(undefined, undefined, ['bob']),
    fc.constantFrom<number | undefined>(undefined, undefined, 2),
  )
  .map(([base, quorum, veto, families]) => ({
    ...base,
    ...(quorum !== undefined && { quorum }),
    ...(veto !== undefined && { veto }),
    ...(families !== undefined && { families }),
  }))

/** Every ballot that a member can cast under the rule. */
function ballotsFor({ rule: { type } }: Proposal): readonly (readonly string[])[] {
  const lists: (readonly string[])[] = [[]]
  for (const one of OPTIONS) {
    lists.push([one])
    for (const two of OPTIONS) {
      if (one === two) continue
      if (type === 'ranked' || one < two) lists.push([one, two])
      for (const three of OPTIONS) {
        if (three === one || three === two) continue
        if (type === 'ranked' || (one < two && two < three)) lists.push([one, two, three])
      }
    }
  }
  return type === 'approval' || type === 'ranked' ? lists : lists.filter(({ length }) => length < 2)
}

const election: fc.Arbitrary<Election> = fc
  .tuple(
    fc.integer({ min: 1, max: 5 }),
    rule,
    fc.array(fc.record({ weight: fc.integer({ min: 1, max: 4 }), pick: fc.nat(), family: fc.nat(2) }), {
      minLength: 5,
      maxLength: 5,
    }),
    fc.nat({ max: 3 }),
    fc.boolean(),
    fc.constantFrom<string | undefined>(undefined, undefined, 'a', 'b'),
  )
  .map(([size, chosen, acts, open, isWeighted, otherwise]) => {
    const base = proposalOf(Math.max(size, chosen.veto === undefined ? 1 : 2))
    const proposal: Proposal = {
      ...base,
      options: OPTIONS,
      rule: chosen,
      electorate: base.electorate.map((member, i) => {
        return isWeighted ? { ...member, weight: acts[i]?.weight ?? 1 } : member
      }),
      ...(otherwise !== undefined && { otherwise }),
    }
    const ballots = ballotsFor(proposal)
    const all = proposal.electorate.map(({ member, weight = 1 }, i): Cast => {
      const { pick = 0, family = 0 } = acts[i] ?? {}
      const choices = ballots[pick % ballots.length] ?? []
      return { member, weight, choices, ...(family > 0 && { family: `f${family}` }) }
    })
    const cut = Math.max(0, all.length - open)
    return { proposal, casts: all.slice(0, cut), missing: all.slice(cut) }
  })

/** The oracle of a count: written apart, with its fingers. It says the winner and nothing else. */
function naiveOutcome({ options, rule: law, electorate }: Proposal, casts: readonly Cast[]): string {
  const total = electorate.map(({ weight }) => weight ?? 1).reduce((a, b) => a + b, 0)
  const sum = (some: readonly Cast[]): number => some.map(({ weight }) => weight).reduce((a, b) => a + b, 0)
  const tie = 'onTie' in law ? law.onTie : undefined
  const chair = typeof tie === 'object' ? casts.find(({ member }) => member === tie.member) : undefined
  const among = (tied: readonly string[]): string | undefined => {
    if (tied.length < 2) return tied[0]
    if (tie === 'first') return options.find((option) => tied.includes(option))
    const liked = (chair?.choices ?? []).filter((option) => tied.includes(option))
    return law.type === 'approval' && liked.length > 1 ? undefined : liked[0]
  }
  let winner: string | undefined
  if (law.type === 'ranked') winner = naiveRunOff(options, casts, total, tie, chair)
  else {
    const votes = (option: string): number => sum(casts.filter(({ choices }) => choices.includes(option)))
    const reaches = (option: string): boolean => {
      if (law.type === 'majority') return votes(option) * 2 >= total
      if (law.type === 'unanimity') return votes(option) === total
      return votes(option) * law.denominator >= law.numerator * total
    }
    const able = options.filter(reaches)
    const leaders = able.filter((option) => able.every((other) => votes(other) <= votes(option)))
    winner = among(leaders)
    // One half alone is no majority: it takes two halves to make a tie.
    if (law.type === 'majority' && leaders.length === 1 && votes(leaders[0] ?? '') * 2 === total)
      winner = undefined
  }
  if (winner === undefined) return 'none'
  const best = winner
  const { quorum, veto = [], families = 0 } = law
  if (quorum !== undefined && sum(casts) * quorum.denominator < quorum.numerator * total) return 'none'
  const vetoed = veto.some((name) => {
    const cast = casts.find(({ member }) => member === name)
    return cast === undefined || (cast.choices.length > 0 && !cast.choices.includes(best))
  })
  const kinds = new Set(casts.filter(({ choices }) => choices.includes(best)).map(({ family }) => family))
  kinds.delete(undefined)
  return vetoed || kinds.size < families ? 'none' : best
}

function naiveRunOff(
  options: readonly string[],
  casts: readonly Cast[],
  total: number,
  tie: TiePolicy | undefined,
  chair: Cast | undefined,
): string | undefined {
  const tops = (left: readonly string[], option: string): number => {
    let votes = 0
    for (const { choices, weight } of casts) {
      if (choices.find((one) => left.includes(one)) === option) votes += weight
    }
    return votes
  }
  const rank = (option: string): number => {
    const at = chair?.choices.indexOf(option) ?? -1
    return at === -1 ? 100 + options.indexOf(option) : at
  }
  let left = [...options]
  while (left.length > 0) {
    const now = left
    const winner = now.find((option) => tops(now, option) * 2 > total)
    if (winner !== undefined) return winner
    const halves = now.filter((option) => tops(now, option) * 2 === total)
    if (halves.length === 2) {
      if (tie === 'first') return halves[0]
      return chair?.choices.find((option) => halves.includes(option))
    }
    if (now.length === 1) return undefined
    const zero = now.filter((option) => tops(now, option) === 0)
    if (zero.length > 0) {
      left = now.filter((option) => !zero.includes(option))
      continue
    }
    const least = Math.min(...now.map((option) => tops(now, option)))
    const low = now.filter((option) => tops(now, option) === least)
    const first = Math.min(...low.map((option) => tops(options, option)))
    const last = low.filter((option) => tops(options, option) === first)
    if (last.length > 1 && (tie === 'none' || (tie !== 'first' && chair === undefined))) return undefined
    const gone = tie === 'first' ? last.at(-1) : last.toSorted((x, y) => rank(x) - rank(y)).at(-1)
    left = now.filter((option) => option !== gone)
  }
  return undefined
}

/** The oracle of early stopping: every way in which the missing members may still vote, or not. */
function* completions(proposal: Proposal, missing: readonly Cast[]): Generator<readonly Cast[]> {
  const [next, ...rest] = missing
  if (next === undefined) {
    yield []
    return
  }
  const { member, weight } = next
  for (const others of completions(proposal, rest)) {
    yield others
    for (const choices of ballotsFor(proposal)) {
      yield [...others, { member, weight, choices }]
      if (proposal.rule.families !== undefined)
        yield [...others, { member, weight, choices, family: `of ${member}` }]
    }
  }
}

describe('the outcome', () => {
  it('agrees with a naive count, under every rule, with every safeguard', () => {
    fc.assert(
      fc.property(election, ({ proposal, casts, missing }) => {
        const { outcome } = outcomeOf(proposal, casts)
        assert.equal(outcome, naiveOutcome(proposal, casts))
        const everybody = [...casts, ...missing]
        assert.equal(outcomeOf(proposal, everybody).outcome, naiveOutcome(proposal, everybody))
      }),
      { numRuns: 2_000 },
    )
  })

  it('does not depend on the order of the ballots', () => {
    fc.assert(
      fc.property(election, fc.nat(), ({ proposal, casts }, seed) => {
        const cut = casts.length === 0 ? 0 : seed % casts.length
        const other = [...casts.slice(cut), ...casts.slice(0, cut)].toReversed()
        assert.deepEqual(outcomeOf(proposal, other), outcomeOf(proposal, casts))
      }),
    )
  })

  it('is certain exactly when no completion of the vote changes it', () => {
    let certain = 0
    fc.assert(
      fc.property(election, ({ proposal, casts, missing }) => {
        const now = finalOutcome(proposal, casts)
        let expected = true
        for (const more of completions(proposal, missing)) {
          if (finalOutcome(proposal, [...casts, ...more]) !== now) {
            expected = false
            break
          }
        }
        const found = isCertain(proposal, casts, missing)
        const isExact = proposal.rule.type !== 'ranked' || missing.length < 3
        if (isExact) assert.equal(found, expected)
        else assert.ok(!found || expected, 'it stopped too early')
        if (found && missing.length > 0) certain += 1
      }),
      { numRuns: 1_500 },
    )
    assert.ok(certain > 50, `only ${certain} votes were certain before their end`)
  })

  it('loses to silence, and never wins by it, under rules of more than half', () => {
    const safe = election.filter(
      ({
        proposal: {
          rule: { type },
          otherwise,
        },
      }) => {
        return otherwise === undefined && ['majority', 'supermajority', 'unanimity'].includes(type)
      },
    )
    fc.assert(
      fc.property(safe, fc.nat(), ({ proposal, casts, missing }, mask) => {
        const everybody = [...casts, ...missing]
        const withheld = everybody.filter((_, i) => (mask & (1 << i)) === 0)
        const whole = outcomeOf(proposal, everybody).outcome
        const part = outcomeOf(proposal, withheld).outcome
        assert.ok(part === whole || part === 'none', `${part} was forged from ${whole}`)
      }),
      { numRuns: 1_000 },
    )
  })
})

/** Members in order, each with its ranking, as `abc`. */
function rankedBy(onTie_: TiePolicy, ...rankings: readonly string[]): ReturnType<typeof outcomeOf> {
  const proposal = proposalOf(rankings.length, {
    options: [...OPTIONS],
    rule: { type: 'ranked', onTie: onTie_ },
  })
  const casts = proposal.electorate.map(({ member }, i) => {
    return { member, weight: 1, choices: [...(rankings[i] ?? '')] }
  })
  return outcomeOf(proposal, casts)
}

describe('an instant run-off', () => {
  it('hands the ballots of who is out to their next choice', () => {
    const { outcome, rounds } = rankedBy('none', 'ab', 'ab', 'b', 'bc', 'cb')
    assert.equal(outcome, 'b')
    assert.deepEqual(rounds, [
      { counts: { a: 2, b: 2, c: 1 }, eliminated: ['c'] },
      { counts: { a: 2, b: 3 }, eliminated: [] },
    ])
  })

  it('needs more than half of all weight, so that exhausted ballots and silence block', () => {
    assert.equal(rankedBy('first', 'a', 'a', 'b', 'c', '').outcome, 'none')
  })

  it('drops options that nobody stands with together', () => {
    assert.deepEqual(rankedBy('none', 'a', 'ab', '').rounds?.[0]?.counts, { a: 2, b: 0, c: 0 })
    const { rounds, why } = rankedBy('none', 'a', 'a', 'b', 'b')
    assert.equal(why, 'tie')
    assert.equal(rounds?.length, 1)
  })

  it('breaks a tie for the last place as the policy says', () => {
    const rankings = ['ab', 'ba', 'ca', 'a', 'a'] as const
    assert.equal(rankedBy('none', 'ac', 'bc', 'ca').outcome, 'none')
    assert.equal(rankedBy('first', 'ab', 'bc', 'ca').rounds?.[0]?.eliminated[0], 'c')
    assert.equal(rankedBy({ member: 'alice' }, 'acb', 'bc', 'cb').rounds?.[0]?.eliminated[0], 'b')
    assert.equal(rankedBy({ member: 'alice' }, 'a', 'bc', 'cb').rounds?.[0]?.eliminated[0], 'c')
    assert.equal(rankedBy({ member: 'alice' }, 'a', 'b').outcome, 'a')
    assert.equal(rankedBy('none', ...rankings).outcome, 'a')
  })
})

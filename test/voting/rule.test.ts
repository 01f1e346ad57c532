import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  DENOMINATOR_MAX,
  describeRule,
  ELECTORATE_MAX,
  approval,
  majority,
  ranked,
  ruleProblem,
  supermajority,
  threshold,
  twoThirds,
  unanimity,
  votesNeeded,
  WEIGHT_MAX,
  type Rule,
} from '../../src/voting/rule.ts'

const invalid = { code: 'COTERIE_INVALID_RULE' }
const total = fc.integer({ min: 1, max: ELECTORATE_MAX })
const share = fc
  .integer({ min: 1, max: DENOMINATOR_MAX })
  .chain((denominator) =>
    fc.tuple(
      fc.integer({ min: Math.floor(denominator / 2) + 1, max: denominator }),
      fc.constant(denominator),
    ),
  )

describe('rules', () => {
  it('needs more than half for a majority, in small electorates', () => {
    const needed = [1, 2, 3, 4, 5, 6, 7].map((members) => votesNeeded(majority(), members))
    assert.deepEqual(needed, [1, 2, 2, 3, 3, 4, 4])
  })

  it('needs at least two thirds for twoThirds, in small electorates', () => {
    const needed = [1, 2, 3, 4, 5, 6, 7].map((members) => votesNeeded(twoThirds(), members))
    assert.deepEqual(needed, [1, 2, 2, 3, 4, 4, 5])
  })

  it('needs the fewest votes that are more than half', () => {
    fc.assert(
      fc.property(total, (members) => {
        const needed = votesNeeded(majority(), members)
        assert.ok(needed * 2 > members && (needed - 1) * 2 <= members)
      }),
    )
  })

  it('needs the fewest votes that are at least the share, exactly, at any share', () => {
    fc.assert(
      fc.property(share, total, ([numerator, denominator], members) => {
        const needed = BigInt(votesNeeded(supermajority(numerator, denominator), members))
        const wanted = BigInt(numerator) * BigInt(members)
        assert.ok(needed * BigInt(denominator) >= wanted)
        assert.ok((needed - 1n) * BigInt(denominator) < wanted)
      }),
    )
  })

  it('never lets two options win at once', () => {
    fc.assert(
      fc.property(share, total, ([numerator, denominator], members) => {
        assert.ok(votesNeeded(supermajority(numerator, denominator), members) * 2 > members)
      }),
    )
  })

  it('takes 1/1 as unanimity', () => {
    assert.equal(votesNeeded(supermajority(1, 1), 7), 7)
  })

  it('refuses a share of one half or less, more than one, and anything but positive integers', () => {
    const bad = [
      [1, 2],
      [2, 4],
      [1, 3],
      [0, 1],
      [0, 0],
      [3, 2],
      [-2, -3],
      [0.6, 1],
      [2, 3.5],
      [NaN, 3],
      [2, Infinity],
    ]
    for (const [numerator = 0, denominator = 0] of [...bad, [DENOMINATOR_MAX + 1, DENOMINATOR_MAX + 1]]) {
      assert.throws(() => supermajority(numerator, denominator), invalid, `${numerator}/${denominator}`)
    }
  })

  it('refuses an electorate of nobody, of a fraction, and beyond the limit', () => {
    for (const members of [0, -1, 1.5, NaN, ELECTORATE_MAX * WEIGHT_MAX + 1]) {
      assert.throws(() => votesNeeded(majority(), members), invalid)
      assert.throws(() => votesNeeded(twoThirds(), members), invalid)
    }
  })

  it('refuses to count by a rule that no constructor made', () => {
    const forged = { type: 'supermajority', numerator: 1, denominator: 3 } as const
    assert.throws(() => votesNeeded(forged, 3), invalid)
  })

  it('finds the problem of any rule from outside', () => {
    const bad: unknown[] = [
      null,
      undefined,
      'majority',
      1,
      [],
      {},
      { type: 'plurality' },
      { type: 'toString' },
      { type: 'unanimity', onTie: 'none' },
      { type: 'threshold' },
      { type: 'approval', numerator: 3, denominator: 2 },
      { type: 'ranked', onTie: 'last' },
      { type: 'ranked', onTie: undefined },
      { type: 'majority', onTie: { member: 1 } },
      { type: 'majority', onTie: { member: 'alice', or: 'bob' } },
      { type: 'majority', quorum: 0.5 },
      { type: 'majority', quorum: { numerator: 0, denominator: 1 } },
      { type: 'majority', quorum: { numerator: 2, denominator: 1 } },
      { type: 'majority', quorum: undefined },
      { type: 'majority', veto: [] },
      { type: 'majority', veto: ['alice', 'alice'] },
      { type: 'majority', veto: 'alice' },
      { type: 'majority', families: 0 },
      { type: 'majority', families: 1.5 },
      { type: 'majority', extra: 1 },
      { type: 'supermajority' },
      { type: 'supermajority', numerator: 2 },
      { type: 'supermajority', numerator: '2', denominator: 3 },
      { type: 'supermajority', numerator: 2, denominator: 3, weight: 1 },
    ]
    for (const rule of bad) assert.equal(typeof ruleProblem(rule), 'string', JSON.stringify(rule))
    const good: Rule[] = [
      majority(),
      twoThirds(),
      supermajority(1, 1),
      unanimity(),
      threshold(1, 3, { quorum: { numerator: 2, denominator: 3 }, onTie: 'first' }),
      approval(1, 2, { veto: ['alice', 'bob'], families: 2 }),
      ranked({ onTie: { member: 'alice' } }),
    ]
    for (const rule of good) assert.equal(ruleProblem(rule), undefined)
  })

  it('says a rule in words', () => {
    assert.equal(describeRule(majority()), 'more than half')
    assert.equal(describeRule(supermajority(3, 4)), 'at least 3/4')
  })
})

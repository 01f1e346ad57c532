import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { Proposal, SignedBallot } from '../../src/voting/ballot.ts'
import { supermajority, twoThirds, type Rule } from '../../src/voting/rule.ts'
import { tally } from '../../src/voting/tally.ts'
import { castBy, MEMBERS, proposalOf } from '../helpers/voting.ts'

const count = (proposal: Proposal, ballots: readonly SignedBallot[]): ReturnType<typeof tally> =>
  tally(nodeCrypto, proposal, ballots)

/** One line per member: what it did, as plain data. */
type Act = {
  readonly member: number
  readonly choice: string
  readonly reason: string
  readonly flaw: string
}

const act: fc.Arbitrary<Act> = fc.record({
  member: fc.nat({ max: 6 }),
  choice: fc.constantFrom('yes', 'no', 'later', 'abstain'),
  reason: fc.constantFrom('', 'because'),
  flaw: fc.constantFrom('', '', '', '', 'space', 'decision', 'proposal', 'option', 'signature', 'form'),
})

const rule: fc.Arbitrary<Rule> = fc.constantFrom(
  { type: 'majority' } as const,
  twoThirds(),
  supermajority(3, 5),
  supermajority(1, 1),
)

function perform({ member, choice, reason, flaw }: Act, proposal: Proposal): SignedBallot {
  const name = [...MEMBERS, 'mallory', 'trudy'][member] ?? ''
  const elsewhere = { space: { space: 'other' }, decision: { decision: 'd-2' }, option: { choice: 'maybe' } }[
    flaw
  ]
  if (flaw === 'proposal') return castBy(name, { ...proposal, question: 'Another?' }, choice, { reason })
  const signed = castBy(name, proposal, choice, { reason, ...elsewhere })
  if (flaw === 'signature')
    return { ...signed, signature: castBy(name, proposal, choice, { reason: 'x' }).signature }
  return flaw === 'form' ? { ...signed, signature: 'none' } : signed
}

/** The oracle: it knows what each member did, verifies nothing, and counts with its fingers. */
function naiveCount(
  proposal: Proposal,
  acts: readonly Act[],
): { outcome: string; counts: object; voided: string[] } {
  const counts: Record<string, number> = { yes: 0, no: 0, later: 0, abstain: 0, silent: 0 }
  const voided: string[] = []
  for (const { member } of proposal.electorate) {
    const mine = acts.filter((one) => MEMBERS[one.member] === member && one.flaw === '')
    const said = new Set(mine.map(({ choice, reason }) => `${choice} ${reason}`))
    if (said.size > 1) voided.push(member)
    else {
      const word = said.size === 0 ? 'silent' : (mine[0]?.choice ?? '')
      counts[word] = (counts[word] ?? 0) + 1
    }
  }
  const size = proposal.electorate.length
  const wins = (votes: number): boolean =>
    proposal.rule.type !== 'supermajority'
      ? votes > size - votes
      : votes * proposal.rule.denominator >= proposal.rule.numerator * size
  const winners = proposal.options.filter((option) => wins(counts[option] ?? 0))
  assert.ok(winners.length <= 1)
  return { outcome: winners[0] ?? 'none', counts, voided }
}

describe('the tally', () => {
  it('agrees with a naive count, whatever the members do', () => {
    const election = fc.tuple(fc.integer({ min: 1, max: 5 }), rule, fc.array(act, { maxLength: 12 }))
    fc.assert(
      fc.property(election, ([size, chosen, acts]) => {
        const proposal = proposalOf(size, { rule: chosen, options: ['yes', 'no', 'later'] })
        const result = count(
          proposal,
          acts.map((one) => perform(one, proposal)),
        )
        const expected = naiveCount(proposal, acts)
        assert.deepEqual(
          { outcome: result.outcome, counts: result.counts, voided: result.void },
          { outcome: expected.outcome, counts: expected.counts, voided: expected.voided.toSorted() },
        )
        const sum = Object.values(result.counts).reduce((a, b) => a + b, 0)
        assert.equal(sum + result.void.length, result.total)
      }),
    )
  })

  it('does not depend on the order of the ballots, nor on duplicates', () => {
    const shuffled = fc
      .array(act, { maxLength: 8 })
      .chain((acts) =>
        fc.tuple(fc.constant(acts), fc.shuffledSubarray([...acts, ...acts], { minLength: acts.length * 2 })),
      )
    fc.assert(
      fc.property(shuffled, ([acts, again]) => {
        const proposal = proposalOf(4, { options: ['yes', 'no', 'later'] })
        const one = count(
          proposal,
          acts.map((each) => perform(each, proposal)),
        )
        const other = count(
          proposal,
          again.map((each) => perform(each, proposal)),
        )
        assert.equal(canonicalize(one), canonicalize(other))
      }),
      { numRuns: 50 },
    )
  })

  it('finds no outcome one vote below the threshold, and one at it', () => {
    const proposal = proposalOf(5, { rule: supermajority(4, 5) })
    const votes = MEMBERS.slice(0, 4).map((member) => castBy(member, proposal, 'yes'))
    assert.equal(count(proposal, votes.slice(1)).outcome, 'none')
    assert.equal(count(proposal, votes).outcome, 'yes')
    assert.equal(count(proposal, votes).needed, 4)
  })

  it('lets silence and abstention block an outcome', () => {
    const proposal = proposalOf(4)
    const two = ['alice', 'bob'].map((member) => castBy(member, proposal, 'yes'))
    const result = count(proposal, [...two, castBy('carol', proposal, 'abstain')])
    assert.equal(result.outcome, 'none')
    assert.deepEqual(result.counts, { yes: 2, no: 0, abstain: 1, silent: 1 })
  })

  it('counts neither of two different ballots by one member, even when they choose the same', () => {
    const proposal = proposalOf(3)
    const honest = castBy('bob', proposal, 'yes')
    const two = [castBy('alice', proposal, 'yes'), castBy('alice', proposal, 'yes', { reason: 'again' })]
    const result = count(proposal, [honest, ...two])
    assert.deepEqual(result.void, ['alice'])
    assert.deepEqual(result.counts, { yes: 1, no: 0, abstain: 0, silent: 1 })
    assert.equal(result.outcome, 'none')
  })

  it('lists the members whose ballots are void in order', () => {
    const proposal = proposalOf(3)
    const double = (member: string): SignedBallot[] =>
      ['yes', 'no'].map((choice) => castBy(member, proposal, choice))
    assert.deepEqual(count(proposal, [...double('carol'), ...double('alice')]).void, ['alice', 'carol'])
  })

  it('lets no stranger void the ballot of a member', () => {
    const proposal = proposalOf(1)
    const { ballot, signature } = castBy('alice', proposal, 'yes')
    const forged = { ballot: { ...ballot, choice: 'no' }, signature }
    const result = count(proposal, [forged, { ballot, signature }, forged])
    assert.equal(result.outcome, 'yes')
    assert.deepEqual(result.void, [])
    assert.deepEqual(result.refused, [{ member: 'alice', problem: 'bad-signature' }])
  })

  it('lists refused ballots by member and problem, malformed ones too', () => {
    const proposal = proposalOf(2)
    const malformed = [
      null,
      7,
      { ballot: null },
      { ballot: { member: 'bob' } },
      { ballot: { member: '\ud800' } },
    ]
    const ballots = [
      castBy('mallory', proposal, 'yes'),
      castBy('bob', proposal, 'maybe'),
      ...(malformed as SignedBallot[]),
    ]
    assert.deepEqual(count(proposal, ballots).refused, [
      { member: '', problem: 'malformed' },
      { member: 'bob', problem: 'malformed' },
      { member: 'bob', problem: 'unknown-option' },
      { member: 'mallory', problem: 'not-a-member' },
    ])
  })

  it('counts options whose names are those of object methods', () => {
    const proposal = proposalOf(1, { options: ['constructor', 'toString'] })
    const result = count(proposal, [castBy('alice', proposal, 'toString')])
    assert.equal(result.outcome, 'toString')
    assert.deepEqual(result.counts, { constructor: 0, toString: 1, abstain: 0, silent: 0 })
  })

  it('refuses a proposal that cannot be counted', () => {
    const invalid = { code: 'COTERIE_INVALID_RULE' }
    assert.throws(() => count(proposalOf(0), []), invalid)
    assert.throws(() => count(proposalOf(2, { options: ['none', 'yes'] }), []), invalid)
  })
})

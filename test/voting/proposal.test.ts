import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { proposalProblem } from '../../src/voting/proposal.ts'
import { majority, twoThirds, unanimity, WEIGHT_MAX } from '../../src/voting/rule.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { proposalOf } from '../helpers/voting.ts'

const good = proposalOf(3)
const [alice, bob, carol] = good.electorate

describe('a proposal', () => {
  it('is taken with and without a subject, with a deadline, and with keyed members that share a key', () => {
    const { subject: _, ...withoutSubject } = good
    const { id, publicKey } = keyPairOf('alice')
    const instances = ['alice/1', 'alice/2'].map((member) => ({ member, key: id, publicKey }))
    const fine = [good, withoutSubject, { ...good, subject: null }, { ...good, deadline: 1_764_000_000_000 }]
    for (const value of [...fine, { ...good, electorate: instances }, { ...good, rule: twoThirds() }]) {
      assert.equal(proposalProblem(value), undefined)
    }
  })

  it('is refused when its form, a name, the rule or the deadline is wrong', () => {
    const { space: _, ...withoutSpace } = good
    const bad: unknown[] = [
      null,
      undefined,
      'x',
      [],
      {},
      withoutSpace,
      { ...good, extra: 1 },
      { ...good, v: 2 },
      { ...good, space: '' },
      { ...good, space: 'x'.repeat(513) },
      { ...good, decision: 1 },
      { ...good, decision: '\ud800' },
      { ...good, question: null },
      { ...good, question: '\udfff' },
      { ...good, question: 'x'.repeat(65_537) },
      { ...good, deadline: -1 },
      { ...good, deadline: 0.5 },
      { ...good, deadline: '1' },
      { ...good, deadline: undefined },
      { ...good, rule: { type: 'plurality' } },
      { ...good, rule: undefined },
    ]
    for (const value of bad)
      assert.equal(typeof proposalProblem(value), 'string', JSON.stringify(value)?.slice(0, 300))
  })

  it('is refused when an option is empty, double, or a word that the tally uses itself', () => {
    for (const options of [
      [],
      ['yes', 'yes'],
      [''],
      ['abstain'],
      ['none'],
      ['silent'],
      ['__proto__'],
      [1],
      'yes',
      null,
    ]) {
      assert.equal(typeof proposalProblem({ ...good, options }), 'string', JSON.stringify(options))
    }
    assert.match(
      proposalProblem({ ...good, options: Array.from({ length: 101 }, String) }) ?? '',
      /1 to 100 options/,
    )
  })

  it('is refused when its electorate is empty, double, or disagrees with itself about a key', () => {
    assert.ok(alice && bob && carol)
    const bad: unknown[] = [
      [],
      null,
      {},
      [alice, alice],
      [alice, { ...bob, member: 'alice' }],
      [alice, { ...bob, key: alice.key }],
      ...[0, -1, 1.5, '2', undefined, WEIGHT_MAX + 1].map((weight) => [{ ...alice, weight }]),
      [{ ...alice, role: 'chair' }],
      [{ member: 'alice', key: alice.key }],
      [{ ...alice, key: 1 }],
      [{ ...alice, member: 'no address' }],
      [{ ...alice, member: 'alice/' }],
      [{ ...alice, member: 'a\u001b[31m' }],
    ]
    for (const electorate of bad) {
      assert.equal(typeof proposalProblem({ ...good, electorate }), 'string', JSON.stringify(electorate))
    }
    const crowd = Array.from({ length: 1001 }, (_, i) => ({ ...alice, member: `alice/${i}` }))
    assert.match(proposalProblem({ ...good, electorate: crowd }) ?? '', /1 to 1000 members/)
    assert.equal(proposalProblem({ ...good, electorate: crowd.slice(1) }), undefined)
  })

  it('is refused when its rule names one who is no member, or it names an option that is none', () => {
    const stranger = [majority({ onTie: { member: 'dave' } }), unanimity({ veto: ['alice', 'dave'] })]
    for (const rule of stranger)
      assert.match(proposalProblem({ ...good, rule }) ?? '', /"dave".*not a member/)
    for (const otherwise of ['maybe', 'none', 1, undefined]) {
      assert.match(proposalProblem({ ...good, otherwise }) ?? '', /one of the options/)
    }
    for (const after of ['', 1, undefined]) assert.match(proposalProblem({ ...good, after }) ?? '', /its id/)
    const fine = { ...good, rule: majority({ onTie: { member: 'carol' } }), otherwise: 'no', after: 'd-0' }
    assert.equal(proposalProblem(fine), undefined)
  })

  it('is refused when its subject has no canonical form, or is nested too deep for a certificate', () => {
    for (const subject of [0.5, undefined, new Date(0), '\ud800', [undefined]]) {
      assert.match(proposalProblem({ ...good, subject }) ?? '', /canonical form/)
    }
    const nested = (levels: number): unknown => (levels === 0 ? 0 : [nested(levels - 1)])
    assert.equal(proposalProblem({ ...good, subject: nested(62) }), undefined)
    assert.match(proposalProblem({ ...good, subject: nested(63) }) ?? '', /canonical form/)
  })
})

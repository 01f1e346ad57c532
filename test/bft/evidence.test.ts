import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contradictionOf, verifyEvidence, type Evidence } from '../../src/bft/evidence.ts'
import { culpritsOf } from '../../src/bft/fork.ts'
import { decisionProblem } from '../../src/bft/decision.ts'
import { valueDigest } from '../../src/bft/proposal.ts'
import type { Signed, Vote } from '../../src/bft/statements.ts'
import { INSTANCE, Kit } from './council-kit.ts'

const kit = new Kit(4, { real: true })
const sign = (vote: Vote): Signed<Vote> => kit.sign(vote.sender, vote)
const place = kit.place(2)
const notarize = (proposal: string): Vote => ({ type: 'notarize', ...place, proposal, value: proposal })
const finalize = (proposal: string): Vote => ({ type: 'finalize', ...place, proposal, value: proposal })
const nullify: Vote = { type: 'nullify', ...place }
const propose = (proposal: string): Vote => ({ type: 'propose', ...place, proposal })

const GUILTY: readonly (readonly [offence: string, first: Vote, second: Vote])[] = [
  ['notarised two proposals in one view', notarize('a'), notarize('b')],
  ['finalised two proposals in one view', finalize('a'), finalize('b')],
  ['finalised and nullified one view', finalize('a'), nullify],
  ['notarised one proposal and finalised another in one view', notarize('a'), finalize('b')],
  ['made two proposals in one view', propose('a'), propose('b')],
  ['notarised two proposals in one view', notarize('a'), { ...notarize('a'), value: 'b' } as Vote],
]

function judge(evidence: Evidence): ReturnType<typeof verifyEvidence> {
  return verifyEvidence(kit.seals, kit.membership, INSTANCE, evidence)
}

for (const [offence, first, second] of GUILTY) {
  test(`it is proven offline, in any order, that a member ${offence}`, () => {
    const evidence = { type: 'contradiction', first: sign(first), second: sign(second) } as const
    assert.deepEqual(judge(evidence), { ok: true, culprit: 2, offence })
    assert.equal(judge({ ...evidence, first: evidence.second, second: evidence.first }).ok, true)
  })
}

const INNOCENT: readonly (readonly [what: string, first: Vote, second: Vote])[] = [
  ['the same vote twice', notarize('a'), notarize('a')],
  ['notarising and then nullifying', notarize('a'), nullify],
  ['notarising and finalising one proposal', notarize('a'), finalize('a')],
  ['proposing one thing and notarising another', propose('a'), notarize('b')],
  ['votes in two views', notarize('a'), { ...notarize('b'), view: 1 }],
  ['votes at two heights', finalize('a'), { ...nullify, height: 2 }],
  ['votes in two councils with one key', notarize('a'), { ...notarize('b'), instance: 'other' }],
  ['votes in two epochs', notarize('a'), { ...notarize('b'), epoch: 1 }],
  ['votes of two members', notarize('a'), { ...notarize('b'), sender: 1 }],
]

for (const [what, first, second] of INNOCENT) {
  test(`nobody is accused of ${what}`, () => {
    assert.equal(contradictionOf(first, second), undefined)
    assert.equal(judge({ type: 'contradiction', first: sign(first), second: sign(second) }).ok, false)
  })
}

test('nobody is accused by votes that he did not sign', () => {
  const first = sign(notarize('a'))
  const forged = { ...notarize('b'), signature: kit.sign(1, notarize('b')).signature }
  assert.equal(judge({ type: 'contradiction', first, second: forged }).ok, false)
  assert.equal(
    judge({ type: 'contradiction', first, second: { ...first, proposal: 'b' } as Signed<Vote> }).ok,
    false,
  )
})

const value = kit.value([kit.operation(0, 1)])
const rival = kit.value([kit.operation(1, 1)])
const early = kit.proposal(1, 0, value)

test('a vote for what nothing justifies is proven by the vote and the justification that it covers', () => {
  const bad = kit.proposal(2, 1, rival, [kit.nullification(0, [0, 1])])
  const { value: proposed, justification } = bad
  const digest = valueDigest(kit.seals, proposed)
  const evidence = { type: 'unjustified', vote: bad.statement, value: digest, justification } as const
  assert.deepEqual(judge(evidence), {
    ok: true,
    culprit: 2,
    offence: 'voted for a proposal that is not justified',
  })
  assert.equal(judge({ ...evidence, justification: [] }).ok, false)
  const good = kit.proposal(2, 1, rival, [kit.nullification(0)])
  assert.equal(judge({ ...evidence, vote: good.statement, justification: good.justification }).ok, false)
})

const quorums = [
  [
    [0, 1, 2],
    [1, 2, 3],
  ],
  [
    [0, 1, 3],
    [0, 2, 3],
  ],
] as const

for (const [one, other] of quorums) {
  const both = one.filter((at) => (other as readonly number[]).includes(at))
  const culprits = (found: readonly Evidence[]): readonly number[] =>
    found.map((evidence) => {
      const verdict = judge(evidence)
      assert.equal(verdict.ok, true)
      return verdict.ok ? verdict.culprit : -1
    })

  test(`a fork within one view names ${both.join(' and ')}, who finalised twice`, () => {
    const second = kit.proposal(1, 0, rival)
    const found = culpritsOf(
      kit.seals,
      kit.membership,
      INSTANCE,
      kit.decision(early, one),
      kit.decision(second, other),
    )
    assert.deepEqual(culprits(found), both)
  })

  test(`a fork past a nullified view names ${both.join(' and ')}, who finalised and nullified it`, () => {
    const late = kit.proposal(2, 1, rival, [kit.nullification(0, other)])
    const found = culpritsOf(
      kit.seals,
      kit.membership,
      INSTANCE,
      kit.decision(late),
      kit.decision(early, one),
    )
    assert.deepEqual(culprits(found), both)
  })

  const names = both.join(' and ')
  test(`a fork past another notarisation names ${names}, who notarised one and finalised the other`, () => {
    const second = kit.proposal(1, 0, rival)
    const late = kit.proposal(2, 1, rival, [kit.notarization(second, other)])
    const found = culpritsOf(
      kit.seals,
      kit.membership,
      INSTANCE,
      kit.decision(early, one),
      kit.decision(late),
    )
    assert.deepEqual(culprits(found), both)
  })

  test(`a decision that nothing justifies names ${other.join(', ')}, who all finalised it`, () => {
    const late = kit.decision(kit.proposal(2, 1, rival, [kit.nullification(0, [3])]), other)
    assert.match(decisionProblem(kit.seals, kit.membership, INSTANCE, late) ?? '', /does not verify/)
    const found = culpritsOf(kit.seals, kit.membership, INSTANCE, kit.decision(early, one), late)
    assert.deepEqual(culprits(found), other)
  })
}

test('two decisions of one value in two views are no fork, and name nobody', () => {
  const late = kit.decision(kit.proposal(2, 1, value, [kit.notarization(early)]))
  assert.equal(decisionProblem(kit.seals, kit.membership, INSTANCE, late), undefined)
  assert.deepEqual(culpritsOf(kit.seals, kit.membership, INSTANCE, kit.decision(early), late), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verifyCertificate, type Certificate } from '../../src/bft/certificate.ts'
import { COUNCIL_PAYLOAD_TYPES, statementBytes } from '../../src/bft/statements.ts'
import { PAYLOAD_TYPES } from '../../src/log/dsse.ts'
import { justificationProblem } from '../../src/bft/justification.ts'
import { valueDigest } from '../../src/bft/proposal.ts'
import { INSTANCE, Kit } from './council-kit.ts'

const kit = new Kit(7)
const QUORUM = [0, 2, 3, 5, 6]
const good = kit.certificate(QUORUM.map((sender) => kit.notarize(sender, 'pd', 'vd')))

const holds = (certificate: Certificate, instance = INSTANCE): boolean =>
  verifyCertificate(kit.seals, kit.membership, instance, certificate)

test('a certificate of a quorum verifies alone, against the members', () => {
  assert.equal(holds(good), true)
})

const { signers, signatures } = good
const BAD: readonly (readonly [what: string, certificate: Certificate])[] = [
  ['one signer too few', { ...good, signers: signers.slice(1), signatures: signatures.slice(1) }],
  [
    'one signer counted for all',
    { ...good, signers: signers.map(() => 0), signatures: signatures.map(() => signatures[0] ?? '') },
  ],
  [
    'one signer counted twice',
    { ...good, signers: [0, 0, 2, 3, 5], signatures: [signatures[0] ?? '', ...signatures.slice(0, 4)] },
  ],
  [
    'signers that are not in order',
    { ...good, signers: signers.toReversed(), signatures: signatures.toReversed() },
  ],
  ['a place that nobody has', { ...good, signers: [0, 2, 3, 5, 7] }],
  ['a place of 2^31', { ...good, signers: [0, 2, 3, 5, 2 ** 31] }],
  ['a place below zero', { ...good, signers: [-1, 2, 3, 5, 6] }],
  ['half a place', { ...good, signers: [0.5, 2, 3, 5, 6] }],
  ['a signature too many', { ...good, signatures: [...signatures, ''] }],
  ['the signature of another', { ...good, signatures: signatures.with(0, signatures[1] ?? '') }],
  ['another height', { ...good, height: 2 }],
  ['another view', { ...good, view: 1 }],
  ['another epoch', { ...good, epoch: 1 }],
  ['other members', { ...good, membership: 'other' }],
  ['another council', { ...good, instance: 'other' }],
  ['another proposal', { ...good, proposal: 'other' }],
  ['another value', { ...good, value: 'other' }],
  ['votes of the first kind shown as votes of the second', { ...good, type: 'finalization' }],
  [
    'votes for something shown as votes for nothing',
    { ...good, type: 'nullification', proposal: '', value: '' },
  ],
]

for (const [what, certificate] of BAD) {
  test(`a certificate does not verify with ${what}`, () => {
    assert.equal(holds(certificate), false)
  })
}

test('a certificate of one council is nothing in another', () => {
  assert.equal(holds(good, 'other'), false)
  assert.equal(holds({ ...good, instance: 'other' }, 'other'), false)
})

test('in a weighted council a certificate needs weight, not heads', () => {
  const weighted = new Kit(7, { weights: [1, 1, 1, 1, 2, 2, 2] })
  const of = (places: readonly number[]): boolean =>
    verifyCertificate(weighted.seals, weighted.membership, INSTANCE, weighted.nullification(0, places))
  assert.equal(of([0, 1, 2, 3, 4]), false)
  assert.equal(of([3, 4, 5, 6]), true)
})

test('each kind of statement has a payload type that nothing else has', () => {
  const types = [...Object.values(COUNCIL_PAYLOAD_TYPES), ...Object.values(PAYLOAD_TYPES)]
  assert.equal(new Set(types).size, types.length)
})

test('the bytes of two statements differ when any member differs', () => {
  const place = kit.place(0)
  const vote = { type: 'notarize', ...place, proposal: 'p', value: 'v' } as const
  const others = [
    { ...vote, type: 'finalize' },
    { ...vote, instance: 'x' },
    { ...vote, epoch: 9 },
    { ...vote, membership: 'x' },
    { ...vote, height: 9 },
    { ...vote, view: 9 },
    { ...vote, sender: 3 },
    { ...vote, proposal: 'x' },
    { ...vote, value: 'x' },
  ] as const
  const texts = [vote, ...others].map((one) => Buffer.from(statementBytes(one)).toString('latin1'))
  assert.equal(new Set(texts).size, texts.length)
})

test('what is signed begins with the payload type of its kind', () => {
  const place = kit.place(0)
  for (const type of ['notarize', 'finalize'] as const) {
    const bytes = statementBytes({ type, ...place, proposal: 'p', value: 'v' })
    const name = COUNCIL_PAYLOAD_TYPES[type]
    assert.ok(Buffer.from(bytes).toString().startsWith(`DSSEv1 ${name.length} ${name} `))
  }
})

test('a signature is no part of what is signed', () => {
  const vote = { type: 'nullify', ...kit.place(0) } as const
  assert.deepEqual(statementBytes({ ...vote, signature: 'x' } as typeof vote), statementBytes(vote))
})

const small = new Kit()
const value = small.value([small.operation(0, 1)])
const rival = small.value([small.operation(1, 1)])
const digest = valueDigest(small.seals, value)
const firstProposal = small.proposal(1, 0, value)

function problem(view: number, justification: readonly Certificate[]): string | undefined {
  return justificationProblem(
    small.seals,
    small.membership,
    { instance: INSTANCE, height: 1, view, value: digest },
    justification,
  )
}

test('a proposal in the first view needs no justification, and may have none', () => {
  assert.equal(problem(0, []), undefined)
  assert.match(problem(0, [small.nullification(0)]) ?? '', /one certificate for each/)
})

test('something new is justified by nullifications of all earlier views', () => {
  assert.equal(problem(2, [small.nullification(0), small.nullification(1)]), undefined)
})

test('what was notarised is justified by its notarisation and by nullifications of the views since', () => {
  assert.equal(problem(2, [small.notarization(firstProposal), small.nullification(1)]), undefined)
})

test('what was notarised twice is justified by both notarisations', () => {
  const first = small.notarization(firstProposal)
  const second = small.proposal(2, 1, value, [first])
  assert.equal(problem(2, [first, small.notarization(second)]), undefined)
})

const wrongHeight = small.nullification(0, [0, 1, 2], 2)
const unjustifiedBefore = small.proposal(2, 1, value, [])
const UNJUSTIFIED: readonly (readonly [
  what: string,
  view: number,
  list: readonly Certificate[],
  problem: RegExp,
])[] = [
  ['a missing view', 2, [small.nullification(1)], /one certificate for each/],
  ['a view twice and one missing', 2, [small.nullification(0), small.nullification(0)], /another view/],
  ['the views in the wrong order', 2, [small.nullification(1), small.nullification(0)], /another view/],
  ['a certificate of another height', 1, [wrongHeight], /another view or height/],
  ['a quorum less one', 1, [small.nullification(0, [0, 1])], /does not verify/],
  ['a notarisation of another value', 1, [small.notarization(small.proposal(1, 0, rival))], /another value/],
  ['a finalisation', 1, [small.finalization(firstProposal)], /justifies nothing/],
  [
    'a notarisation of what had another justification',
    2,
    [small.nullification(0), small.notarization(unjustifiedBefore)],
    /another justification/,
  ],
]

for (const [what, view, list, expected] of UNJUSTIFIED) {
  test(`a proposal is not justified by ${what}`, () => {
    assert.match(problem(view, list) ?? '', expected)
  })
}

import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import {
  verifyDecisionCertificate,
  type DecisionCertificate,
  type TrustedCouncil,
} from '../../src/council/certificate.ts'
import { makeCertificate } from '../../src/voting/certificate.ts'
import { counted, decided, FOUR } from '../docs/council-story.ts'
import { keysOf, NAMES, rosterOf, TestCouncil } from './kit.ts'

const CRYPTOS = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }
const council = new TestCouncil()
const stay = setInterval(() => undefined, 1_000)
let good: DecisionCertificate
let other: DecisionCertificate

before(async () => {
  await council.startAll()
  good = await council.get('alice').propose({ question: 'May we?' })
  council.judge = () => ({ choice: 'reject', reason: 'no' })
  other = await council.get('alice').propose({ question: 'May we?' })
})

after(async () => {
  await council.close()
  clearInterval(stay)
})

function verdict(certificate: unknown, trusted: TrustedCouncil = council.roster): string {
  const found = verifyDecisionCertificate(CRYPTOS, certificate, trusted)
  return found.ok ? 'holds' : found.problem
}

test('the certificate holds for the council that made it, and for no other', () => {
  assert.equal(verdict(good), 'holds')
  assert.match(verdict(good, { ...council.roster, instance: 'another' }), /another council/)
  assert.match(
    verdict(good, { ...council.roster, epoch: 1 }),
    /of epoch 0, and the members of epoch 1 are trusted/,
  )
  const strangers = rosterOf(new Map([...keysOf(['x', ...NAMES])].slice(1)))
  assert.match(verdict(good, strangers), /other members/)
})

test('whatever is changed in it, it does not hold any more', () => {
  const { vote, value, finalization } = good
  const [signature = ''] = finalization.signatures
  const changed: readonly (readonly [string, unknown])[] = [
    ['the outcome', { ...good, vote: { ...vote, outcome: 'reject' } }],
    ['a ballot is left out', { ...good, vote: { ...vote, ballots: vote.ballots.slice(1) } }],
    ['the time', { ...good, vote: { ...vote, decidedAt: vote.decidedAt + 1 } }],
    ['another vote', { ...good, vote: other.vote }],
    ['another height', { ...good, value: other.value, finalization: other.finalization }],
    ['another finalisation', { ...good, finalization: other.finalization }],
    ['operations of the value', { ...good, value: { ...value, operations: other.value.operations } }],
    [
      'too few signers',
      {
        ...good,
        finalization: {
          ...finalization,
          signers: finalization.signers.slice(1),
          signatures: finalization.signatures.slice(1),
        },
      },
    ],
    [
      'one signer twice',
      {
        ...good,
        finalization: {
          ...finalization,
          signers: finalization.signers.map(() => finalization.signers[0]),
          signatures: finalization.signatures.map(() => signature),
        },
      },
    ],
    ['votes of another kind', { ...good, finalization: { ...finalization, type: 'notarization' } }],
    ['a member more', { ...good, members: [...good.members, ...good.members.slice(0, 1)] }],
    ['a key more', { ...good, more: 1 }],
    ['nothing', null],
    ['a float', { ...good, epoch: 0.5 }],
  ]
  for (const [what, one] of changed) assert.notEqual(verdict(one), 'holds', what)
})

test('it says who has signed, who has not, and what is wrong', () => {
  const { finalization } = good
  const found = verifyDecisionCertificate(CRYPTOS, good, council.roster)
  const text = found.explanation.join('\n')
  for (const place of finalization.signers)
    assert.match(text, new RegExp(`finalised height .*"${NAMES[place]}"`))
  for (const [place, name] of NAMES.entries())
    if (!finalization.signers.includes(place)) assert.match(text, new RegExp(`not needed: .*"${name}"`))
  assert.match(text, /in its epoch 0.*\nIt takes 3 of 4; up to 1 may lie\./)

  const changedTo = (changes: object): string =>
    verdict({ ...good, finalization: { ...finalization, ...changes } })
  const { signers, signatures } = finalization
  const swapped = [signatures[1], signatures[0], ...signatures.slice(2)]
  const [first = 0, second = 0] = signers
  const problems: readonly (readonly [object, RegExp])[] = [
    [{ instance: 'another' }, /finalisation is of another council/],
    [{ epoch: 7 }, /finalisation is of another epoch/],
    [{ membership: 'x' }, /by other members/],
    [{ signers: signers.toReversed() }, /out of order/],
    [{ signatures: signatures.slice(1) }, /one signature for each signer/],
    [{ signers: signers.slice(0, 2), signatures: signatures.slice(0, 2) }, /it has 2, and it takes 3/],
    [
      { signatures: swapped },
      new RegExp(`not signed by "${NAMES[first]}", "${NAMES[second]}", whom it names`),
    ],
    [{ type: 'notarization' }, /another kind/],
  ]
  for (const [changes, problem] of problems) assert.match(changedTo(changes), problem)
})

test('S12: whoever counts the ballots of a certificate again comes to the same certificate', () => {
  const { proposal, ballots, decidedAt } = good.vote
  assert.deepEqual(makeCertificate(nodeCrypto, proposal, ballots.toReversed(), decidedAt), good.vote)
  // Another count, that a quorum of liars has signed all the same, is not what its ballots give.
  const vote = counted(FOUR, { alice: 'yes', bob: 'yes', carol: 'yes' })
  const { counts } = vote.tally
  assert.equal(verdict(decided(FOUR, vote), FOUR), 'holds')
  const lying = { ...vote, tally: { ...vote.tally, counts: { ...counts, no: 4 } } }
  assert.match(verdict(decided(FOUR, lying), FOUR), /count|tally/)
})

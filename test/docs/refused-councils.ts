/** Certificates of councils with a fault each, for `council.json`. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { voteIn } from '../../src/bft/certificate.ts'
import { proposalDigest, valueDigest, type Operation } from '../../src/bft/proposal.ts'
import type { Json } from '../../src/core/json.ts'
import type { DecisionCertificate } from '../../src/council/certificate.ts'
import type { Roster } from '../../src/council/roster.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy } from '../helpers/voting.ts'
import {
  applied,
  asked,
  closing,
  council,
  counted,
  countedOf,
  decided,
  FOUR,
  membershipIn,
  operationOf,
  quorumOf,
  rosterOf,
  scopeIn,
  sign,
  valueWith,
  WEIGHTED,
} from './council-story.ts'
import { point, raised, respelled } from './vectors.ts'

/** What is refused, and by whom: the council `four` unless another one is named or given. */
export type RefusedCertificate = readonly [name: string, certificate: unknown, by?: Roster | 'weighted']

const VOTE = counted(FOUR, { alice: 'yes', bob: 'yes', carol: 'yes' })
const GOOD = decided(FOUR, VOTE)
const OTHER = decided(FOUR, counted(FOUR, { alice: 'no', bob: 'no', carol: 'no' }))

/** All of them. */
export function refusedCertificates(): readonly RefusedCertificate[] {
  return [...quorums(), ...finalizations(), ...councils(), ...closings(), ...votes(), ...forms()]
}

function withFinalization(changes: Partial<DecisionCertificate['finalization']>): DecisionCertificate {
  return { ...GOOD, finalization: { ...GOOD.finalization, ...changes } }
}

/** The finalisation with the first signature made of the right one. */
function resigned(change: (signature: string) => string): DecisionCertificate {
  const [first = '', ...rest] = GOOD.finalization.signatures
  return withFinalization({ signatures: [change(first), ...rest] })
}

function quorums(): readonly RefusedCertificate[] {
  const { signers, signatures } = GOOD.finalization
  const [a = '', b = '', c = ''] = signatures
  const heavy = counted(WEIGHTED, { alice: 'yes', bob: 'yes', carol: 'yes' })
  const asStranger = sign(FOUR, 3, voteIn(GOOD.finalization, 2)).signature
  return [
    ['a quorum less one', decided(FOUR, VOTE, { signers: [0, 1] })],
    ['a quorum less one, by weight', decided(WEIGHTED, heavy, { signers: [0, 1, 3] }), 'weighted'],
    ['as many signers as a quorum of equals, and too little weight', lightOnes(), 'weighted'],
    ['no signers', withFinalization({ signers: [], signatures: [] })],
    ['one signer twice', withFinalization({ signers: [0, 1, 1], signatures: [a, b, b] })],
    ['signers in another order', withFinalization({ signers: [1, 0, 2], signatures: [b, a, c] })],
    ['a signer that is no member', withFinalization({ signers: [0, 1, 4], signatures: [a, b, c] })],
    ['a signature less than signers', withFinalization({ signatures: [a, b] })],
    ['a signature more than signers', withFinalization({ signatures: [a, b, c, c] })],
    ['signatures of each other', withFinalization({ signatures: [b, a, c] })],
    [
      'a signature by another member in the place of one',
      withFinalization({ signatures: [a, b, asStranger] }),
    ],
    ['a signer under the place of another', withFinalization({ signers: [signers[0] ?? 0, 1, 3] })],
    ['a signature whose S is not below the order of the group', resigned(raised)],
    ['a signature in another spelling', resigned(respelled)],
    ['a padded signature', resigned((signature) => `${signature}==`)],
  ]
}

function lightOnes(): DecisionCertificate {
  const vote = counted(WEIGHTED, { alice: 'yes', bob: 'yes', carol: 'yes' })
  return decided(WEIGHTED, vote, { signers: [2, 3, 4] })
}

function finalizations(): readonly RefusedCertificate[] {
  const { finalization, value } = GOOD
  const { height, view, proposal } = finalization
  const place = { height, view }
  const digests = [proposal, finalization.value] as const
  const asKind = (type: string): readonly string[] =>
    [0, 1, 2].map(
      (sender) =>
        sign(FOUR, sender, voteIn(finalization, sender), `application/vnd.coterie.council-${type}.v1+json`)
          .signature,
    )
  const notarized = quorumOf(FOUR, 'notarize', place, [0, 1, 2], digests)
  const foreign = quorumOf(FOUR, 'finalize', { ...place, epoch: 1 }, [0, 1, 2], digests)
  const higher = quorumOf(FOUR, 'finalize', { height: 5, view }, [0, 1, 2], digests)
  const late = { ...value, height: 5 }
  const rival = { ...value, stateRoot: crypto.sha256('another state') }
  const elsewhere = rosterOf('another-board', { alice: 1, bob: 1, carol: 1, dave: 1 })
  const theirs = quorumOf(elsewhere, 'finalize', place, [0, 1, 2], digests)
  return [
    ['a notarisation instead of a finalisation', { ...GOOD, finalization: notarized }],
    [
      'a notarisation that calls itself a finalisation',
      withFinalization({ signatures: notarized.signatures }),
    ],
    [
      'a finalisation that was signed under the type of a notarisation',
      withFinalization({ signatures: asKind('notarize') }),
    ],
    [
      'a finalisation that was signed under the type of a ballot',
      withFinalization({ signatures: ballotSeals() }),
    ],
    ['a finalisation of another epoch', { ...GOOD, finalization: foreign }],
    [
      'a finalisation of another epoch that calls itself one of this',
      withFinalization({ signatures: foreign.signatures }),
    ],
    ['a finalisation of another epoch, under the members of this', withFinalization({ epoch: 1 })],
    ['a finalisation by other members', withFinalization({ membership: membershipIn(WEIGHTED).digest })],
    ['a finalisation of another council', { ...GOOD, finalization: theirs }],
    [
      'a finalisation of another council that calls itself one of this',
      withFinalization({ signatures: theirs.signatures }),
    ],
    ['a finalisation of another height', { ...GOOD, finalization: higher }],
    ['a finalisation that names another height than was signed', withFinalization({ height: 5 })],
    [
      'value and finalisation that name another height than was signed',
      { ...withFinalization({ height: 5, value: valueDigest(council, late) }), value: late },
    ],
    ['a finalisation that names another view than was signed', withFinalization({ view: 1 })],
    [
      'a finalisation that names another proposal than was signed',
      withFinalization({ proposal: proposalOfView1() }),
    ],
    ['a finalisation of another value', { ...GOOD, value: rival }],
    [
      'a finalisation that names another value than was signed',
      { ...withFinalization({ value: valueDigest(council, rival) }), value: rival },
    ],
    ['the finalisation of another decision', { ...GOOD, finalization: OTHER.finalization }],
    ['a nullification', { ...GOOD, finalization: { ...quorumOf(FOUR, 'nullify', place, [0, 1, 2]) } }],
  ]
}

function ballotSeals(): readonly string[] {
  return [0, 1, 2].map(
    (sender) =>
      sign(FOUR, sender, voteIn(GOOD.finalization, sender), 'application/vnd.coterie.ballot.v1+json')
        .signature,
  )
}

function proposalOfView1(): string {
  const { height } = GOOD.finalization
  return proposalDigest(council, { ...scopeIn(FOUR), height, view: 1 }, GOOD.finalization.value, [])
}

function councils(): readonly RefusedCertificate[] {
  const { members } = FOUR
  const weak = {
    ...FOUR,
    members: members.map((one) => (one.id === 'dave' ? { ...one, publicKey: point('01') } : one)),
  }
  const weakCards = weak.members.map(({ id, publicKey, weight }) => ({ id, publicKey, weight }))
  const three = rosterOf('small-board', { alice: 1, bob: 1, carol: 1, dave: 1 })
  const fewer = { ...three, members: three.members.slice(0, 3) }
  const heavy = { ...FOUR, members: members.map((one) => (one.id === 'dave' ? { ...one, weight: 2 } : one)) }
  const cards = GOOD.members
  const epochs = { ...FOUR, epoch: 1 }
  return [
    ['another council', GOOD, { ...FOUR, instance: 'another-board' }],
    ['another epoch', GOOD, epochs],
    ['another epoch, that the certificate names', { ...GOOD, epoch: 1 }, epochs],
    ['a certificate that names another epoch', { ...GOOD, epoch: 1 }],
    ['other members', GOOD, rosterOf(FOUR.instance, { alice: 1, bob: 1, carol: 1, erin: 1 })],
    ['a member less', { ...GOOD, members: cards.slice(0, 3) }],
    ['members in another order', { ...GOOD, members: cards.toReversed() }],
    ['a member with another weight', { ...GOOD, members: cards.map((one) => ({ ...one, weight: 2 })) }],
    ['a member with its URL', { ...GOOD, members: members }],
    ['a council of three', { ...GOOD, instance: three.instance, members: cards.slice(0, 3) }, fewer],
    [
      'a member with more weight than may lie',
      { ...GOOD, members: cards.map((one) => ({ ...one, weight: one.id === 'dave' ? 2 : 1 })) },
      heavy,
    ],
    ['a member with a key of small order', weakly(weakCards), weak],
  ]
}

/** The certificate, with the finalisation of members among which one has a key that anybody can sign with. */
function weakly(members: DecisionCertificate['members']): unknown {
  const membership = council.digest('membership', { epoch: 0, members })
  const { instance } = FOUR
  const statement = { ...voteIn(GOOD.finalization, 0), membership, instance }
  const signatures = [0, 1].map((sender) => sign(FOUR, sender, { ...statement, sender }).signature)
  const forged = point('01', 64)
  return {
    ...withFinalization({ membership, signers: [0, 1, 3], signatures: [...signatures, forged] }),
    members,
  }
}

function closings(): readonly RefusedCertificate[] {
  const close = closing(FOUR, 0, VOTE)
  const withOperations = (operations: readonly Operation[]): DecisionCertificate =>
    decided(FOUR, VOTE, { value: valueWith(operations) })
  const { signature } = closing(FOUR, 1, VOTE)
  const stranger = rosterOf(FOUR.instance, { erin: 1 })
  const elsewhere = rosterOf('another-board', { alice: 1, bob: 1, carol: 1, dave: 1 })
  const payload = { type: 'close', decision: 'alice.1', certificate: crypto.sha256('something else') }
  return [
    ['a value without operations', withOperations([])],
    ['a value that closes no vote', withOperations([applied(FOUR, 0, 1, { type: 'pass' })])],
    ['a value that closes another vote', withOperations([closing(FOUR, 0, VOTE, { decision: 'alice.3' })])],
    ['a value that names another certificate', withOperations([applied(FOUR, 0, 1, payload)])],
    ['a close with one member more', withOperations([closing(FOUR, 0, VOTE, { note: 'x' })])],
    ['a close that its author did not sign', withOperations([{ ...close, signature }])],
    ['a close that was changed after it was signed', withOperations([{ ...close, sequence: 3 }])],
    ['a close by one who is no member', withOperations([closing(stranger, 0, VOTE)])],
    ['a close for another council', withOperations([closing(elsewhere, 0, VOTE)])],
    ['an unsigned close before a signed one', withOperations([{ ...close, signature }, close])],
    [
      'a close that was signed as a ballot',
      withOperations([sign(FOUR, 0, unsigned(close), 'application/vnd.coterie.ballot.v1+json')]),
    ],
  ]
}

function unsigned({ signature: _signature, ...rest }: Operation): Omit<Operation, 'signature'> {
  return rest
}

/** Each vote is closed by the council, word for word, and wrong in itself; or was changed since. */
function votes(): readonly RefusedCertificate[] {
  const [first, ...rest] = VOTE.ballots
  if (first === undefined) throw new Error('there are ballots')
  const said = { ...first.ballot, choice: 'no' }
  const liar = castBy('alice', VOTE.proposal, 'no')
  const counts = { ...VOTE.tally.counts, yes: 4, silent: 0 }
  const space = asked({ ...FOUR, instance: 'another-board' })
  const strangers = asked(FOUR, { electorate: [...asked(FOUR).electorate, card('erin')] })
  const posing = asked(FOUR, { electorate: [{ ...card('bob'), member: 'alice' }] })
  const forged = { ...VOTE, ballots: [{ ...first, ballot: said }, ...rest] }
  return [
    ['a ballot whose choice was changed', { ...GOOD, vote: forged }],
    ['a ballot whose choice was changed before the council closed the vote', decided(FOUR, forged)],
    ['another ballot by the same member', { ...GOOD, vote: { ...VOTE, ballots: [liar, ...rest] } }],
    ['a ballot less', { ...GOOD, vote: { ...VOTE, ballots: rest } }],
    ['a ballot less, counted again', { ...GOOD, vote: counted(FOUR, { bob: 'yes', carol: 'yes' }) }],
    ['another count', { ...GOOD, vote: { ...VOTE, tally: { ...VOTE.tally, counts } } }],
    ['another count, closed by the council', decided(FOUR, { ...VOTE, tally: { ...VOTE.tally, counts } })],
    ['another outcome', { ...GOOD, vote: { ...VOTE, outcome: 'no' } }],
    ['another outcome, closed by the council', decided(FOUR, { ...VOTE, outcome: 'no' })],
    [
      'another question',
      { ...GOOD, vote: { ...VOTE, proposal: { ...VOTE.proposal, question: 'Release 2?' } } },
    ],
    ['another time', { ...GOOD, vote: { ...VOTE, decidedAt: VOTE.decidedAt + 1 } }],
    ['the vote of another decision', { ...GOOD, vote: OTHER.vote }],
    ['a vote of another space', decided(FOUR, countedOf(space, [castBy('alice', space, 'yes')]))],
    [
      'a voter whose key nobody knows',
      decided(FOUR, countedOf(strangers, [castBy('alice', strangers, 'yes')])),
    ],
    ['a voter with the key of another member', decided(FOUR, countedOf(posing, []))],
  ]
}

function card(id: string): { readonly member: string; readonly key: string; readonly publicKey: string } {
  const { id: key, publicKey } = keyPairOf(id)
  return { member: id, key, publicKey }
}

/** Everything has one form. Where the council has signed the form, it is refused all the same. */
function forms(): readonly RefusedCertificate[] {
  const { finalization, value } = GOOD
  const { complaints: _complaints, ...short } = value
  const { view: _view, ...viewless } = finalization
  const finalizedAs = (changed: unknown): unknown => decided(FOUR, VOTE, { value: changed as typeof value })
  const close = closing(FOUR, 0, VOTE)
  const noted = operationOf(FOUR, 1, 1, { kind: 'application', payload: 'x'.repeat(65_535) })
  let deep: Json = 1
  for (let level = 0; level < 49; level++) deep = [deep]
  const zero = operationOf(FOUR, 1, 0, { kind: 'application', payload: { type: 'pass' } })
  const { vote: _vote, ...voteless } = GOOD
  return [
    ['an unknown member of the document', { ...GOOD, note: 'x' }],
    ['no vote', voteless],
    ['another version', { ...GOOD, v: 2 }],
    ['another type', { ...GOOD, type: 'coterie.certificate' }],
    ['a list instead of the document', [GOOD]],
    ['a fraction', { ...GOOD, epoch: 0.5 }],
    ['an unknown member of the finalisation', withFinalization({ note: 'x' } as object)],
    ['a member of the finalisation less', { ...GOOD, finalization: viewless }],
    ['a view that is too high', { ...GOOD, finalization: quorumAt(4, 4097) }],
    ['a value with an unknown member', finalizedAs({ ...value, note: 'x' })],
    ['a value with a member less', finalizedAs(short)],
    ['a value of the height 0', decided(FOUR, VOTE, { value: valueWith([close], { height: 0 }) })],
    ['a value whose state has no name', finalizedAs({ ...value, stateRoot: '' })],
    [
      'an operation with an unknown member',
      finalizedAs(valueWith([close, { ...close, note: 'x' } as Operation])),
    ],
    ['an operation that is too long', finalizedAs(valueWith([close, noted]))],
    ['an operation that is too deep', finalizedAs(valueWith([close, applied(FOUR, 1, 1, deep)]))],
    ['an operation with the number 0', finalizedAs(valueWith([close, zero]))],
  ]
}

function quorumAt(height: number, view: number): unknown {
  const { proposal, value } = GOOD.finalization
  return quorumOf(FOUR, 'finalize', { height, view }, [0, 1, 2], [proposal, value])
}

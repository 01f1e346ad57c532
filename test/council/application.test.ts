import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { councilCrypto } from '../../src/bft/crypto.ts'
import type { Membership } from '../../src/bft/membership.ts'
import { approvalOf, membershipAfter } from '../../src/bft/operations.ts'
import type { Operation } from '../../src/bft/proposal.ts'
import { statementBytes, type Change } from '../../src/bft/statements.ts'
import {
  certificateHash,
  certificateOf,
  councilApplication,
  proposedChanges,
  voteIn,
} from '../../src/council/application.ts'
import type { CouncilState } from '../../src/council/application.ts'
import { keyIdOf } from '../../src/council/certificate.ts'
import { membershipOf } from '../../src/council/roster.ts'
import type { Json } from '../../src/core/json.ts'
import { ballotBytes, proposalHash, type Ballot, type SignedBallot } from '../../src/voting/ballot.ts'
import type { Proposal } from '../../src/voting/proposal.ts'
import { majority } from '../../src/voting/rule.ts'
import { keysOf, NAMES, rosterOf } from './kit.ts'

const keys = keysOf(NAMES)
const roster = rosterOf(keys)
const membership = membershipOf(councilCrypto(nodeCrypto), roster)
const application = councilApplication(nodeCrypto)
const electorate = membership.members.map(({ id, publicKey }) => {
  return { member: id, key: keyIdOf(nodeCrypto, publicKey), publicKey }
})
const proposal: Proposal = {
  v: 1,
  space: roster.instance,
  decision: 'alice.1',
  question: 'May we?',
  options: ['approve', 'reject'],
  rule: majority(),
  electorate,
  deadline: 1_000,
}

function operation(author: string, sequence: number, payload: Json, expires = 0): Operation {
  const body = { kind: 'application', payload } as const
  return { type: 'operation', instance: roster.instance, author, sequence, expires, body, signature: '' }
}

function ballot(member: string, choice: string): SignedBallot {
  const key = keys.get(member)
  if (key === undefined) throw new TypeError(member)
  const { space, decision } = proposal
  const hash = proposalHash(nodeCrypto, proposal)
  const words: Ballot = { v: 1, space, decision, proposal: hash, member, key: key.id, choice, reason: '' }
  return { ballot: words, signature: nodeCrypto.sign(key.privateKey, ballotBytes(words)) }
}

function apply(
  state: CouncilState,
  one: Operation,
  height = 1,
  members: Membership = membership,
): CouncilState | undefined {
  return application.apply(state, one, height, members) as unknown as CouncilState | undefined
}

function after(...operations: readonly Operation[]): CouncilState {
  let state = application.initial as unknown as CouncilState
  for (const one of operations) {
    const next = apply(state, one)
    if (next === undefined) throw new Error(`refused: ${JSON.stringify(one.body)}`)
    state = next
  }
  return state
}

const open = operation('alice', 1, { type: 'open', proposal })
const cast = (author: string, sequence: number, ...ballots: readonly SignedBallot[]): Operation =>
  operation(author, sequence, { type: 'ballot', decision: 'alice.1', ballots, at: 5 })
const close = (certificate: string, expires = 10): Operation =>
  operation('alice', 9, { type: 'close', decision: 'alice.1', certificate }, expires)

const THREE = ['alice', 'bob', 'carol'].map((name) => ballot(name, 'approve'))

test('a vote is over when its outcome is certain, and not before', () => {
  const two = after(open, cast('alice', 2, ...THREE.slice(0, 2)))
  assert.equal(voteIn(two, 'alice.1')?.result, null)
  const three = apply(two, cast('carol', 1, ...THREE.slice(2)))
  assert.notEqual(voteIn(three ?? two, 'alice.1')?.result, null)
})

test('a vote is closed with its one certificate, and refused with any other, also later', () => {
  const state = after(open, cast('alice', 2, ...THREE))
  const vote = voteIn(state, 'alice.1')
  assert.ok(vote !== undefined)
  const certificate = certificateOf(nodeCrypto, vote)
  assert.ok(certificate !== undefined)
  const hash = certificateHash(nodeCrypto, certificate)
  const wrong = nodeCrypto.sha256('another')
  assert.equal(apply(state, close(wrong)), undefined)
  const closed = apply(state, close(hash))
  assert.deepEqual(Object.keys(closed?.open ?? { a: 1 }), [])
  assert.equal(apply(closed ?? state, close(wrong)), undefined)
  assert.equal(apply(closed ?? state, close(hash)), closed)
})

test('a vote that is not over cannot be closed, nor one by an operation that never expires', () => {
  const state = after(open, cast('alice', 2, ...THREE.slice(0, 2)))
  const early = certificateHash(
    nodeCrypto,
    certificateOf(nodeCrypto, {
      ...(voteIn(state, 'alice.1') ?? assert.fail()),
      result: { at: 5, certificate: '' },
    }) ?? assert.fail(),
  )
  assert.equal(apply(state, close(early)), undefined)
  const over = after(open, cast('alice', 2, ...THREE))
  const hash = voteIn(over, 'alice.1')?.result?.certificate ?? ''
  assert.equal(apply(over, close(hash, 0)), undefined)
  assert.equal(apply(over, close(hash, 10_000)), undefined)
})

test('one member alone cannot say that the deadline has passed; more than may lie can', () => {
  const expire = (author: string, sequence: number): Operation =>
    operation(author, sequence, { type: 'expire', decision: 'alice.1', at: 2_000 })
  const one = after(open, expire('bob', 1), expire('bob', 2))
  assert.equal(voteIn(one, 'alice.1')?.result, null)
  const two = apply(one, expire('carol', 1))
  assert.equal(voteIn(two ?? one, 'alice.1')?.result?.at, 2_000)
})

test('a deadline that passes while the members change has passed when enough of the new ones say so', () => {
  const expire = (author: string): Operation =>
    operation(author, 1, { type: 'expire', decision: 'alice.1', at: 2_000 })
  const eve = nodeCrypto.keyPair(new Uint8Array(32).fill(5)).publicKey
  const changed = membershipAfter(councilCrypto(nodeCrypto), membership, {
    add: [{ id: 'eve', publicKey: eve, weight: 1, url: '' }],
    remove: ['alice'],
  })
  // Alice was late, and has left: she has no weight any more. Bob has her place now.
  const one = apply(after(open), expire('alice')) ?? assert.fail()
  const two = apply(one, expire('bob'), 2, changed) ?? assert.fail()
  assert.deepEqual(voteIn(two, 'alice.1')?.late, ['alice', 'bob'])
  assert.equal(voteIn(two, 'alice.1')?.result, null)
  const three = apply(two, expire('eve'), 2, changed) ?? assert.fail()
  assert.equal(voteIn(three, 'alice.1')?.result?.at, 2_000)
  // The electorate is that of the question.
  assert.deepEqual(
    voteIn(three, 'alice.1')?.proposal.electorate.map(({ member }) => member),
    ['alice', 'bob', 'carol', 'dave'],
  )
})

const SWAP: Change = {
  add: [
    { id: 'eve', publicKey: nodeCrypto.keyPair(new Uint8Array(32).fill(5)).publicKey, weight: 1, url: '' },
  ],
  remove: [],
}

/** An agreement, as it is signed under some members by the key of somebody. */
function agree(author: string, change: Change = SWAP, by = author, of: Membership = membership): Operation {
  const place = of.members.findIndex(({ id }) => id === author)
  const text = approvalOf(councilCrypto(nodeCrypto), of, roster.instance, change, place)
  const signature = nodeCrypto.sign(keys.get(by)?.privateKey ?? assert.fail(), statementBytes(text))
  return operation(author, 1, { type: 'agree', change, signature })
}

function agreedIn(state: CouncilState | undefined, epoch = 0): readonly (readonly string[])[] {
  return Object.values(proposedChanges(state ?? assert.fail(), epoch)).map(({ agreed }) =>
    Object.keys(agreed),
  )
}

test('who agrees to a change is noted, with a signature that counts, under the members of the day', () => {
  const two = after(agree('alice'), agree('bob'))
  assert.deepEqual(agreedIn(two), [['alice', 'bob']])
  assert.deepEqual(agreedIn(apply(two, agree('bob'))), [['alice', 'bob']])
  assert.deepEqual(agreedIn(apply(two, agree('carol', SWAP, 'dave'))), [['alice', 'bob']])
  const later = membershipAfter(councilCrypto(nodeCrypto), membership, SWAP)
  assert.deepEqual(agreedIn(apply(two, agree('carol', SWAP, 'carol', later))), [['alice', 'bob']])
  assert.deepEqual(agreedIn(two, 1), [])
})

test('what was agreed to in one epoch is nothing in the next, and makes room', () => {
  const later = membershipAfter(councilCrypto(nodeCrypto), membership, SWAP)
  const gone: Change = { add: [], remove: ['bob'] }
  const next = apply(after(agree('alice')), agree('carol', gone, 'carol', later), 2, later)
  assert.deepEqual(agreedIn(next, 1), [['carol']])
  assert.equal(Object.keys(next?.changes ?? {}).length, 1)
})

test('one member agrees to so many changes and no more', () => {
  const many = Array.from({ length: 9 }, (_, at) => agree('alice', { add: [], remove: [`x${at}`] }))
  const state = after(...many)
  assert.equal(agreedIn(state).length, 8)
  assert.equal(agreedIn(apply(state, agree('bob'))).length, 9)
})

test('ballots that come when the vote is over, from strangers, or with another signature change nothing', () => {
  const over = after(open, cast('alice', 2, ...THREE))
  assert.equal(apply(over, cast('dave', 1, ballot('dave', 'reject'))), over)
  const state = after(open)
  const forged = { ...ballot('bob', 'reject'), signature: ballot('dave', 'reject').signature }
  assert.deepEqual(voteIn(apply(state, cast('dave', 1, forged)) ?? state, 'alice.1')?.ballots, [])
})

test('two different ballots of one member are kept as evidence, and neither counts', () => {
  const state = after(
    open,
    cast('dave', 1, ballot('dave', 'approve'), ballot('dave', 'reject')),
    cast('bob', 1, ...THREE),
  )
  const vote = voteIn(state, 'alice.1')
  assert.ok(vote !== undefined)
  assert.deepEqual(certificateOf(nodeCrypto, vote)?.tally.void, ['dave'])
})

test('a vote is named by the operation that opens it, in this council', () => {
  const refused = [
    operation('bob', 1, { type: 'open', proposal }),
    operation('alice', 2, { type: 'open', proposal }),
    operation('alice', 1, { type: 'open', proposal: { ...proposal, space: 'another' } }),
    operation('alice', 1, {
      type: 'open',
      proposal: { ...proposal, sealed: { commitBy: 5 } },
    }),
    operation('alice', 1, { type: 'vote' }),
    operation('alice', 1, null),
  ]
  for (const one of refused) assert.equal(apply(after(), one), undefined)
})

test('the order of ballots does not change the certificate', () => {
  const ways = [THREE, THREE.toReversed()].map((ballots) => {
    const state = after(open, ...ballots.map((one, at) => cast('bob', at + 1, one)))
    return voteIn(state, 'alice.1')?.result?.certificate
  })
  assert.ok(ways[0] !== undefined && ways[0] === ways[1])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Certificate, QuorumVote } from '../../src/bft/certificate.ts'
import type { Proposal } from '../../src/bft/proposal.ts'
import { valueDigest } from '../../src/bft/proposal.ts'
import type { ReplicaRules } from '../../src/bft/state.ts'
import type { Signed } from '../../src/bft/statements.ts'
import { SUM } from '../../src/testing/council/simulate.ts'
import { Kit, Rig } from './council-kit.ts'

const kit = new Kit()
const operation = kit.operation(0, 1)
const value = kit.value([operation])
const rival = kit.value([kit.operation(1, 1)])
/** The leader of view 0 at height 1 is the member with place 1, of view 1 the one with place 2, and so on. */
const first = kit.proposal(1, 0, value)
const digest = valueDigest(kit.seals, value)
const pd = first.statement.proposal

function notarizations(proposal: Proposal, ...senders: readonly number[]): readonly Signed<QuorumVote>[] {
  const { view, proposal: digestOf } = proposal.statement
  return senders.map((sender) => kit.notarize(sender, digestOf, valueDigest(kit.seals, proposal.value), view))
}

test('R1: waits in view 0 without a timer while nothing is to be decided', () => {
  const rig = new Rig(kit, 0)
  rig.pass(60_000)
  rig.votes(kit.nullify(1), kit.nullify(2))
  rig.propose(kit.proposal(1, 0, kit.value([])))
  assert.equal(rig.replica.view, 0)
  assert.deepEqual(rig.said, [])
})

test('R1: a nullification of a later view takes a replica there at once, and is passed on once', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'certificate', certificate: kit.nullification(6) })
  assert.equal(rig.replica.view, 7)
  assert.deepEqual(
    rig.sent('certificate').map(({ certificate }) => certificate.view),
    [6],
  )
})

test('R1: what was notarised and not finalised in time is left behind, not given up', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...notarizations(first, 1, 2))
  rig.pass(150)
  assert.equal(rig.replica.view, 0)
  rig.pass(100)
  assert.equal(rig.replica.view, 1)
  assert.deepEqual(rig.said, ['notarize 1 0', 'finalize 1 0'])
})

test('R2: the leader proposes what waits, and says nothing when nothing waits', () => {
  const rig = new Rig(kit, 1)
  assert.deepEqual(rig.said, [])
  rig.submit(kit.operation(1, 1))
  assert.deepEqual(rig.said, ['propose 1 0', 'notarize 1 0'])
  assert.equal(rig.sent('proposal').length, 1)
})

test('R2: the leader of a later view proposes the newest notarised value, also past view 9', () => {
  // Sorted as texts, view 10 comes before view 9.
  const list: Certificate[] = []
  for (let view = 0; view < 9; view++) list.push(kit.nullification(view))
  const nine = kit.proposal(2, 9, value, list)
  list.push(kit.notarization(nine))
  const ten = kit.proposal(3, 10, value, list)
  const rig = new Rig(kit, 0)
  rig.propose(nine)
  rig.propose(ten)
  rig.get({ type: 'certificate', certificate: kit.notarization(ten) })
  rig.pass(60_000)
  const [proposal] = rig.sent('proposal')
  assert.equal(proposal?.proposal.statement.view, 11)
  assert.deepEqual(proposal?.proposal.value, value)
  assert.deepEqual(proposal?.proposal.justification.map(({ type, view }) => `${type} ${view}`).slice(8), [
    'nullification 8',
    'notarization 9',
    'notarization 10',
  ])
})

test('R2: a leader that lacks a certificate asks for it, and proposes once it has it', () => {
  const rig = new Rig(kit, 3)
  rig.submit(kit.operation(3, 1))
  rig.get({ type: 'certificate', certificate: kit.nullification(1) })
  assert.equal(rig.replica.view, 2)
  rig.pass(0)
  const asked = rig
    .of('say')
    .map(({ statement }) => (statement.type === 'fetch' ? statement.wanted : undefined))
  assert.deepEqual(asked.at(-1), { kind: 'certificates', height: 1, views: [0] })
  rig.get({ type: 'reply', decisions: [], certificates: [kit.nullification(0)], proposals: [] })
  assert.ok(rig.said.includes('propose 1 2'))
})

test('R3: votes once for a valid proposal of the right leader', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.propose(first)
  assert.deepEqual(rig.said, ['notarize 1 0'])
})

const ledger = kit.ledger()
const NOT_VOTED: readonly (readonly [what: string, proposal: Proposal])[] = [
  ['of somebody who does not lead', kit.proposal(2, 0, value)],
  ['that its leader has not signed', { ...first, statement: { ...first.statement, signature: 'none' } }],
  ['with another value than was signed', { ...first, value: rival }],
  ['of another council', { ...first, statement: kit.sign(1, { ...first.statement, instance: 'other' }) }],
  ['of another epoch', { ...first, statement: kit.sign(1, { ...first.statement, epoch: 1 }) }],
  ['that is empty', kit.proposal(1, 0, kit.value([]))],
  ['that does not follow from what was decided', kit.proposal(1, 0, { ...value, previous: 'other' })],
  ['that names another state', kit.proposal(1, 0, { ...value, stateRoot: 'other' })],
  ['of another height in its value', kit.proposal(1, 0, { ...value, height: 2 })],
  ['with an operation twice', kit.proposal(1, 0, kit.value([operation, operation]))],
  ['with operations out of order', kit.proposal(1, 0, kit.value([kit.operation(0, 2), operation]))],
  [
    'with an operation that its author has not signed',
    kit.proposal(1, 0, kit.value([{ ...operation, signature: 'none' }])),
  ],
  [
    'with an operation that somebody else has signed',
    kit.proposal(1, 0, kit.value([kit.sign(1, { ...operation })])),
  ],
  [
    'with an operation of no member',
    kit.proposal(1, 0, kit.value([kit.sign(0, { ...operation, author: 'nobody' })])),
  ],
  [
    'with an operation for another council',
    kit.proposal(1, 0, kit.value([kit.sign(0, { ...operation, instance: 'x' })])),
  ],
  [
    'with an operation that the application refuses',
    kit.proposal(1, 0, kit.value([kit.operation(0, 1, { kind: 'application', payload: 'refused' })])),
  ],
]

for (const [what, proposal] of NOT_VOTED) {
  test(`R3: does not vote for a proposal ${what}`, () => {
    const rig = new Rig(kit, 0)
    rig.propose(proposal)
    assert.ok(!rig.said.includes('notarize 1 0'))
    assert.equal(rig.replica.ledger.height, ledger.height)
  })
}

test('R3: votes for no new value that leaves out what it told everybody of in good time, and tells them again', () => {
  const rig = new Rig(kit, 2)
  rig.submit(kit.operation(2, 1))
  rig.get({ type: 'operation', operation })
  rig.pass(1_000)
  rig.get({ type: 'certificate', certificate: kit.nullification(0) })
  rig.get({ type: 'certificate', certificate: kit.nullification(1) })
  const told = rig.sent('operation').length
  const biased = kit.proposal(3, 2, value, [kit.nullification(0), kit.nullification(1)])
  rig.propose(biased)
  assert.ok(!rig.said.includes('notarize 1 2'))
  assert.ok(rig.said.includes('nullify 1 2'))
  assert.ok(rig.sent('operation').length > told)
})

test('R3: never holds an omission against a value that was notarised before', () => {
  const rig = new Rig(kit, 2)
  rig.submit(kit.operation(2, 1))
  rig.pass(1_000)
  const notarized = kit.notarization(first)
  const carried = kit.proposal(3, 2, value, [notarized, kit.nullification(1)])
  rig.propose(carried)
  assert.ok(rig.said.includes('notarize 1 2'))
})

test('R4: finalises what a quorum has notarised, and not what a quorum less one has', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...notarizations(first, 1))
  assert.deepEqual(rig.said, ['notarize 1 0'])
  rig.votes(...notarizations(first, 1))
  assert.deepEqual(rig.said, ['notarize 1 0'])
  rig.votes(...notarizations(first, 2))
  assert.deepEqual(rig.said, ['notarize 1 0', 'finalize 1 0'])
})

test('R4: finalises nothing whose proposal it has not judged, and asks for it', () => {
  const rig = new Rig(kit, 0)
  rig.submit(operation)
  rig.votes(...notarizations(first, 1, 2, 3))
  rig.pass(60)
  assert.deepEqual(rig.said, [])
  const wanted = { kind: 'proposal', height: 1, view: 0, proposal: pd }
  assert.deepEqual(
    rig.of('say').flatMap(({ statement }) => (statement.type === 'fetch' ? [statement.wanted] : [])),
    [wanted],
  )
  rig.get({ type: 'reply', decisions: [], certificates: [], proposals: [first] })
  assert.match(rig.said.join(), /finalize 1 0/)
})

test('R5: decides on a quorum of final votes in any view, once, and goes on to the next height', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.get({ type: 'certificate', certificate: kit.nullification(3) })
  assert.equal(rig.replica.view, 4)
  rig.votes(kit.finalize(1, pd, digest), kit.finalize(2, pd, digest))
  assert.equal(rig.replica.height, 1)
  rig.votes(kit.finalize(3, pd, digest))
  assert.equal(rig.replica.height, 2)
  assert.equal(rig.replica.view, 0)
  assert.equal(rig.of('decided').length, 1)
  rig.get({ type: 'certificate', certificate: kit.finalization(first) })
  assert.equal(rig.of('decided').length, 1)
})

test('R6: gives a view up when its leader proposes nothing in time, and only once something waits', () => {
  const rig = new Rig(kit, 0)
  rig.pass(1_000)
  rig.submit(operation)
  rig.pass(199)
  assert.deepEqual(rig.said, [])
  rig.pass(1)
  assert.deepEqual(rig.said, ['nullify 1 0'])
})

test('R6: gives a view up when a proposal is not notarised in time', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.pass(299)
  assert.deepEqual(rig.said, ['notarize 1 0'])
  rig.pass(1)
  assert.deepEqual(rig.said, ['notarize 1 0', 'nullify 1 0'])
})

test('R6: gives a view up at once when its leader contradicts itself, and has the proof', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.propose(kit.proposal(1, 0, rival))
  assert.deepEqual(rig.said, ['notarize 1 0', 'nullify 1 0'])
  assert.equal(rig.of('evidence').length, 1)
})

test('R6: gives a view up at once when its leader does', () => {
  const rig = new Rig(kit, 0)
  rig.submit(operation)
  rig.votes(kit.nullify(2))
  assert.deepEqual(rig.said, [])
  rig.votes(kit.nullify(1))
  assert.deepEqual(rig.said, ['nullify 1 0'])
})

test('R6: repeats what it said and why it is in its view until the view ends', () => {
  const rig = new Rig(kit, 0)
  rig.submit(operation)
  rig.get({ type: 'certificate', certificate: kit.nullification(0) })
  rig.pass(400)
  rig.pass(400)
  const before = [rig.sent('vote').length, rig.sent('certificate').length]
  rig.pass(800)
  assert.ok(rig.sent('vote').length > (before[0] ?? 0))
  assert.ok(rig.sent('certificate').length > (before[1] ?? 0))
})

test('R7: a quorum of nullifications opens the next view, a quorum less one does not', () => {
  const rig = new Rig(kit, 0)
  rig.votes(kit.nullify(1), kit.nullify(2), kit.nullify(2))
  assert.equal(rig.replica.view, 0)
  rig.votes(kit.nullify(3))
  assert.equal(rig.replica.view, 1)
})

test('R8: what it finalised it never gives up, however long it takes', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...notarizations(first, 1, 2))
  rig.votes(kit.nullify(1))
  rig.pass(100_000)
  assert.deepEqual(
    rig.said.filter((vote) => vote.endsWith(' 0')),
    ['notarize 1 0', 'finalize 1 0'],
  )
})

test('R8: what it gave up it never finalises', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.pass(300)
  rig.votes(...notarizations(first, 1, 2, 3))
  assert.deepEqual(rig.said, ['notarize 1 0', 'nullify 1 0'])
})

test('a vote is on the disk before it is signed, and so is the proposal that it is for', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...notarizations(first, 1, 2))
  assert.deepEqual(
    rig.log.map((entry) => (entry.type === 'voted' ? entry.entry.type : entry.type)),
    ['proposal', 'notarize', 'certificate', 'finalize'],
  )
})

test('a replica that restarts in the middle of a view says the same again, and nothing else', () => {
  const rig = new Rig(kit, 0)
  rig.propose(first)
  rig.votes(...notarizations(first, 1, 2))
  const again = new Rig(kit, 0, rig.log)
  assert.deepEqual(again.said, rig.said)
  assert.deepEqual(
    again.sent('vote').map(({ vote }) => vote.type),
    ['notarize', 'finalize'],
  )
  again.pass(100_000)
  assert.ok(!again.said.includes('nullify 1 0'))
  again.votes(kit.finalize(1, pd, digest), kit.finalize(2, pd, digest))
  assert.equal(again.replica.height, 2)
})

test('a replica that restarts has decided what it had decided', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'reply', decisions: [kit.decision(first)], certificates: [], proposals: [] })
  const again = new Rig(kit, 0, rig.log)
  assert.equal(again.replica.height, 2)
  assert.equal(again.replica.ledger.stateRoot, rig.replica.ledger.stateRoot)
  assert.deepEqual(again.of('decided'), [])
})

test('votes for the next height that come early count there', () => {
  const rig = new Rig(kit, 0)
  const other = new Rig(kit, 3)
  const decision = kit.decision(first)
  for (const one of [other])
    one.get({ type: 'reply', decisions: [decision], certificates: [], proposals: [] })
  const next = kit.proposal(2, 0, kit.value([kit.operation(0, 2)], other.replica.ledger))
  const nextDigest = valueDigest(kit.seals, next.value)
  rig.propose(next)
  rig.votes(...[1, 2, 3].map((sender) => kit.finalize(sender, next.statement.proposal, nextDigest, 0, 2)))
  assert.equal(rig.replica.height, 1)
  rig.get({ type: 'reply', decisions: [decision], certificates: [], proposals: [] })
  assert.equal(rig.replica.height, 3)
})

test('a replica whose application computes something else than that of the others halts', () => {
  class OddKit extends Kit {
    override rules(self: number): ReplicaRules {
      const odd = { initial: [0, 0], apply: (): readonly number[] => [7, 7] }
      return { ...super.rules(self), application: self === 3 ? odd : SUM }
    }
  }
  const council = new OddKit()
  const [others, odd] = [new Rig(council, 0), new Rig(council, 3)]
  const reply = { type: 'reply', certificates: [], proposals: [] } as const
  const one = council.decision(council.proposal(1, 0, council.value([council.operation(0, 1)])))
  for (const rig of [others, odd]) rig.get({ ...reply, decisions: [one] })
  const value = council.value([council.operation(0, 2)], others.replica.ledger)
  const two = council.decision(council.proposal(2, 0, value))
  for (const rig of [others, odd]) rig.get({ ...reply, decisions: [two] })
  assert.equal(others.replica.height, 3)
  assert.deepEqual(
    odd.of('halt').map(({ reason }) => reason),
    ['diverged'],
  )
})

test('two decisions of one height halt a replica, which names the guilty', () => {
  const rig = new Rig(kit, 0)
  const reply = { type: 'reply', certificates: [], proposals: [] } as const
  rig.get({ ...reply, decisions: [kit.decision(first, [0, 1, 2])] })
  rig.get({ ...reply, decisions: [kit.decision(kit.proposal(1, 0, rival), [1, 2, 3])] })
  assert.equal(rig.replica.halted?.reason, 'fork')
  assert.deepEqual(
    rig
      .of('evidence')
      .map(({ evidence }) => (evidence.type === 'contradiction' ? evidence.first.sender : -1)),
    [1, 2],
  )
  rig.submit(operation)
  rig.pass(10_000)
  assert.deepEqual(rig.said, [])
})

test('a finalisation of something else alone halts a replica, which shows what it has', () => {
  const rig = new Rig(kit, 0)
  rig.get({ type: 'reply', decisions: [kit.decision(first)], certificates: [], proposals: [] })
  rig.get({ type: 'certificate', certificate: kit.finalization(kit.proposal(1, 0, rival)) })
  assert.notEqual(rig.replica.halted, undefined)
  assert.equal(rig.sent('reply').at(-1)?.decisions.length, 1)
  // Starting it again does not make the fork undone.
  const again = new Rig(kit, 0, rig.log)
  assert.equal(again.of('halt').length, 1)
  again.submit(operation)
  assert.deepEqual(again.sent('operation'), [])
})

test('the estimate of a round trip follows the member that completes a quorum, not the slowest', () => {
  const rig = new Rig(kit, 1)
  rig.submit(kit.operation(1, 1))
  const proposal = rig.sent('proposal')[0]?.proposal
  assert.ok(proposal !== undefined)
  rig.now = 10
  rig.votes(...notarizations(proposal, 0))
  assert.equal(rig.replica.deltaMs, 100)
  rig.now = 45
  rig.votes(...notarizations(proposal, 2))
  assert.equal(rig.replica.deltaMs, 180)
  rig.now = 190
  rig.votes(...notarizations(proposal, 3))
  assert.equal(rig.replica.deltaMs, 180)
})

test('the estimate at most doubles within a height', () => {
  const rig = new Rig(kit, 1)
  rig.submit(kit.operation(1, 1))
  const proposal = rig.sent('proposal')[0]?.proposal
  assert.ok(proposal !== undefined)
  rig.now = 180
  rig.votes(...notarizations(proposal, 0, 2))
  assert.equal(rig.replica.deltaMs, 200)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeMembership, membershipProblem, type Member } from '../../src/bft/membership.ts'
import { afterComplaints, FRESH_ROTATION, leaderOf, leadersAt } from '../../src/bft/rotation.ts'
import { Kit } from './council-kit.ts'

const QUORUMS: readonly (readonly [members: number, quorum: number, faulty: number])[] = [
  [4, 3, 1],
  [5, 4, 1],
  [6, 4, 1],
  [7, 5, 2],
  [10, 7, 3],
  [13, 9, 4],
  [16, 11, 5],
  [22, 15, 7],
  [31, 21, 10],
]

for (const [members, quorum, faulty] of QUORUMS) {
  test(`${members} equal members have a quorum of ${quorum} and tolerate ${faulty}`, () => {
    const { membership } = new Kit(members)
    assert.equal(membership.quorumWeight, quorum)
    assert.equal(membership.faultyWeight, faulty)
  })
}

test('any two quorums share more weight than may lie, and the honest alone are a quorum, for any weights', () => {
  for (let total = 4; total <= 300; total += 1 + Math.floor(total / 40)) {
    const faulty = Math.ceil(total / 3) - 1
    // As many members as there may be; only the sum of the weights matters.
    const size = Math.min(total, 60)
    const weights = Array.from({ length: size }, (_, at) => 1 + Math.floor((total - size + at) / size))
    const { membership } = new Kit(size, { weights })
    assert.equal(membership.totalWeight, total)
    assert.equal(membership.faultyWeight, faulty)
    assert.ok(2 * membership.quorumWeight - total > faulty)
    assert.ok(total - faulty >= membership.quorumWeight)
  }
})

test('a weighted council counts weights, not members', () => {
  const { membership } = new Kit(7, { weights: [1, 1, 1, 1, 2, 2, 2] })
  assert.equal(membership.totalWeight, 10)
  assert.equal(membership.faultyWeight, 3)
  assert.equal(membership.quorumWeight, 7)
})

function members(change: (all: Member[]) => readonly Member[]): readonly Member[] {
  return change(new Kit(4).membership.members.map((member) => ({ ...member })))
}

const first = (all: readonly Member[], change: Partial<Member>): readonly Member[] =>
  all.map((member, at) => (at === 0 ? { ...member, ...change } : member))

const REFUSED: readonly (readonly [what: string, members: readonly Member[], problem: RegExp])[] = [
  ['three members', members((all) => all.slice(1)), /takes four/],
  ['one member with more weight than may lie', members((all) => first(all, { weight: 2 })), /more weight/],
  ['an id twice', members((all) => first(all, { id: 'm01' })), /id is there twice/],
  ['a key twice', members((all) => first(all, { publicKey: all[1]?.publicKey ?? '' })), /key is there twice/],
  ['a weight of zero', members((all) => first(all, { weight: 0 })), /weight/],
  ['half a weight', members((all) => first(all, { weight: 0.5 })), /weight/],
  ['a key that is none', members((all) => first(all, { publicKey: 'A' })), /no key/],
  [
    'the key of the neutral point',
    members((all) => first(all, { publicKey: `AQ${'A'.repeat(41)}` })),
    /small order/,
  ],
  [
    'a key of order eight with its sign bit set',
    members((all) => first(all, { publicKey: 'JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_IU' })),
    /small order/,
  ],
]

for (const [what, list, problem] of REFUSED) {
  test(`a council is not made of ${what}`, () => {
    assert.match(membershipProblem(list) ?? '', problem)
    assert.throws(() => makeMembership(new Kit().seals, 0, list), { code: 'COTERIE_INVALID_ARGUMENT' })
  })
}

test('the order in which members are named does not matter', () => {
  const { seals, membership } = new Kit()
  assert.deepEqual(makeMembership(seals, 0, membership.members.toReversed()), membership)
})

test('members that differ in one weight, and the same in another epoch, have other digests', () => {
  const { seals, membership } = new Kit(7)
  const heavier = makeMembership(seals, 0, first(membership.members, { weight: 2 }))
  const later = makeMembership(seals, 1, membership.members)
  assert.equal(new Set([membership.digest, heavier.digest, later.digest]).size, 3)
})

test('every member leads in its turn, and the next one in the next view', () => {
  const { membership } = new Kit()
  const leaders = leadersAt(membership, FRESH_ROTATION, 1)
  assert.deepEqual(
    [0, 1, 2, 3, 4].map((view) => leaderOf(leaders, 1, view)),
    [1, 2, 3, 0, 1],
  )
  assert.equal(leaderOf(leaders, 2, 0), 2)
})

const complaint = (height: number, leader: string) => ({
  height,
  view: 0,
  leader,
  signers: [],
  signatures: [],
})

function suspended(
  leaders: readonly string[],
  heights: readonly number[],
): ReturnType<typeof afterComplaints> {
  const { membership } = new Kit()
  let rotation = FRESH_ROTATION
  for (const height of heights) {
    for (const leader of leaders) {
      rotation = afterComplaints(rotation, membership, [complaint(height, leader)], height + 1)
    }
  }
  return rotation
}

test('a leader is left out for a while after three proven complaints, not after two', () => {
  const { membership } = new Kit()
  assert.deepEqual(leadersAt(membership, suspended(['m02'], [1, 5]), 10), [0, 1, 2, 3])
  const rotation = suspended(['m02'], [1, 5, 9])
  assert.deepEqual(leadersAt(membership, rotation, 11), [0, 1, 3])
  assert.deepEqual(leadersAt(membership, rotation, 500), [0, 1, 2, 3])
})

test('no more weight is left out than may lie', () => {
  const { membership } = new Kit()
  assert.deepEqual(leadersAt(membership, suspended(['m02', 'm03'], [1, 5, 9]), 11), [0, 1, 3])
})

test('who was left out once and is slow again is left out at once, and for longer', () => {
  const { membership } = new Kit()
  const once = suspended(['m02'], [1, 5, 9])
  const until = once.suspensions[0]?.until ?? 0
  const twice = afterComplaints(once, membership, [complaint(until + 2, 'm02')], until + 3)
  assert.equal(twice.suspensions[0]?.times, 2)
  assert.ok((twice.suspensions[0]?.until ?? 0) - until > until - 10)
})

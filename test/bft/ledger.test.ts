import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Json } from '../../src/core/json.ts'
import { afterValue, foldValue, verifyComplaints, type Ledger } from '../../src/bft/ledger.ts'
import { approvalOf } from '../../src/bft/operations.ts'
import type { Operation, Value } from '../../src/bft/proposal.ts'
import type { Change, OperationBody } from '../../src/bft/statements.ts'
import { INSTANCE, Kit } from './council-kit.ts'
import { Prng } from '../../src/testing/simulation/prng.ts'

const kit = new Kit(7)
const rules = kit.rules(0)

function decided(operations: readonly Operation[], ledger: Ledger = kit.ledger()): Ledger {
  const value = kit.value(operations, ledger)
  const folded = foldValue(rules, ledger, value)
  if (typeof folded === 'string') throw new TypeError(folded)
  return afterValue(rules, ledger, value, folded)
}

function refusal(operations: readonly Operation[], ledger: Ledger = kit.ledger()): string {
  const folded = foldValue(rules, ledger, kit.value(operations, ledger))
  return typeof folded === 'string' ? folded : 'accepted'
}

test('the same values make the same state, and the state names the members and what was applied', () => {
  const one = decided([kit.operation(0, 1), kit.operation(1, 1)])
  const other = decided([kit.operation(0, 1), kit.operation(1, 1)])
  assert.equal(one.stateRoot, other.stateRoot)
  assert.notEqual(one.stateRoot, decided([kit.operation(1, 1)]).stateRoot)
  assert.deepEqual(
    [...one.sequences],
    [
      ['m00', 1],
      ['m01', 1],
    ],
  )
})

test('applications that make different things of one value have different states', () => {
  const application = { initial: [0, 0], apply: (state: Json): Json => [state] }
  const value = kit.value([kit.operation(0, 1)])
  const other = { ...rules, application }
  const folded = foldValue(other, kit.ledger(), value)
  assert.ok(typeof folded !== 'string')
  assert.notEqual(
    afterValue(other, kit.ledger(), value, folded).stateRoot,
    decided(value.operations).stateRoot,
  )
})

test('an application that throws refuses the operation', () => {
  const application = {
    initial: [0, 0],
    apply: (): Json => {
      throw new RangeError('stumbled')
    },
  }
  const folded = foldValue({ ...rules, application }, kit.ledger(), kit.value([kit.operation(0, 1)]))
  assert.equal(folded, 'the application refuses an operation')
})

test('an operation is applied once, in one value or in two', () => {
  const operation = kit.operation(0, 1)
  assert.match(refusal([operation, operation]), /out of its order/)
  assert.match(refusal([operation], decided([operation])), /out of its order/)
  assert.equal(refusal([kit.operation(0, 2)], decided([operation])), 'accepted')
})

test('an operation counts up to the height at which it expires, and not after', () => {
  const later = decided([kit.operation(1, 1)])
  assert.equal(refusal([kit.operation(0, 1, undefined, 2)], later), 'accepted')
  assert.match(refusal([kit.operation(0, 1, undefined, 1)], later), /expired/)
})

const leaver = kit.membership.members[6]
const newKey = kit.seals.makeKey(new Prng(1, 'newcomer'))
const swap: Change = {
  add: [{ id: 'new', publicKey: newKey.publicKey, weight: 1, url: '' }],
  remove: ['m06'],
}

function approved(change: Change, signers: readonly number[], of: Ledger = kit.ledger()): OperationBody {
  const signatures = signers.map((place) => {
    return kit.keys[place]?.sign(approvalOf(kit.seals, of.membership, INSTANCE, change, place)) ?? ''
  })
  return { kind: 'change', change, signers, signatures }
}

test('members change when a quorum agrees, from the next height on, in the next epoch', () => {
  const after = decided([kit.operation(0, 1, approved(swap, [0, 1, 2, 3, 4]))])
  assert.equal(after.membership.epoch, 1)
  assert.deepEqual(after.membership.members.map(({ id }) => id).slice(-2), ['m05', 'new'])
  assert.deepEqual(after.retired, [leaver?.publicKey])
  assert.match(refusal([kit.operation(6, 1)], after), /not signed by a member/)
})

const CHANGES: readonly (readonly [what: string, body: OperationBody, problem: RegExp])[] = [
  ['one member alone', approved(swap, [6]), /no quorum/],
  ['a quorum less one', approved(swap, [0, 1, 2, 3]), /no quorum/],
  [
    'one member counted five times',
    { ...approved(swap, [0]), signers: [0, 0, 0, 0, 0] } as OperationBody,
    /malformed/,
  ],
  [
    'signatures for another change',
    { ...approved({ add: [], remove: ['m05'] }, [0, 1, 2, 3, 4]), change: swap } as OperationBody,
    /approval does not verify/,
  ],
  [
    'more weight at once than may lie',
    approved({ add: [], remove: ['m04', 'm05', 'm06'] }, [0, 1, 2, 3, 4]),
    /more weight/,
  ],
  ['nothing', approved({ add: [], remove: [] }, [0, 1, 2, 3, 4]), /changes nothing/],
  ['somebody who is no member', approved({ add: [], remove: ['nobody'] }, [0, 1, 2, 3, 4]), /no member/],
  [
    'a key that is there',
    approved(
      { add: [{ id: 'new', publicKey: leaver?.publicKey ?? '', weight: 1, url: '' }], remove: [] },
      [0, 1, 2, 3, 4],
    ),
    /key that is or was/,
  ],
]

for (const [what, body, problem] of CHANGES) {
  test(`the members do not change by ${what}`, () => {
    assert.match(refusal([kit.operation(0, 1, body)]), problem)
  })
}

test('the members who change decide until the height is over, and not after it', () => {
  const change = kit.operation(0, 1, approved(swap, [0, 1, 2, 3, 4]))
  // The one that leaves acts in the value that removes it; the one that comes does not yet.
  assert.equal(refusal([change, kit.operation(6, 1)]), 'accepted')
  const after = decided([change, kit.operation(6, 1)])
  assert.match(refusal([kit.operation(6, 2)], after), /not signed by a member/)
  const own = { ...kit.operation(0, 2), author: 'new' }
  const early = { ...own, sequence: 1, signature: newKey.sign({ ...own, sequence: 1 }) }
  assert.match(refusal([change, early]), /not signed by a member/)
  assert.equal(refusal([early], after), 'accepted')
})

test('the members change once in a height', () => {
  const body = approved({ add: [], remove: ['m06'] }, [0, 1, 2, 3, 4])
  const other = approved({ add: [], remove: ['m05'] }, [0, 1, 2, 3, 4])
  assert.match(refusal([kit.operation(0, 1, body), kit.operation(1, 1, other)]), /change twice/)
})

test('agreement to a change in one epoch is nothing in the next, and a removed key stays dead', () => {
  const after = decided([kit.operation(0, 1, approved(swap, [0, 1, 2, 3, 4]))])
  const back: Change = {
    add: [{ id: 'back', publicKey: leaver?.publicKey ?? '', weight: 1, url: '' }],
    remove: ['new'],
  }
  assert.match(
    refusal([kit.operation(1, 1, approved(back, [0, 1, 2, 3, 4], after))], after),
    /key that is or was/,
  )
  const old = approved({ add: [], remove: ['m05'] }, [0, 1, 2, 3, 4])
  assert.match(refusal([kit.operation(1, 1, old)], after), /approval does not verify/)
})

function complaints(signers: readonly number[], leader = 'm03'): Value['complaints'][number] {
  const signatures = signers.map((sender) => {
    return kit.keys[sender]?.sign({ type: 'complaint', ...kit.place(sender), leader }) ?? ''
  })
  return { height: 1, view: 0, leader, signers, signatures }
}

test('complaints count when more weight than may lie has made them', () => {
  const holds = (set: ReturnType<typeof complaints>): boolean =>
    verifyComplaints(kit.seals, kit.membership, INSTANCE, set)
  assert.equal(holds(complaints([0, 1, 2])), true)
  assert.equal(holds(complaints([0, 1])), false)
  assert.equal(holds({ ...complaints([0, 1, 2]), leader: 'm04' }), false)
  assert.equal(holds({ ...complaints([0, 1, 2]), view: 1 }), false)
  assert.equal(holds(complaints([0, 1, 2], 'nobody')), false)
})

test('complaints of one view count once, and not before their height is decided', () => {
  const ledger = decided([kit.operation(0, 1)])
  const value = { ...kit.value([kit.operation(0, 2)], ledger), complaints: [complaints([0, 1, 2])] }
  const folded = foldValue(rules, ledger, value)
  assert.equal(typeof folded, 'object')
  if (typeof folded === 'string') return
  const after = afterValue(rules, ledger, value, folded)
  assert.deepEqual(after.rotation.marks, [{ height: 1, view: 0, leader: 'm03' }])
  const again = { ...kit.value([kit.operation(0, 3)], after), complaints: value.complaints }
  assert.equal(foldValue(rules, after, again), 'a complaint is too old, or counted already')
  const twice = { ...value, complaints: [...value.complaints, ...value.complaints] }
  assert.equal(foldValue(rules, ledger, twice), 'its complaints are not in order')
  const early = { ...kit.value([kit.operation(0, 1)]), complaints: value.complaints }
  assert.equal(foldValue(rules, kit.ledger(), early), 'a complaint is too old, or counted already')
})

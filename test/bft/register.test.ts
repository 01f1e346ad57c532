import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VoteRegister, type RegisterEntry } from '../../src/bft/register.ts'
import { VoteSigner } from '../../src/bft/signer.ts'
import type { Vote } from '../../src/bft/statements.ts'
import { Kit } from './council-kit.ts'

const entry = (type: RegisterEntry['type'], proposal = '', view = 0, height = 1): RegisterEntry => {
  return { type, height, view, proposal }
}

const AFTER: readonly (readonly [
  first: RegisterEntry,
  second: RegisterEntry,
  verdict: 'new' | 'again' | 'refused',
])[] = [
  [entry('notarize', 'a'), entry('notarize', 'a'), 'again'],
  [entry('notarize', 'a'), entry('notarize', 'b'), 'refused'],
  [entry('finalize', 'a'), entry('finalize', 'b'), 'refused'],
  [entry('propose', 'a'), entry('propose', 'b'), 'refused'],
  [entry('nullify'), entry('nullify'), 'again'],
  [entry('finalize', 'a'), entry('nullify'), 'refused'],
  [entry('nullify'), entry('finalize', 'a'), 'refused'],
  [entry('notarize', 'a'), entry('nullify'), 'new'],
  [entry('nullify'), entry('notarize', 'a'), 'new'],
  [entry('notarize', 'a'), entry('finalize', 'a'), 'new'],
  [entry('notarize', 'a'), entry('finalize', 'b'), 'refused'],
  [entry('finalize', 'a'), entry('notarize', 'b'), 'refused'],
  [entry('finalize', 'a'), entry('notarize', 'a'), 'new'],
  [entry('notarize', 'a'), entry('notarize', 'b', 1), 'new'],
  [entry('finalize', 'a'), entry('nullify', '', 1), 'new'],
  [entry('finalize', 'a', 1), entry('nullify', '', 11), 'new'],
  [entry('finalize', 'a', 0, 1), entry('nullify', '', 0, 2), 'new'],
]

for (const [first, second, verdict] of AFTER) {
  const name = ({ type, view, height, proposal }: RegisterEntry): string =>
    `${type} ${height} ${view} ${proposal}`.trim()
  test(`after "${name(first)}", "${name(second)}" is ${verdict}`, () => {
    const register = new VoteRegister()
    register.note(first)
    assert.equal(register.judge(second), verdict)
  })
}

test('no vote is cast for a decided height or below, and its entries are dropped', () => {
  const register = new VoteRegister()
  register.note(entry('notarize', 'a', 0, 9))
  register.note(entry('notarize', 'a', 0, 10))
  register.raise(9)
  assert.equal(register.size, 1)
  assert.equal(register.judge(entry('nullify', '', 7, 9)), 'refused')
  assert.equal(register.judge(entry('nullify', '', 7, 10)), 'new')
  register.raise(3)
  assert.equal(register.floor, 9)
})

const kit = new Kit()
const vote = { type: 'finalize', ...kit.place(0), proposal: 'p', value: 'v' } as const satisfies Vote

test('the signer signs no vote before it is told that its entry is durable', () => {
  const signer = new VoteSigner(() => 'signature')
  assert.throws(() => signer.sign(vote), { code: 'COTERIE_INVALID_ARGUMENT' })
  assert.deepEqual(signer.prepare(vote), { type: 'finalize', height: 1, view: 0, proposal: 'p' })
  assert.throws(() => signer.sign(vote), { code: 'COTERIE_INVALID_ARGUMENT' })
  assert.deepEqual(signer.prepare(vote), { type: 'finalize', height: 1, view: 0, proposal: 'p' })
  signer.durable()
  assert.equal(signer.prepare(vote), 'durable')
  assert.equal(signer.sign(vote), 'signature')
})

test('the signer refuses what contradicts an entry, durable or not, and a register that it was started with', () => {
  const { instance, epoch, membership, height, view, sender } = vote
  const nullify = { type: 'nullify', instance, epoch, membership, height, view, sender } as const
  const signer = new VoteSigner(() => 'signature')
  signer.prepare(vote)
  assert.equal(signer.prepare(nullify), 'refused')
  assert.equal(signer.prepare({ ...vote, proposal: 'other' }), 'refused')
  const register = new VoteRegister()
  register.note(entry('finalize', 'p'))
  const restarted = new VoteSigner(() => 'signature', register)
  assert.equal(restarted.prepare(nullify), 'refused')
  assert.throws(() => restarted.sign(nullify), { code: 'COTERIE_INVALID_ARGUMENT' })
  assert.equal(restarted.sign(vote), 'signature')
})

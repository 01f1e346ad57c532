/** Who was a member, or will be: what a machine tells it, and takes from it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { foldValue, afterValue, type Ledger } from '../../src/bft/ledger.ts'
import { restore, start, step } from '../../src/bft/machine.ts'
import type { Effect, LogEntry, Message } from '../../src/bft/messages.ts'
import type { Replica } from '../../src/bft/state.ts'
import { approvalOf } from '../../src/bft/operations.ts'
import type { Fetch, OperationBody, Status, Wanted } from '../../src/bft/statements.ts'
import { Prng } from '../../src/testing/simulation/prng.ts'
import { INSTANCE, Kit, Rig } from './council-kit.ts'

const kit = new Kit()
const stranger = kit.seals.makeKey(new Prng(7, 'stranger'))

/** Five decided heights. */
function decisions(): readonly LogEntry[] {
  let ledger: Ledger = kit.ledger()
  return [1, 2, 3, 4, 5].map((sequence): LogEntry => {
    const value = kit.value([kit.operation(0, sequence)], ledger)
    const folded = foldValue(kit.rules(0), ledger, value)
    assert.ok(typeof folded !== 'string')
    ledger = afterValue(kit.rules(0), ledger, value, folded)
    return { type: 'decision', decision: kit.decision(kit.proposal(0, 0, value)) }
  })
}

function machine(log: readonly LogEntry[], until: number | undefined): Replica {
  const acquaintance = (id: string) =>
    id === 'stranger' && until !== undefined ? { publicKey: stranger.publicKey, until } : undefined
  const { replica } = restore({ ...kit.rules(1), acquaintance }, kit.membership, log)
  start(replica, 0)
  return replica
}

function say<T extends Status | Fetch>(statement: T): T & { readonly signature: string } {
  return { ...statement, signature: stranger.sign(statement) }
}

function told(replica: Replica, message: Message): readonly Effect[] {
  return step(replica, { type: 'message', from: 'stranger', message, now: replica.now + 1_000 })
}

function status(height: number): Message {
  const statement = say({ type: 'status', instance: INSTANCE, from: 'stranger', height, view: 0, nonce: '' })
  return { type: 'status', status: statement, proof: null }
}

function asking(wanted: Wanted): Message {
  return { type: 'fetch', fetch: say({ type: 'fetch', instance: INSTANCE, from: 'stranger', wanted }) }
}

function served(effects: readonly Effect[]): readonly string[] {
  return effects.flatMap((effect) =>
    effect.type === 'serve' ? [`${effect.first} to ${effect.last} for ${effect.to}`] : [],
  )
}

test('who was a member is shown the decisions up to the one that removed it', () => {
  const log = decisions()
  assert.deepEqual(served(told(machine(log, 3), status(2))), ['2 to 3 for stranger'])
  assert.deepEqual(served(told(machine(log, 3), asking({ kind: 'decisions', first: 1, last: 5 }))), [
    '1 to 3 for stranger',
  ])
  assert.deepEqual(served(told(machine(log, 3), status(4))), [])
  assert.deepEqual(served(told(machine(log, 3), asking({ kind: 'decisions', first: 4, last: 5 }))), [])
})

test('a stranger is shown nothing', () => {
  const replica = machine(decisions(), undefined)
  assert.deepEqual(served(told(replica, status(2))), [])
  assert.deepEqual(served(told(replica, asking({ kind: 'decisions', first: 1, last: 5 }))), [])
})

test('nothing but decisions is told to who is no member', () => {
  const replica = machine(decisions(), 3)
  const certificates = asking({ kind: 'certificates', height: 2, views: [0] })
  assert.deepEqual(served(told(replica, certificates)), [])
  const answer = told(replica, asking({ kind: 'status', nonce: 'n' }))
  assert.ok(!answer.some((effect) => effect.type === 'say' && effect.to === 'stranger'))
})

test('a change that was handed in makes room for something else when another one is decided', () => {
  const change = (id: string): OperationBody => {
    const { publicKey } = kit.seals.makeKey(new Prng(8, id))
    const made = { add: [{ id, publicKey, weight: 1, url: '' }], remove: [] }
    const signers = [0, 1, 2]
    const signatures = signers.map(
      (at) => kit.keys[at]?.sign(approvalOf(kit.seals, kit.membership, INSTANCE, made, at)) ?? '',
    )
    return { kind: 'change', change: made, signers, signatures }
  }
  const rig = new Rig(kit, 1)
  const vain = kit.operation(2, 1, change('x'))
  rig.get({ type: 'operation', operation: vain })
  rig.get({ type: 'operation', operation: kit.operation(3, 1) })
  assert.ok(rig.replica.pool.get(vain.author, 1) !== undefined)
  const value = kit.value([kit.operation(0, 1, change('y'))])
  const decisions = [kit.decision(kit.proposal(0, 0, value))]
  rig.get({ type: 'reply', decisions, certificates: [], proposals: [] })
  assert.equal(rig.replica.ledger.membership.epoch, 1)
  assert.equal(rig.replica.pool.get(vain.author, 1), undefined)
  // What is no change waits on.
  assert.ok(rig.replica.pool.get(kit.id(3), 1) !== undefined)
})

/** Whom the machine asks for decisions. */
function asked(effects: readonly Effect[]): readonly (string | null)[] {
  return effects.flatMap((effect) =>
    effect.type === 'say' && effect.statement.type === 'fetch' ? [effect.to] : [],
  )
}

test('who will be a member is believed to be ahead, and asked; who was one is not', () => {
  for (const [until, expected] of [
    [Number.POSITIVE_INFINITY, ['stranger']],
    [3, []],
  ] as const) {
    const replica = machine([], until)
    told(replica, status(9))
    const later = step(replica, { type: 'wake', now: replica.now + 1_000 })
    assert.deepEqual(asked(later), expected)
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RecordWrite } from '../../src/ports/store.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { fakeEvent, fakeMessage, fakeRecord, fakeWrite } from '../../src/testing/fixtures.ts'

const EMPTY = { seq: -1, hash: '' }
const LIMITS = { mailboxDepth: 2 }

/** Each: the outcome, and what a record must have besides to be refused with it. */
const REFUSED: readonly (readonly [string, () => Partial<RecordWrite>])[] = [
  ['stale', () => ({ reads: [{ stream: 'orders', version: 7 }] })],
  ['stale', () => ({ events: [fakeEvent('orders', 7)] })],
  ['duplicate', () => ({ messages: [fakeMessage({ to: 'reviewer', key: 'used' })] })],
  ['full', () => ({ messages: [1, 2, 3].map(() => fakeMessage({ to: 'worker' })) })],
  ['fenced', () => ({ lease: { address: 'client/refused', worker: 'nobody', epoch: 3 } })],
]

test('a refused write takes no position, whatever it was refused for', async (t) => {
  const store = openSqlite('sqlite::memory:')
  t.after(() => store.close())
  const space = await store.space('team', { record: fakeRecord('@owner', EMPTY) })
  assert.ok(space !== undefined)
  const used = fakeMessage({ to: 'reviewer', key: 'used' })
  await space.commit([fakeWrite(fakeRecord('client/one', EMPTY), { messages: [used] })], LIMITS)

  for (const [index, [type, given]] of REFUSED.entries()) {
    const good = fakeWrite(fakeRecord(`client/good${index}`, EMPTY))
    const outcomes = await space.commit(
      [fakeWrite(fakeRecord('client/refused', EMPTY), given()), good],
      LIMITS,
    )
    assert.deepEqual(
      outcomes.map((outcome) => outcome.type),
      [type, 'accepted'],
    )
    assert.deepEqual(outcomes[1], { type: 'accepted', position: index + 2, cancelled: [] })
  }
  const positions = (await space.records(0, 100)).map((record) => record.position)
  assert.deepEqual(positions, [...positions.keys()])
})

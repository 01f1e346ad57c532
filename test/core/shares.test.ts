import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Shares } from '../../src/core/shares.ts'
import type { Peer } from '../../src/core/shares.ts'

const peers = (count: number, agents: readonly string[] = ['a']): readonly Peer[] =>
  Array.from({ length: count }, (_, n) => ({ id: `w_${n}`, agents }))

const addresses = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `a/${n}`)

function counts(shares: Shares, of: readonly string[]): ReadonlyMap<string | undefined, number> {
  const found = new Map<string | undefined, number>()
  for (const address of of) {
    const owner = shares.ownerOf(address)
    found.set(owner, (found.get(owner) ?? 0) + 1)
  }
  return found
}

for (const [count, off] of [
  [2, 0.05],
  [3, 0.05],
  [4, 0.1],
  [20, 0.2],
] as const) {
  test(`${count} workers have equal shares of 10,000 addresses, give or take ${off * 100} %`, () => {
    const found = counts(new Shares(peers(count)), addresses(10_000))
    assert.equal(found.size, count)
    for (const [owner, has] of found)
      assert.ok(Math.abs(has / (10_000 / count) - 1) <= off, `${String(owner)} has ${has}`)
  })
}

test('a worker that joins takes its share from all others, and nothing else moves', () => {
  const [before, after] = [new Shares(peers(4)), new Shares(peers(5))]
  const moved = addresses(10_000).filter((address) => before.ownerOf(address) !== after.ownerOf(address))
  assert.deepEqual(new Set(moved.map((address) => after.ownerOf(address))), new Set(['w_4']))
  assert.ok(Math.abs(moved.length / 2_000 - 1) < 0.1, `${moved.length} moved`)
  for (const [owner, lost] of counts(before, moved))
    assert.ok(Math.abs(lost / 500 - 1) < 0.25, `${owner} ${lost}`)
})

test('what a dead worker had is spread over all others', () => {
  const [before, after] = [new Shares(peers(5)), new Shares(peers(4))]
  const orphans = addresses(10_000).filter((address) => before.ownerOf(address) === 'w_4')
  for (const [owner, got] of counts(after, orphans))
    assert.ok(Math.abs(got / (orphans.length / 4) - 1) < 0.25, `${String(owner)} got ${got}`)
})

test('an address falls only to a worker that runs its agent', () => {
  const shares = new Shares([
    { id: 'one', agents: ['a', 'b'] },
    { id: 'two', agents: ['b'] },
  ])
  for (const address of addresses(50)) assert.equal(shares.ownerOf(address), 'one')
  assert.deepEqual(
    new Set(Array.from({ length: 50 }, (_, n) => shares.ownerOf(`b/${n}`))),
    new Set(['one', 'two']),
  )
  assert.equal(shares.ownerOf('c'), undefined)
})

test('all workers answer the same, in whatever order they know each other', () => {
  const list = peers(7)
  const [one, other] = [new Shares(list), new Shares(list.toReversed())]
  assert.equal(one.key, other.key)
  assert.notEqual(one.key, new Shares(peers(6)).key)
  assert.notEqual(one.key, new Shares(peers(7, ['a', 'b'])).key)
  for (const address of addresses(200)) assert.equal(one.ownerOf(address), other.ownerOf(address))
})

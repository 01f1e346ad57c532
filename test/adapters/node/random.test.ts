import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '../../../src/adapters/node/random.ts'

test('gives as many bytes as it is asked for, less and more than the pool holds', () => {
  for (const count of [0, 1, 10, 32, 8191, 8192, 8193, 100_000]) {
    assert.equal(systemRandom.bytes(count).length, count)
  }
})

test('gives no bytes twice, across the edges of the pool', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 5_000; i++) seen.add(Buffer.from(systemRandom.bytes(10)).toString('hex'))
  assert.equal(seen.size, 5_000)
})

test('gives bytes that are the caller’s own', () => {
  const first = systemRandom.bytes(16)
  const copy = Uint8Array.from(first)
  systemRandom.bytes(16).fill(0)
  assert.deepEqual(first, copy)
})

test('uses every bit', () => {
  let seen = 0
  for (const byte of systemRandom.bytes(1000)) seen |= byte
  assert.equal(seen, 255)
  let missing = 255
  for (const byte of systemRandom.bytes(1000)) missing &= byte
  assert.equal(missing, 0)
})

test('gives numbers in [0, 1) with the mean and the spread of an even distribution', () => {
  const count = 20_000
  let sum = 0
  let squares = 0
  for (let i = 0; i < count; i++) {
    const number = systemRandom.number()
    assert.ok(number >= 0 && number < 1)
    sum += number
    squares += number * number
  }
  // Both bounds are more than seven standard deviations away: they do not fail by chance.
  assert.ok(Math.abs(sum / count - 1 / 2) < 0.015)
  assert.ok(Math.abs(squares / count - 1 / 3) < 0.016)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { HashColumn } from '../../src/log/hash-column.ts'

test('gives back every hash that was pushed, in order, far beyond its first capacity', () => {
  const column = new HashColumn()
  const hashes = Array.from({ length: 2_000 }, (_, index) => crypto.sha256(`${index}`))
  for (const [index, hash] of hashes.entries()) {
    assert.equal(column.length, index)
    assert.equal(column.push(hash), index)
  }
  assert.equal(column.length, 2_000)
  assert.deepEqual(
    hashes.map((_, index) => column.at(index)),
    hashes,
  )
})

test('has nothing before its first hash and behind its last', () => {
  const column = new HashColumn()
  assert.equal(column.at(0), '')
  const hash = crypto.sha256('x')
  column.push(hash)
  assert.deepEqual([column.at(-1), column.at(0), column.at(1)], ['', hash, ''])
})

test('refuses what is no hash, and keeps its place', () => {
  const column = new HashColumn()
  const hash = crypto.sha256('x')
  for (const wrong of ['', hash.slice(1), `${hash}0`, hash.toUpperCase(), 'x'.repeat(64)]) {
    assert.throws(() => column.push(wrong), RangeError)
  }
  assert.equal(column.push(hash), 0)
  assert.equal(column.at(0), hash)
})

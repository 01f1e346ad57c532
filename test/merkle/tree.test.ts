import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { inclusionPaths, leafHash, merkleRoot, rootFromPath } from '../../src/merkle/tree.ts'

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

// The reference vectors of google/certificate-transparency: eight leaves, and the roots of the trees over
// none of them, the first, the first two, and so on.
const LEAVES = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
]
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
] as const
const PATHS: [leaf: number, size: number, path: string[]][] = [
  [0, 1, []],
  [
    0,
    8,
    [
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ],
  ],
  [
    5,
    8,
    [
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ],
  ],
  [2, 3, ['fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125']],
  [
    1,
    5,
    [
      '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      'bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b',
    ],
  ],
]

const hashes = LEAVES.map((hex) => leafHash(sha256, Buffer.from(hex, 'hex')))
const numbered = (size: number): string[] =>
  Array.from({ length: size }, (_, i) => leafHash(sha256, `leaf ${i}`))
const node = (left: string, right: string): string => sha256(Buffer.from(`01${left}${right}`, 'hex'))

/** The oracle: the recursive definitions of RFC 6962 sections 2.1 and 2.1.1, word for word. */
function naiveRoot(leaves: readonly string[]): string {
  const [first] = leaves
  if (first === undefined) return sha256(new Uint8Array(0))
  if (leaves.length === 1) return first
  const split = splitOf(leaves.length)
  return node(naiveRoot(leaves.slice(0, split)), naiveRoot(leaves.slice(split)))
}

function naivePath(index: number, leaves: readonly string[]): string[] {
  if (leaves.length <= 1) return []
  const split = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)]
  if (index < split) return [...naivePath(index, left), naiveRoot(right)]
  return [...naivePath(index - split, right), naiveRoot(left)]
}

function splitOf(size: number): number {
  let split = 1
  while (split * 2 < size) split *= 2
  return split
}

/** A place in a tree of at most 70 leaves. */
const place = fc
  .integer({ min: 1, max: 70 })
  .chain((size) => fc.tuple(fc.constant(size), fc.nat({ max: size - 1 })))

describe('the Merkle tree', () => {
  it('gives the reference roots of every size from 0 to 8', () => {
    for (const [size, root] of ROOTS.entries()) assert.equal(merkleRoot(sha256, hashes.slice(0, size)), root)
  })

  it('gives the reference audit paths, and leads them back to the reference roots', () => {
    for (const [leaf, size, path] of PATHS) {
      assert.deepEqual(inclusionPaths(sha256, hashes.slice(0, size))[leaf], path)
      assert.equal(rootFromPath(sha256, hashes[leaf] ?? '', leaf, size, path), ROOTS[size])
    }
  })

  it('hashes a string as its UTF-8 bytes behind a zero byte', () => {
    assert.equal(leafHash(sha256, 'h\u00e9'), sha256(Buffer.from('0068c3a9', 'hex')))
    assert.equal(leafHash(sha256, 'h\u00e9'), leafHash(sha256, Buffer.from('h\u00e9')))
  })

  it('agrees with the recursive definition at every size up to 70', () => {
    for (let size = 0; size <= 70; size++) {
      const leaves = numbered(size)
      assert.equal(merkleRoot(sha256, leaves), naiveRoot(leaves))
      assert.deepEqual(
        inclusionPaths(sha256, leaves),
        leaves.map((_, index) => naivePath(index, leaves)),
      )
    }
  })

  it('leads every path of a batch of 512 and of 511 to the root', () => {
    for (const size of [511, 512]) {
      const leaves = numbered(size)
      const root = merkleRoot(sha256, leaves)
      for (const [index, path] of inclusionPaths(sha256, leaves).entries()) {
        assert.equal(rootFromPath(sha256, leaves[index] ?? '', index, size, path), root)
      }
    }
  })

  it('leads no path to the root from another index, leaf or changed path', () => {
    const wrong = fc.tuple(place, fc.nat({ max: 69 }), fc.nat())
    fc.assert(
      fc.property(wrong, ([[size, index], otherIndex, seed]) => {
        const leaves = numbered(size)
        const root = merkleRoot(sha256, leaves)
        const path = inclusionPaths(sha256, leaves)[index] ?? []
        const leaf = leaves[index] ?? ''
        const reaches = (...claim: [string, number, readonly string[]]): boolean =>
          rootFromPath(sha256, claim[0], claim[1], size, claim[2]) === root
        assert.ok(reaches(leaf, index, path))
        if (otherIndex !== index) assert.ok(!reaches(leaf, otherIndex, path))
        assert.ok(!reaches(leafHash(sha256, 'another'), index, path))
        assert.ok(!reaches(leaf, index, [...path, leaf]))
        if (path.length === 0) return
        const at = seed % path.length
        assert.ok(!reaches(leaf, index, path.toSpliced(at, 1)))
        assert.ok(!reaches(leaf, index, path.with(at, leafHash(sha256, 'another'))))
      }),
    )
  })

  it('calls a path of the wrong length undefined, whatever is in it', () => {
    fc.assert(
      fc.property(place, fc.nat({ max: 12 }), ([size, index], length) => {
        const leaves = numbered(size)
        const fits = (inclusionPaths(sha256, leaves)[index] ?? []).length === length
        const path = numbered(length)
        assert.equal(rootFromPath(sha256, leaves[index] ?? '', index, size, path) !== undefined, fits)
      }),
    )
  })

  it('calls an index or a size that makes no sense undefined', () => {
    const leaf = leafHash(sha256, 'x')
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 1],
      [0.5, 1],
      [0, 1.5],
      [NaN, 1],
      [0, NaN],
      [0, Infinity],
      [0, 2 ** 53],
    ]) {
      assert.equal(rootFromPath(sha256, leaf, index ?? 0, size ?? 0, []), undefined, `${index} of ${size}`)
    }
  })

  it('follows the path of a tree with more than 2^32 leaves', () => {
    const size = 2 ** 40
    const index = 2 ** 33 + 5
    const path = numbered(40)
    let expected = leafHash(sha256, 'x')
    for (const [level, sibling] of path.entries()) {
      const isRight = Math.floor(index / 2 ** level) % 2 === 1
      expected = isRight ? node(sibling, expected) : node(expected, sibling)
    }
    assert.equal(rootFromPath(sha256, leafHash(sha256, 'x'), index, size, path), expected)
  })

  it('calls hashes that are not 64 lower-case hexadecimal digits undefined', () => {
    const [leaf, sibling] = [leafHash(sha256, 'x'), leafHash(sha256, 'y')]
    for (const bad of [
      '',
      sibling.slice(2),
      `${sibling}00`,
      sibling.toUpperCase(),
      `zz${sibling.slice(2)}`,
      `${sibling.slice(1)}\n`,
    ]) {
      assert.equal(rootFromPath(sha256, leaf, 0, 2, [bad]), undefined)
      assert.equal(rootFromPath(sha256, bad, 0, 2, [sibling]), undefined)
    }
  })

  it('refuses to build a tree over leaves that are not hashes', () => {
    const invalid = { code: 'COTERIE_INVALID_PAYLOAD' }
    const good = leafHash(sha256, 'x')
    for (const bad of ['', 'abc', `${good}00`, good.toUpperCase().replaceAll(/[0-9]/g, 'A')]) {
      assert.throws(() => merkleRoot(sha256, [good, bad]), invalid)
      assert.throws(() => inclusionPaths(sha256, [bad, good]), invalid)
    }
  })

  it('never takes an inner node for a leaf', () => {
    const leaves = numbered(2)
    const asLeaf = leafHash(sha256, Buffer.from(leaves.join(''), 'hex'))
    assert.notEqual(merkleRoot(sha256, leaves), asLeaf)
  })
})

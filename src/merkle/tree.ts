import { concat, decodeHexInto, utf8 } from '../core/bytes.ts'
import { CoterieError } from '../core/errors.ts'

/** SHA-256 of bytes, as 64 lower-case hexadecimal digits. */
export type Sha256 = (data: Uint8Array) => string

// RFC 6962 section 2.1: different first bytes, so that an inner node can never pass for a leaf.
const LEAF_PREFIX = 0
const NODE_PREFIX = 1
const HASH_TEXT = /^[0-9a-f]{64}$/

/** The hash of one leaf, SHA-256(0x00 || data), in hex (RFC 6962 section 2.1). A string is UTF-8. */
export function leafHash(sha256: Sha256, data: Uint8Array | string): string {
  const bytes = typeof data === 'string' ? utf8(data) : data
  return sha256(concat(Uint8Array.of(LEAF_PREFIX), bytes))
}

/** The Merkle Tree Hash of the leaves, in hex (RFC 6962 section 2.1); of no leaves, SHA-256(""). */
export function merkleRoot(sha256: Sha256, leaves: readonly string[]): string {
  const top = treeLevels(sha256, leaves).at(-1)
  return top?.[0] ?? sha256(new Uint8Array(0))
}

/**
 * The audit path of every leaf, from the leaf's sibling upwards, in hex (RFC 6962 section 2.1.1).
 * The tree is hashed once; a path is then only a walk through its levels.
 */
export function inclusionPaths(sha256: Sha256, leaves: readonly string[]): string[][] {
  const levels = treeLevels(sha256, leaves)
  return leaves.map((_, leaf) => {
    const path: string[] = []
    let index = leaf
    for (const level of levels) {
      const sibling = level[index ^ 1]
      // The last node of an odd level has no sibling: it stands for itself one level up.
      if (sibling !== undefined) path.push(sibling)
      index >>>= 1
    }
    return path
  })
}

/**
 * The root that an audit path leads to (RFC 9162 section 2.1.3.2); the caller compares it with the
 * root that it trusts. Undefined when the path does not fit the index and the size, or when a hash is
 * not 64 lower-case hexadecimal digits: a proof comes from strangers, so a bad one is no exception.
 */
export function rootFromPath(
  sha256: Sha256,
  leaf: string,
  index: number,
  size: number,
  path: readonly string[],
): string | undefined {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size)) return undefined
  if (index < 0 || index >= size || !HASH_TEXT.test(leaf)) return undefined
  // A batch of one, as most are when many agents act at once.
  if (path.length === 0) return size === 1 ? leaf : undefined
  const node = nodeBuffer()
  // `at` and `last` are fn and sn of the RFC. Sizes may exceed 32 bits: no bit operators here.
  let at = index
  let last = size - 1
  let root = leaf
  for (const sibling of path) {
    if (last === 0 || !HASH_TEXT.test(sibling)) return undefined
    if (at % 2 === 1 || at === last) {
      root = nodeHash(sha256, node, sibling, root)
      while (at % 2 === 0 && at !== 0) {
        at /= 2
        last = Math.floor(last / 2)
      }
    } else {
      root = nodeHash(sha256, node, root, sibling)
    }
    at = Math.floor(at / 2)
    last = Math.floor(last / 2)
  }
  return last === 0 ? root : undefined
}

// The levels from the leaves to the root. Carrying the odd last node up unchanged gives the same tree
// as the RFC's split at the largest power of two, without the recursion.
function treeLevels(sha256: Sha256, leaves: readonly string[]): readonly (readonly string[])[] {
  if (leaves.length < 2) return leaves.length === 0 ? [] : [leaves]
  const levels: (readonly string[])[] = [leaves]
  const node = nodeBuffer()
  let level = leaves
  while (level.length > 1) {
    const above: string[] = []
    for (let i = 0; i < level.length; i += 2) {
      const left = level[i] ?? ''
      const right = level[i + 1]
      above.push(right === undefined ? left : nodeHash(sha256, node, left, right))
    }
    levels.push(above)
    level = above
  }
  return levels
}

function nodeBuffer(): Uint8Array {
  const node = new Uint8Array(65)
  node[0] = NODE_PREFIX
  return node
}

// The buffer is reused from node to node: sha256 returns a string, so it cannot have kept it.
function nodeHash(sha256: Sha256, node: Uint8Array, left: string, right: string): string {
  const fits = left.length === 64 && right.length === 64
  if (!fits || !decodeHexInto(node, 1, left) || !decodeHexInto(node, 33, right)) {
    throw new CoterieError('COTERIE_INVALID_PAYLOAD', 'A Merkle leaf is not a SHA-256 in lower-case hex.')
  }
  return sha256(node)
}

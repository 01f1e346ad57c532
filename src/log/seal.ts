import { utf8 } from '../core/bytes.ts'
import { CoterieError } from '../core/errors.ts'
import { recordText, type RecordBody, type RecordProof } from '../core/record.ts'
import { inclusionPaths, rootFromPath } from '../merkle/tree.ts'
import type { Crypto, KeyPair } from '../ports/crypto.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from './dsse.ts'

/** How many verified roots a {@link SignatureCache} remembers: about 300 bytes each. */
const SIGNATURES_REMEMBERED_MAX = 4096

/** A record's canonical text, and its RFC 6962 leaf hash: the `prev` of the author's next record. */
export interface HashedRecord {
  readonly text: string
  readonly hash: string
}

/** Which signatures were found valid, so that the records of one batch cost one verification. */
export interface SignatureCache {
  has(publicKey: string, root: string, signature: string): boolean
  add(publicKey: string, root: string, signature: string): void
}

/**
 * The text and the hash of a record. `prev` of the next body of the same author is this hash, so the bodies
 * of a batch are hashed one after the other, and signed together by {@link signBatch}.
 */
export function hashRecord(crypto: Crypto, body: RecordBody): HashedRecord {
  const text = recordText(body)
  return { text, hash: recordHash(crypto, text) }
}

/**
 * The RFC 6962 leaf hash of a record's text. Hashed as one string, U+0000 being the byte 0 of a leaf: 0.8 us
 * for 800 characters instead of 4 us by `leafHash`. A test holds both equal.
 */
export function recordHash(crypto: Crypto, text: string): string {
  return crypto.sha256(`\0${text}`)
}

/**
 * The proofs of a batch, one for each record in the same order. The records of one key share one signature
 * over the Merkle root of their hashes, in the order given. Measured for each record with one key: 46 us
 * alone, 6.4 us in a batch of 8, 1.5 us of 64, 0.9 us of 512.
 */
export function signBatch(
  crypto: Crypto,
  items: readonly { readonly hash: string; readonly key: KeyPair }[],
): RecordProof[] {
  const groups = new Map<string, { key: KeyPair; hashes: string[] }>()
  const places = items.map(({ hash, key }) => {
    let group = groups.get(key.id)
    if (group === undefined) groups.set(key.id, (group = { key, hashes: [] }))
    return { group: key.id, index: group.hashes.push(hash) - 1 }
  })
  const proofs = new Map<string, readonly RecordProof[]>()
  for (const [id, { key, hashes }] of groups) proofs.set(id, proofsOf(crypto, key, hashes))
  return places.flatMap(({ group, index }) => proofs.get(group)?.[index] ?? [])
}

/**
 * Whether a proof holds: the audit path leads from the hash to a root that the key has signed. It accepts
 * hostile input and never throws. The answer does not depend on the cache, which only saves time: in a batch
 * of 512 a proof costs 11 us with it and 120 us without.
 */
export function verifyProof(
  crypto: Crypto,
  hash: string,
  proof: RecordProof,
  publicKey: string,
  cache?: SignatureCache,
): boolean {
  const root = rootFromPath((data) => crypto.sha256(data), hash, proof.index, proof.size, proof.path)
  if (root === undefined) return false
  if (cache?.has(publicKey, root, proof.signature) === true) return true
  if (!crypto.verify(publicKey, rootBytes(root), proof.signature)) return false
  cache?.add(publicKey, root, proof.signature)
  return true
}

/** A cache that forgets the oldest entry when it holds `limit`. */
export function createSignatureCache(limit: number = SIGNATURES_REMEMBERED_MAX): SignatureCache {
  const valid = new Set<string>()
  // The signature is part of the name: a root that was once signed does not vouch for another signature.
  const nameOf = (publicKey: string, root: string, signature: string): string =>
    `${publicKey} ${root} ${signature}`
  return {
    has: (publicKey, root, signature) => valid.has(nameOf(publicKey, root, signature)),
    add(publicKey, root, signature) {
      if (valid.size >= limit) {
        for (const oldest of valid) {
          valid.delete(oldest)
          break
        }
      }
      valid.add(nameOf(publicKey, root, signature))
    },
  }
}

function proofsOf(crypto: Crypto, key: KeyPair, hashes: readonly string[]): RecordProof[] {
  const sha256 = (data: Uint8Array): string => crypto.sha256(data)
  const paths = inclusionPaths(sha256, hashes)
  const size = hashes.length
  // The paths cost a whole tree; the root is then the end of any of them, and needs no second tree.
  const root = rootFromPath(sha256, hashes[0] ?? '', 0, size, paths[0] ?? [])
  if (root === undefined)
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'A record hash is not SHA-256 in hex.')
  const signature = crypto.sign(key.privateKey, rootBytes(root))
  return paths.map((path, index) => ({ index, size, path, signature }))
}

function rootBytes(root: string): Uint8Array {
  return preAuthEncoding(PAYLOAD_TYPES.records, utf8(root))
}

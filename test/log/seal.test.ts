import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { recordText, type RecordBody, type RecordProof } from '../../src/core/record.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'
import { createSignatureCache, hashRecord, recordHash, signBatch, verifyProof } from '../../src/log/seal.ts'
import { leafHash, merkleRoot } from '../../src/merkle/tree.ts'
import type { Crypto } from '../../src/ports/crypto.ts'
import { keyPairOf } from '../helpers/keys.ts'

const alice = keyPairOf('alice')
const bob = keyPairOf('bob')
const sha256 = (data: Uint8Array | string): string => crypto.sha256(data)
const hashes = Array.from({ length: 13 }, (_, index) => crypto.sha256(`record ${index}`))

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  assert.ok(item !== undefined)
  return item
}

/** Counts the verifications. */
function counting(): { readonly crypto: Crypto; readonly count: () => number } {
  let count = 0
  const verify: Crypto['verify'] = (...values) => {
    count += 1
    return crypto.verify(...values)
  }
  return { crypto: { ...crypto, verify }, count: () => count }
}

suite('the hash of a record', () => {
  test('is the RFC 6962 leaf hash of its canonical text, whatever characters that has', () => {
    for (const author of ['alice', 'alice/é', 'alice/\u{1f600}', `alice/${'x'.repeat(200)}`]) {
      const body: RecordBody = { at: 1, author, key: 'k', kind: 'send', prev: '', seq: 0, space: 's', v: 1 }
      const { text, hash } = hashRecord(crypto, body)
      assert.equal(text, recordText(body))
      assert.equal(hash, leafHash(sha256, utf8(text)))
    }
    for (const text of ['', '\0', '\u{10ffff}'])
      assert.equal(recordHash(crypto, text), leafHash(sha256, utf8(text)))
  })
})

suite('a batch', () => {
  test('of one record has an empty path, and a signature over the hash itself', () => {
    const hash = at(hashes, 0)
    const [proof] = signBatch(crypto, [{ hash, key: alice }])
    assert.deepEqual({ ...proof, signature: '' }, { index: 0, size: 1, path: [], signature: '' })
    const signed = preAuthEncoding(PAYLOAD_TYPES.records, utf8(hash))
    assert.equal(crypto.verify(alice.publicKey, signed, proof?.signature ?? ''), true)
  })

  test('of none has no proof', () => {
    assert.deepEqual(signBatch(crypto, []), [])
  })

  test('has one signature for each key, over the root of that key’s hashes in the order given', () => {
    let signatures = 0
    const sign: Crypto['sign'] = (...values) => {
      signatures += 1
      return crypto.sign(...values)
    }
    const items = hashes.map((hash, index) => ({ hash, key: index % 3 === 0 ? bob : alice }))
    const proofs = signBatch({ ...crypto, sign }, items)
    assert.equal(signatures, 2)
    for (const key of [alice, bob]) {
      const mine = items
        .map((item, index) => ({ ...item, proof: at(proofs, index) }))
        .filter((item) => item.key === key)
      const root = merkleRoot(
        sha256,
        mine.map(({ hash }) => hash),
      )
      const signature = crypto.sign(key.privateKey, preAuthEncoding(PAYLOAD_TYPES.records, utf8(root)))
      mine.forEach(({ hash, proof }, index) => {
        assert.deepEqual([proof.index, proof.size, proof.signature], [index, mine.length, signature])
        assert.equal(verifyProof(crypto, hash, proof, key.publicKey), true)
      })
    }
  })

  test('of every size up to 40 verifies, each record with its own proof and with no other', () => {
    for (let size = 1; size <= 40; size++) {
      const items = Array.from({ length: size }, (_, index) => ({
        hash: crypto.sha256(`${size} ${index}`),
        key: alice,
      }))
      const proofs = signBatch(crypto, items)
      const cache = createSignatureCache()
      items.forEach(({ hash }, index) => {
        proofs.forEach((proof, other) => {
          assert.equal(verifyProof(crypto, hash, proof, alice.publicKey, cache), index === other)
        })
      })
    }
  })

  test('with a hash that is none is not signed', () => {
    for (const hash of ['', 'x'.repeat(64), at(hashes, 0).toUpperCase(), `${at(hashes, 0)}0`]) {
      assert.throws(() => signBatch(crypto, [{ hash, key: alice }]), { name: 'CoterieError' })
      assert.throws(
        () =>
          signBatch(crypto, [
            { hash: at(hashes, 1), key: alice },
            { hash, key: alice },
          ]),
        {
          name: 'CoterieError',
        },
      )
    }
  })
})

suite('a proof is refused', () => {
  const proofs = signBatch(
    crypto,
    hashes.map((hash) => ({ hash, key: alice })),
  )
  const hash = at(hashes, 6)
  const proof = at(proofs, 6)
  const refuse = (change: Partial<RecordProof>, of = hash, publicKey = alice.publicKey): void => {
    assert.equal(verifyProof(crypto, of, { ...proof, ...change }, publicKey), false)
  }

  test('for any other hash, key, index or size', () => {
    assert.equal(verifyProof(crypto, hash, proof, alice.publicKey), true)
    for (const other of hashes) if (other !== hash) refuse({}, other)
    refuse({}, hash, bob.publicKey)
    for (const index of [-1, 0, 5, 7, 12, 13, 6.5, Number.NaN, 6 + 2 ** 32]) refuse({ index })
    // Sizes between 9 and 16 have the same shape above the seventh leaf; the path's length tells the others.
    for (const size of [-1, 0, 1, 6, 7, 8, 17, 26, 13.5]) refuse({ size })
  })

  test('with a step of the path changed, left out, added or in another place', () => {
    const { path } = proof
    for (let step = 0; step < path.length; step++) {
      refuse({ path: path.with(step, crypto.sha256('other')) })
      refuse({ path: path.toSpliced(step, 1) })
      refuse({ path: path.toSpliced(step, 0, hash) })
      refuse({ path: path.with(step, at(path, step).toUpperCase()) })
      refuse({ path: path.with(step, '') })
    }
    refuse({ path: path.toReversed() })
    refuse({ path: [...path, crypto.sha256('other')] })
    refuse({ path: [] })
  })

  test('with the signature of another batch, of another kind of object, or of the bare root', () => {
    const other = signBatch(crypto, [{ hash, key: alice }])
    refuse({ signature: at(other, 0).signature })
    const root = merkleRoot(sha256, hashes)
    for (const bytes of [utf8(root), preAuthEncoding(PAYLOAD_TYPES.journal, utf8(root))]) {
      refuse({ signature: crypto.sign(alice.privateKey, bytes) })
    }
    refuse({ signature: '' })
  })
})

suite('the cache of signatures', () => {
  const proofs = signBatch(
    crypto,
    hashes.map((hash) => ({ hash, key: alice })),
  )

  test('makes a batch cost one verification', () => {
    const counted = counting()
    const cache = createSignatureCache()
    hashes.forEach((hash, index) => {
      assert.equal(verifyProof(counted.crypto, hash, at(proofs, index), alice.publicKey, cache), true)
    })
    assert.equal(counted.count(), 1)
  })

  test('lets no signature and no key pass that would not pass without it', () => {
    const cache = createSignatureCache()
    const proof = at(proofs, 0)
    const hash = at(hashes, 0)
    assert.equal(verifyProof(crypto, hash, proof, alice.publicKey, cache), true)
    const forged = { ...proof, signature: at(signBatch(crypto, [{ hash, key: alice }]), 0).signature }
    assert.equal(verifyProof(crypto, hash, forged, alice.publicKey, cache), false)
    assert.equal(verifyProof(crypto, hash, proof, bob.publicKey, cache), false)
    assert.equal(verifyProof(crypto, at(hashes, 1), proof, alice.publicKey, cache), false)
  })

  test('remembers no refusal as a success', () => {
    const cache = createSignatureCache()
    const forged = { ...at(proofs, 0), signature: 'A'.repeat(86) }
    for (let i = 0; i < 2; i++) {
      assert.equal(verifyProof(crypto, at(hashes, 0), forged, alice.publicKey, cache), false)
    }
  })

  test('forgets the oldest when it is full', () => {
    const cache = createSignatureCache(2)
    for (const root of ['a', 'b', 'c']) cache.add('key', root, 's')
    assert.deepEqual(
      ['a', 'b', 'c'].map((root) => cache.has('key', root, 's')),
      [false, true, true],
    )
  })
})

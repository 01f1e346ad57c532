import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import { suite, test } from 'node:test'
import { nodeCrypto as crypto } from '../../../src/adapters/node/crypto.ts'
import { isSafePoint } from '../../../src/adapters/node/ed25519-point.ts'
import { utf8 } from '../../../src/core/bytes.ts'
import { keyPairOf } from '../../helpers/keys.ts'

// The order of the group of edwards25519 (RFC 8032 section 5.1), least byte first.
const ORDER = (1n << 252n) + 27742317777372353535851937790883648493n
const PRIME = (1n << 255n) - 19n

const data = utf8('what is signed')
const pair = keyPairOf('somebody')
const signature = crypto.sign(pair.privateKey, data)

function encode(value: bigint, bytes = 32): Buffer {
  return Buffer.from(Buffer.from(value.toString(16).padStart(bytes * 2, '0'), 'hex').toReversed())
}

function decode(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes.toReversed()).toString('hex')}`)
}

suite('sha256', () => {
  test('gives the digest of FIPS 180-4 for "abc", as text and as bytes', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
    assert.equal(crypto.sha256('abc'), expected)
    assert.equal(crypto.sha256(utf8('abc')), expected)
  })

  test('hashes text as UTF-8', () => {
    assert.equal(crypto.sha256('e\u0301\u{1f600}'), crypto.sha256(utf8('e\u0301\u{1f600}')))
  })
})

suite('Ed25519', () => {
  // RFC 8032 section 7.1, tests 1 to 3.
  const vectors = [
    {
      seed: '9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
      publicKey: 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
      message: '',
      signature:
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
        '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    },
    {
      seed: '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
      publicKey: '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
      message: '72',
      signature:
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da' +
        '085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    },
    {
      seed: 'c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7',
      publicKey: 'fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025',
      message: 'af82',
      signature:
        '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac' +
        '18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a',
    },
  ]

  for (const [index, vector] of vectors.entries()) {
    test(`signs and verifies test ${index + 1} of RFC 8032`, () => {
      const made = crypto.keyPair(Buffer.from(vector.seed, 'hex'))
      const message = Buffer.from(vector.message, 'hex')
      assert.equal(Buffer.from(made.publicKey, 'base64url').toString('hex'), vector.publicKey)
      const signed = crypto.sign(made.privateKey, message)
      assert.equal(Buffer.from(signed, 'base64url').toString('hex'), vector.signature)
      assert.equal(crypto.verify(made.publicKey, message, signed), true)
    })
  }

  test('names a key by the first 40 digits of the hash of its raw bytes', () => {
    const raw = Buffer.from(pair.publicKey, 'base64url')
    assert.equal(raw.length, 32)
    assert.equal(pair.id, crypto.sha256(raw).slice(0, 40))
  })

  test('makes no key from a seed of another length', () => {
    for (const length of [0, 31, 33]) {
      assert.throws(() => crypto.keyPair(new Uint8Array(length)), { code: 'COTERIE_INVALID_ARGUMENT' })
    }
  })

  test('signs with no key that it did not make', () => {
    assert.throws(() => crypto.sign({ type: 'private-key' }, data), { code: 'COTERIE_INVALID_ARGUMENT' })
  })

  test('shows nothing of the private key', () => {
    const seed = Buffer.from(crypto.sha256('somebody'), 'hex')
    const shown = inspect(pair, { depth: 9, showHidden: true }) + JSON.stringify(pair)
    for (const encoding of ['hex', 'base64', 'base64url'] as const) {
      assert.ok(!shown.includes(seed.toString(encoding)))
    }
  })
})

suite('verify refuses', () => {
  test('other data, another key, and a signature with any one bit changed', () => {
    assert.equal(crypto.verify(pair.publicKey, data, signature), true)
    assert.equal(crypto.verify(pair.publicKey, utf8('what is Signed'), signature), false)
    assert.equal(crypto.verify(keyPairOf('another').publicKey, data, signature), false)
    for (let bit = 0; bit < 512; bit++) {
      const flipped = Buffer.from(signature, 'base64url')
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      assert.equal(crypto.verify(pair.publicKey, data, flipped.toString('base64url')), false, `bit ${bit}`)
    }
  })

  test('every spelling of the signature but one', () => {
    const bytes = Buffer.from(signature, 'base64url')
    const spellings = [
      `${signature}==`,
      ` ${signature}`,
      `${signature}\n`,
      bytes.toString('base64'),
      bytes.toString('hex'),
      // The last character holds four bits that mean nothing: 15 other spellings.
      ...[...'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_']
        .map((last) => signature.slice(0, -1) + last)
        .filter((text) => text !== signature && Buffer.from(text, 'base64url').equals(bytes)),
    ]
    assert.equal(spellings.length, 20)
    for (const text of spellings) assert.equal(crypto.verify(pair.publicKey, data, text), false, text)
  })

  test('a signature and a key that is too short or too long', () => {
    const bytes = Buffer.from(signature, 'base64url')
    const raw = Buffer.from(pair.publicKey, 'base64url')
    for (const other of [bytes.subarray(0, 63), Buffer.concat([bytes, Buffer.of(0)]), Buffer.alloc(0)]) {
      assert.equal(crypto.verify(pair.publicKey, data, other.toString('base64url')), false)
    }
    for (const other of [raw.subarray(0, 31), Buffer.concat([raw, Buffer.of(0)]), Buffer.alloc(0)]) {
      assert.equal(crypto.verify(other.toString('base64url'), data, signature), false)
    }
  })

  test('the same signature with S + L, which is the same number to a careless verifier', () => {
    const bytes = Buffer.from(signature, 'base64url')
    const scalar = decode(bytes.subarray(32))
    assert.ok(scalar < ORDER)
    const forged = Buffer.concat([bytes.subarray(0, 32), encode(scalar + ORDER)])
    assert.equal(crypto.verify(pair.publicKey, data, forged.toString('base64url')), false)
  })

  test('the eight keys of small order, whose signatures fit any data', () => {
    const orderEight = [
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
    ].map((hex) => Buffer.from(hex, 'hex'))
    const points = [encode(0n), encode(1n), encode(PRIME - 1n), ...orderEight].flatMap((point) => {
      const negative = Buffer.from(point)
      negative[31] = (negative[31] ?? 0) | 0x80
      return [point, negative]
    })
    // With R the neutral element and S = 0, a verifier that takes such a key accepts about one text in eight.
    const forged = Buffer.concat([encode(1n), encode(0n)]).toString('base64url')
    for (const point of points) {
      assert.equal(isSafePoint(point), false, point.toString('hex'))
      for (let text = 0; text < 64; text++) {
        assert.equal(crypto.verify(point.toString('base64url'), utf8(`text ${text}`), forged), false)
      }
    }
  })

  test('a key whose y is not below the prime', () => {
    // 2^255 - 18 is 1 by another name, and 2^255 - 1 is 18 by another name.
    for (let y = PRIME; y < 1n << 255n; y++) {
      for (const sign of [0n, 1n << 255n]) {
        assert.equal(isSafePoint(encode(y + sign)), false)
        assert.equal(crypto.verify(encode(y + sign).toString('base64url'), data, signature), false)
      }
    }
  })

  test('none of the keys beside them', () => {
    // 2 and -2 are no points at all, which OpenSSL finds; here it matters that the limits are where they should be.
    const top = (1n << 255n) - 1n
    for (const y of [2n, PRIME - 2n, 1n << 254n, top - (1n << 8n), top - (1n << 100n), top - (1n << 240n)]) {
      assert.equal(isSafePoint(encode(y)), true)
      assert.equal(isSafePoint(encode(y + (1n << 255n))), true)
    }
  })

  test('what is not text, without an exception', () => {
    const verify = (...[key, bytes, text]: unknown[]): boolean =>
      crypto.verify(key as string, bytes as Uint8Array, text as string)
    for (const wrong of [
      undefined,
      null,
      0,
      {},
      [],
      Buffer.alloc(64),
      'not base64url!',
      '\u{1f600}'.repeat(43),
    ]) {
      assert.equal(verify(pair.publicKey, data, wrong), false)
      assert.equal(verify(wrong, data, signature), false)
    }
    assert.equal(verify(pair.publicKey, null, signature), false)
  })

  test('nothing that is right, however many other keys came before', () => {
    for (let i = 0; i < 4_200; i++) {
      const stranger = Buffer.from(crypto.sha256(`stranger ${i}`), 'hex').toString('base64url')
      crypto.verify(stranger, data, signature)
    }
    assert.equal(crypto.verify(pair.publicKey, data, signature), true)
  })
})

suite('a sealed box', () => {
  const { privateKey } = crypto.keyPair(new Uint8Array(32).fill(7))
  const iv = new Uint8Array(12).fill(1)
  const place = Buffer.from('here')
  const data = Buffer.from('nobody else may read this')

  test('opens with its key and at its place, and shows nothing of what is inside', () => {
    const box = crypto.seal(privateKey, place, iv, data)
    assert.deepEqual(Buffer.from(crypto.unseal(privateKey, place, box) ?? []), data)
    assert.ok(!Buffer.from(box, 'base64url').includes('nobody'))
  })

  test('does not open with another key, at another place, or when a bit of it was changed', () => {
    const box = crypto.seal(privateKey, place, iv, data)
    const other = crypto.keyPair(new Uint8Array(32).fill(8)).privateKey
    assert.equal(crypto.unseal(other, place, box), undefined)
    assert.equal(crypto.unseal(privateKey, Buffer.from('there'), box), undefined)
    const bytes = Buffer.from(box, 'base64url')
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(crypto.unseal(privateKey, place, changed.toString('base64url')), undefined)
    }
    for (const text of ['', 'A', box.slice(0, 30), `${box}=`]) {
      assert.equal(crypto.unseal(privateKey, place, text), undefined)
    }
  })
})

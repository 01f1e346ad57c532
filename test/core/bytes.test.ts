import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import {
  concat,
  decodeHexInto,
  fromBase64url,
  fromHex,
  toBase64url,
  toHex,
  utf8,
} from '../../src/core/bytes.ts'

const invalid = { code: 'COTERIE_INVALID_PAYLOAD' }
const anyBytes = fc.uint8Array({ maxLength: 100 })

describe('bytes', () => {
  it('writes the test vectors of RFC 4648 section 10', () => {
    const words = ['', 'f', 'fo', 'foo', 'foob', 'fooba', 'foobar']
    assert.deepEqual(
      words.map((word) => toBase64url(utf8(word))),
      ['', 'Zg', 'Zm8', 'Zm9v', 'Zm9vYg', 'Zm9vYmE', 'Zm9vYmFy'],
    )
    assert.deepEqual(
      words.map((word) => toHex(utf8(word))),
      ['', '66', '666f', '666f6f', '666f6f62', '666f6f6261', '666f6f626172'],
    )
  })

  it('agrees with Buffer on any bytes, both ways', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const buffer = Buffer.from(bytes)
        assert.equal(toHex(bytes), buffer.toString('hex'))
        assert.equal(toBase64url(bytes), buffer.toString('base64url'))
        assert.deepEqual(fromHex(toHex(bytes)), bytes)
        assert.deepEqual(fromBase64url(toBase64url(bytes)), bytes)
      }),
    )
  })

  it('agrees with Buffer on the UTF-8 of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(toHex(utf8(text)), Buffer.from(text, 'utf8').toString('hex'))
      }),
    )
  })

  it('refuses hexadecimal that is odd, upper-case or not hexadecimal', () => {
    for (const text of ['a', 'abc', 'AB', 'aB', '0x', 'g0', '0g', ' 0', '0\u0660', '\u013030', 'ab ']) {
      assert.throws(() => fromHex(text), invalid, text)
    }
  })

  it('refuses base64url with padding, another alphabet or white space', () => {
    for (const text of ['Zg==', 'Zm8=', '-+AA', 'ab/d', 'Zm9v\n', ' Zm9v', 'Zm9\u0442', '=']) {
      assert.throws(() => fromBase64url(text), invalid, text)
    }
  })

  it('reads base64url exactly when it is the one text of its bytes', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ABCQgwxyz019-_'), maxLength: 12 })
    fc.assert(
      fc.property(text, (candidate) => {
        const isTheOne = Buffer.from(candidate, 'base64url').toString('base64url') === candidate
        if (isTheOne) assert.equal(toBase64url(fromBase64url(candidate)), candidate)
        else assert.throws(() => fromBase64url(candidate), invalid)
      }),
    )
  })

  it('refuses trailing bits that are not zero and a lone last character', () => {
    for (const text of ['Zh', 'Zm9', 'A', 'Zm9vA']) assert.throws(() => fromBase64url(text), invalid, text)
  })

  it('decodes hexadecimal in place and reports a bad digit anywhere', () => {
    const target = new Uint8Array(4)
    assert.equal(decodeHexInto(target, 1, '0aff'), true)
    assert.deepEqual([...target], [0, 10, 255, 0])
    for (const text of ['x000', '0x00', '00x0', '000x'])
      assert.equal(decodeHexInto(target, 0, text), false, text)
  })

  it('joins any parts in order', () => {
    fc.assert(
      fc.property(fc.array(anyBytes), (parts) => {
        assert.deepEqual(
          [...concat(...parts)],
          parts.flatMap((part) => [...part]),
        )
      }),
    )
  })
})

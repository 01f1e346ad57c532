import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { utf8 } from '../../src/core/bytes.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8')

describe('the DSSE pre-authentication encoding', () => {
  it('gives the published vector of the DSSE protocol', () => {
    const bytes = preAuthEncoding('http://example.com/HelloWorld', utf8('hello world'))
    assert.equal(text(bytes), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world')
  })

  it('counts bytes and not characters', () => {
    assert.equal(text(preAuthEncoding('t\u00fc', utf8('\u20ac'))), 'DSSEv1 3 t\u00fc 3 \u20ac')
    assert.equal(text(preAuthEncoding('', new Uint8Array(0))), 'DSSEv1 0  0 ')
  })

  it('keeps payload bytes that are not UTF-8', () => {
    const bytes = preAuthEncoding('t', Uint8Array.of(0, 255, 10))
    assert.deepEqual([...bytes.subarray(-3)], [0, 255, 10])
    assert.equal(bytes.length, 'DSSEv1 1 t 3 '.length + 3)
  })

  it('gives different bytes for different pairs of type and payload', () => {
    const piece = fc.string({ unit: fc.constantFrom('1', '2', ' ', 'a'), maxLength: 6 })
    const pair = fc.tuple(piece, piece)
    fc.assert(
      fc.property(pair, pair, ([type, payload], [otherType, otherPayload]) => {
        const same = type === otherType && payload === otherPayload
        const [one, other] = [
          preAuthEncoding(type, utf8(payload)),
          preAuthEncoding(otherType, utf8(otherPayload)),
        ]
        assert.equal(text(one) === text(other), same)
      }),
    )
  })

  it('has one payload type for each kind of object', () => {
    const types = Object.values(PAYLOAD_TYPES)
    assert.equal(new Set<string>(types).size, 5)
    for (const type of types) assert.match(type, /^application\/vnd\.coterie\.[a-z-]+\.v1(\+json)?$/)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import vm from 'node:vm'
import * as fc from 'fast-check'
import { CoterieError } from '../../src/core/errors.ts'
import { encodePayload } from '../../src/core/json.ts'

/** Refused with COTERIE_INVALID_PAYLOAD at exactly this pointer, with these words. */
function refusesAt(pointer: string, words: RegExp, value: unknown): void {
  assert.throws(
    () => encodePayload(value),
    (error) => {
      assert.ok(error instanceof CoterieError, String(error))
      assert.equal(error.code, 'COTERIE_INVALID_PAYLOAD')
      assert.equal(error.details['pointer'], pointer)
      assert.match(error.message, words)
      return true
    },
  )
}

describe('encodePayload', () => {
  it('writes any JSON value as JSON.stringify does', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.equal(encodePayload(value), JSON.stringify(value))
      }),
    )
  })

  it('writes text of every script, and text that looks like an escaped surrogate', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (key, text) => {
        assert.equal(encodePayload({ [key]: text }), JSON.stringify({ [key]: text }))
      }),
    )
    for (const text of ['\\ud800', '\\\\udfff', '\\', 'C:\\udev']) {
      assert.equal(JSON.parse(encodePayload([text]))[0], text)
    }
  })

  it('refuses every lone surrogate, in strings and in keys', () => {
    const lone = fc.integer({ min: 0xd800, max: 0xdfff }).map((unit) => String.fromCharCode(unit))
    fc.assert(
      fc.property(lone, fc.string(), (unit, text) => {
        const problem = { code: 'COTERIE_INVALID_PAYLOAD' }
        assert.throws(() => encodePayload({ a: [text + unit] }), problem)
        assert.throws(() => encodePayload({ [text + unit]: 1 }), problem)
        // The same text with an honest backslash in front does not hide it.
        assert.throws(() => encodePayload(['\\ud800', text + unit]), problem)
      }),
    )
  })

  it('takes floats and -0, and refuses NaN and Infinity', () => {
    assert.equal(encodePayload([0.1, 1e300, -1.5, -0]), '[0.1,1e+300,-1.5,0]')
    refusesAt('/price', /is NaN/, { price: NaN })
    refusesAt('/list/2', /is -Infinity/, { list: [1, 2, -Infinity] })
  })

  it('leaves out members that are undefined, and refuses undefined elsewhere', () => {
    assert.equal(encodePayload({ a: undefined, b: 1 }), '{"b":1}')
    refusesAt('', /is undefined/, undefined)
    refusesAt('/0', /is undefined/, [undefined])
    const sparse = [1]
    sparse[2] = 3
    refusesAt('/1', /is undefined/, sparse)
  })

  it('refuses functions, symbols and bigints, which JSON.stringify drops or throws on', () => {
    refusesAt('/f', /is a function/, { f: () => 1 })
    refusesAt('/s', /is a symbol/, { s: Symbol('s') })
    refusesAt('/n', /bigint \(use a decimal string\)/, { n: 1n })
    refusesAt('', /is a function/, () => 1)
  })

  it('refuses class instances, and says what to send in their place', () => {
    class Money {
      cents = 1
    }
    refusesAt('/at', /Date \(send an ISO string/, { at: new Date(0) })
    refusesAt('/m', /Object\.fromEntries/, { m: new Map() })
    refusesAt('/s', /\[\.\.\.set\]/, { s: new Set() })
    refusesAt('/p', /await it first/, { p: Promise.resolve(1) })
    refusesAt('/b', /base64/, { b: Buffer.from('x') })
    refusesAt('/c', /instance of Money/, { c: new Money() })
    refusesAt('/x', /instance of a class/, {
      x: new (class {
        x = 1
      })(),
    })
    refusesAt('/e', /instance of TypeError/, { e: new TypeError('x') })
    refusesAt('', /Date/, new Date(0))
  })

  it('refuses a toJSON method, own or hidden, and takes a member of that name', () => {
    refusesAt('/v', /toJSON/, { v: { toJSON: () => 1 } })
    refusesAt('/v', /toJSON/, { v: Object.defineProperty({}, 'toJSON', { value: () => 1 }) })
    refusesAt('/v', /toJSON/, { v: Object.assign([1], { toJSON: () => 1 }) })
    assert.equal(encodePayload({ toJSON: 'a word' }), '{"toJSON":"a word"}')
  })

  it('refuses cycles and names where they close, but takes a value that is there twice', () => {
    const cycle: Record<string, unknown> = { a: {} }
    cycle['a'] = [cycle]
    refusesAt('/a/0', /contains itself/, cycle)
    const shared = [1]
    assert.equal(encodePayload({ a: shared, b: shared }), '{"a":[1],"b":[1]}')
  })

  it('takes 64 levels of nesting and refuses 65', () => {
    const nested = (levels: number): unknown => (levels === 0 ? 0 : { a: nested(levels - 1) })
    assert.equal(encodePayload(nested(64)), JSON.stringify(nested(64)))
    refusesAt('/a'.repeat(64), /64 levels/, nested(65))
  })

  it('takes plain objects of another realm and of no prototype', () => {
    assert.equal(encodePayload(vm.runInNewContext('({ a: [{}] })')), '{"a":[{}]}')
    assert.equal(encodePayload(Object.assign(Object.create(null), { a: 1 })), '{"a":1}')
  })

  it('refuses a bad value that a getter hides at the second look', () => {
    let reads = 0
    const shifty = {
      get value() {
        return ++reads === 1 ? Infinity : 1
      },
    }
    assert.throws(() => encodePayload(shifty), /changed while it was read/)
  })
})

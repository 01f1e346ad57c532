import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import vm from 'node:vm'
import * as fc from 'fast-check'
import { CoterieError } from '../../src/core/errors.ts'
import { canonicalize, parseCanonical, parseStrict, type Json } from '../../src/core/json.ts'

/** Refused with COTERIE_INVALID_JSON at exactly this pointer. */
function refusesAt(pointer: string, run: () => unknown): void {
  assert.throws(run, (error) => {
    assert.ok(error instanceof CoterieError, String(error))
    assert.equal(error.code, 'COTERIE_INVALID_JSON')
    assert.equal(error.details['pointer'], pointer)
    return true
  })
}

const invalidJson = { code: 'COTERIE_INVALID_JSON' }

/** Values outside of the type, as a JavaScript caller may pass them. */
const untyped = (value: unknown): Json => value as Json

const nested = (levels: number): Json => {
  let value: Json = 0
  for (let i = 0; i < levels; i++) value = [value]
  return value
}

/** Any value of the signed subset. */
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger().map((n) => (Object.is(n, -0) ? 0 : n)),
    fc.string({ unit: 'grapheme' }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
})).value

/** The oracle: it sorts with an explicit comparison of code units and leaves the rest to JSON.stringify. */
function naive(value: Json): string {
  const sort = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(sort)
    if (typeof node !== 'object' || node === null) return node
    const entries = Object.entries(node).map(([key, member]) => [key, sort(member)] as const)
    // A Map of entries, printed by hand, because objects put keys such as "10" first.
    return new Map(entries.sort(([a], [b]) => compareUnits(a, b)))
  }
  const print = (node: unknown): string => {
    if (node instanceof Map) {
      return `{${[...node].map(([key, member]) => `${JSON.stringify(key)}:${print(member)}`).join(',')}}`
    }
    return Array.isArray(node) ? `[${node.map(print).join(',')}]` : JSON.stringify(node)
  }
  return print(sort(value))
}

function compareUnits(a: string, b: string): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const difference = a.charCodeAt(i) - b.charCodeAt(i)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

describe('canonicalize', () => {
  it('sorts keys by UTF-16 code units, as the example of RFC 8785 section 3.2.3', () => {
    const value = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    }
    assert.deepEqual(JSON.parse(canonicalize(value)), value)
    const order = [...canonicalize(value).matchAll(/"((?:[^"\\]|\\.)*)":/g)].map((match) => match[1])
    assert.deepEqual(order, ['\\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'])
  })

  it('escapes strings as the example of RFC 8785 section 3.2.2', () => {
    const value = { string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/', literals: [null, true, false] }
    const expected = '{"literals":[null,true,false],"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    assert.equal(canonicalize(value), expected)
  })

  it('gives the published outputs of the JCS test data that are within the subset', () => {
    // Arrays, french, structures and unicode of
    // https://github.com/cyberphone/json-canonicalization/tree/master/testdata.
    const vectors: [Json, string][] = [
      [[56, { d: true, '10': null, '1': [] }], '[56,{"1":[],"10":null,"d":true}]'],
      [
        {
          peach: 'This sorting order',
          'p\u00e9ch\u00e9': 'is wrong according to French',
          'p\u00eache': 'but canonicalization MUST',
          sin: 'ignore locale',
        },
        '{"peach":"This sorting order","p\u00e9ch\u00e9":"is wrong according to French",' +
          '"p\u00eache":"but canonicalization MUST","sin":"ignore locale"}',
      ],
      [
        {
          '1': { f: { f: 'hi', F: 5 }, '\n': 56 },
          '10': {},
          '': 'empty',
          a: {},
          '111': [{ e: 'yes', E: 'no' }],
          A: {},
        },
        '{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{"E":"no","e":"yes"}],"A":{},"a":{}}',
      ],
      [{ 'Unnormalized Unicode': 'A\u030a' }, '{"Unnormalized Unicode":"A\u030a"}'],
    ]
    for (const [value, text] of vectors) assert.equal(canonicalize(value), text)
  })

  it('agrees with a naive sort on any value', () => {
    fc.assert(fc.property(json, (value) => assert.equal(canonicalize(value), naive(value))))
  })

  it('does not depend on the order in which members were added', () => {
    const entries = fc.uniqueArray(fc.tuple(fc.string(), fc.integer()), { selector: ([key]) => key })
    const shuffled = entries
      .filter((list) => list.every(([key]) => key !== '__proto__'))
      .chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })))
    fc.assert(
      fc.property(shuffled, ([one, other]) => {
        assert.equal(canonicalize(Object.fromEntries(one)), canonicalize(Object.fromEntries(other)))
      }),
    )
  })

  it('writes the safe integers at both ends and refuses the next ones', () => {
    assert.equal(
      canonicalize([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]),
      '[9007199254740991,-9007199254740991]',
    )
    refusesAt('/0', () => canonicalize([2 ** 53]))
    refusesAt('/0', () => canonicalize([-(2 ** 53)]))
  })

  it('refuses floats, -0, NaN and Infinity, and names the place', () => {
    for (const bad of [0.5, -0, NaN, Infinity, -Infinity, 1e300]) {
      refusesAt('/a/1/b', () => canonicalize({ a: [0, { b: bad }] }))
    }
  })

  it('refuses undefined, functions, symbols and bigints, as members and as array members', () => {
    for (const bad of [undefined, () => 1, Symbol('s'), 1n]) {
      refusesAt('', () => canonicalize(untyped(bad)))
      refusesAt('/x', () => canonicalize(untyped({ x: bad })))
      refusesAt('/1', () => canonicalize(untyped([0, bad])))
    }
  })

  it('refuses objects that are not plain', () => {
    class Point {
      x = 1
    }
    const bad = [
      new Date(0),
      new Map(),
      new Set(),
      new Point(),
      /x/,
      new Uint8Array(1),
      Promise.resolve(),
      new Error('x'),
    ]
    for (const value of [...bad, new String('s'), new Number(1)]) {
      refusesAt('/v', () => canonicalize(untyped({ v: value })))
    }
  })

  it('refuses toJSON, enumerable or hidden', () => {
    refusesAt('/v', () =>
      canonicalize(untyped({ v: Object.defineProperty({}, 'toJSON', { value: () => 1 }) })),
    )
    refusesAt('/v', () => canonicalize(untyped({ v: Object.assign([1], { toJSON: () => 1 }) })))
    assert.throws(() => canonicalize(untyped({ toJSON: () => 1 })), invalidJson)
    assert.equal(canonicalize({ toJSON: 'a word' }), '{"toJSON":"a word"}')
  })

  it('refuses sparse arrays', () => {
    const sparse = [1]
    sparse[2] = 3
    refusesAt('/1', () => canonicalize(sparse))
  })

  it('refuses lone surrogates in strings and in keys', () => {
    for (const lone of ['\ud800', 'a\udfffb', '\ude00\ud83d']) {
      refusesAt('/s', () => canonicalize({ s: lone }))
      assert.throws(() => canonicalize({ [lone]: 1 }), /lone surrogate/)
    }
    assert.equal(canonicalize('\ud83d\ude00'), '"\ud83d\ude00"')
  })

  it('refuses a cycle but takes a value that is there twice', () => {
    const cycle: Record<string, unknown> = {}
    cycle['a'] = { b: [cycle] }
    refusesAt('/a/b/0', () => canonicalize(untyped(cycle)))
    const shared = { x: 1 }
    assert.equal(canonicalize([shared, shared]), '[{"x":1},{"x":1}]')
  })

  it('refuses a member called __proto__', () => {
    refusesAt('/__proto__', () => canonicalize(untyped(JSON.parse('{"__proto__":1}'))))
  })

  it('takes 64 levels of nesting and refuses 65', () => {
    assert.equal(canonicalize(nested(64)).length, 129)
    refusesAt('/0'.repeat(64), () => canonicalize(nested(65)))
  })

  it('escapes ~ and / in the pointer of an error', () => {
    refusesAt('/a~1b/~0', () => canonicalize({ 'a/b': { '~': 0.5 } }))
  })

  it('takes plain objects of another realm and of no prototype', () => {
    assert.equal(canonicalize(untyped(vm.runInNewContext('({ b: [1], a: {} })'))), '{"a":{},"b":[1]}')
    assert.equal(canonicalize(untyped(Object.assign(Object.create(null), { a: 1 }))), '{"a":1}')
  })
})

describe('parseCanonical', () => {
  it('gives back any value that canonicalize wrote', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalize(value)
        assert.equal(canonicalize(parseCanonical(text)), text)
        assert.deepEqual(parseCanonical(text), parseStrict(text))
      }),
    )
  })

  it('refuses other spellings of the same value', () => {
    const spellings = [
      '{ "a":1}',
      '{"a":1} ',
      '{"b":1,"a":2}',
      '{"a":1.0}',
      '{"a":1e0}',
      '{"a":"\\u0041"}',
      '{"a":"\\/"}',
    ]
    for (const text of [...spellings, '{"a":-0}', '{"a":1,"a":1}', '"\\u000A"', '\ufeff{}']) {
      assert.throws(() => parseCanonical(text), invalidJson, text)
    }
  })

  it('takes no text that differs from a canonical one in white space', () => {
    fc.assert(
      fc.property(json, fc.nat(), fc.constantFrom(' ', '\n', '\t', '\r'), (value, seed, blank) => {
        const text = canonicalize(value)
        const at = seed % (text.length + 1)
        const changed = text.slice(0, at) + blank + text.slice(at)
        // A blank within a string makes another value, whose text it then is.
        try {
          assert.notDeepEqual(parseCanonical(changed), value)
        } catch (error) {
          assert.ok(error instanceof CoterieError)
        }
      }),
    )
  })
})

describe('parseStrict', () => {
  it('reads what JSON.parse reads, with white space and in any order', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        assert.deepEqual(parseStrict(JSON.stringify(value, null, indent)), JSON.parse(JSON.stringify(value)))
      }),
    )
  })

  it('refuses whatever JSON.parse refuses', () => {
    const texts = [
      '',
      '{',
      '[1,]',
      "{'a':1}",
      '{"a":1,}',
      '01',
      '+1',
      '.5',
      '1.',
      'NaN',
      'undefined',
      '"\n"',
      '"\\x41"',
      '1 2',
    ]
    for (const text of texts) assert.throws(() => parseStrict(text), invalidJson, text)
  })

  it('refuses duplicate keys at any depth, also when one is escaped', () => {
    refusesAt('/a', () => parseStrict('{"a":1,"a":1}'))
    refusesAt('/x/1/a', () => parseStrict('{"x":[{"a":1},{"a":1,"b":{"a":2},"\\u0061":3}]}'))
    assert.deepEqual(parseStrict('{"a":{"a":[{"a":1},{"a":"a"}]},"b":"a"}'), {
      a: { a: [{ a: 1 }, { a: 'a' }] },
      b: 'a',
    })
  })

  it('refuses lone surrogates, raw and escaped, in strings and in keys', () => {
    refusesAt('/0', () => parseStrict('["\ud800"]'))
    refusesAt('/0', () => parseStrict('["\\ud800"]'))
    refusesAt('/0', () => parseStrict('["\\uDC00\\uD800"]'))
    assert.throws(() => parseStrict('{"\\ud800":1}'), /lone surrogate/)
    assert.deepEqual(parseStrict('["\\ud83d\\ude00","\\\\ud800"]'), ['\ud83d\ude00', '\\ud800'])
  })

  it('refuses floats, exponents, -0 and unsafe integers', () => {
    for (const number of [
      '0.5',
      '1.0',
      '1e2',
      '1E400',
      '-0',
      '9007199254740992',
      '-9007199254740993',
      '9'.repeat(500),
    ]) {
      refusesAt('/n/0', () => parseStrict(`{"n":[${number}]}`))
    }
    assert.deepEqual(
      parseStrict('[9007199254740991,-9007199254740991,0,-1]'),
      [9007199254740991, -9007199254740991, 0, -1],
    )
  })

  it('refuses a key __proto__, also when it is escaped, and takes it as a string', () => {
    refusesAt('/__proto__', () => parseStrict('{"__proto__":{"admin":true}}'))
    refusesAt('/a/__proto__', () => parseStrict('{"a":{"\\u005f_proto__":1}}'))
    assert.equal(parseStrict('"__proto__"'), '__proto__')
  })

  it('takes 64 levels of nesting and refuses 65, and a hundred thousand', () => {
    assert.deepEqual(
      parseStrict('['.repeat(64) + ']'.repeat(64)),
      JSON.parse('['.repeat(64) + ']'.repeat(64)),
    )
    assert.throws(() => parseStrict('['.repeat(65) + ']'.repeat(65)), invalidJson)
    assert.throws(() => parseStrict('{"a":'.repeat(100_000) + '1' + '}'.repeat(100_000)), invalidJson)
  })

  it('reads strings that look like structure', () => {
    const text = '{"a":"}],{\\"b\\":0.5","\\\\":"\\\\\\"","c":[true,false,null]}'
    assert.deepEqual(parseStrict(text), JSON.parse(text))
  })
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { defaultPolicy, type Verdict } from '../../examples/dependency-review/analysis/policy.ts'
import {
  evaluateSpdx,
  parseSpdx,
  type SpdxExpression,
} from '../../examples/dependency-review/analysis/spdx.ts'

/** Writes an expression with all its parentheses, so that its structure shows. */
function show(expression: SpdxExpression): string {
  if (expression.type !== 'licence') {
    return `(${show(expression.left)} ${expression.type.toUpperCase()} ${show(expression.right)})`
  }
  const plus = expression.orLater ? '+' : ''
  const exception = expression.exception === undefined ? '' : ` WITH ${expression.exception}`
  return `${expression.id}${plus}${exception}`
}

function structure(text: string): string {
  const result = parseSpdx(text)
  return result.ok ? show(result.expression) : `fault at ${result.at}: ${result.reason}`
}

function verdict(text: string): Verdict {
  const result = parseSpdx(text)
  assert.ok(result.ok, text)
  return evaluateSpdx(result.expression, defaultPolicy).verdict
}

test('binds WITH closest, then AND, then OR, and reads from the left', () => {
  assert.equal(structure('MIT'), 'MIT')
  assert.equal(structure('A OR B AND C'), '(A OR (B AND C))')
  assert.equal(structure('A AND B OR C'), '((A AND B) OR C)')
  assert.equal(structure('(A OR B) AND C'), '((A OR B) AND C)')
  assert.equal(structure('A OR B OR C'), '((A OR B) OR C)')
  assert.equal(structure('A AND B WITH X'), '(A AND B WITH X)')
  assert.equal(
    structure('GPL-2.0+ WITH Classpath-exception-2.0 or MIT'),
    '(GPL-2.0+ WITH Classpath-exception-2.0 OR MIT)',
  )
  assert.equal(structure('((((MIT))))'), 'MIT')
  assert.equal(structure('  MIT\t OR\nISC '), '(MIT OR ISC)')
  assert.equal(structure('DocumentRef-spdx-tool:LicenseRef-mine'), 'DocumentRef-spdx-tool:LicenseRef-mine')
})

test('refuses malformed expressions, and says where', () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['', /fault at 0: a licence is missing/],
    ['()', /fault at 1: a licence is missing/],
    ['MIT OR', /fault at 6: a licence is missing/],
    ['OR MIT', /fault at 0: a licence is missing/],
    ['MIT ISC', /fault at 4: an operator is missing/],
    ['MIT Or ISC', /fault at 4: an operator is missing/],
    ['(MIT', /fault at 4: a closing parenthesis is missing/],
    ['MIT)', /fault at 3: an operator is missing/],
    ['MIT WITH', /an exception is missing/],
    ['(MIT OR ISC) WITH X', /fault at 13: an operator is missing/],
    ['MIT WITH X+', /no later versions/],
    ['MIT +', /character/],
    ['MIT, ISC', /fault at 3: .*character/],
    ['MIT/ISC', /fault at 3: .*character/],
    ['foo:bar', /a licence is missing/],
    [`${'('.repeat(33)}MIT${')'.repeat(33)}`, /32 levels/],
    ['M'.repeat(1001), /longer than 1000/],
  ]
  for (const [text, fault] of cases) assert.match(structure(text), fault, text)
})

test('takes the better side of OR and the worse side of AND', () => {
  assert.equal(verdict('MIT OR GPL-3.0-only'), 'allowed')
  assert.equal(verdict('MIT AND GPL-3.0-only'), 'denied')
  assert.equal(verdict('MPL-2.0 OR GPL-3.0-only'), 'review')
  assert.equal(verdict('MIT AND (MPL-2.0 OR AGPL-3.0)'), 'review')
  assert.equal(verdict('GPL-2.0 OR AGPL-3.0'), 'denied')
  assert.equal(verdict('BSD-2-Clause OR MIT OR Apache-2.0'), 'allowed')
})

test('knows all forms of a version, in any case, and what exceptions lift', () => {
  for (const text of ['GPL-2.0', 'GPL-2.0+', 'GPL-2.0-only', 'GPL-2.0-or-later', 'gpl-2.0-ONLY']) {
    assert.equal(verdict(text), 'denied', text)
  }
  assert.equal(verdict('GPL-2.0-only WITH Classpath-exception-2.0'), 'review')
  assert.equal(verdict('GPL-2.0-only WITH Autoconf-exception-2.0'), 'denied')
  assert.equal(verdict('Apache-2.0 WITH LLVM-exception'), 'allowed')
  assert.equal(verdict('mit'), 'allowed')
})

test('wants an unknown licence reviewed, but prefers any known one, and names it', () => {
  const unknownOf = (text: string) => {
    const result = parseSpdx(text)
    assert.ok(result.ok)
    return evaluateSpdx(result.expression, defaultPolicy)
  }
  assert.deepEqual(unknownOf('Mystery-1.0'), {
    verdict: 'review',
    because: ['Mystery-1.0'],
    unknown: ['Mystery-1.0'],
  })
  assert.deepEqual(unknownOf('Mystery-1.0 OR MPL-2.0').unknown, [])
  assert.deepEqual(unknownOf('Mystery-1.0 AND MPL-2.0').unknown, ['Mystery-1.0'])
  assert.equal(unknownOf('Mystery-1.0 AND GPL-3.0').verdict, 'denied')
})

test('reads back every expression it can be given, and judges it as plain recursion does', () => {
  const order: readonly Verdict[] = ['allowed', 'review', 'denied']
  const licence: fc.Arbitrary<SpdxExpression> = fc
    .constantFrom('MIT', 'MPL-2.0', 'GPL-3.0-only')
    .map((id) => ({ type: 'licence', id, orLater: false }))
  const { expression } = fc.letrec<{ expression: SpdxExpression }>((tie) => ({
    expression: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      licence,
      fc.record({ type: fc.constantFrom('and', 'or'), left: tie('expression'), right: tie('expression') }),
    ),
  }))
  const oracle = (one: SpdxExpression): number => {
    if (one.type === 'licence') return ['MIT', 'MPL-2.0', 'GPL-3.0-only'].indexOf(one.id)
    const sides = [oracle(one.left), oracle(one.right)]
    return one.type === 'or' ? Math.min(...sides) : Math.max(...sides)
  }
  fc.assert(
    fc.property(expression, (one) => {
      const text = show(one)
      fc.pre(text.length <= 1000)
      assert.equal(structure(text), text)
      assert.equal(verdict(text), order[oracle(one)])
    }),
  )
})

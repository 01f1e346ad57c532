import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { editDistance, slipBetween } from '../../examples/dependency-review/analysis/edit-distance.ts'
import { checkLookAlikes, findLookAlike } from '../../examples/dependency-review/analysis/look-alikes.ts'
import { wellKnownNames } from '../../examples/dependency-review/analysis/well-known-names.ts'
import { context, locked } from './build.ts'

/** The definition of optimal string alignment, with no thought of speed. */
function oracle(a: string, b: string): number {
  if (a === '' || b === '') return a.length + b.length
  const cost = a[0] === b[0] ? 0 : 1
  const best = Math.min(
    oracle(a.slice(1), b) + 1,
    oracle(a, b.slice(1)) + 1,
    oracle(a.slice(1), b.slice(1)) + cost,
  )
  const isSwap = a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]
  return isSwap ? Math.min(best, oracle(a.slice(2), b.slice(2)) + 1) : best
}

test('measures the distance that the definition gives, up to its limit', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 })
  fc.assert(
    fc.property(word, word, fc.nat(6), (a, b, limit) => {
      assert.equal(editDistance(a, b, limit), Math.min(oracle(a, b), limit + 1))
    }),
  )
})

test('names the slip between two words', () => {
  assert.equal(slipBetween('lodahs', 'lodash'), 'swapped')
  assert.equal(slipBetween('expres', 'express'), 'left out')
  assert.equal(slipBetween('expresss', 'express'), 'repeated')
  assert.equal(slipBetween('lodashx', 'lodash'), 'added')
  assert.equal(slipBetween('lodesh', 'lodash'), 'replaced')
  assert.equal(slipBetween('lodash', 'lodash'), undefined)
  assert.equal(slipBetween('ladosh', 'lodash'), undefined)
})

test('finds imitations of well-known names', () => {
  const cases: readonly (readonly [name: string, target: string, risk: string])[] = [
    ['lodahs', 'lodash', 'severe'],
    ['raect', 'react', 'severe'],
    ['reactt', 'react', 'severe'],
    ['l0dash', 'lodash', 'severe'],
    ['cornmander', 'commander', 'severe'],
    ['@bable/core', '@babel/core', 'severe'],
    ['@type/node', '@types/node', 'severe'],
    ['crossenv', 'cross-env', 'risky'],
    ['mongose', 'mongoose', 'risky'],
    ['typscript', 'typescript', 'risky'],
    ['types-node', '@types/node', 'notable'],
  ]
  for (const [name, target, risk] of cases) {
    const found = findLookAlike(name, wellKnownNames)
    assert.deepEqual([found?.target, found?.risk], [target, risk], name)
  }
})

test('raises no alarm about a well-known name, however near another one is', () => {
  assert.ok(wellKnownNames.length > 2000)
  assert.equal(new Set(wellKnownNames).size, wellKnownNames.length)
  for (const pair of ['react', 'preact', 'color', 'colors', 'ms', 'ws', 'eslint', 'tslint', 'babel-core']) {
    assert.ok(wellKnownNames.includes(pair), pair)
  }
  assert.deepEqual(
    wellKnownNames.filter((name) => checkLookAlikes(locked({ name }), context()).length > 0),
    [],
  )
})

test('raises no alarm about short names, plurals, versions, other first letters and one scope', () => {
  const honest = ['wz', 'koa2', 'vuf', 'chalks', 'mysql3', 'preacts', 'bodash', '@acme/lodash', '@babel/croe']
  for (const name of [...honest, 'basket-tools', 'left-hand']) {
    assert.equal(findLookAlike(name, wellKnownNames), undefined, name)
  }
})

test('notices what is installed under a well-known name without being well known', () => {
  const masked = locked({ name: 'honest-widget' }, 'node_modules/lodash')
  assert.deepEqual(
    checkLookAlikes(masked, context()).map((one) => one.risk),
    ['risky'],
  )
  const usual = locked({ name: 'string-width' }, 'node_modules/string-width-cjs')
  assert.deepEqual(checkLookAlikes(usual, context()), [])
  const known = locked({ name: 'preact' }, 'node_modules/react')
  assert.deepEqual(checkLookAlikes(known, context()), [])
})

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { checkMutants, mutate, runMutants, type RunOptions } from '../../scripts/mutant-runner.ts'
import type { Mutant } from './mutant.ts'
import { mutants } from './mutants.ts'

const SOURCE = 'export function isAdult(age: number): boolean {\n  return age >= 18\n}\n'
const TEST = [
  "import assert from 'node:assert/strict'",
  "import { test } from 'node:test'",
  "import { isAdult } from '../src/age.ts'",
  "test('grown up', () => assert.equal(isAdult(40), true))",
  "test('a child', () => assert.equal(isAdult(4), false))",
].join('\n')

const WRONG_WAY: Mutant = {
  name: 'compares-the-wrong-way',
  invariant: 'age',
  file: 'src/age.ts',
  find: 'age >= 18',
  replace: 'age < 18',
  tests: ['test/age.test.ts'],
}

let root = ''

before(() => {
  root = mkdtempSync(join(tmpdir(), 'coterie-runner-'))
  mkdirSync(join(root, 'src'))
  mkdirSync(join(root, 'test'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(root, 'src', 'age.ts'), SOURCE)
  writeFileSync(join(root, 'test', 'age.test.ts'), TEST)
  writeFileSync(join(root, 'test', 'broken.test.ts'), "throw new Error('broken from the start')")
})

after(() => rmSync(root, { recursive: true, force: true }))

function options(): RunOptions {
  return { root, timeoutMs: 20_000, concurrency: 2 }
}

test('a fault that a test notices is killed, one that no test notices survives', async () => {
  const boundary: Mutant = { ...WRONG_WAY, name: 'forgets-the-boundary', replace: 'age > 18' }
  const results = await runMutants([WRONG_WAY, boundary], options())
  assert.deepEqual(
    results.map(({ mutant, fate }) => [mutant.name, fate]),
    [
      ['compares-the-wrong-way', 'killed'],
      ['forgets-the-boundary', 'survived'],
    ],
  )
  assert.equal(readFileSync(join(root, 'src', 'age.ts'), 'utf8'), SOURCE)
})

test('a fault that makes the tests hang is ended at the limit and counts as noticed', async () => {
  const hangs: Mutant = { ...WRONG_WAY, find: 'return age >= 18', replace: 'for (;;) age += 1' }
  const [result] = await runMutants([hangs], { ...options(), timeoutMs: 3000 })
  assert.equal(result?.fate, 'timed out')
})

test('tests that fail without a fault prove nothing, and stop the run', async () => {
  const mutant: Mutant = { ...WRONG_WAY, tests: ['test/broken.test.ts'] }
  await assert.rejects(runMutants([mutant], options()), /fail without any fault[^]*broken from the start/)
})

const WRONG_LISTS: readonly (readonly [what: string, mutants: readonly Mutant[], message: RegExp])[] = [
  ['text that does not occur', [{ ...WRONG_WAY, find: 'age >= 21' }], /occurs 0 times/],
  ['text that occurs twice', [{ ...WRONG_WAY, find: 'age' }], /occurs 2 times|occurs 3 times/],
  ['a change that changes nothing', [{ ...WRONG_WAY, replace: 'age >= 18' }], /changes nothing/],
  ['a change that does not parse', [{ ...WRONG_WAY, replace: 'age >= (' }], /does not parse/],
  ['a missing file', [{ ...WRONG_WAY, file: 'src/none.ts' }], /there is no src\/none\.ts/],
  ['a missing test', [{ ...WRONG_WAY, tests: ['test/none.test.ts'] }], /there is no test\/none/],
  ['no tests', [{ ...WRONG_WAY, tests: [] }], /names no tests/],
  ['a name twice', [WRONG_WAY, WRONG_WAY], /two mutants have this name/],
]

for (const [what, list, message] of WRONG_LISTS) {
  test(`refuses ${what}`, async () => {
    await assert.rejects(runMutants(list, options()), message)
  })
}

test('a replacement is taken literally, dollar signs included', () => {
  assert.equal(mutate('a + b', { ...WRONG_WAY, file: 'a.txt', find: '+', replace: '$&$1' }), 'a $&$1 b')
})

test('every mutant of the project still fits its sources', async () => {
  await checkMutants(mutants, join(import.meta.dirname, '..', '..'))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { filesLike, read, walk } from './files.ts'
import { edgesOf, PURE_EDGES, violations } from './layers.ts'
import { codeOnly, importsOf } from './source-text.ts'

/** Fewer files than this means that the search went wrong, not that the project shrank. */
const FILES_MIN = 60

const SOURCES = filesLike('src/**/*.ts')

function inside(path: string): string {
  return path.slice('src/'.length)
}

test('every file of src keeps to its layer', () => {
  assert.deepEqual(
    SOURCES.flatMap((path) => violations(inside(path), read(path))),
    [],
  )
})

test('the search for sources sees what a walk through the folders sees, and enough of it', () => {
  assert.deepEqual(SOURCES, walk('src', '.ts'))
  assert.ok(SOURCES.length >= FILES_MIN, `${SOURCES.length} files seen, ${FILES_MIN} expected at least`)
})

test('the declared edges between pure folders are the used ones, and have no cycle', () => {
  const declared = Object.entries(PURE_EDGES).flatMap(([from, tos]) => tos.map((to) => `${from} -> ${to}`))
  const used = new Set(SOURCES.flatMap((path) => edgesOf(inside(path), read(path))))
  assert.deepEqual(declared.sort(), [...used].sort())

  const reaches = (from: string, goal: string): boolean =>
    (PURE_EDGES[from] ?? []).some((next) => next === goal || reaches(next, goal))
  assert.deepEqual(
    Object.keys(PURE_EDGES).filter((folder) => reaches(folder, folder)),
    [],
  )
})

/** Made-up files, and how many lines of complaint each must draw. */
const CONTROLS: readonly (readonly [what: string, path: string, text: string, complaints: number])[] = [
  ['core imports a port', 'core/a.ts', "import type { Clock } from '../ports/clock.ts'", 1],
  ['core imports itself', 'core/a.ts', "import { b } from './b.ts'", 0],
  ['core imports node', 'core/a.ts', "import { join } from 'node:path'", 1],
  ['core re-exports a pure folder', 'core/a.ts', "export { b } from '../log/b.ts'", 1],
  ['core exports all of a pure folder', 'core/a.ts', "export * from '../log/b.ts'", 1],
  ['a port takes a value from core', 'ports/a.ts', "import { b } from '../core/b.ts'", 1],
  ['a port takes types from core', 'ports/a.ts', "import { type B, type C } from '../core/b.ts'", 0],
  [
    'a pure folder takes a value from a port',
    'log/a.ts',
    "import { silentLogger } from '../ports/logger.ts'",
    1,
  ],
  [
    'a pure folder takes a type from a port',
    'log/a.ts',
    "import type { Crypto } from '../ports/crypto.ts'",
    0,
  ],
  ['a pure folder uses an undeclared one', 'merkle/a.ts', "import type { B } from '../voting/b.ts'", 1],
  ['a pure folder uses a declared one', 'voting/a.ts', "import { b } from '../log/b.ts'", 0],
  ['a pure folder imports the runtime', 'turn/a.ts', "import type { B } from '../runtime/b.ts'", 1],
  ['the runtime imports a store', 'runtime/a.ts', "import { b } from '../stores/sqlite/b.ts'", 1],
  ['the runtime imports an adapter', 'runtime/a.ts', "import('../adapters/node/b.ts')", 1],
  ['the runtime imports node', 'runtime/a.ts', "import 'node:fs'", 1],
  ['the runtime reads the clock', 'runtime/a.ts', 'const now = Date.now()', 1],
  ['the runtime waits', 'runtime/a.ts', 'export async function a() { await b() }', 0],
  ['a store imports another store', 'stores/sqlite/a.ts', "import { b } from '../postgres/b.ts'", 1],
  ['a store imports the runtime', 'stores/sqlite/a.ts', "import { b } from '../../runtime/b.ts'", 1],
  ['a store imports its driver', 'stores/sqlite/a.ts', "import { DatabaseSync } from 'node:sqlite'", 0],
  ['a store imports a foreign driver', 'stores/sqlite/a.ts', "import pg from 'pg'", 1],
  ['an adapter imports a store', 'adapters/otel/a.ts', "import { b } from '../../stores/sqlite/b.ts'", 1],
  ['a root imports anything', 'open.ts', "import { b } from './stores/sqlite/b.ts'", 0],
  ['a root imports the command line', 'open.ts', "import { b } from './cli/b.ts'", 1],
  ['testing imports the runtime', 'testing/a.ts', "import { b } from '../runtime/b.ts'", 0],
  ['testing imports the command line', 'testing/a.ts', "import { b } from '../cli/b.ts'", 1],
  ['the runtime imports testing', 'runtime/a.ts', "import { b } from '../testing/b.ts'", 1],
  ['an import over several lines', 'core/a.ts', "import {\n  b,\n  c,\n} from '../log/b.ts'", 1],
  ['an import without .ts', 'core/a.ts', "import { b } from './b.js'", 1],
  ['an import out of src', 'core/a.ts', "import { b } from '../../scripts/b.ts'", 1],
  ['an unknown folder', 'utils/a.ts', 'export const a = 1', 1],
  ['an async function in core', 'core/a.ts', 'export async function a() { await b() }', 2],
  ['a promise in a pure folder', 'bft/a.ts', 'new Promise(() => undefined)', 2],
  ['a timer', 'team/a.ts', 'setTimeout(b, 1)', 1],
  ['an interval', 'team/a.ts', 'setInterval(b, 1)', 1],
  ['an immediate', 'team/a.ts', 'setImmediate(b)', 1],
  ['chance', 'mailbox/a.ts', 'const x = Math.random()', 1],
  ['the date', 'state/a.ts', 'const x = new Date()', 1],
  ['the process', 'core/a.ts', 'const x = process.env', 1],
  ['the console', 'core/a.ts', 'console.log(1)', 1],
  ['the network', 'core/a.ts', 'fetch(url)', 1],
  ['the stopwatch', 'core/a.ts', 'performance.now()', 1],
  ['the global crypto', 'core/a.ts', 'crypto.randomUUID()', 1],
  ['the crypto port', 'log/a.ts', 'export const a = (crypto: Crypto) => crypto.sha256(b)', 0],
  ['banned words in comments', 'core/a.ts', '// await Date\n/* process */ const a = 1', 0],
  ['banned words in strings', 'core/a.ts', 'const a = `await ${b} Date` + "process" + \'fetch\'', 0],
  ['banned words in a template hole', 'core/a.ts', 'const a = `x ${Date.now()} y`', 1],
  ['banned words after a regular expression', 'core/a.ts', 'const a = /[/\'"]/.test(b) && Date', 1],
  ['banned words as properties', 'core/a.ts', 'const a = { process: 1 }\nb.fetch()', 0],
  ['a question about the class of a value', 'core/a.ts', 'if (a instanceof Date) b()', 0],
  ['a file that names Promise by permission', 'turn/turn.ts', 'interface A { b(): Promise<void> }', 0],
  ['a file that makes a promise all the same', 'turn/turn.ts', 'const a = Promise.resolve()', 1],
]

for (const [what, path, text, complaints] of CONTROLS) {
  test(`the check ${complaints === 0 ? 'accepts' : 'reports'}: ${what}`, () => {
    const found = violations(path, text)
    assert.equal(found.length, complaints, found.join('\n'))
  })
}

test('an import that the patterns do not understand is an error, not an omission', () => {
  assert.throws(() => importsOf("import { 'a b' as { c } from './d.ts'"), /were understood/)
})

test('reading code alone keeps every offset and line', () => {
  const text = 'const a = `x ${ { b: "}" } } y` // c\nconst d = 1 / 2 / 3 /* e\n */ + /f\\/g/.lastIndex\n'
  const code = codeOnly(text)
  assert.equal(code.length, text.length)
  assert.equal(code.split('\n').length, text.split('\n').length)
  assert.match(code, /const d = 1 \/ 2 \/ 3 +\n +\+ \/ +\/\.lastIndex/)
})

import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { read, ROOT } from './files.ts'
import { codeOnly, namesIn } from './source-text.ts'

const SNAPSHOT = 'test/repo/public-api.txt'

interface Names {
  readonly values: readonly string[]
  readonly types: readonly string[]
}

/** The entry points of package.json, and the source file behind each. */
function entryPoints(): readonly { readonly subpath: string; readonly source: string }[] {
  const { exports } = JSON.parse(read('package.json')) as {
    readonly exports: Readonly<Record<string, string | { readonly default: string }>>
  }
  return Object.entries(exports).flatMap(([subpath, target]) =>
    typeof target === 'string'
      ? []
      : [{ subpath, source: target.default.replace(/^\.\/dist\//, 'src/').replace(/\.js$/, '.ts') }],
  )
}

/** The names that a hand-written export list gives away. Throws at `export *`, which hides them. */
function exportedNames(text: string): Names {
  const code = codeOnly(text)
  if (/\bexport\s*\*/.test(code))
    throw new Error('An entry point names what it exports; it has an "export *".')
  if (/\bexport\s+default\b/.test(code))
    throw new Error('An entry point exports names; it has a default export.')
  const values: string[] = []
  const types: string[] = []
  for (const match of code.matchAll(/\bexport\s+(type\s+)?(\{[^{}]*\})/g)) {
    for (const entry of namesIn(match[2] ?? '')) {
      const name = entry.split(' ').at(-1) ?? ''
      const isType = match[1] !== undefined || entry.startsWith('type ')
      ;(isType ? types : values).push(name)
    }
  }
  for (const match of code.matchAll(/\bexport\s+(?:interface|type)\s+([\w$]+)/g)) types.push(match[1] ?? '')
  for (const match of code.matchAll(/\bexport\s+(?:const|let|class|(?:async\s+)?function\*?)\s+([\w$]+)/g)) {
    values.push(match[1] ?? '')
  }
  return { values: values.sort(), types: types.sort() }
}

function describe(subpath: string, names: Names): string {
  const title = subpath === '.' ? 'coterie' : `coterie${subpath.slice(1)}`
  const lines = [
    ...names.values.map((name) => `  value ${name}`),
    ...names.types.map((name) => `  type  ${name}`),
  ]
  return [title, ...lines, ''].join('\n')
}

for (const { subpath, source } of entryPoints()) {
  test(`the export list of ${subpath} is what an import of it gives`, async () => {
    const module = (await import(pathToFileURL(join(ROOT, source)).href)) as Readonly<Record<string, unknown>>
    assert.deepEqual([...exportedNames(read(source)).values], Object.keys(module).sort())
  })
}

test('the public names are those of the snapshot (UPDATE=1 rewrites it)', () => {
  const now = entryPoints()
    .map(({ subpath, source }) => describe(subpath, exportedNames(read(source))))
    .join('\n')
  if (process.env['UPDATE'] === '1') writeFileSync(join(ROOT, SNAPSHOT), now)
  assert.ok(
    existsSync(join(ROOT, SNAPSHOT)),
    `${SNAPSHOT} is missing; UPDATE=1 npm test -- test/repo writes it`,
  )
  assert.equal(read(SNAPSHOT), now)
})

test('reading an export list tells values from types', () => {
  const text = [
    '// export { commented } from "./a.ts"',
    "export { one, type Two, three as four } from './b.ts'",
    "export type { Five, Six as Seven } from './c.ts'",
    'export interface Eight { nine: 1 }',
    'export type Ten = 1',
    'export const eleven = "export { none }"',
    'export async function twelve() {}',
  ].join('\n')
  assert.deepEqual(exportedNames(text), {
    values: ['eleven', 'four', 'one', 'twelve'],
    types: ['Eight', 'Five', 'Seven', 'Ten', 'Two'],
  })
  assert.throws(() => exportedNames("export * from './a.ts'"), /names what it exports/)
  assert.throws(() => exportedNames('export default 1'), /default export/)
})

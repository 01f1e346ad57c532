import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { read, ROOT } from '../repo/files.ts'
import { relativeLinks, splitMarkdown } from '../repo/markdown.ts'

const LINES_MAX = 150
const README = read('README.md')

/** The first program of a document and the output that stands behind it. */
function example(markdown: string): { readonly program: string; readonly output: string } {
  const { blocks } = splitMarkdown(markdown)
  const first = blocks.findIndex(({ language }) => language === 'ts')
  const [program, output] = blocks.slice(first, first + 2)
  assert.ok(program !== undefined && output !== undefined)
  assert.equal(output.language, 'text')
  return { program: program.text, output: output.text }
}

/** Runs a program as a user of the package would have it, with the sources in the package's place. */
function run(program: string): {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
} {
  const folder = mkdtempSync(join(ROOT, 'test', 'docs', '.example-'))
  try {
    const file = join(folder, 'example.ts')
    writeFileSync(file, program.replaceAll(`from 'coterie'`, `from '../../../src/index.ts'`))
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', file],
      { cwd: folder, encoding: 'utf8', timeout: 60_000 },
    )
    return { status, stdout, stderr }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

for (const path of ['README.md', 'docs/start.md']) {
  test(`the first program of ${path} prints what is written behind it`, () => {
    const { program, output } = example(read(path))
    const { status, stdout, stderr } = run(program)
    assert.equal(status, 0, stderr)
    assert.equal(stdout.trimEnd(), output.trimEnd())
  })
}

test('the program of the README has ten lines beside its imports, and needs nothing but zod', () => {
  const { program } = example(README)
  const lines = program.split('\n').filter((line) => line.trim() !== '')
  const imports = lines.filter((line) => line.startsWith('import'))
  assert.ok(lines.length - imports.length <= 10)
  assert.deepEqual(
    imports.map((line) => /from '(.*)'/.exec(line)?.[1]),
    ['coterie', 'zod'],
  )
})

test('each promise of the README links to a test or to the cases that a test runs', () => {
  const start = README.split('\n').findIndex((line) => line.startsWith('| promised |'))
  const rows = README.split('\n')
    .slice(start + 2)
    .slice(0, 30)
  const promises = rows.slice(
    0,
    rows.findIndex((row) => !row.startsWith('|')),
  )
  assert.ok(promises.length >= 10)
  for (const row of promises) {
    const proof = relativeLinks(row.split('|').at(-2) ?? '').map(({ target }) => target)
    assert.ok(proof.length > 0, row)
    for (const target of proof) {
      assert.match(target, /^(?:test\/.*\.test\.ts|src\/testing\/conformance-.*\.ts)$/)
      assert.ok(existsSync(join(ROOT, target)), target)
    }
  }
})

test('the README is short', () => {
  assert.ok(README.trimEnd().split('\n').length <= LINES_MAX)
})

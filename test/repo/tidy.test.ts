import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { filesLike, read, ROOT, walk } from './files.ts'
import { anchorsOf, relativeLinks, splitMarkdown } from './markdown.ts'
import { codeOnly, lineAt } from './source-text.ts'

const LINES_MAX = 500
const COLUMNS_MAX = 120

const CODE = ['src', 'test', 'scripts', 'examples', 'bench'].flatMap((folder) =>
  filesLike(`${folder}/**/*.{ts,mjs}`),
)
const DOCUMENTS = filesLike('**/*.md')

/** Words that say that a file is not finished. Spelled in halves, so that this file does not contain them. */
const UNFINISHED = new RegExp(String.raw`\b(?:${['FIX', 'ME'].join('')}|${'X'.repeat(3)})\b`, 'g')
const DIRECTIVE = /@ts-(?:ignore|nocheck)\b/g
/** `any` as a type: after a colon, a bracket, an operator of types, or `as`. */
const ANY = /(?:[:<,|&]\s*|\bas\s+|=>\s*|\bextends\s+)any\b(?!\s*:)/g

/** The places where a pattern matches, one line each. */
function places(path: string, text: string, pattern: RegExp, what: string): readonly string[] {
  return [...text.matchAll(pattern)].map((match) => `${path}:${lineAt(text, match.index)}: ${what}`)
}

test('no file of src is longer than 500 lines', () => {
  const long = filesLike('src/**/*.ts').filter((path) => read(path).trimEnd().split('\n').length > LINES_MAX)
  assert.deepEqual(long, [])
})

test('no line of code is longer than 120 columns', () => {
  const long = CODE.flatMap((path) =>
    read(path)
      .split('\n')
      .flatMap((line, index) => (line.length > COLUMNS_MAX ? [`${path}:${index + 1}`] : [])),
  )
  assert.deepEqual(long, [])
})

test('nothing is marked as unfinished, typed as any, or hidden from the compiler', () => {
  const found = CODE.flatMap((path) => {
    const text = read(path)
    return [
      ...places(path, text, UNFINISHED, 'unfinished'),
      ...places(path, text, DIRECTIVE, 'hidden from the compiler'),
      ...places(path, codeOnly(text), ANY, 'any'),
    ]
  })
  assert.deepEqual(found, [])
})

function count(text: string): number {
  return [...codeOnly(text).matchAll(ANY)].length
}

test('the search for the type any finds it where it stands for a type, and only there', () => {
  assert.equal(count('const a: any = 1; f<any>(b as any); type C = D | any; const e = (): any => 1'), 5)
  assert.equal(count('const any = 1 // any: any\nconst b = "x: any"; Promise.any([])'), 0)
})

test('the search for code sees what a walk through src and test sees', () => {
  for (const folder of ['src', 'test']) {
    assert.deepEqual(
      CODE.filter((path) => path.startsWith(`${folder}/`) && path.endsWith('.ts')),
      // Folders that begin with a dot are made and removed by tests that run at the same time.
      walk(folder, '.ts').filter((path) => !path.includes('/.')),
    )
  }
})

/** What is wrong with the links of a document, one line each. */
function brokenLinks(path: string, markdown: string): readonly string[] {
  return relativeLinks(markdown).flatMap(({ target, line }) => {
    const [file = '', anchor] = target.split('#')
    const to = file === '' ? path : join(dirname(path), decodeURI(file))
    const complaint = `${path}:${line}: ${target}`
    if (to !== path && !existsSync(join(ROOT, to))) return [complaint]
    if (anchor === undefined || !to.endsWith('.md')) return []
    const text = to === path ? markdown : read(to)
    return anchorsOf(text).has(anchor) ? [] : [`${complaint} (no such heading)`]
  })
}

test('every relative link of the documents leads to a file and a heading', () => {
  assert.ok(DOCUMENTS.includes('README.md'))
  assert.deepEqual(
    DOCUMENTS.flatMap((path) => brokenLinks(path, read(path))),
    [],
  )
})

test('what the published pages link to is published, but for tests, examples and scripts', () => {
  const { files } = JSON.parse(read('package.json')) as { readonly files: readonly string[] }
  const isPublished = (path: string): boolean =>
    path === 'package.json' || files.some((entry) => path === entry || path.startsWith(`${entry}/`))
  const stays = ['test', 'examples', 'scripts', 'bench', 'dashboard']
  const lost = DOCUMENTS.filter(isPublished).flatMap((path) =>
    relativeLinks(read(path)).flatMap(({ target, line }) => {
      const [file = ''] = target.split('#')
      const to = file === '' ? path : join(dirname(path), decodeURI(file))
      return isPublished(to) || stays.includes(to.split('/')[0] ?? '') ? [] : [`${path}:${line}: ${target}`]
    }),
  )
  assert.deepEqual(lost, [])
})

test('a link to a missing file, and one to a missing heading, is reported', () => {
  const markdown = [
    '# One thing: `a` & b',
    '[fine](LICENSE) [fine](#one-thing-a--b) [fine](https://example.org/x.md) `[code](none.md)`',
    '```md',
    '[in a block](none.md)',
    '```',
    '[gone](none.md) ![gone](none.png "title")',
    '[gone](#two)',
    '[ref]: none.md',
  ].join('\n')
  assert.deepEqual(brokenLinks('CONTRIBUTING.md', markdown), [
    'CONTRIBUTING.md:6: none.md',
    'CONTRIBUTING.md:6: none.png',
    'CONTRIBUTING.md:7: #two (no such heading)',
    'CONTRIBUTING.md:8: none.md',
  ])
})

test('the change log has a section for what is not released, or for the present version', () => {
  const { version } = JSON.parse(read('package.json')) as { readonly version: string }
  const headings = read('CHANGELOG.md')
    .split('\n')
    .filter((line) => line.startsWith('## '))
  assert.ok(
    headings.some((line) => /\bUnreleased\b/i.test(line) || line.includes(version)),
    headings.join('\n'),
  )
})

/** The programs in the documents: each `ts` block that begins with an import, with its place in its name. */
function programs(): readonly { readonly name: string; readonly text: string }[] {
  return [...filesLike('docs/**/*.md'), 'README.md'].flatMap((path) =>
    splitMarkdown(read(path))
      .blocks.filter((block) => block.language === 'ts' && block.text.startsWith('import'))
      .map((block) => ({ name: `${path.replaceAll('/', '-')}-line-${block.line}.ts`, text: block.text })),
  )
}

/** Compiles texts as a user of the package would have them; the compiler's complaints. */
function compile(texts: readonly { readonly name: string; readonly text: string }[]): string {
  const folder = mkdtempSync(join(ROOT, 'test', '.programs-'))
  try {
    for (const { name, text } of texts) writeFileSync(join(folder, name), `${text}\n`)
    const config = {
      extends: '../../tsconfig.json',
      compilerOptions: {
        noUnusedLocals: false,
        noUnusedParameters: false,
        paths: {
          coterie: ['../../src/index.ts'],
          'coterie/sqlite': ['../../src/stores/sqlite/index.ts'],
          'coterie/council': ['../../src/open-council.ts'],
          'coterie/testing': ['../../src/testing/index.ts'],
        },
      },
      include: [],
      exclude: [],
      files: texts.map(({ name }) => `./${name}`),
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules', '.bin', 'tsc')
    const result = spawnSync(tsc, ['-p', folder, '--pretty', 'false'], { cwd: folder, encoding: 'utf8' })
    assert.equal(result.error, undefined)
    return result.stdout
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test('every program in the documents type-checks against the sources', () => {
  const found = programs()
  assert.ok(found.length > 0, 'the documents contain no program')
  assert.equal(compile(found), '')
})

test('a program that uses the package wrongly does not type-check', () => {
  const complaints = compile([
    { name: 'wrong.ts', text: "import { noSuchName } from 'coterie'\nnoSuchName()" },
  ])
  assert.match(complaints, /wrong\.ts\(1,10\)/)
})

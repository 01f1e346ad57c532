import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { temporaryFolder } from '../cli/cli.ts'
import { demo, lockfileOf, reviewed } from '../helpers/demo.ts'

const root = temporaryFolder()

/** A folder of a test's own, with one for temporary files in it. */
function folderOf(test: string): string {
  mkdirSync(join(root, test, 'tmp'), { recursive: true })
  return join(root, test)
}

/** Runs the program to its end, with the temporary folder of this folder. */
function demoIn(folder: string, args: readonly string[]) {
  return demo(args, { TMPDIR: join(folder, 'tmp') })
}

const NO_LOCKFILES: readonly (readonly [code: string, text: string, advice: RegExp])[] = [
  [
    'LOCKFILE_VERSION_UNSUPPORTED',
    '{"lockfileVersion":1,"dependencies":{}}',
    /npm install --package-lock-only/,
  ],
  ['LOCKFILE_NOT_A_LOCKFILE', '{"name":"x","dependencies":{}}', /not of the package\.json/],
  ['LOCKFILE_NOT_JSON', '# yarn lockfile v1\n\nleft-pad@^1.3.0:\n', /yarn or pnpm/],
  ['LOCKFILE_NOT_JSON', '{\n<<<<<<< HEAD\n', /merge conflict/],
  ['LOCKFILE_EMPTY', '', /is empty/],
]

test('refuses what is no lock file, and leaves no database behind', async () => {
  const folder = folderOf('lockfile')
  const input = join(folder, 'package-lock.json')
  for (const [code, text, advice] of NO_LOCKFILES) {
    writeFileSync(input, text)
    const ended = await demoIn(folder, ['--input', input, '--db', join(folder, 'review.db')])
    assert.equal(ended.code, 2, ended.stderr)
    assert.match(ended.stderr, new RegExp(`^error: .*\\(${code}\\)\\n$`))
    assert.match(ended.stderr, advice)
    assert.equal(ended.stdout, '')
  }
  rmSync(input)
  const missing = await demoIn(folder, ['--input', input])
  assert.equal(missing.code, 2)
  assert.match(missing.stderr, /^error: There is no file .*package-lock\.json\..*--help\. \(USAGE\)\n$/)
  const unknown = await demoIn(folder, ['--inptu', input])
  assert.equal(unknown.code, 2)
  assert.match(unknown.stderr, /'--inptu'/)
  assert.deepEqual(readdirSync(folder, { recursive: true }), ['tmp'])
})

test('leaves a file that is no database of its own as it is', async () => {
  const folder = folderOf('foreign')
  const text = join(folder, 'notes.txt')
  writeFileSync(text, 'Not a database.\n'.repeat(1000))
  const other = join(folder, 'other.db')
  const database = new DatabaseSync(other)
  database.exec("CREATE TABLE friends (name TEXT); INSERT INTO friends VALUES ('Ada')")
  database.close()
  for (const db of [text, other]) {
    const before = readFileSync(db)
    const ended = await demoIn(folder, ['--input', lockfileOf('boring'), '--db', db])
    assert.equal(ended.code, 6, ended.stderr)
    assert.match(ended.stderr, /COTERIE_STORE_FOREIGN/)
    assert.equal(ended.stdout, '')
    assert.deepEqual(readFileSync(db), before)
  }
  assert.deepEqual(readdirSync(folder).sort(), ['notes.txt', 'other.db', 'tmp'])
})

test('refuses to go on without the keys of a review', async () => {
  const folder = folderOf('keys')
  const db = join(folder, 'review.db')
  await reviewed(lockfileOf('v2'), db)
  rmSync(`${db}.keys`, { recursive: true })
  const ended = await demoIn(folder, ['--input', lockfileOf('boring'), '--db', db])
  assert.equal(ended.code, 7, ended.stderr)
  assert.match(ended.stderr, /^error: .*COTERIE_KEY/)
})

test('keeps the database of a run without --db, and says where it is', async () => {
  const folder = folderOf('kept')
  const ended = await demoIn(folder, ['--input', lockfileOf('v2')])
  assert.equal(ended.code, 0, ended.stderr)
  const lines = ended.stdout.split('\n').filter((line) => !line.startsWith('  npm run '))
  assert.ok(
    lines.every((line) => line.length <= 80),
    ended.stdout,
  )
  const [, db = ''] = /npm run coterie -- verify --db (.*)$/m.exec(ended.stdout) ?? []
  assert.ok(db.startsWith(join(folder, 'tmp')), ended.stdout)
  const again = await reviewed(lockfileOf('v2'), db)
  assert.equal(again.turns, 0)
  assert.equal(again.decisions.length, 10)
})

import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { roster } from '../../examples/dependency-review/analysis/roster.ts'
import { coterie, demo, expected, lockfilePath, outcomes, review, tempFolder } from './program.ts'

test('names the certificate of each decision, with every vote and its reason', async (t) => {
  const db = join(tempFolder(t), 'review.db')
  const { decisions } = await review(lockfilePath('suspicious'), db)
  const names = decisions.map((one) => one.package)
  assert.deepEqual(names, [...names].sort())
  for (const { tally, reasons, outcome } of decisions) {
    assert.deepEqual(
      reasons.map(({ by }) => by),
      roster.map(({ role }) => role),
    )
    for (const choice of ['approve', 'reject', 'abstain']) {
      assert.equal(reasons.filter((one) => one.choice === choice).length, tally[choice], choice)
    }
    assert.equal(tally['silent'], 0)
    assert.ok((tally[outcome.endsWith('approved') ? 'approve' : 'reject'] ?? 0) >= 6, outcome)
  }
  const git = decisions.find((one) => one.package === 'basket-tools@2.1.0')
  assert.equal(git?.outcome, 'escalated-approved')
  const against = git.reasons.filter(({ choice }) => choice === 'reject')
  assert.deepEqual(
    against.map(({ by }) => by),
    ['provenance'],
  )
  assert.match(against[0]?.reason ?? '', /git repository/)
  const certificate = await coterie(['certificate', git.certificate, '--db', db])
  assert.equal(certificate.code, 0, certificate.err)
  assert.match(certificate.out, /"package":"basket-tools@2.1.0"/)
  const why = await coterie(['why', git.certificate, '--db', db])
  assert.equal(why.code, 0, why.err)
  for (const words of ['escalates basket-tools@2.1.0', 'approved in the second round', 'asks the 3 teams']) {
    assert.ok(why.out.includes(words), words)
  }
})

test('answers from the database when it is run again, and reviews only what is new', async (t) => {
  const folder = tempFolder(t)
  const db = join(folder, 'review.db')
  const input = join(folder, 'package-lock.json')
  writeFileSync(input, readFileSync(lockfilePath('boring')))
  const first = await review(input, db)
  const second = await review(input, db)
  assert.deepEqual(second.decisions, first.decisions)
  assert.deepEqual([second.messages, second.turns], [0, 0])
  const lock = JSON.parse(readFileSync(input, 'utf8')) as { packages: Record<string, unknown> }
  lock.packages['node_modules/brand-new-widget'] = { version: '2.0.0', license: 'MIT' }
  writeFileSync(input, JSON.stringify(lock))
  const { code, out } = await demo(['--input', input, '--db', db])
  assert.equal(code, 0)
  assert.match(out, /12 decided before, 1 new: 48 messages and 24 signed turns/)
  assert.equal((await coterie(['verify', '--db', db])).code, 0)
})

test('reads node_modules beside the lock file unless told not to, and says what it saw', async (t) => {
  const folder = tempFolder(t)
  const input = join(folder, 'package-lock.json')
  const place = join(folder, 'node_modules', 'sly-widget')
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, 'package.json'), '{"name":"sly-widget","version":"1.0.0","license":"MIT"}')
  writeFileSync(join(place, 'index.js'), 'eval(Buffer.from("Zm9v", "base64").toString())')
  const entry = {
    version: '1.0.0',
    license: 'MIT',
    integrity: `sha512-${Buffer.alloc(64).toString('base64')}`,
  }
  writeFileSync(input, JSON.stringify({ lockfileVersion: 3, packages: { 'node_modules/sly-widget': entry } }))
  const db = join(folder, 'review.db')
  assert.deepEqual(outcomes(await review(input, db)), { 'sly-widget@1.0.0': 'escalated-rejected' })
  // Another question than the one before, so it is not answered with the earlier verdict.
  assert.deepEqual(outcomes(await review(input, db, '--no-code')), { 'sly-widget@1.0.0': 'approved' })
})

test('shows names that want to be something else as they are', async (t) => {
  const folder = tempFolder(t)
  const input = join(folder, 'package-lock.json')
  const long = 'n'.repeat(214)
  const entry = { license: 'MIT', integrity: `sha512-${Buffer.alloc(64).toString('base64')}` }
  const packages = {
    [`node_modules/${long}`]: { ...entry, version: '9'.repeat(80) },
    "node_modules/~(odd)'!": { ...entry, version: ' \u001b[31m1.0.0\u202e\n ' },
    'node_modules/@scope/constructor': { ...entry, version: '1.0.0/../2' },
    'node_modules/constructor': { ...entry, version: '1.0.0', deprecated: '\u001b]0;title\u0007' },
  }
  writeFileSync(input, JSON.stringify({ name: '\u001b[2Jx', lockfileVersion: 3, packages }))
  const document = await review(input, join(folder, 'review.db'))
  assert.deepEqual(outcomes(document), expected(input))
  assert.equal(document.packages, 4)
  const { out } = await demo(['--input', input, '--db', join(folder, 'review.db')])
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(out, /[\u0000-\u0009\u000b-\u001f\u202e]/)
  assert.match(out, /4 decided before, 0 new/)
})

const REFUSED: readonly (readonly [what: string, args: readonly string[], code: number, message: RegExp])[] =
  [
    ['an unknown option', ['--inptu', 'x'], 2, /Unknown option '--inptu'.*--help/],
    ['an argument', ['package-lock.json'], 2, /package-lock\.json/],
    ['an option without its value', ['--input'], 2, /--input/],
    ['an empty path', ['--input', ''], 2, /--input needs a file/],
    [
      'a file that is not there',
      ['--input', '/nowhere/at/all.json'],
      2,
      /There is no file \/nowhere\/at\/all\.json/,
    ],
    ['a folder', ['--input', '/'], 2, /is not a file/],
    [
      'a file that is no lock file',
      ['--input', 'package.json'],
      2,
      /not an npm lock file.*LOCKFILE_NOT_A_LOCKFILE/,
    ],
    ['a file that is not JSON', ['--input', 'LICENSE'], 2, /LOCKFILE_NOT_JSON/],
    [
      '--code without node_modules',
      ['--input', lockfilePath('boring'), '--code'],
      2,
      /There is no .*node_modules/,
    ],
    ['a database that is another file', ['--db', 'package.json'], 6, /COTERIE_STORE_/],
  ]

test('says no to what it cannot use, with an exit code, and writes nothing to standard output', async () => {
  for (const [what, args, code, message] of REFUSED) {
    const ended = await demo(args)
    assert.equal(ended.code, code, `${what}: ${ended.err}`)
    assert.match(ended.err, message, what)
    assert.equal(ended.out, '', what)
  }
  const json = await demo(['--json', '--input', '/nowhere'])
  assert.equal(json.code, 2)
  assert.match((JSON.parse(json.err) as { error: { message: string } }).error.message, /no file/)
})

test('explains itself', async () => {
  const { code, out } = await demo(['--help'])
  assert.equal(code, 0)
  for (const option of ['--input', '--db', '--no-code', '--json', '--help'])
    assert.ok(out.includes(option), option)
})

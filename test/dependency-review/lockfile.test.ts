import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LockfileError, type LockfileErrorCode } from '../../examples/dependency-review/lockfile/errors.ts'
import {
  LOCKFILE_ENTRIES_MAX,
  LOCKFILE_LENGTH_MAX,
  parseLockfile,
} from '../../examples/dependency-review/lockfile/parse.ts'
import { hash, locked, lockText } from './build.ts'

const parse = (text: string) => parseLockfile(text, 'package-lock.json')

function refuses(text: string, code: LockfileErrorCode, says: RegExp): void {
  assert.throws(
    () => parse(text),
    (error) => error instanceof LockfileError && error.code === code && says.test(error.message),
  )
}

test('merges all copies of one name and version, and lists their folders, shortest first', () => {
  const entry = { version: '1.0.0', integrity: hash('sha512'), dev: true }
  const { packages } = parse(
    lockText({
      'node_modules/widget/node_modules/gear': entry,
      'node_modules/gear': entry,
      'node_modules/other/node_modules/gear': { ...entry, version: '2.0.0', dev: false },
    }),
  )
  assert.deepEqual(
    packages.map(({ version, paths, copies, otherVersions }) => ({ version, paths, copies, otherVersions })),
    [
      {
        version: '1.0.0',
        paths: ['node_modules/gear', 'node_modules/widget/node_modules/gear'],
        copies: 2,
        otherVersions: ['2.0.0'],
      },
      {
        version: '2.0.0',
        paths: ['node_modules/other/node_modules/gear'],
        copies: 1,
        otherVersions: ['1.0.0'],
      },
    ],
  )
})

test('takes a package for needed in production if one of its copies is', () => {
  const entry = { version: '1.0.0', dev: true, optional: true }
  const { packages } = parse(
    lockText({ 'node_modules/gear': entry, 'node_modules/a/node_modules/gear': { version: '1.0.0' } }),
  )
  assert.equal(packages[0]?.dev, false)
  assert.equal(packages[0]?.optional, false)
})

test('calls an alias by its own name and remembers what it is installed as', () => {
  const pkg = locked({ name: 'string-width' }, 'node_modules/string-width-cjs')
  assert.equal(pkg.name, 'string-width')
  assert.equal(pkg.alias, 'string-width-cjs')
})

test('counts the project, its workspaces and its links as its own, also beside its folder', () => {
  const lockfile = parse(
    lockText({
      'packages/a': { version: '1.0.0' },
      '../sibling': { version: '1.0.0' },
      'node_modules/a': { resolved: 'packages/a', link: true },
      '../sibling/node_modules/gear': { version: '1.0.0' },
    }),
  )
  assert.equal(lockfile.localPackages, 4)
  assert.deepEqual(
    lockfile.packages.map(({ name, paths }) => ({ name, paths })),
    [{ name: 'gear', paths: [] }],
  )
})

test('believes that a copy is bundled only if a package around it bundles', () => {
  const inner = { version: '1.0.0', inBundle: true }
  const packages = parse(
    lockText({
      'node_modules/bundler': { version: '1.0.0', bundleDependencies: ['gear'] },
      'node_modules/bundler/node_modules/gear': inner,
      'node_modules/plain': { version: '1.0.0' },
      'node_modules/plain/node_modules/cog': inner,
      'node_modules/wheel': inner,
    }),
  ).packages
  assert.deepEqual(
    packages.filter((pkg) => pkg.bundled).map((pkg) => pkg.name),
    ['gear'],
  )
})

test('notes copies of one version that are not the same bytes', () => {
  const two = (a: object, b: object) =>
    parse(
      lockText({
        'node_modules/gear': { version: '1.0.0', ...a },
        'node_modules/a/node_modules/gear': { version: '1.0.0', ...b },
      }),
    ).packages[0]?.copiesDiffer
  const good = { integrity: hash('sha512') }
  assert.equal(two(good, good), false)
  assert.equal(two(good, { integrity: hash('sha1') }), false)
  assert.equal(two(good, { integrity: hash('sha512', 'other bytes') }), true)
  const [here, there] = ['https://a.example/-/gear.tgz', 'https://b.example/-/gear.tgz']
  assert.equal(two({ ...good, resolved: here }, { ...good, resolved: there }), false)
  assert.equal(two({ resolved: here }, { resolved: there }), true)
})

test('reads licences written as objects and lists, and says when no package has one', () => {
  assert.equal(locked({ license: { type: 'MIT', url: 'https://example.com' } }).licence, 'MIT')
  assert.equal(locked({ license: undefined, licenses: [{ type: 'MIT' }, 'ISC'] }).licence, '(MIT OR ISC)')
  assert.equal(locked({ license: 7 }).licence, undefined)
  assert.equal(parse(lockText({ 'node_modules/a': { version: '1.0.0' } })).licencesRecorded, false)
  assert.equal(
    parse(lockText({ 'node_modules/a': { version: '1.0.0', license: 'X' } })).licencesRecorded,
    true,
  )
})

test('orders packages by name and version, whatever the order of the file', () => {
  const { packages } = parse(
    lockText({ 'node_modules/b': { version: '1.0.0' }, 'node_modules/a': { version: '1.0.0' } }),
  )
  assert.deepEqual(
    packages.map((pkg) => pkg.name),
    ['a', 'b'],
  )
})

test('reads a file that starts with a byte order mark', () => {
  assert.equal(parse(`\ufeff${lockText({})}`).name, 'project')
})

test('refuses what is not a lock file, and says what to do', () => {
  refuses('', 'LOCKFILE_EMPTY', /npm install --package-lock-only/)
  refuses(' \n', 'LOCKFILE_EMPTY', /is empty/)
  refuses('{"lockfileVersion": 3,', 'LOCKFILE_NOT_JSON', /package-lock\.json is not JSON/)
  refuses('{\n<<<<<<< HEAD\n', 'LOCKFILE_NOT_JSON', /merge conflict/)
  refuses('# yarn lockfile v1\n', 'LOCKFILE_NOT_JSON', /yarn or pnpm/)
  refuses("lockfileVersion: '9.0'\n", 'LOCKFILE_NOT_JSON', /yarn or pnpm/)
  refuses('[]', 'LOCKFILE_NOT_A_LOCKFILE', /object/)
  refuses('null', 'LOCKFILE_NOT_A_LOCKFILE', /object/)
  refuses('{"name":"x","dependencies":{}}', 'LOCKFILE_NOT_A_LOCKFILE', /package\.json beside it/)
  refuses('{"lockfileVersion":3}', 'LOCKFILE_NOT_A_LOCKFILE', /"packages"/)
  refuses('{"lockfileVersion":3,"packages":[]}', 'LOCKFILE_NOT_A_LOCKFILE', /"packages"/)
  refuses('{"lockfileVersion":1,"dependencies":{}}', 'LOCKFILE_VERSION_UNSUPPORTED', /--lockfile-version 3/)
  refuses('{"lockfileVersion":4,"packages":{}}', 'LOCKFILE_VERSION_UNSUPPORTED', /version 4/)
  refuses(`"${'a'.repeat(LOCKFILE_LENGTH_MAX)}"`, 'LOCKFILE_TOO_LARGE', /at most/)
})

test('refuses names and folders that npm cannot have written', () => {
  const entry = (path: string) => lockText({ [path]: { version: '1.0.0' } })
  for (const name of ['.bin', '__x', 'a b', '@scope', '@/a', 'a/b', 'a\u202eb', 'x'.repeat(215)]) {
    refuses(entry(`node_modules/${name}`), 'LOCKFILE_BAD_NAME', /npm cannot have written/)
  }
  for (const path of [
    'node_modules/../../etc',
    'node_modules/..',
    'node_modules/a/../b',
    'node_modules//a',
    'node_modules/./a',
    '/etc/node_modules/a',
    'C:/node_modules/a',
    'node_modules\\a',
    'node_modules/a\u0000b',
    'packages/../../a',
    'node_modules/',
  ]) {
    refuses(entry(path), 'LOCKFILE_UNSAFE_PATH', /leaves the place of packages/)
  }
  refuses(lockText({ 'node_modules/a': { name: '../../etc' } }), 'LOCKFILE_BAD_NAME', /etc/)
})

test('takes __proto__ for a name like any other, and refuses it', () => {
  const text = '{"lockfileVersion":3,"packages":{"node_modules/__proto__":{"version":"1.0.0"}}}'
  refuses(text, 'LOCKFILE_BAD_NAME', /__proto__/)
  const inside =
    '{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1","__proto__":{"dev":true}}}}'
  assert.equal(parse(inside).packages[0]?.dev, false)
  assert.equal(parse(lockText({ 'node_modules/constructor': { version: '1.0.0' } })).packages.length, 1)
})

test('refuses entries of the wrong shape', () => {
  for (const entry of [
    null,
    7,
    'x',
    [],
    { version: 7 },
    { version: '1.0.0', integrity: {} },
    { resolved: [] },
  ]) {
    refuses(lockText({ 'node_modules/a': entry }), 'LOCKFILE_BAD_ENTRY', /node_modules\/a/)
  }
})

test('keeps a package below 4 KB of JSON, and free of invisible characters, whatever the file holds', () => {
  const nasty = '\u202e\u0000"\\\ud800漢'.repeat(2000)
  const name = `@${'s'.repeat(100)}/${'n'.repeat(110)}`
  const entry = (version: string) => ({
    name,
    version: `${version}${nasty}`,
    resolved: `https://user:password@example.com/${nasty}?token=${nasty}#${nasty}`,
    integrity: `sha512-${nasty}`,
    license: nasty,
    deprecated: nasty,
    engines: { node: nasty },
  })
  const paths = Array.from({ length: 20 }, (_, index) => `node_modules/${'p'.repeat(150)}${index}`)
  const entries = Object.fromEntries(
    paths.flatMap((path, index) => [
      [path, entry('1')],
      [`${path}/node_modules/${name}`, entry(String(index))],
    ]),
  )
  for (const pkg of parse(lockText(entries)).packages) {
    const text = JSON.stringify(pkg)
    assert.ok(Buffer.byteLength(text) < 4096, `${Buffer.byteLength(text)} bytes`)
    assert.doesNotMatch(text, /\\u|password|\p{Cf}/u)
  }
})

test('reads 100,000 entries within seconds, and refuses one more', () => {
  const packages: Record<string, unknown> = {}
  for (let index = 0; index < LOCKFILE_ENTRIES_MAX - 1; index += 1) {
    packages[`node_modules/p${index}`] = { version: '1.0.0' }
  }
  const start = performance.now()
  assert.equal(parse(lockText(packages)).packages.length, LOCKFILE_ENTRIES_MAX - 1)
  assert.ok(performance.now() - start < 10_000)
  packages['node_modules/one-more'] = { version: '1.0.0' }
  refuses(lockText(packages), 'LOCKFILE_TOO_MANY_PACKAGES', /100001/)
})

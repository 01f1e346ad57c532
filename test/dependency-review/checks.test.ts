import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checks } from '../../examples/dependency-review/analysis/checks.ts'
import type { CheckName, ReviewContext } from '../../examples/dependency-review/analysis/finding.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'
import { context, hash, locked, lockText } from './build.ts'

type Entry = Record<string, unknown>
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

/** The risks that a check finds in a package that is boring but for these fields. */
function risks(check: CheckName, entry: Entry, changes: Partial<ReviewContext> = {}): string[] {
  return checks[check](locked(entry), context(changes)).map((one) => one.risk)
}

test('finds nothing of weight in a boring package, with any check', () => {
  for (const check of Object.keys(checks) as CheckName[]) {
    const found = risks(check, { engines: { node: '>=18' } })
    assert.deepEqual(found, check === 'code' ? ['info'] : [], check)
  }
})

test('judges where a package comes from', () => {
  const from = (resolved: string | undefined, integrity: string | undefined = hash('sha512')) =>
    risks('provenance', { resolved, integrity })
  assert.deepEqual(from(undefined), [])
  assert.deepEqual(from('https://registry.npmjs.org/honest-widget/-/honest-widget-1.0.0.tgz'), [])
  assert.deepEqual(from('https://npm.pkg.github.com/download/honest-widget/1.0.0/abc'), [])
  assert.deepEqual(from('http://localhost:4873/honest-widget/-/honest-widget-1.0.0.tgz'), ['info'])
  assert.deepEqual(from('https://registry.npmjs.org/other/-/other-1.0.0.tgz'), ['severe'])
  assert.deepEqual(from('http://registry.npmjs.org/honest-widget/-/honest-widget-1.0.0.tgz'), ['notable'])
  assert.deepEqual(from('http://registry.npmjs.org/honest-widget/-/honest-widget-1.0.0.tgz', hash('sha1')), [
    'severe',
  ])
  assert.deepEqual(from(`git+ssh://git@github.com/a/b.git#${COMMIT}`), ['risky'])
  assert.deepEqual(from(`github:a/b#${COMMIT}`), ['risky'])
  assert.deepEqual(from('git+https://github.com/a/b.git#main'), ['severe'])
  assert.deepEqual(from(`git://github.com/a/b.git#${COMMIT}`), ['severe'])
  assert.deepEqual(from('https://example.com/a.tgz'), ['notable'])
  assert.deepEqual(from('https://example.com/a.tgz', hash('sha1')), ['risky'])
  assert.deepEqual(from('http://example.com/a.tgz'), ['risky'])
  assert.deepEqual(from('http://example.com/a.tgz', hash('sha1')), ['severe'])
  assert.deepEqual(from('file:vendor/a.tgz'), ['notable'])
  assert.deepEqual(from('javascript:alert(1)'), ['severe'])
  assert.deepEqual(from('no address'), ['severe'])
})

test('takes a private registry for usual if much of the lock file comes from it', () => {
  const resolved = (name: string) => `https://npm.example.com/${name}/-/${name}-1.0.0.tgz`
  const entry = (name: string) => ({ version: '1.0.0', integrity: hash('sha512'), resolved: resolved(name) })
  const found = (names: readonly string[]) => {
    const entries = Object.fromEntries(names.map((name) => [`node_modules/${name}`, entry(name)]))
    const { packages } = parseLockfile(lockText(entries), 'package-lock.json')
    return packages.flatMap((pkg) => checks.provenance(pkg, context()).map((one) => one.risk))
  }
  assert.deepEqual(found(['gear', 'cog', 'wheel']), [])
  assert.deepEqual(found(['gear']), ['notable'])
})

test('notices credentials in an address and passes them on to nobody', () => {
  for (const secret of ['https://me:hunter2@example.com/a.tgz', 'https://example.com/a.tgz?token=hunter2']) {
    const pkg = locked({ resolved: secret })
    const found = checks.provenance(pkg, context())
    assert.equal(found[0]?.risk, 'risky')
    assert.doesNotMatch(JSON.stringify([pkg, found]), /hunter2/)
  }
})

test('judges the hash', () => {
  const of = (integrity: string | undefined, entry: Entry = {}) => risks('integrity', { integrity, ...entry })
  assert.deepEqual(of(hash('sha512')), [])
  assert.deepEqual(of(hash('sha256')), [])
  assert.deepEqual(of(`${hash('sha1')} ${hash('sha512')}`), [])
  assert.deepEqual(of(hash('sha1')), ['risky'])
  assert.deepEqual(of(hash('md5')), ['risky'])
  assert.deepEqual(of('sha512-dG9vIHNob3J0'), ['risky'])
  assert.deepEqual(of('constructor-abcd'), ['risky'])
  assert.deepEqual(of(undefined), ['notable'])
  assert.deepEqual(of(undefined, { resolved: 'https://example.com/a.tgz' }), ['risky'])
  assert.deepEqual(of(undefined, { resolved: `git+ssh://git@github.com/a/b.git#${COMMIT}` }), [])
})

test('asks for no hash of what is bundled, and rejects copies with different hashes', () => {
  const found = (packages: Record<string, unknown>) =>
    parseLockfile(lockText(packages), 'package-lock.json')
      .packages.filter((pkg) => pkg.name === 'gear')
      .flatMap((pkg) => checks.integrity(pkg, context()).map((one) => one.risk))
  const bundler = { version: '1.0.0', bundleDependencies: ['gear'] }
  const bundled = { version: '1.0.0', inBundle: true }
  assert.deepEqual(found({ 'node_modules/b': bundler, 'node_modules/b/node_modules/gear': bundled }), [])
  assert.deepEqual(
    found({
      'node_modules/gear': { version: '1.0.0', integrity: hash('sha512') },
      'node_modules/b/node_modules/gear': { version: '1.0.0', integrity: hash('sha512', 'others') },
    }),
    ['severe'],
  )
})

test('judges the licence, one step milder for what only development needs', () => {
  const cases: readonly (readonly [licence: unknown, shipped: string[], dev: string[]])[] = [
    ['MIT', [], []],
    ['(MIT OR GPL-3.0-only)', [], []],
    ['Apache 2.0', ['info'], ['info']],
    ['MPL-2.0', ['notable'], ['info']],
    ['GPL-3.0', ['severe'], ['risky']],
    ['MIT AND AGPL-3.0-or-later', ['severe'], ['risky']],
    ['GPLv3', ['severe'], ['risky']],
    ['GPL-2.0-only WITH Classpath-exception-2.0', ['notable'], ['info']],
    ['BSL', ['risky'], ['notable']],
    ['SEE LICENSE IN LICENSE.md', ['risky'], ['notable']],
    ['Copyright me, all rights reserved', ['risky'], ['notable']],
    ['UNLICENSED', ['severe'], ['risky']],
    ['UNKNOWN', ['risky'], ['notable']],
    ['', ['risky'], ['notable']],
    [undefined, ['risky'], ['notable']],
  ]
  for (const [license, shipped, dev] of cases) {
    assert.deepEqual(risks('licences', { license }), shipped, String(license))
    assert.deepEqual(risks('licences', { license, dev: true }), dev, `${String(license)}, dev`)
  }
})

test('takes UNLICENSED from a private registry for a package of the house', () => {
  const resolved = 'https://npm.example.com/honest-widget/-/honest-widget-1.0.0.tgz'
  assert.deepEqual(risks('licences', { license: 'UNLICENSED', resolved }), ['notable'])
})

test('blames no package for a lock file without any licences', () => {
  assert.deepEqual(risks('licences', { license: undefined }, { licencesRecorded: false }), ['info'])
})

test('tells whom to credit, unless only development needs it', () => {
  assert.deepEqual(risks('attribution', { license: 'CC-BY-4.0' }), ['info'])
  assert.deepEqual(risks('attribution', { license: 'CC-BY-4.0', dev: true }), [])
  assert.deepEqual(risks('attribution', { license: 'MIT' }), [])
})

test('judges install scripts by who has them', () => {
  assert.deepEqual(risks('install-scripts', {}), [])
  assert.deepEqual(risks('install-scripts', { hasInstallScript: true }), ['risky'])
  assert.deepEqual(risks('install-scripts', { hasInstallScript: true, os: ['linux'] }), ['notable'])
  assert.deepEqual(risks('install-scripts', { hasInstallScript: true, name: 'esbuild' }), ['notable'])
})

test('reads what the maintainers say', () => {
  const of = (deprecated: unknown, entry: Entry = {}) => risks('deprecation', { deprecated, ...entry })
  assert.deepEqual(of(undefined), [])
  assert.deepEqual(of(''), [])
  assert.deepEqual(of('use something else'), ['notable'])
  assert.deepEqual(of(true), ['notable'])
  assert.deepEqual(of('use something else', { dev: true }), ['info'])
  assert.deepEqual(of('contains a security vulnerability'), ['risky'])
  assert.deepEqual(of('CVE-2026-12345'), ['risky'])
  assert.deepEqual(of('this version contains malware'), ['severe'])
  assert.deepEqual(of(undefined, { version: '0.0.1-security' }), ['severe'])
})

test('minds many versions of one package, and two of what a program must have once', () => {
  const found = (name: string, versions: readonly string[]) => {
    const entries = versions.map((version, index) => [
      `node_modules/p${index}/node_modules/${name}`,
      { version },
    ])
    const { packages } = parseLockfile(lockText(Object.fromEntries(entries)), 'package-lock.json')
    return packages.flatMap((pkg) => checks.duplicates(pkg, context()).map((one) => one.risk))
  }
  assert.deepEqual(found('gear', ['1.0.0', '1.0.0']), [])
  assert.deepEqual(found('gear', ['1.0.0', '2.0.0']), ['info', 'info'])
  assert.deepEqual(found('gear', ['1.0.0', '2.0.0', '3.0.0', '4.0.0']), Array(4).fill('notable'))
  assert.deepEqual(found('react', ['18.0.0', '19.0.0']), ['notable', 'notable'])
})

test('holds the range of Node versions against the running one', () => {
  const of = (node: unknown, entry: Entry = {}) => risks('engines', { engines: { node }, ...entry })
  assert.deepEqual(of('>=18'), [])
  assert.deepEqual(of('*'), [])
  assert.deepEqual(of('^22.12.0 || >=24'), [])
  assert.deepEqual(of('>=99'), ['risky'])
  assert.deepEqual(of('^22 || >=26'), ['risky'])
  assert.deepEqual(of('<20'), ['notable'])
  assert.deepEqual(of('>=99', { optional: true }), ['info'])
  assert.deepEqual(of('the newest'), ['info'])
  assert.deepEqual(of(7), [])
  assert.deepEqual(risks('engines', { engines: { node: '>=18' } }, { nodeVersion: '26.0.0-nightly1' }), [])
})

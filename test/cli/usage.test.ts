import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { ERROR_TRAITS } from '../../src/core/errors.ts'
import { read, ROOT } from '../repo/files.ts'
import { AGENTS, coterie, ended, fail, start, succeed, temporaryFolder } from './cli.ts'

const COMMANDS = readdirSync(join(ROOT, 'src', 'cli', 'commands'))
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => name !== 'send-options')

const HELPS = Promise.all(COMMANDS.map((command) => succeed([command, '--help'])))
const LIBRARY = pathToFileURL(join(ROOT, 'src', 'index.ts')).href
const folder = temporaryFolder()
const named = temporaryFolder()

test('the help names each command and the exit codes', async () => {
  const help = await succeed(['--help'])
  assert.ok(COMMANDS.length >= 13, COMMANDS.join(' '))
  for (const command of COMMANDS) assert.match(help, new RegExp(`^  ${command}\\b`, 'm'))
  for (const { exit } of Object.values(ERROR_TRAITS)) assert.match(help, new RegExp(`\\b${exit} [a-z]`))
})

test('the help of each command teaches with an example and names the common options', async () => {
  const helps = await HELPS
  helps.forEach((help, index) => {
    const name = COMMANDS[index] ?? ''
    assert.match(help, new RegExp(`Examples?:\\n  \\$ coterie ${name}\\b`))
    for (const option of ['--db', '--space', '--keyring', '--json']) assert.ok(help.includes(option), name)
  })
})

test('the reference describes each command with each of its options', async () => {
  const reference = read('docs/reference/cli.md')
  const helps = await HELPS
  helps.forEach((help, index) => {
    const name = COMMANDS[index] ?? ''
    const section = new RegExp(`^### \`coterie ${name}\\b[^]*?(?=^### |^## |$(?![^]))`, 'm').exec(
      reference,
    )?.[0]
    assert.ok(section !== undefined, `there is no section on ${name}`)
    const own = help.slice(help.indexOf('Options:'), help.indexOf('Global Options:'))
    for (const [option] of own.matchAll(/--[a-z-]+/g)) {
      assert.ok(option === '--help' || section.includes(`\`${option}`), `${name} ${option}`)
    }
  })
  for (const [code, { exit }] of Object.entries(ERROR_TRAITS)) {
    assert.match(reference, new RegExp(`^\\| ${exit} \\|.*\`${code}\``, 'm'))
  }
})

test('a misspelt command and a misspelt option are answered with the right one', async () => {
  assert.match(await fail(['statsu'], 2, 'COTERIE_USAGE'), /Did you mean status\?/)
  assert.match(await fail(['log', '--folow'], 2, 'COTERIE_USAGE'), /Did you mean --follow\?/)
})

test('a database is named once: by --db or by --store', async () => {
  const both = ['status', '--db', 'a.db', '--store', 'sqlite:b.db']
  assert.match(await fail(both, 2, 'COTERIE_INVALID_ARGUMENT'), /--db or --store, not both/)
})

test('the command line names the database before the environment does', async () => {
  const file = join(named, 'named.db')
  await succeed(['run', AGENTS, '--until-idle', '--db', file])
  const env = { COTERIE_STORE: `sqlite:${join(named, 'absent.db')}`, COTERIE_DB: join(named, 'absent.db') }
  assert.equal((await ended(start(['status', '--db', file], env))).code, 0)
  assert.equal((await ended(start(['status', '--store', `sqlite:${file}`], env))).code, 0)
  assert.equal((await ended(start(['status'], env))).code, 4)
  assert.equal((await ended(start(['status'], { ...env, COTERIE_STORE: `sqlite:${file}` }))).code, 0)
})

test('a variable that is empty counts as not set', async () => {
  const file = join(named, 'named.db')
  const empty = { COTERIE_STORE: '', COTERIE_KEYRING: '', COTERIE_DB: file }
  assert.equal((await ended(start(['status'], empty))).code, 0)
  assert.equal((await ended(start(['send', 'clerk', 'note', '{"text":"x"}'], empty))).code, 0)
})

test('help fits into 80 columns, but for the commands that are its examples', async () => {
  for (const help of [
    await succeed(['--help']),
    await succeed(['council', 'run', '--help']),
    ...(await HELPS),
  ]) {
    for (const line of help.split('\n')) assert.ok(line.length <= 80 || line.startsWith('  $ '), line)
  }
})

test('a password in the URL of a store is not printed', async () => {
  const { code, stdout, stderr } = await coterie([
    'status',
    '--store',
    'nostore://me:hunter2@host/db?password=hunter2',
  ])
  assert.notEqual(code, 0)
  assert.ok(!`${stdout}${stderr}`.includes('hunter2'), stderr)
})

test('no command is bad input and shows the help', async () => {
  const { code, stdout, stderr } = await coterie([])
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.match(stderr, /Usage: coterie/)
})

test('a payload that has a key twice, or a broken text, is refused with its place', async () => {
  const send = ['send', 'clerk', 'note', '--db', join(named, 'named.db')]
  assert.match(await fail([...send, '{"a":1,"a":2}'], 2, 'COTERIE_INVALID_JSON'), /a duplicate key at "\/a"/)
  assert.match(
    await fail([...send, '{"a":"\\ud800"}'], 2, 'COTERIE_INVALID_JSON'),
    /a lone surrogate at "\/a"/,
  )
  assert.match(await fail([...send, '{a:1}'], 2, 'COTERIE_INVALID_JSON'), /no valid JSON: .* In a shell/)
  await succeed([...send, '{"text":"x","share":0.5}'])
})

test('a missing argument and a malformed number are bad input', async () => {
  await fail(['why'], 2, 'COTERIE_USAGE')
  await fail(['log', '--limit', 'many'], 2, 'COTERIE_USAGE')
  await fail(['log', '--limit', '0'], 2, 'COTERIE_USAGE')
  await fail(['send', 'a', 'b', '--trace', 'xyz'], 2, 'COTERIE_USAGE')
  for (const time of ['Jan 5', '2027-02-31', 'tomorrow']) {
    await fail(['send', 'a', 'b', '--at', time], 2, 'COTERIE_USAGE')
  }
})

test('with --json an error is one JSON object on the standard error', async () => {
  const text = await fail(['why', '--json'], 2, 'COTERIE_USAGE')
  const { error } = JSON.parse(text) as {
    readonly error: { readonly code: string; readonly message: string }
  }
  assert.equal(error.code, 'COTERIE_USAGE')
  assert.match(error.message, /missing required argument/i)
})

test('looking at a database that is not there fails, and creates none', async () => {
  const db = join(folder, 'none.db')
  const looking = [
    ['status'],
    ['log'],
    ['why', 'x'],
    ['trace', 'x'],
    ['decisions'],
    ['keys'],
    ['verify'],
    ['dead'],
  ]
  const acting = [
    ['send', 'a', 'b'],
    ['ask', 'a', 'b'],
    ['cancel', 'x'],
    ['dead', 'retry', 'x'],
    ['keys', 'rotate', 'x'],
    ['keys', 'revoke', 'x'],
  ]
  await Promise.all(
    [...looking, ...acting].map((args) => fail([...args, '--db', db], 4, 'COTERIE_NOT_FOUND')),
  )
  assert.deepEqual(readdirSync(folder), [])
})

test('a scheme that no store has is refused', async () => {
  await fail(['status', '--db', 'mysql://host/db'], 6, 'COTERIE_STORE_UNSUPPORTED')
})

test('a file that is no database is refused and left as it is', async () => {
  const file = join(ROOT, 'package.json')
  const before = read('package.json')
  await fail(['status', '--db', file], 6, 'COTERIE_STORE_FOREIGN')
  assert.equal(read('package.json'), before)
})

test('a module that cannot be used is named, with the line at fault, and no stack', async () => {
  const made = temporaryFolder()
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ['throws', '\nthrow new Error("boom")', /throws\.ts:2\): boom/],
    ['syntax', 'export const = 1', /syntax\.ts:1\): /],
    ['missing', "import 'not-there'", /loaded: Cannot find package 'not-there'/],
    ['nothing', 'export const x = 1', /exports no agent/],
    ['endless', 'await new Promise(() => undefined)', /waits for something that never comes/],
    ['thrown', 'throw null', /it threw null/],
    [
      'named',
      `\n\nimport { agent } from '${LIBRARY}'\nexport const a = agent('no name', {})`,
      /named\.ts:4\): "no name"/,
    ],
  ]
  for (const [name, text, why] of cases) {
    const file = join(made, `${name}.ts`)
    writeFileSync(file, text)
    const said = await fail(['run', file, '--db', join(made, 'x.db')], 2, 'COTERIE_INVALID_DEFINITION')
    assert.match(said, why)
    assert.doesNotMatch(said, /^ +at /m)
  }
  const twice = join(made, 'twice.ts')
  writeFileSync(
    twice,
    `import { agent } from '${LIBRARY}'\nexport const both = [agent('one', {}), agent('one', {})]`,
  )
  await fail(['run', twice, '--db', join(made, 'x.db')], 2, 'COTERIE_INVALID_DEFINITION')
  assert.equal(existsSync(join(made, 'x.db')), false, 'bad input, and a database was written')
  assert.match(await fail(['run', made], 4, 'COTERIE_NOT_FOUND'), /is a folder/)
})

test('what is misspelt behind keys and dead is called an unknown command', async () => {
  assert.match(await fail(['dead', 'bogus'], 2, 'COTERIE_USAGE'), /Unknown command 'bogus'\. See/)
  assert.match(await fail(['keys', 'bogus'], 2, 'COTERIE_USAGE'), /Unknown command 'bogus'\. See/)
})

test('whoever waits for a server that does not answer is told so', async () => {
  const { code, stderr } = await coterie([
    'status',
    '--store',
    'postgres://127.0.0.1:1/none?patience_ms=2600',
  ])
  assert.equal(code, 6)
  assert.match(stderr, /^still trying to reach postgres:\/\/127\.0\.0\.1:1\/none/)
})

test('an older Node is told that it is too old, and shown no stack', async () => {
  const manifest = JSON.parse(read('package.json')) as { readonly engines: { readonly node: string } }
  const run = async (version: string): Promise<{ readonly code: number | null; readonly err: string }> => {
    const pretend = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '${version}' } })`
    const flags = ['--disable-warning=ExperimentalWarning', '--import', `data:text/javascript,${pretend}`]
    const child = spawn(process.execPath, [...flags, join(ROOT, 'src', 'cli', 'bin.ts'), '--version'])
    const { code, stderr } = await ended(child)
    return { code, err: stderr }
  }
  const said = (version: string): string =>
    `error: Coterie needs Node 22.18 or later, and this is ${version}: install a newer one. (COTERIE_USAGE)\n`
  for (const version of ['20.19.5', '22.17.9']) {
    assert.deepEqual(await run(version), { code: 2, err: said(version) })
  }
  assert.deepEqual(await run('22.18.0'), { code: 0, err: '' })
  assert.equal(manifest.engines.node, '>=22.18')
})

import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../helpers/ports.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const TIMEOUT = { timeout: 90_000 }
const NAMES = ['alice', 'bob', 'carol', 'dave']
const folder = mkdtempSync(join(tmpdir(), 'coterie-council-cli-'))
const at = (...path: readonly string[]): string => join(folder, ...path)
const replicas: ChildProcess[] = []

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

function start(...args: readonly string[]): ChildProcess {
  return spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args])
}

async function cli(...args: readonly string[]): Promise<Said> {
  const child = start(...args)
  let [out, err] = ['', '']
  child.stdout?.on('data', (piece) => (out += String(piece)))
  child.stderr?.on('data', (piece) => (err += String(piece)))
  const [code] = (await once(child, 'close')) as [number]
  return { code, out, err }
}

/** Waits for the first word of a replica; throws what it said instead. */
async function started(child: ChildProcess): Promise<void> {
  let err = ''
  child.stderr?.on('data', (piece) => (err += String(piece)))
  const ended = once(child, 'close').then(() => assert.fail(`the replica ended: ${err}`))
  await Promise.race([once(child.stdout ?? assert.fail(), 'data'), ended])
}

// The four owners of a council: each makes a key, hands its card out, and makes the membership file from all cards.
before(async () => {
  const ports = await freePorts(NAMES.length)
  const cards = NAMES.map((name) => at(`${name}.json`))
  await Promise.all(
    NAMES.map(async (name, i) => {
      const url = `http://127.0.0.1:${ports[i]}`
      const made = await cli('council', 'key', at(name), '--id', name, '--url', url, '--out', cards[i] ?? '')
      assert.equal(made.code, 0, made.err)
    }),
  )
  await Promise.all(
    NAMES.map(async (name, i) => {
      const order = [...cards.slice(i), ...cards.slice(0, i)]
      const made = await cli('council', 'init', at(name), '--name', 'board', '--join', ...order)
      assert.equal(made.code, 0, made.err)
    }),
  )
  writeFileSync(at('judge.mjs'), "export default () => ({ choice: 'approve', reason: 'fine' })\n")
  await Promise.all(
    NAMES.map(async (name) => {
      const judge = name === 'dave' ? [] : ['--judge', at('judge.mjs')]
      const child = start('council', 'run', at(name), '--json', ...judge)
      replicas.push(child)
      await started(child)
    }),
  )
}, TIMEOUT)

after(() => {
  for (const child of replicas) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

test('all members make the same membership file, whatever the order of the cards', TIMEOUT, () => {
  const files = NAMES.map((name) => readFileSync(at(name, 'council.json'), 'utf8'))
  assert.equal(new Set(files).size, 1)
})

test(
  'a question is decided, and its certificate verifies with the membership file alone',
  TIMEOUT,
  async () => {
    const asked = await cli(
      'council',
      'propose',
      at('alice'),
      'May we?',
      '--subject',
      '{"a":1}',
      '--out',
      at('d.json'),
    )
    assert.equal(asked.code, 0, asked.err)
    assert.match(asked.out, /^"approve": May we\?\n/)
    const keys = at('bob', 'council.json')
    const held = await cli('verify', '--certificate', at('d.json'), '--keys', keys)
    assert.equal(held.code, 0, held.err)
    assert.match(held.out, /The certificate holds: "approve"\.\n.* have finalised height \d+/)
    writeFileSync(at('bad.json'), readFileSync(at('d.json'), 'utf8').replace('"a": 1', '"a": 2'))
    const bad = await cli('verify', '--certificate', at('bad.json'), '--keys', keys, '--json')
    assert.equal(bad.code, 3)
  },
)

test('a member without a judge votes by hand, and has one ballot', TIMEOUT, async () => {
  const rule = ['--rule', 'unanimity', '--timeout', '40', '--json']
  const waiting = cli('council', 'propose', at('bob'), 'All of us?', ...rule)
  let decision: string | undefined
  for (let round = 0; decision === undefined; round++) {
    assert.ok(round < 50, 'the vote was not opened')
    const status = await cli('council', 'status', at('dave'), '--json')
    decision = (JSON.parse(status.out) as { readonly open: readonly string[] }).open[0]
  }
  const vote = await cli('council', 'vote', at('dave'), decision, 'approve', '--reason', 'read it', '--json')
  assert.equal(vote.code, 0, vote.err)
  const { code, out } = await waiting
  assert.equal(code, 0)
  const { vote: found } = JSON.parse(out) as { readonly vote: { readonly outcome: string } }
  assert.equal(found.outcome, 'approve')
  const again = await cli('council', 'vote', at('dave'), decision, 'reject', '--json')
  assert.deepEqual(JSON.parse(again.out), JSON.parse(vote.out))
  const told = await cli('council', 'vote', at('dave'), decision, 'reject')
  assert.equal(told.out, `dave has voted already in ${decision}: "approve". That ballot stands.\n`)
})

test('a second replica of one member does not start, and the first goes on', TIMEOUT, async () => {
  const second = await cli('council', 'run', at('carol'))
  assert.equal(second.code, 5)
  assert.match(second.err, /^error: Nothing can listen on .*Does this replica run already/)
  const asked = await cli('council', 'propose', at('carol'), 'Does carol still run?', '--timeout', '40')
  assert.equal(asked.code, 0, asked.err)
})

test('what is refused leaves no keys behind, and says which file or URL is wrong', TIMEOUT, async () => {
  for (const members of ['alice,bob,carol', 'alice,bob,carol,carol', 'alice,bob,carol,!']) {
    assert.equal((await cli('council', 'init', at('refused'), '--members', members)).code, 2)
  }
  for (const url of ['ftp://10.0.0.1:7300', 'http://10.0.0.1', 'http://10.0.0.1:70000', 'space:no one']) {
    const { code, err } = await cli('council', 'key', at('refused'), '--id', 'alice', '--url', url)
    assert.equal(code, 2)
    assert.ok(
      err.startsWith(`error: ${JSON.stringify(url)} is no URL of a member: write http://HOST:PORT`),
      err,
    )
  }
  assert.equal(existsSync(at('refused')), false)
  const card = await cli('council', 'key', at('carded'), '--id', 'erin', '--url', 'space:erin', '--json')
  assert.equal(card.out.split('\n').length, 2, 'with --json a document is one line')
  writeFileSync(at('torn.json'), '{"v":1,')
  const torn = await cli('council', 'init', at('refused'), '--join', at('torn.json'))
  assert.equal(torn.code, 2)
  assert.ok(torn.err.startsWith(`error: In ${at('torn.json')} is no valid JSON: `), torn.err)
})

test('nobody is accused, and what is asked wrongly is refused by its exit code', TIMEOUT, async () => {
  const written = await cli('council', 'evidence', at('carol'), '--out', at('e.json'))
  assert.equal(written.code, 0, written.err)
  const keys = ['--keys', at('carol', 'council.json')]
  assert.match((await cli('verify', '--evidence', at('e.json'), ...keys)).out, /nobody is accused/)
  assert.equal((await cli('verify', '--evidence', at('d.json'), ...keys)).code, 3)
  assert.equal((await cli('council', 'status', at('nobody'))).code, 4)
  assert.equal((await cli('council', 'init', at('alice'), '--join', at('alice.json'))).code, 2)
  assert.equal((await cli('council', 'init', at('few'), '--members', 'alice,bob,carol')).code, 2)
  assert.equal((await cli('council', 'vote', at('dave'), 'alice.999', 'approve')).code, 4)
  replicas.at(-1)?.kill('SIGKILL')
  await once(replicas.at(-1) ?? assert.fail(), 'close')
  assert.equal((await cli('council', 'status', at('dave'))).code, 5)
})

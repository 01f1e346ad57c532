/** The members of a council change while its processes run, die, and come back. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePorts } from '../helpers/ports.ts'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const TIMEOUT = { timeout: 240_000 }
const FIRST = ['alice', 'bob', 'carol', 'dave']
const folder = mkdtempSync(join(tmpdir(), 'coterie-members-cli-'))
const at = (...path: readonly string[]): string => join(folder, ...path)
const replicas = new Map<string, ChildProcess>()

after(() => {
  for (const child of replicas.values()) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

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

/** A command of a member that must succeed. */
async function council(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await cli('council', ...args)
  assert.equal(code, 0, `${args.join(' ')}: ${err}`)
  return out
}

async function run(name: string): Promise<void> {
  const child = start('council', 'run', at(name), '--json', '--judge', at('judge.mjs'))
  replicas.set(name, child)
  let err = ''
  child.stderr?.on('data', (piece) => (err += String(piece)))
  const ended = once(child, 'close').then(() => assert.fail(`the replica ended: ${err}`))
  await Promise.race([once(child.stdout ?? assert.fail(), 'data'), ended])
  ended.catch(() => undefined)
}

async function kill(name: string): Promise<void> {
  const child = replicas.get(name) ?? assert.fail()
  child.kill('SIGKILL')
  await once(child, 'close')
}

interface Status {
  readonly epoch: number
  readonly names: readonly string[]
  readonly standing: string
  readonly peers: readonly { readonly id: string; readonly isConnected: boolean }[]
}

async function statusUntil(name: string, holds: (status: Status) => boolean): Promise<Status> {
  for (let round = 0; ; round++) {
    const status = JSON.parse(await council('status', at(name), '--json')) as Status
    if (holds(status)) return status
    assert.ok(round < 60, JSON.stringify(status))
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function decide(
  name: string,
  question: string,
  file: string,
  ...more: readonly string[]
): Promise<void> {
  await council('propose', at(name), question, '--timeout', '30', '--out', at(file), ...more)
}

async function verified(certificates: readonly string[], keys: string): Promise<Said> {
  return cli('verify', ...certificates.flatMap((file) => ['--certificate', at(file)]), '--keys', keys)
}

test(
  'four become five, one is killed meanwhile, the first one is removed, and all is proven',
  TIMEOUT,
  async () => {
    writeFileSync(at('judge.mjs'), "export default () => ({ choice: 'approve', reason: 'fine' })\n")
    const ports = await freePorts(FIRST.length + 1)
    const urlOf = (place: number): string => `http://127.0.0.1:${ports[place]}`
    const cards = FIRST.map((name) => at(`${name}.json`))
    await Promise.all(
      FIRST.map((name, i) =>
        council('key', at(name), '--id', name, '--url', urlOf(i), '--out', cards[i] ?? ''),
      ),
    )
    await Promise.all(FIRST.map((name) => council('init', at(name), '--name', 'board', '--join', ...cards)))
    await Promise.all(FIRST.map((name) => run(name)))
    const first = at('alice', 'council.json')
    await decide('alice', 'Before?', 'd0.json')

    // A fifth makes its key, and is started: it is not heard yet.
    await council('key', at('eve'), '--id', 'eve', '--url', urlOf(4), '--out', at('eve.json'))
    const keyless = await cli('council', 'init', at('nobody'), '--from', first)
    assert.equal(keyless.code, 7, keyless.err)
    assert.ok(!existsSync(at('nobody', 'council.json')))
    await council('init', at('eve'), '--from', first)
    await run('eve')
    const early = await cli('council', 'propose', at('eve'), 'Already?')
    assert.equal(early.code, 5)
    assert.match(early.err, /has not taken it in yet/)

    // One member agrees; another is killed before the rest do.
    const alone = await council('add', at('alice'), at('eve.json'))
    assert.match(alone, /alice agrees to add eve .*: alice agree, 1 of the 3 by weight that it takes\./)
    await kill('bob')
    assert.match(await council('members', at('carol')), /To add eve \(.*\): alice agree, 1 of the 3/)
    await council('add', at('carol'), at('eve.json'))
    const last = await council('add', at('dave'), at('eve.json'))
    assert.match(last, /agreed to add eve .*: epoch 1 has begun/)
    const joined = await statusUntil('eve', ({ standing }) => standing === 'member')
    assert.deepEqual([joined.epoch, joined.names], [1, [...FIRST, 'eve']])
    // Without the one that was killed, and with the new one: a quorum of four.
    await decide('eve', 'Without bob?', 'd1.json')

    // It comes back, and learns of the fifth, who is reached at once.
    await run('bob')
    const back = await statusUntil('bob', ({ epoch, peers }) => {
      return epoch === 1 && peers.some(({ id, isConnected }) => id === 'eve' && isConnected)
    })
    assert.deepEqual(back.names, [...FIRST, 'eve'])
    await decide('bob', 'All five?', 'd2.json', '--rule', 'unanimity')

    // The first one leaves: all others have to agree, for it takes four of five.
    for (const name of ['bob', 'carol', 'dave']) await council('remove', at(name), 'alice')
    assert.match(await council('remove', at('eve'), 'alice'), /agreed to remove alice: epoch 2 has begun/)
    await statusUntil('alice', ({ standing }) => standing === 'removed')
    assert.match(await council('status', at('alice')), /alice was removed with height \d+: it votes no more/)
    const late = await cli('council', 'propose', at('alice'), 'Still?')
    assert.equal(late.code, 5)
    assert.match(late.err, /has removed "alice"/)
    await decide('dave', 'After?', 'd3.json', '--rule', 'unanimity')

    // Everything is proven by the first membership file, and by the newest one.
    await council('members', at('carol'), '--out', at('newest.json'))
    const all = ['d0.json', 'd1.json', 'd2.json', 'd3.json']
    for (const keys of [first, at('newest.json')]) {
      const held = await verified(all, keys)
      assert.equal(held.code, 0, `by ${keys}: ${held.err}`)
      assert.equal(held.out.match(/The certificate holds: "approve"/g)?.length, 4)
    }
    const { out } = await verified(['d3.json'], first)
    assert.match(
      out,
      /epoch 1 began: "eve" came\..*\n.*epoch 2 began: "alice" left\..*"bob", "carol", "dave", "eve"/,
    )
    writeFileSync(
      at('forged.json'),
      readFileSync(at('d3.json'), 'utf8').replace('"remove": [', '"remove": ["bob",'),
    )
    assert.equal((await verified(['forged.json'], first)).code, 3)
  },
)

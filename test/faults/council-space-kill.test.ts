/** A council of four processes in one SQLite file: one is killed, comes back, and votes again. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const NAMES = ['alice', 'bob', 'carol', 'dave']

interface Said {
  readonly code: number
  readonly out: string
  readonly err: string
}

test(
  'a replica that is killed goes on from its file, in the space, after its lease has lapsed',
  { timeout: 240_000 },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'coterie-space-kill-'))
    const at = (...path: readonly string[]): string => join(folder, ...path)
    const running = new Map<string, ChildProcess>()
    t.after(() => {
      for (const child of running.values()) child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    })
    const start = (...args: readonly string[]): ChildProcess =>
      spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...args])
    const cli = async (...args: readonly string[]): Promise<Said> => {
      const child = start(...args, '--db', at('team.db'))
      let [out, err] = ['', '']
      child.stdout?.on('data', (piece) => (out += String(piece)))
      child.stderr?.on('data', (piece) => (err += String(piece)))
      const [code] = (await once(child, 'close')) as [number]
      return { code, out, err }
    }
    const run = async (name: string): Promise<void> => {
      const judge = name === 'dave' ? [] : ['--judge', at('judge.mjs')]
      const child = start('council', 'run', at('council', name), '--db', at('team.db'), '--json', ...judge)
      running.set(name, child)
      if (child.stdout !== null) await once(child.stdout, 'data')
    }
    const propose = (question: string, ...more: readonly string[]): Promise<Said> =>
      cli('council', 'propose', at('council', 'alice'), question, '--timeout', '60', '--json', ...more)

    const made = await cli('council', 'init', at('council'), '--members', NAMES.join(','), '--in-space')
    assert.equal(made.code, 0, made.err)
    assert.match(made.out, /coterie council run .*alice --db FILE/)
    writeFileSync(at('judge.mjs'), "export default () => ({ choice: 'approve', reason: 'fine' })\n")
    for (const name of NAMES) await run(name)

    const first = await propose('May we?', '--out', at('first.json'))
    assert.equal(first.code, 0, first.err)
    const keys = ['--keys', at('council', 'council.json')]
    assert.equal((await cli('verify', '--certificate', at('first.json'), ...keys)).code, 0)
    running.get('dave')?.kill('SIGKILL')
    const without = await propose('Without dave?')
    assert.equal(without.code, 0, without.err)
    await run('dave')

    // Only with dave, who votes by hand.
    const waiting = propose('All of us?', '--rule', 'unanimity')
    let open: string | undefined
    for (let round = 0; open === undefined; round++) {
      assert.ok(round < 60, 'the vote was not opened')
      const status = await cli('council', 'status', at('council', 'dave'), '--json')
      open = (JSON.parse(status.out) as { readonly open: readonly string[] }).open[0]
    }
    const vote = await cli('council', 'vote', at('council', 'dave'), open, 'approve', '--reason', 'read it')
    assert.equal(vote.code, 0, vote.err)
    const all = await waiting
    assert.equal(all.code, 0, all.err)
    const { vote: certified } = JSON.parse(all.out) as {
      readonly vote: { readonly outcome: string; readonly ballots: readonly unknown[] }
    }
    assert.deepEqual([certified.outcome, certified.ballots.length], ['approve', 4])

    assert.deepEqual(JSON.parse((await cli('dead', '--json')).out || '[]'), [])
    const verified = await cli('verify')
    assert.equal(verified.code, 0, verified.out)
    const evidence = await cli('council', 'evidence', at('council', 'alice'))
    assert.deepEqual((JSON.parse(evidence.out) as { readonly evidence: readonly unknown[] }).evidence, [])
    // What is not there, and who does not run.
    assert.equal((await cli('council', 'vote', at('council', 'bob'), 'alice.999', 'approve')).code, 4)
    assert.equal((await cli('council', 'run', at('council', 'bob'), '--listen', '127.0.0.1:1')).code, 2)
    for (const child of running.values()) child.kill('SIGTERM')
    for (const child of running.values())
      if (child.exitCode === null && child.signalCode === null) await once(child, 'close')
    assert.equal((await cli('council', 'status', at('council', 'alice'))).code, 5)
  },
)

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { ROOT } from '../repo/files.ts'
import { AGENTS, ended, fail, jsonLines, start, succeed, temporaryFolder } from './cli.ts'

const TRACE = '00000000000000000000000000000abc'
const GOLDEN = join(ROOT, 'test', 'cli', 'golden', 'why-decision.txt')

const folder = temporaryFolder()
const db = ['--db', join(folder, 'team.db')]
let decision = ''

before(async () => {
  const ask = [
    'ask',
    'intake',
    'begin',
    '{"name":"left-pad"}',
    '--trace',
    TRACE,
    '--module',
    AGENTS,
    '--json',
  ]
  const answer = JSON.parse(await succeed([...ask, ...db])) as { readonly decision: string }
  decision = answer.decision
  await succeed(['send', 'clerk/red', 'note', '{"text":"a"}', ...db])
  await succeed(['send', 'clerk/blue', 'note', '{"text":"b"}', ...db])
})

/** Replaces what differs from run to run by its number in the order of appearance. */
function normalised(text: string): string {
  let result = text
  for (const [name, pattern] of [
    ['client', /client\/[0-9A-Z]{26}/g],
    ['msg', /msg_[0-9A-Z]{26}/g],
    ['turn', /turn_[0-9A-Z]{26}/g],
    ['dec', /dec_[0-9A-Z]{26}/g],
    ['record', /record \d+ \([0-9a-f]{16}\)/g],
  ] as const) {
    const seen = new Map<string, number>()
    result = result.replace(pattern, (match) => {
      const number = seen.get(match) ?? seen.size + 1
      seen.set(match, number)
      return `<${name} ${number}>`
    })
  }
  return result
    .replace(/^(.*proof +)records? [\d, ]+ verified$/gm, '$1<records> verified')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}/g, '<time>')
    .replace(/\b\d+(?:\.\d+)? (?:ms|s)\b/g, '<duration>')
}

test('why tells who decided, because of what, with ballots, steps and proof', async () => {
  // Wide, so that no line breaks elsewhere because a duration is longer.
  const text = normalised(await succeed(['why', decision, ...db], { env: { COLUMNS: '300' } }))
  if (process.env['UPDATE'] === '1') writeFileSync(GOLDEN, text)
  assert.equal(text, readFileSync(GOLDEN, 'utf8'))
})

test('why fits a screen of 80 characters when nobody says how wide it is', async () => {
  const lines = (await succeed(['why', decision, ...db])).split('\n')
  assert.ok(lines.some((line) => line.length > 60))
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  )
})

test('why --json has the sentence, the chain to the root, and the proof of each record', async () => {
  const report = JSON.parse(await succeed(['why', decision, '--json', ...db])) as {
    readonly sentence: string
    readonly decision: { readonly ballots: readonly { readonly reasons: readonly string[] }[] }
    readonly chain: readonly {
      readonly message: { readonly to: string; readonly cause: string | null }
      readonly turn: { readonly steps: readonly { readonly name: string; readonly usage: unknown }[] }
    }[]
    readonly proof: {
      readonly records: number
      readonly verified: number
      readonly problems: readonly unknown[]
    }
  }
  assert.match(report.sentence, /^lead decided "approve" on "Use left-pad\?" with 2 of 2 votes/)
  assert.deepEqual(
    report.chain.map(({ message }) => message.to),
    ['lead', 'intake'],
  )
  assert.equal(report.chain.at(-1)?.message.cause, null)
  assert.deepEqual(report.chain[0]?.turn.steps[0]?.usage, { tokens: 12 })
  assert.deepEqual(report.decision.ballots[0]?.reasons, ['taking the risk'])
  assert.ok(report.proof.records >= 4)
  assert.equal(report.proof.verified, report.proof.records)
  assert.deepEqual(report.proof.problems, [])
})

test('why takes a turn, a message and the beginning of an id, and refuses what is ambiguous or unknown', async () => {
  const text = await succeed(['why', decision.slice(0, 20), '--depth', '1', ...db])
  assert.match(text, /earlier causes are not shown/)
  const turn = /turn_[0-9A-Z]{26}/.exec(text)?.[0] ?? ''
  assert.match(
    await succeed(['why', turn, ...db]),
    /^bold handled "judge", asked by lead while it handled "review"/,
  )
  const message = turn.replace('turn_', 'msg_')
  assert.match(await succeed(['why', message.slice(0, 28), ...db]), /^bold handled "judge"/)
  await fail(['why', 'msg_0', ...db], 4, 'COTERIE_NOT_FOUND')
  await fail(['why', 'msg_00000000000000', ...db], 4, 'COTERIE_NOT_FOUND')
  await fail(['why', message.slice(0, 10), ...db], 2, 'COTERIE_INVALID_ARGUMENT')
  await fail(['why', TRACE, ...db], 2, 'COTERIE_INVALID_ARGUMENT')
})

test('trace shows the tree of messages from any id of it', async () => {
  const text = await succeed(['trace', decision, ...db])
  assert.match(text, new RegExp(`^trace ${TRACE}  9 messages`))
  assert.match(text, /^└─ client\/\S+ -> intake "begin" {2}answered/m)
  assert.match(text, /^ {6}[├└]─ clerk "note" {2}\w+/m)
  const report = JSON.parse(await succeed(['trace', TRACE, '--json', ...db])) as {
    readonly messages: number
    readonly roots: readonly { readonly children: readonly unknown[] }[]
  }
  assert.equal(report.messages, 9)
  assert.deepEqual([report.roots.length, report.roots[0]?.children.length], [1, 2])
  assert.match(await succeed(['trace', TRACE, '--limit', '2', ...db]), /There are more messages/)
  await fail(['trace', 'f'.repeat(32), ...db], 4, 'COTERIE_NOT_FOUND')
})

test('status counts keyed instances together, or each with --all', async () => {
  const report = JSON.parse(await succeed(['status', '--json', ...db])) as {
    readonly agents: readonly { readonly name: string }[]
    readonly mailboxes: readonly {
      readonly address: string
      readonly instances: number
      readonly depth: number
    }[]
    readonly messages: Readonly<Record<string, number>>
    readonly oldestMs: number | null
  }
  const clerk = report.mailboxes.find(({ address }) => address === 'clerk')
  assert.deepEqual([clerk?.instances, clerk?.depth], [3, 2])
  assert.equal(report.messages['queued'], 2)
  assert.ok((report.oldestMs ?? -1) >= 0)
  assert.deepEqual(
    report.agents.map(({ name }) => name),
    ['bold', 'cautious', 'clerk', 'clumsy', 'intake', 'lead'],
  )
  const text = await succeed(['status', '--all', ...db])
  assert.match(text, /^ {2}clerk\/red\b/m)
  assert.match(text, /the oldest message waits/)
})

test('log shows the newest records, those from a position on, and those of one agent', async () => {
  const all = jsonLines(await succeed(['log', '--json', ...db]))
  assert.deepEqual(
    all.map(({ position }) => position),
    all.map((_, index) => index),
  )
  const newest = jsonLines(await succeed(['log', '--limit', '2', '--json', ...db]))
  assert.deepEqual(newest, all.slice(-2))
  const from = jsonLines(await succeed(['log', '--from', '1', '--limit', '3', '--json', ...db]))
  assert.deepEqual(from, all.slice(1, 4))
  const lines = (await succeed(['log', '--agent', 'lead', ...db])).trim().split('\n')
  assert.equal(lines.length, 2)
  assert.match(lines[1] ?? '', / lead {2}turn handled .*decided dec_/)
})

/** Waits until a process has written so many more lines. */
function shown(child: ChildProcess, lines: number): Promise<void> {
  let left = lines
  return new Promise((resolve) => {
    const count = (text: string): void => {
      left -= text.split('\n').length - 1
      if (left > 0) return
      child.stdout?.off('data', count)
      resolve()
    }
    child.stdout?.on('data', count)
  })
}

test('log --follow shows each new record once, until it is interrupted', async () => {
  const follower = start(['log', '--follow', '--limit', '1', '--json', ...db])
  const result = ended(follower)
  await shown(follower, 1)
  const more = shown(follower, 1)
  const id = (await succeed(['send', 'clerk/green', 'note', '{"text":"c"}', ...db])).trim()
  await more
  follower.kill('SIGINT')
  const { code, stdout } = await result
  assert.equal(code, 0)
  const positions = jsonLines(stdout).map(({ position }) => Number(position))
  assert.equal(positions.length, 2)
  assert.equal(positions[1], (positions[0] ?? 0) + 1)
  assert.ok(stdout.includes(id))
})

test('decisions are listed with their outcome', async () => {
  assert.match(await succeed(['decisions', ...db]), new RegExp(`${decision} .* approve +Use left-pad\\?`))
  const rows = jsonLines(await succeed(['decisions', '--json', ...db]))
  assert.deepEqual(
    rows.map(({ id, outcome }) => [id, outcome]),
    [[decision, 'approve']],
  )
  assert.equal(await succeed(['decisions', '--after', decision, ...db]), '')
})

test('a space that is not there is named together with those that are', async () => {
  assert.match(await fail(['status', '--space', 'other', ...db], 4, 'COTERIE_NOT_FOUND'), /It has: main/)
})

test('nothing that is written to a pipe has colours', async () => {
  for (const args of [['status'], ['log'], ['why', decision], ['trace', decision]]) {
    assert.ok(!(await succeed([...args, ...db])).includes('\u001b'), args.join(' '))
  }
})

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { AGENTS, coterie, ended, fail, jsonLines, start, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const db = ['--db', join(folder, 'team.db')]

before(async () => {
  await succeed(['run', AGENTS, '--until-idle', ...db])
})

test('run says on the standard error which agents it runs', async () => {
  const { code, stdout, stderr } = await coterie(['run', AGENTS, '--until-idle', '--verbose', ...db])
  assert.equal(code, 0)
  assert.equal(stdout, '')
  assert.match(stderr, /running bold, cautious, clerk/)
})

test('run stops cleanly at SIGTERM, and its work is taken up by the next', async () => {
  const child = start(['run', AGENTS, '--json', ...db])
  const result = ended(child)
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  child.kill('SIGTERM')
  const { code, stdout } = await result
  assert.equal(code, 0)
  const [started, stopped] = jsonLines(stdout)
  assert.equal(started?.['event'], 'started')
  assert.deepEqual(stopped, { event: 'stopped', reason: 'SIGTERM' })
  const status = JSON.parse(await succeed(['status', '--json', ...db])) as {
    readonly workers: readonly unknown[]
  }
  assert.deepEqual(status.workers, [])
})

test('run refuses a module that is missing, broken or without agents', async () => {
  await fail(['run', join(folder, 'none.ts'), ...db], 4, 'COTERIE_NOT_FOUND')
  const broken = join(folder, 'broken.mjs')
  writeFileSync(broken, 'throw new Error("no luck")')
  assert.match(await fail(['run', broken, ...db], 2, 'COTERIE_INVALID_DEFINITION'), /no luck/)
  const empty = join(folder, 'empty.mjs')
  writeFileSync(empty, 'export const agents = []')
  await fail(['run', empty, ...db], 2, 'COTERIE_INVALID_DEFINITION')
})

test('ask with a module prints the answer as JSON', async () => {
  const text = await succeed([
    'ask',
    'intake',
    'begin',
    '{"name":"left-pad"}',
    '--module',
    AGENTS,
    '--json',
    ...db,
  ])
  const answer = JSON.parse(text) as { readonly outcome: string; readonly decision: string }
  assert.equal(answer.outcome, 'approve')
  assert.match(answer.decision, /^dec_/)
})

test('ask is answered by a worker that runs elsewhere', async () => {
  const worker = start(['run', AGENTS, ...db])
  const result = ended(worker)
  const text = await succeed(['ask', 'lead', 'review', '-', ...db], { input: '{"name":"eval-all"}' })
  assert.match(text, /"outcome": "none"/)
  worker.kill('SIGINT')
  assert.equal((await result).code, 0)
})

test('ask without a worker is too late, and says what is missing', async () => {
  const text = await fail(
    ['ask', 'lead', 'review', '{"name":"x"}', '--timeout-ms', '50', ...db],
    8,
    'COTERIE_DEADLINE_PASSED',
  )
  assert.match(text, /No worker runs/)
  assert.match(text, /has not handled "\w+" \(msg_\w{26}\) before its deadline\. Does a worker run the agent/)
})

test('a payload that does not fit the schema of the module is refused before anything is sent', async () => {
  const module = ['--module', AGENTS]
  await fail(['send', 'lead', 'review', '{"nam":1}', ...module, ...db], 2, 'COTERIE_INVALID_PAYLOAD')
  await fail(['send', 'nobody', 'review', ...module, ...db], 4, 'COTERIE_UNKNOWN_RECIPIENT')
  await fail(['send', 'lead', 'rewiev', ...module, ...db], 4, 'COTERIE_UNKNOWN_HANDLER')
})

test('send refuses what is no JSON, what nobody takes, and a payload that is given twice', async () => {
  await fail(['send', 'lead', 'review', '{name:1}', ...db], 2, 'COTERIE_INVALID_JSON')
  await fail(['send', 'nobody', 'review', ...db], 4, 'COTERIE_UNKNOWN_RECIPIENT')
  await fail(['send', 'lead', 'review', '{}', '--file', AGENTS, ...db], 2, 'COTERIE_USAGE')
})

test('send prints the id, and the same one again for the same idempotency key', async () => {
  const file = join(folder, 'payload.json')
  writeFileSync(file, '{"text":"once"}')
  const args = [
    'send',
    'clerk',
    'note',
    '--file',
    file,
    '--idempotency-key',
    'k1',
    '--correlation',
    'c1',
    ...db,
  ]
  const id = (await succeed(args)).trim()
  assert.match(id, /^msg_[0-9A-Z]{26}$/)
  assert.deepEqual(jsonLines(await succeed([...args, '--json'])), [{ id }])
})

test('a message that is sent for later is scheduled, and can be cancelled', async () => {
  const send = ['send', 'clerk', 'note', '{"text":"later"}', ...db]
  const delayed = (await succeed([...send, '--delay-ms', '3600000'])).trim()
  const trace = '0123456789abcdef0123456789abcdef'
  const dated = (
    await succeed([...send, '--at', new Date(Date.now() + 3_600_000).toISOString(), '--trace', trace])
  ).trim()
  assert.match(await succeed(['why', delayed, ...db]), /is not due before/)
  assert.equal((await succeed(['cancel', delayed, ...db])).trim(), delayed)
  assert.deepEqual(jsonLines(await succeed(['cancel', trace, '--json', ...db])), [{ cancelled: [dated] }])
  const again = await coterie(['cancel', delayed, ...db])
  assert.deepEqual([again.code, again.stdout], [0, ''])
  await fail(['cancel', 'msg_00000000000000000000000000', ...db], 4, 'COTERIE_NOT_FOUND')
})

test('why names what an agent had been sent and had not read when its turn ended', async () => {
  const first = (await succeed(['send', 'clerk/late', 'note', '{"text":"one"}', ...db])).trim()
  const second = (await succeed(['send', 'clerk/late', 'note', '{"text":"two"}', ...db])).trim()
  await succeed(['run', AGENTS, '--until-idle', ...db])
  const text = await succeed(['why', first, ...db])
  assert.match(text, new RegExp(`unseen +1 message had come in and had not been read:[^]*${second}`))
  assert.match(text, /appended +notes@\d+ noted/)
  assert.ok(!(await succeed(['why', second, ...db])).includes('unseen'))
})

test('a dead letter is listed, shown, retried and dropped', async () => {
  const id = (await succeed(['send', 'clumsy', 'drop', ...db])).trim()
  await fail(['dead', 'show', id, ...db], 2, 'COTERIE_INVALID_ARGUMENT')
  await fail(['dead', 'retry', id, ...db], 2, 'COTERIE_INVALID_ARGUMENT')
  await succeed(['run', AGENTS, '--until-idle', ...db])
  assert.match(await succeed(['dead', ...db]), new RegExp(`${id} .*the tray`))
  const [letter] = jsonLines(await succeed(['dead', 'list', '--json', ...db]))
  assert.equal(letter?.['id'], id)
  const shown = await succeed(['dead', 'show', id, ...db])
  assert.match(shown, /the tray \\u001b\[31mfell/)
  assert.ok(!shown.includes('\u001b'), 'a control character of an error reached the terminal')
  assert.deepEqual(jsonLines(await succeed(['dead', 'retry', id, '--json', ...db])), [
    { id, state: 'queued' },
  ])
  await succeed(['run', AGENTS, '--until-idle', ...db])
  assert.equal(await succeed(['dead', 'drop', id, ...db]), `${id} is cancelled\n`)
  assert.equal(await succeed(['dead', ...db]), '')
  await fail(['dead', 'show', 'msg_00000000000000000000000000', ...db], 4, 'COTERIE_NOT_FOUND')
})

test('a keyring that does not belong to the database is refused', async () => {
  const args = ['send', 'clerk', 'note', '{"text":"x"}', '--keyring', join(folder, 'other'), ...db]
  await fail(args, 7, 'COTERIE_KEY_MISSING')
})

test('a list that is cut says so, and how many there are', async () => {
  for (const _ of [1, 2]) await succeed(['send', 'clumsy', 'drop', ...db])
  await succeed(['run', AGENTS, '--until-idle', ...db])
  const { stdout, stderr } = await coterie(['dead', '--limit', '1', ...db])
  assert.equal(stdout.trim().split('\n').length, 1)
  assert.match(stderr, /^these are the first 1 of 2: --limit 2 shows all$/m)
  assert.equal((await coterie(['dead', '--limit', '2', ...db])).stderr, '')
})

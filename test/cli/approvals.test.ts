import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../repo/files.ts'
import { coterie, ended, fail, jsonLines, start, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const db = ['--db', join(folder, 'team.db')]
const PEOPLE = join(ROOT, 'test', 'fixtures', 'cli', 'people.ts')

type Waiting = Readonly<Record<string, unknown>>

async function untilWaiting(count: number): Promise<readonly Waiting[]> {
  for (;;) {
    const { code, stdout } = await coterie(['approvals', '--json', ...db])
    const waiting = code === 0 ? jsonLines(stdout) : []
    if (waiting.length >= count) return waiting
  }
}

test('an approval survives kill -9, is answered while nothing runs, and is found by the next', async () => {
  await succeed(['run', PEOPLE, '--until-idle', ...db])
  const id = (await succeed(['send', 'desk', 'order', '{"cents":700}', ...db])).trim()
  assert.match(id, /^msg_/)
  const child = start(['run', PEOPLE, '--json', ...db])
  const result = ended(child)
  const [approval] = await untilWaiting(1)
  child.kill('SIGKILL')
  await result
  assert.deepEqual(approval?.['subject'], { action: 'pay', arguments: { cents: 700 } })
  assert.equal(approval?.['person'], 'alice')
  const listed = await succeed(['approvals', ...db])
  assert.match(listed, /alice: Pay\?\n {2}asked by clerk .* left\)\n {2}about \{"action":"pay",/)
  assert.match(listed, /approve \| reject \| abstain/)
  const decision = String(approval['decision'])
  const open = await coterie(['why', decision, ...db])
  assert.match(open.stderr, new RegExp(`^${decision} is not decided: this is the turn that asks for it`))
  assert.match(open.stdout, /asked {5}alice "person" and has no answer/)
  assert.match(await succeed(['trace', decision.slice(0, 20), ...db]), /alice "person" {2}queued/)
  assert.match(await fail(['certificate', decision, ...db], 4, 'COTERIE_NOT_FOUND'), /is not decided/)
  // Alice's own keyring has her key, and that of callers from outside: no more is needed to answer.
  const own = join(folder, 'alice.keys')
  mkdirSync(own, { mode: 0o700 })
  for (const name of ['alice.key', 'client.key'])
    copyFileSync(join(folder, 'team.db.keys', name), join(own, name))
  await fail(['approve', decision, '--option', 'maybe', ...db], 2, 'COTERIE_INVALID_ARGUMENT')
  const beginning = decision.slice(0, 20)
  const said = await succeed(['approve', beginning, '--reason', 'it is due', '--keyring', own, ...db])
  assert.equal(said, `alice answered approve in ${decision}\n`)
  await fail(['approve', String(approval['id']), ...db], 8, 'COTERIE_DECISION_CLOSED')
  assert.equal((await coterie(['approvals', ...db])).stderr, 'nothing waits for anybody\n')
  await succeed(['run', PEOPLE, '--until-idle', ...db])
  await fail(['approve', decision, ...db], 8, 'COTERIE_DECISION_CLOSED')
  const why = await succeed(['why', decision, ...db])
  assert.match(why, /approve by alice: it is due/)
  const [certificate, keys] = ['certificate.json', 'keys.json'].map((name) => join(folder, name))
  assert.ok(certificate !== undefined && keys !== undefined)
  await succeed(['certificate', decision, '--out', certificate, ...db])
  await succeed(['keys', 'export', '--out', keys, ...db])
  const verdict = await succeed(['verify', '--certificate', certificate, '--keys', keys])
  assert.match(verdict, /The certificate holds: "approve"\./)
  assert.match(await succeed(['verify', ...db]), /The log verifies/)
})

test('a decision that waits for several people is answered by name, and a rejection says why', async () => {
  await succeed(['send', 'desk', 'order', '{"cents":7000}', ...db])
  const child = start(['run', PEOPLE, '--json', ...db])
  const result = ended(child)
  const [first] = await untilWaiting(2)
  child.kill('SIGTERM')
  await result
  const decision = String(first?.['decision'])
  const several = await fail(
    ['approve', String(first?.['id']).slice(0, 10), ...db],
    2,
    'COTERIE_INVALID_ARGUMENT',
  )
  assert.match(several, /Several ids begin with "msg_01/)
  const told = await fail(['approve', decision, ...db], 2, 'COTERIE_INVALID_ARGUMENT')
  assert.match(told, /several people: alice, bob/)
  await fail(['reject', decision, '--as', 'bob', ...db], 2, 'COTERIE_USAGE')
  await succeed(['reject', decision, '--as', 'bob', '--reason', 'too much', ...db])
  const answered = JSON.parse(
    await succeed(['approve', decision, '--as', 'alice', '--json', ...db]),
  ) as Waiting
  assert.deepEqual([answered['person'], answered['choice']], ['alice', 'approve'])
  await succeed(['run', PEOPLE, '--until-idle', ...db])
  assert.match(await succeed(['why', decision, ...db]), /none/)
  const unknown = await fail(['approvals', '--as', 'carol', ...db], 4, 'COTERIE_UNKNOWN_RECIPIENT')
  assert.match(unknown, /has no person "carol"; it has: alice, bob\./)
  await fail(['approve', decision, '--as', 'clerk', ...db], 4, 'COTERIE_UNKNOWN_RECIPIENT')
  await fail(['reject', 'dec_nothing', '--reason', 'x', ...db], 4, 'COTERIE_NOT_FOUND')
})

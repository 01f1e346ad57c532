import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { AGENTS, coterie, fail, jsonLines, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const db = ['--db', join(folder, 'team.db')]
const certificate = join(folder, 'decision.json')
const keys = join(folder, 'keys.json')
let decision = ''

before(async () => {
  const ask = ['ask', 'lead', 'review', '{"name":"left-pad"}', '--module', AGENTS, '--json', ...db]
  decision = (JSON.parse(await succeed(ask)) as { readonly decision: string }).decision
  await succeed(['certificate', decision, '--out', certificate, ...db])
  await succeed(['keys', 'export', '--out', keys, ...db])
})

/** A copy of the database in which somebody has changed something. */
async function tampered(name: string, sql: string): Promise<readonly string[]> {
  const file = join(folder, `${name}.db`)
  const source = new DatabaseSync(join(folder, 'team.db'))
  source.exec(`vacuum into '${file}'`)
  source.close()
  const copy = new DatabaseSync(file)
  copy.exec(sql)
  copy.close()
  return ['--db', file]
}

/** A changed copy of a file. */
function changed(file: string, change: (text: string) => string): string {
  const path = join(folder, `changed-${Math.random()}.json`)
  writeFileSync(path, change(readFileSync(file, 'utf8')))
  return path
}

test('a certificate is exported byte for byte as the log has hashed it', async () => {
  const text = readFileSync(certificate, 'utf8')
  assert.equal(await succeed(['certificate', decision.slice(0, 20), ...db]), `${text}\n`)
  const hash = createHash('sha256').update(text).digest('hex')
  assert.ok((await succeed(['log', '--agent', 'lead', '--json', ...db])).includes(hash))
  await fail(['certificate', 'dec_00000000000000000000000000', ...db], 4, 'COTERIE_NOT_FOUND')
})

test('keys are listed and exported with the space and its owner', async () => {
  assert.match(await succeed(['keys', ...db]), /^lead +[0-9a-f]{40} +\S{43} +1 +- +-$/m)
  const listed = jsonLines(await succeed(['keys', '--json', ...db]))
  const file = JSON.parse(await succeed(['keys', 'export', ...db])) as Readonly<Record<string, unknown>>
  assert.deepEqual(file, JSON.parse(readFileSync(keys, 'utf8')))
  assert.deepEqual(file['keys'], listed)
  assert.deepEqual([file['v'], file['type'], file['owner']], [1, 'coterie.keys', listed[0]?.['publicKey']])
})

test('verify accepts the log, with and without pinned keys', async () => {
  assert.match(await succeed(['verify', ...db]), /^The log verifies up to position \d+: \d+ records/)
  assert.match(await succeed(['verify', '--keys', keys, ...db]), /are those of the keys file/)
  const report = JSON.parse(await succeed(['verify', '--keys', keys, '--json', ...db])) as Readonly<
    Record<string, unknown>
  >
  assert.deepEqual([report['ok'], report['pinned'], report['faults']], [true, true, 0])
})

test('verify names the first bad record, by exit code 3', async () => {
  const body = await tampered(
    'body',
    "update records set body = replace(body, 'handled', 'retry') where author = 'lead'",
  )
  assert.match(await fail(['verify', ...body], 3, 'COTERIE_VERIFICATION_FAILED'), /position \d+, by "lead"/)
  const payload = await tampered(
    'payload',
    `update contents set payload = '{"name":"evil"}' where payload = '{"name":"left-pad"}'`,
  )
  const text = await fail(['verify', '--json', ...payload], 3, 'COTERIE_VERIFICATION_FAILED')
  const { error } = JSON.parse(text) as {
    readonly error: { readonly details: { readonly position: number } }
  }
  assert.equal(error.details.position, 2)
})

test('why shows nothing of a record that does not verify, and ends with exit code 3', async () => {
  const detail = await tampered(
    'detail',
    `update records set detail = '{"reasons":["all fine"]}' where author = 'lead'`,
  )
  const args = ['why', decision, ...detail]
  assert.match(await fail(args, 3, 'COTERIE_VERIFICATION_FAILED'), /position \d+ does not verify/)
  const { stdout } = await coterie(args)
  assert.ok(!stdout.includes('all fine'))
})

test('verify refuses the keys of another space, and keys that the log does not have', async () => {
  const other = ['--db', join(folder, 'other.db')]
  await succeed(['run', AGENTS, '--until-idle', ...other])
  await fail(['verify', '--keys', keys, ...other], 3, 'COTERIE_VERIFICATION_FAILED')
  const listed = jsonLines(await succeed(['keys', '--json', ...db]))
  const stranger = changed(keys, (text) => text.replace(String(listed.at(-1)?.['key']), 'f'.repeat(40)))
  await fail(['verify', '--keys', stranger, ...db], 3, 'COTERIE_VERIFICATION_FAILED')
})

test('a certificate is verified offline, and explained', async () => {
  const args = ['verify', '--certificate', certificate, '--keys', keys, '--db', join(folder, 'none.db')]
  const text = await succeed(args)
  assert.match(text, /^The certificate holds: "approve"\./)
  assert.match(text, /"approve": 2 \("bold", "cautious"\)/)
  const report = JSON.parse(await succeed([...args, '--json'])) as Readonly<Record<string, unknown>>
  assert.deepEqual([report['ok'], report['outcome'], report['decision']], [true, 'approve', decision])
})

test('a changed certificate, a foreign one and a revoked key are refused offline', async () => {
  const verify = (file: string, trusted: string): Promise<string> => {
    return fail(['verify', '--certificate', file, '--keys', trusted], 3, 'COTERIE_VERIFICATION_FAILED')
  }
  assert.match(
    await verify(
      changed(certificate, (text) => text.replace('worth it', 'worth 10')),
      keys,
    ),
    /bad-signature/,
  )
  const otherSpace = changed(keys, (text) => text.replace(/"space": "[0-9a-f]{8}/, '"space": "00000000'))
  assert.match(await verify(certificate, otherSpace), /another space/)
  const revoked = changed(keys, (text) => text.replaceAll('"revoked": null', '"revoked": "stolen"'))
  assert.match(
    await verify(certificate, revoked),
    /was revoked \(stolen\): its ballots do not count.*\n.*not trusted/,
  )
})

test('verify refuses to judge a certificate without keys, and files that are not what they should be', async () => {
  await fail(['verify', '--certificate', certificate], 2, 'COTERIE_USAGE')
  await fail(['verify', '--certificate', certificate, '--keys', certificate], 2, 'COTERIE_INVALID_ARGUMENT')
  await fail(['verify', '--certificate', AGENTS, '--keys', keys], 3, 'COTERIE_INVALID_CERTIFICATE')
  await fail(['verify', '--certificate', join(folder, 'none.json'), '--keys', keys], 4, 'COTERIE_NOT_FOUND')
})

test('a key is rotated and revoked by command, and the log and older certificates still verify', async () => {
  const own = ['--db', join(folder, 'rotated.db')]
  const ask = ['ask', 'lead', 'review', '{"name":"left-pad"}', '--module', AGENTS, ...own]
  await succeed(ask)
  const rotated = JSON.parse(await succeed(['keys', 'rotate', 'bold', '--json', ...own])) as Readonly<
    Record<string, unknown>
  >
  assert.deepEqual(Object.keys(rotated), ['agent', 'key', 'position'])
  assert.match(
    await succeed(['keys', 'rotate', '@owner', ...own]),
    /^@owner signs with [0-9a-f]{40} from position \d+ on$/m,
  )
  const listed = jsonLines(await succeed(['keys', '--json', ...own])).filter(({ agent }) => agent === 'bold')
  assert.deepEqual(
    listed.map(({ until, revoked }) => [until, revoked]),
    [
      [rotated['position'], null],
      [null, null],
    ],
  )
  assert.ok(readdirSync(join(folder, 'rotated.db.keys')).every((file) => /^@?[a-z]+\.key$/.test(file)))
  await succeed(ask)
  const reason = 'the laptop was stolen'
  assert.match(
    await succeed(['keys', 'revoke', 'bold', '--reason', reason, ...own]),
    /of bold is revoked from position/,
  )
  assert.match(await fail(ask, 7, 'COTERIE_KEY_REVOKED'), /stolen.*coterie keys rotate bold/)
  await fail(['keys', 'revoke', '@owner', ...own], 2, 'COTERIE_INVALID_ARGUMENT')
  await fail(['keys', 'rotate', 'nobody', ...own], 4, 'COTERIE_UNKNOWN_RECIPIENT')
  await succeed(['keys', 'rotate', 'bold', ...own])
  await succeed(['keys', 'revoke', 'client', ...own])
  await fail(['send', 'clerk', 'note', '{"text":"x"}', ...own], 7, 'COTERIE_KEY_REVOKED')
  await succeed(['keys', 'rotate', 'client', ...own])
  await succeed(ask)
  await succeed(['verify', ...own])
})

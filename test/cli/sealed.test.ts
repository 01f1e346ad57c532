import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Certificate } from '../../src/index.ts'
import { ROOT } from '../repo/files.ts'
import { coterie, ended, jsonLines, start, succeed, temporaryFolder } from './cli.ts'

const folder = temporaryFolder()
const db = ['--db', join(folder, 'team.db')]
const MODULE = join(ROOT, 'test', 'fixtures', 'cli', 'sealed.ts')

test('a sealed ballot survives kill -9 between commitment and reveal', async () => {
  const gate = join(folder, 'gate')
  const env = { COTERIE_TEST_GATE: gate }
  const child = start(['run', MODULE, '--json', ...db], env)
  const result = ended(child)
  await new Promise((resolve) => child.stdout?.once('data', resolve))
  await succeed(['send', 'chair', 'decide', '{}', ...db])
  for (;;) {
    const { stdout } = await coterie(['log', '--json', ...db])
    if (jsonLines(stdout).some((line) => JSON.stringify(line).includes('"author":"quick"'))) break
  }
  child.kill('SIGKILL')
  await result
  writeFileSync(gate, '')
  await succeed(['run', MODULE, '--until-idle', ...db], { env })
  const [decision] = jsonLines(await succeed(['decisions', '--json', ...db]))
  assert.equal(decision?.['outcome'], 'approve')
  const certificate = JSON.parse(await succeed(['certificate', String(decision['id']), ...db])) as Certificate
  assert.deepEqual(certificate.tally.withheld, [])
  const shown = certificate.ballots.find(({ ballot }) => ballot.member === 'quick')
  assert.equal(shown?.ballot.reason, `said by ${child.pid}`)
  assert.match(await succeed(['verify', ...db]), /The log verifies/)
})

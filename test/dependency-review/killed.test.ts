import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { bytesOf, coterie, demo, expected, manyPackages, outcomes, review, tempFolder } from './program.ts'

const AGENTS = fileURLToPath(new URL('../../examples/dependency-review/agents.ts', import.meta.url))
/** So few that all of them are asked about at once. */
const ASKED_AT_ONCE = 20

test('leaves what it has asked to any process that runs the same agents', async (t) => {
  const folder = tempFolder(t)
  const input = join(folder, 'package-lock.json')
  writeFileSync(input, manyPackages(ASKED_AT_ONCE))
  const db = join(folder, 'review.db')
  const { signal } = await demo(['--input', input, '--db', db], () => bytesOf(db) > 400_000)
  assert.equal(signal, 'SIGKILL')
  const helper = await coterie(['run', AGENTS, '--until-idle', '--db', db])
  assert.equal(helper.code, 0, helper.err)
  const document = await review(input, db)
  assert.deepEqual(outcomes(document), expected(input))
  assert.deepEqual([document.messages, document.turns], [0, 0])
})

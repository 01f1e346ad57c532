import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { coterie, ended, temporaryFolder } from '../cli/cli.ts'
import {
  assertSound,
  certificatesOf,
  documentIn,
  kill,
  lockfileOf,
  logReaches,
  reviewed,
  REVIEW_AGENTS,
  startDemo,
  votesIn,
} from '../helpers/demo.ts'

const folder = temporaryFolder()
const input = lockfileOf('suspicious')
/** The log of an undisturbed review of this lock file has some 800 records. */
const MOMENTS = [1, 100, 400, 700]

test('ends as an undisturbed run does after it was killed', { concurrency: true }, async (t) => {
  const tests = MOMENTS.map((records) =>
    t.test(`when the log had ${records} records`, async () => {
      const db = join(folder, `${records}.db`)
      const first = startDemo(['--input', input, '--db', db])
      await logReaches(db, records, first)
      await kill(first)
      const document = await reviewed(input, db)
      await assertSound(document, input, db)
      const again = await reviewed(input, db)
      assert.deepEqual(certificatesOf(again), certificatesOf(document))
      assert.equal(again.turns, 0)
    }),
  )
  await Promise.all(tests)
})

test('shares the work with another process', async () => {
  const db = join(folder, 'shared.db')
  const first = startDemo(['--input', input, '--db', db, '--json'])
  const result = ended(first)
  await logReaches(db, 50, first)
  const helper = coterie(['run', REVIEW_AGENTS, '--db', db, '--until-idle'])
  await assertSound(documentIn(await result), input, db)
  const { code, stderr } = await helper
  assert.equal(code, 0, stderr)
})

test('says how to go on when it is stopped with Ctrl-C', async () => {
  const db = join(folder, 'stopped.db')
  const first = startDemo(['--input', input, '--db', db])
  const result = ended(first)
  await logReaches(db, 100, first)
  const decided = votesIn(db).length
  first.kill('SIGINT')
  const { code, stdout, stderr } = await result
  assert.equal(code, 130)
  assert.equal(stdout, '')
  const [, command] = /^ {2}npm run demo -- (.*)$/m.exec(stderr) ?? []
  assert.equal(command, `--input ${input} --db ${db}`)
  await assertSound(await reviewed(input, db), input, db)
  assert.ok(decided < votesIn(db).length)
})

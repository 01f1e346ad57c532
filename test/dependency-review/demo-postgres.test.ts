import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ended, succeed, temporaryFolder } from '../cli/cli.ts'
import { lockfileOf, reviewed, startDemo } from '../helpers/demo.ts'
import type { Document } from '../helpers/demo.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'

const folder = temporaryFolder()

test('decides on PostgreSQL as on SQLite: one variable changes, and nothing else', async () => {
  const input = lockfileOf('suspicious')
  const onSqlite = await reviewed(input, join(folder, 'review.db'))
  const server = await sharedPostgres()
  const env = {
    COTERIE_STORE: server.url(await server.createDatabase()),
    COTERIE_KEYRING: join(folder, 'keys'),
  }
  const review = async (): Promise<Document> => {
    const { code, stdout, stderr } = await ended(startDemo(['--input', input, '--json'], env))
    assert.deepEqual([code, stderr], [0, ''])
    return JSON.parse(stdout) as Document
  }
  const onPostgres = await review()
  const told = ({ decisions }: Document): unknown => decisions.map(({ certificate: _id, ...rest }) => rest)
  assert.deepEqual(told(onPostgres), told(onSqlite))
  assert.deepEqual(
    [onPostgres.packages, onPostgres.messages, onPostgres.turns],
    [onSqlite.packages, onSqlite.messages, onSqlite.turns],
  )
  // What is decided stays decided, and can be proved.
  const again = await review()
  assert.deepEqual([again.decisions, again.messages], [onPostgres.decisions, 0])
  await succeed(['verify'], { env })
})

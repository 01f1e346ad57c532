import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { openSqlite } from '../../src/stores/sqlite/index.ts'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'coterie-processes-'))
after(() => rmSync(folder, { recursive: true }))

test('several processes create one database at once and commit side by side: no gap, no loss', async () => {
  const file = join(folder, 'team.db')
  const script = new URL('./sqlite-process.ts', import.meta.url).pathname
  const [names, commits] = [['a', 'b', 'c', 'd'], 100]
  const results = await Promise.all(
    names.map((name) =>
      run(process.execPath, ['--disable-warning=ExperimentalWarning', script, file, name, String(commits)]),
    ),
  )
  const store = openSqlite(`sqlite:${file}`, { mustExist: true })
  const space = await store.space('team')
  assert.ok(space !== undefined)
  assert.deepEqual(new Set(results.map((result) => result.stdout)), new Set([space.id]))
  const records = await space.records(0, 10_000)
  assert.deepEqual(
    records.map((record) => record.position),
    Array.from({ length: names.length * commits + 1 }, (_, at) => at),
  )
  for (const name of names) assert.equal((await space.chain(`client/${name}`, 0, 10_000)).length, commits)
  const { mail } = await space.mail('reviewer', { limit: 10_000 })
  assert.deepEqual(
    mail.map((one) => one.position),
    records.slice(1).map((record) => record.position),
  )
  await store.close()
})

/**
 * Uses a database on a disk that has room for the database, and not for the log that its writes would make:
 * `DATABASE WRITES`.
 */

import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { fakeRecord } from '../../src/testing/fixtures.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'

const [database = '', writes = ''] = process.argv.slice(2)
hearParent()
const first = openSqlite(`sqlite:${database}`)
await first.space('team', { record: fakeRecord('@owner', { seq: -1, hash: '' }) })
// Closing moves the log into the database: from here on its pages only change.
await first.close()
const store = openSqlite(`sqlite:${database}`)
const space = await store.space('team')
let done = 0
let code = 'none'
try {
  for (; done < Number(writes); done++) await space?.heartbeat(`worker ${done % 10}`, 10_000 + done, [])
} catch (error) {
  code = String(error instanceof Error && 'code' in error ? error.code : error)
}
tellParent({ event: 'done', done, code })
await store.close()
process.exit(0)

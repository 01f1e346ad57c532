import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryDatabase, openSqlite } from '../../src/stores/sqlite/index.ts'
import { storeConformance } from '../../src/testing/store-conformance.ts'

const START_MS = 1_800_000_000_000

function testClock(): { now: () => number; advance: (ms: number) => void } {
  let time = START_MS
  return { now: () => time, advance: (ms) => void (time += ms) }
}

{
  const folder = mkdtempSync(join(tmpdir(), 'coterie-sqlite-'))
  const clock = testClock()
  storeConformance('sqlite:FILE', {
    clock,
    // Each case commits a few times: what FULL adds is only the waiting for the disk.
    open: async () =>
      openSqlite(`sqlite:${join(folder, 'team.db')}`, { now: clock.now, synchronous: 'NORMAL' }),
    cleanup: async () => rmSync(folder, { recursive: true }),
  })
}

{
  const database = createMemoryDatabase()
  const clock = testClock()
  storeConformance('sqlite::memory:, shared', {
    clock,
    open: async () => openSqlite({ database }, { now: clock.now }),
    cleanup: async () => database.close(),
  })
}

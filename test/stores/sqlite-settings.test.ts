import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Database } from '../../src/stores/sqlite/database.ts'

/** By SQLite's numbers: https://www.sqlite.org/pragma.html#pragma_synchronous */
const NORMAL = 1
const FULL = 2

test('a commit to a file waits for the disk, unless the caller asked for less', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-settings-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const settings = [
    [{}, FULL],
    [{ synchronous: 'FULL' }, FULL],
    [{ synchronous: 'NORMAL' }, NORMAL],
  ] as const
  for (const [options, synchronous] of settings) {
    const db = new Database(join(folder, 'team.db'), options)
    assert.equal(db.sql('pragma synchronous').get()?.['synchronous'], synchronous)
    assert.equal(db.sql('pragma journal_mode').get()?.['journal_mode'], 'wal')
    db.close()
  }
})

import assert from 'node:assert/strict'
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, beforeEach, describe, test } from 'node:test'
import type { SpaceStore } from '../../src/ports/store.ts'
import { Database } from '../../src/stores/sqlite/database.ts'
import { Handle } from '../../src/stores/sqlite/handle.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { SqliteStore } from '../../src/stores/sqlite/store.ts'
import { fakeMessage, fakeRecord, fakeWrite } from '../../src/testing/fixtures.ts'

const LIMITS = { mailboxDepth: 100_000 }
const EMPTY = { seq: -1, hash: '' }
const root = mkdtempSync(join(tmpdir(), 'coterie-faults-'))
let count = 0
let file = ''

/** Makes a database with one space and some messages, and closes it. */
async function makeDatabase(messages = 1): Promise<void> {
  const store = openSqlite(`sqlite:${file}`)
  const space = await store.space('team', { record: fakeRecord('@owner', EMPTY) })
  assert.ok(space !== undefined)
  await send(space, messages)
  await store.close()
}

async function send(space: SpaceStore, messages: number, payload = '{}'): Promise<void> {
  const record = fakeRecord('client/one', await space.head('client/one'))
  const batch = Array.from({ length: messages }, () => fakeMessage({ to: 'reviewer' }, payload))
  const [outcome] = await space.commit([fakeWrite(record, { messages: batch })], LIMITS)
  assert.equal(outcome?.type, 'accepted')
}

function overwrite(offset: number, bytes: Uint8Array): void {
  const descriptor = openSync(file, 'r+')
  writeSync(descriptor, bytes, 0, bytes.length, offset)
  closeSync(descriptor)
}

const opening =
  (options: Parameters<typeof openSqlite>[1] = {}) =>
  () =>
    void openSqlite(`sqlite:${file}`, options)

beforeEach(() => {
  file = join(root, `${++count}.db`)
})
after(() => rmSync(root, { recursive: true }))

describe('what is not a database of ours', () => {
  test('refuses a file of another kind, and leaves it as it is', () => {
    for (const content of ['a letter', 'x'.repeat(10_000)]) {
      writeFileSync(file, content)
      assert.throws(opening(), {
        code: 'COTERIE_STORE_FOREIGN',
        message: /is not a database.*name another file/,
      })
      assert.equal(readFileSync(file, 'utf8'), content)
      assert.equal(existsSync(`${file}-wal`), false)
    }
  })

  test('refuses a database of another program, and leaves it and its log byte for byte as they are', () => {
    const original = join(root, 'foreign.db')
    const foreign = new DatabaseSync(original)
    foreign.exec('pragma journal_mode = wal; create table t (a); insert into t values (1);')
    // Copied while it is open: the newest rows are only in the log, and any opening would move them.
    copyFileSync(original, file)
    copyFileSync(`${original}-wal`, `${file}-wal`)
    foreign.close()
    const before = [readFileSync(file), readFileSync(`${file}-wal`)]
    assert.throws(opening(), { code: 'COTERIE_STORE_FOREIGN', message: /another program/ })
    assert.throws(opening({ readOnly: true }), { code: 'COTERIE_STORE_FOREIGN' })
    assert.deepEqual([readFileSync(file), readFileSync(`${file}-wal`)], before)
  })

  test('refuses a folder, a missing folder, and a missing file that must exist', () => {
    mkdirSync(file)
    assert.throws(opening(), { code: 'COTERIE_STORE_FOREIGN', message: /not a file/ })
    assert.throws(() => openSqlite(`sqlite:${join(root, 'none', 'a.db')}`), {
      code: 'COTERIE_NOT_FOUND',
      message: /folder .*none does not exist/,
    })
    const missing = join(root, 'missing.db')
    assert.throws(() => openSqlite(`sqlite:${missing}`, { mustExist: true }), { code: 'COTERIE_NOT_FOUND' })
    assert.throws(() => openSqlite(`sqlite:${missing}`, { readOnly: true }), { code: 'COTERIE_NOT_FOUND' })
    assert.equal(existsSync(missing), false)
  })

  test('refuses a URL that it does not understand', () => {
    assert.throws(() => openSqlite('postgres://host/db'), { code: 'COTERIE_STORE_UNSUPPORTED' })
    assert.throws(() => openSqlite('sqlite:'), { code: 'COTERIE_INVALID_ARGUMENT' })
  })
})

describe('damage', () => {
  test('takes an empty file as a new database', async () => {
    writeFileSync(file, '')
    await makeDatabase()
    assert.ok(readFileSync(file).length > 0)
  })

  test('refuses an empty file whose log is not empty, and keeps the log', () => {
    writeFileSync(file, '')
    writeFileSync(`${file}-wal`, 'commits that are not in the file yet')
    assert.throws(opening(), { code: 'COTERIE_STORE_CORRUPT', message: /its log/ })
    rmSync(file)
    assert.throws(opening(), { code: 'COTERIE_STORE_CORRUPT' })
    assert.equal(readFileSync(`${file}-wal`, 'utf8').length, 36)
  })

  test('refuses a database of a later version', async () => {
    await makeDatabase()
    const later = new DatabaseSync(file)
    later.exec('pragma user_version = 99')
    later.close()
    assert.throws(opening(), { code: 'COTERIE_STORE_NEWER', message: /schema 99.*update Coterie/ })
    assert.throws(opening({ readOnly: true }), { code: 'COTERIE_STORE_NEWER' })
  })

  test('refuses a database that is cut off in its header', async () => {
    await makeDatabase()
    truncateSync(file, 60)
    assert.throws(opening(), { code: 'COTERIE_STORE_CORRUPT', message: /cut off/ })
  })

  test('reports a database that is cut off behind its header', async () => {
    await makeDatabase(2_000)
    truncateSync(file, 4096 * 3)
    await assert.rejects(
      async () => {
        const store = openSqlite(`sqlite:${file}`)
        const space = await store.space('team')
        await space?.mail('reviewer', { limit: 10 })
      },
      { code: 'COTERIE_STORE_CORRUPT', message: /damaged.*backup/ },
    )
  })

  test('reports pages that are overwritten, as soon as they are read', async () => {
    await makeDatabase(2_000)
    const size = readFileSync(file).length
    for (let page = 2; page < size / 4096; page++) overwrite(page * 4096, new Uint8Array(512).fill(0xee))
    await assert.rejects(
      async () => {
        const store = openSqlite(`sqlite:${file}`)
        const space = await store.space('team')
        await space?.messagesOf({ after: -1, limit: 10_000 })
      },
      { code: 'COTERIE_STORE_CORRUPT' },
    )
  })
})

describe('a row', () => {
  test('that is no JSON any more is damage, and no failure of this program', async () => {
    await makeDatabase()
    const other = new DatabaseSync(file)
    other.exec('update contents set envelope = substr(envelope, 1, 20)')
    other.close()
    const store = openSqlite(`sqlite:${file}`)
    const space = await store.space('team')
    assert.ok(space)
    await assert.rejects(() => space.messagesOf({ after: -1, limit: 10 }), {
      code: 'COTERIE_STORE_CORRUPT',
      message: /is damaged \(a row is no JSON/,
    })
    await store.close()
  })
})

describe('when writing is not possible', () => {
  test('reads a database that is opened for reading, and refuses to write to it', async () => {
    await makeDatabase()
    const store = openSqlite(`sqlite:${file}`, { readOnly: true })
    const space = await store.space('team')
    assert.ok(space !== undefined)
    assert.equal((await space.mail('reviewer', { limit: 9 })).mail.length, 1)
    await assert.rejects(send(space, 1), { code: 'COTERIE_STORE_READ_ONLY' })
    await assert.rejects(space.heartbeat('w', 1, []), { code: 'COTERIE_STORE_READ_ONLY' })
    assert.equal((await space.status()).position, 1)
    await store.close()
  })

  test('refuses to read a file without a schema', () => {
    writeFileSync(file, '')
    assert.throws(opening({ readOnly: true }), {
      code: 'COTERIE_STORE_READ_ONLY',
      message: /open it once for writing/,
    })
    assert.equal(readFileSync(file).length, 0)
  })

  test('writes nothing of a batch when there is no room, and goes on when there is', async () => {
    await makeDatabase()
    const database = new Database(file)
    const store = new SqliteStore(`sqlite:${file}`, new Handle(database, Date.now, false))
    const space = await store.space('team')
    assert.ok(space !== undefined)
    database.exec('pragma max_page_count = 60')
    const before = await space.status()
    await assert.rejects(send(space, 200, 'x'.repeat(4_000)), { code: 'COTERIE_STORE_FULL', retryable: true })
    assert.deepEqual({ ...(await space.status()), now: 0 }, { ...before, now: 0 })
    await send(space, 1)
    database.exec('pragma max_page_count = 100000')
    await send(space, 200, 'x'.repeat(4_000))
    assert.equal((await space.status()).position, before.position + 2)
    await store.close()
  })

  test('gives up when another process holds the database too long, and writes nothing', async () => {
    await makeDatabase()
    const store = openSqlite(`sqlite:${file}`, { busyTimeoutMs: 20 })
    const space = await store.space('team')
    assert.ok(space !== undefined)
    const other = new DatabaseSync(file)
    other.exec('begin immediate')
    await assert.rejects(send(space, 1), { code: 'COTERIE_STORE_BUSY', retryable: true })
    assert.equal((await space.mail('reviewer', { limit: 9 })).mail.length, 1)
    other.exec('rollback')
    other.close()
    await send(space, 1)
    await store.close()
  })

  test('leaves no transaction open behind an error inside of one', async () => {
    await makeDatabase()
    const database = new Database(file)
    assert.throws(
      () =>
        database.write(() => {
          database.exec("insert into spaces values (9, 'x', 'x', 0, 0, 0, 0, 0)")
          throw new Error('a bug')
        }),
      { code: 'COTERIE_STORE_FAILED', message: /a bug/ },
    )
    assert.equal(
      database.write(() => database.sql('select count(*) as n from spaces').get()?.['n']),
      1,
    )
    database.close()
    assert.throws(() => database.write(() => 1), { code: 'COTERIE_CLOSED' })
  })
})

test('the schema is the one that is written down', () => {
  const database = new Database(file)
  const objects = database
    .sql('select sql from sqlite_schema where sql is not null order by type desc, name')
    .all()
  const version = database.sql('pragma user_version').get()?.['user_version']
  database.close()
  const dump = `-- user_version ${String(version)}\n${objects
    .map((row) => `${String(row['sql'])};\n`)
    .join('\n')}`
  const golden = new URL('../golden/sqlite-schema.sql', import.meta.url)
  if (process.env['UPDATE'] === '1') writeFileSync(golden, dump)
  assert.equal(dump, readFileSync(golden, 'utf8'))
})

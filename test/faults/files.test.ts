import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import type { TestContext } from 'node:test'
import { z } from 'zod'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { agent, nodeCrypto, on, open } from '../../src/index.ts'
import type { ErrorCode } from '../../src/index.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { launch } from '../helpers/processes.ts'
import { code } from '../runtime/helpers.ts'
import { canMount, mounted } from './mounts.ts'

const PAGE = 4_096
const sink = agent('sink', { take: on({ input: z.object({ i: z.number() }) }, () => undefined) })
const late = agent('late', { take: on({ input: z.object({ i: z.number() }) }, () => undefined) })

/** A database in a folder of its own, with its keys and some messages that were handled. */
async function makeSpace(t: TestContext): Promise<{ readonly folder: string; readonly file: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-files-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'space.db')
  await fill(file)
  return { folder, file }
}

async function fill(file: string): Promise<void> {
  const space = await open(`sqlite:${file}`, { agents: [sink] })
  await Promise.all(Array.from({ length: 300 }, (_, i) => space.send(sink.take, { i: 1_000_000 + i })))
  await space.idle()
  await space.close()
}

/** Every file under a folder, by its hash. */
function bytesOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .toSorted()
  return Object.fromEntries(
    files.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  )
}

function opening(file: string, agents = [sink]): () => Promise<unknown> {
  return async () => (await open(`sqlite:${file}`, { agents })).close()
}

function spoil(file: string, change: (bytes: Buffer) => void): void {
  const bytes = readFileSync(file)
  change(bytes)
  writeFileSync(file, bytes)
}

async function faultOf(file: string): Promise<string | undefined> {
  const store = openSqlite(`sqlite:${file}`, { readOnly: true })
  try {
    const space = await store.space('main')
    assert.ok(space !== undefined)
    return (await verifyLog(space, nodeCrypto, { progress: () => undefined })).report.fault?.reason
  } finally {
    await store.close()
  }
}

const PNG = Buffer.from('89504e470d0a1a0a0000000d4948445200000001000000010806000000', 'hex')

const FAULTS: readonly (readonly [what: string, expected: ErrorCode, make: (file: string) => void])[] = [
  ['a picture', 'COTERIE_STORE_FOREIGN', (file) => writeFileSync(file, PNG)],
  [
    'the database of another program',
    'COTERIE_STORE_FOREIGN',
    (file) => {
      rmSync(file)
      const other = new DatabaseSync(file)
      other.exec('create table t (a); insert into t values (1)')
      other.close()
    },
  ],
  [
    'a database of a later version',
    'COTERIE_STORE_NEWER',
    (file) => {
      const db = new DatabaseSync(file)
      db.exec('pragma user_version = 1000')
      db.close()
    },
  ],
  ['a database cut off in its header', 'COTERIE_STORE_CORRUPT', (file) => truncateSync(file, 50)],
  ['a database cut off behind its header', 'COTERIE_STORE_CORRUPT', (file) => truncateSync(file, 2 * PAGE)],
  [
    'a database with its pages overwritten',
    'COTERIE_STORE_CORRUPT',
    (file) => spoil(file, (bytes) => bytes.fill(0xee, PAGE)),
  ],
]

describe('a file that is no database of ours, or no longer one', () => {
  for (const [what, expected, make] of FAULTS) {
    test(`refuses ${what} with ${expected}, and changes no file`, async (t) => {
      const { folder, file } = await makeSpace(t)
      make(file)
      const before = bytesOf(folder)
      await assert.rejects(opening(file), code(expected))
      assert.deepEqual(bytesOf(folder), before)
    })
  }

  test('finds one flipped byte in a payload, and names the place', async (t) => {
    const { file } = await makeSpace(t)
    assert.equal(await faultOf(file), undefined)
    spoil(file, (bytes) => {
      const at = bytes.lastIndexOf('{"i":1000150}')
      assert.ok(at > 0)
      bytes[at + 5] = 0x32
    })
    assert.match((await faultOf(file)) ?? '', /payload/)
  })

  test('finds a page of the log that was overwritten in the middle of the file', async (t) => {
    const { file } = await makeSpace(t)
    spoil(file, (bytes) => {
      const at = bytes.indexOf('"author":"sink"')
      assert.ok(at > PAGE)
      const page = at - (at % PAGE)
      bytes.fill(0xee, page, page + PAGE)
    })
    await assert.rejects(faultOf(file), code('COTERIE_STORE_CORRUPT'))
  })
})

describe('a database that may not be written', () => {
  test('is refused on a read-only disk', { skip: !canMount() && 'needs the right to mount' }, async (t) => {
    const { folder, file } = await makeSpace(t)
    const mount = join(folder, 'disk')
    mkdirSync(mount)
    const wrapper = mounted(mount, [
      `cp -r ${folder}/space.db ${folder}/space.db.keys ${mount}`,
      `mount -o remount,ro ${mount}`,
    ])
    const child = launch(t, new URL('open-child.ts', import.meta.url), [join(mount, 'space.db')], { wrapper })
    assert.equal((await child.event('tried'))['code'], 'COTERIE_STORE_READ_ONLY')
    assert.deepEqual(await tried(t, file), 'none')
  })

  const root = process.getuid?.() === 0
  test('is refused without the right to write', { skip: root && 'root may write anything' }, async (t) => {
    const { folder, file } = await makeSpace(t)
    chmodSync(file, 0o444)
    const before = bytesOf(folder)
    await assert.rejects(opening(file), code('COTERIE_STORE_READ_ONLY'))
    chmodSync(file, 0o644)
    chmodSync(folder, 0o555)
    await assert.rejects(opening(file), code('COTERIE_STORE_READ_ONLY'))
    chmodSync(folder, 0o755)
    assert.deepEqual(bytesOf(folder), before)
  })

  async function tried(t: TestContext, file: string): Promise<unknown> {
    const child = launch(t, new URL('open-child.ts', import.meta.url), [file])
    return (await child.event('tried'))['code']
  }
})

const KEY_FAULTS: readonly (readonly [what: string, expected: ErrorCode, spoilKey: (key: string) => void])[] =
  [
    ['missing', 'COTERIE_KEY_MISSING', (key) => rmSync(key)],
    ['empty', 'COTERIE_KEY_UNREADABLE', (key) => writeFileSync(key, '')],
    ['garbled', 'COTERIE_KEY_UNREADABLE', (key) => spoil(key, (bytes) => bytes.fill(0x7b, 10, 20))],
    ['a folder', 'COTERIE_KEY_UNREADABLE', (key) => (rmSync(key), mkdirSync(key, { mode: 0o700 }))],
    ['open to others', 'COTERIE_KEY_UNREADABLE', (key) => chmodSync(key, 0o644)],
    [
      "another agent's",
      'COTERIE_KEY_UNREADABLE',
      (key) => copyFileSync(key.replace('sink.key', '@owner.key'), key),
    ],
  ]

describe('a key that does not fit', () => {
  for (const [what, expected, spoilKey] of KEY_FAULTS) {
    test(`refuses a key file that is ${what} with ${expected}, and writes nothing`, async (t) => {
      const { folder, file } = await makeSpace(t)
      spoilKey(join(`${file}.keys`, 'sink.key'))
      const before = bytesOf(folder)
      await assert.rejects(opening(file), code(expected, /sink/))
      assert.deepEqual(bytesOf(folder), before)
    })
  }

  test('refuses the keys of another space, for known agents and for new ones', async (t) => {
    const [mine, other] = [await makeSpace(t), await makeSpace(t)]
    rmSync(`${mine.file}.keys`, { recursive: true })
    mkdirSync(`${mine.file}.keys`, { mode: 0o700 })
    for (const name of readdirSync(`${other.file}.keys`))
      copyFileSync(join(`${other.file}.keys`, name), join(`${mine.file}.keys`, name))
    const before = bytesOf(mine.folder)
    await assert.rejects(opening(mine.file), code('COTERIE_KEY_MISMATCH'))
    assert.deepEqual(bytesOf(mine.folder), before)
    rmSync(join(`${mine.file}.keys`, 'client.key'))
    await assert.rejects(opening(mine.file, [late]), code('COTERIE_KEY_MISSING'))
  })

  test('works on without the key of the owner, until an agent is to be added', async (t) => {
    const { file } = await makeSpace(t)
    rmSync(join(`${file}.keys`, '@owner.key'))
    await opening(file)()
    await assert.rejects(opening(file, [sink, late]), code('COTERIE_KEY_MISSING', /owner/))
  })
})

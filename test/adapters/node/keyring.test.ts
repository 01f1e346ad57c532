import assert from 'node:assert/strict'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFile } from 'node:child_process'
import { suite, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import { nodeCrypto } from '../../../src/adapters/node/crypto.ts'
import { fileKeyring } from '../../../src/adapters/node/keyring.ts'
import { systemRandom } from '../../../src/adapters/node/random.ts'
import { CoterieError } from '../../../src/core/errors.ts'
import { OWNER } from '../../../src/core/address.ts'
import type { Keyring } from '../../../src/ports/keyring.ts'
import { memoryKeyring } from '../../../src/adapters/memory/keyring.ts'

const posix = process.platform !== 'win32'
const isRoot = process.getuid?.() === 0

function folderFor(t: TestContext): string {
  const base = mkdtempSync(join(tmpdir(), 'coterie-keys-'))
  t.after(() => rmSync(base, { recursive: true, force: true }))
  return join(base, 'keys')
}

function open(folder: string): Keyring {
  return fileKeyring(folder, nodeCrypto, systemRandom)
}

/** The error that `act` throws, which must be one of an unreadable key. */
function refused(act: () => unknown): CoterieError {
  try {
    act()
  } catch (error) {
    assert.ok(error instanceof CoterieError)
    assert.equal(error.code, 'COTERIE_KEY_UNREADABLE')
    return error
  }
  return assert.fail('it was not refused')
}

/** Rewrites a member of a key file. */
function alter(file: string, changes: Readonly<Record<string, unknown>>): void {
  const held = JSON.parse(readFileSync(file, 'utf8')) as object
  writeFileSync(file, JSON.stringify({ ...held, ...changes }))
}

suite('a folder of keys', () => {
  test('has no key, no name and no folder before the first key is made', (t) => {
    const folder = folderFor(t)
    const keys = open(folder)
    assert.equal(keys.get('alice'), undefined)
    assert.deepEqual(keys.names(), [])
    assert.equal(existsSync(folder), false)
  })

  test('gives a key back that signs what its public key verifies, also to another process', (t) => {
    const folder = folderFor(t)
    const made = open(folder).create('alice')
    const found = open(folder).get('alice')
    assert.ok(found)
    assert.equal(found.id, made.id)
    const signature = nodeCrypto.sign(found.privateKey, Buffer.from('x'))
    assert.equal(nodeCrypto.verify(made.publicKey, Buffer.from('x'), signature), true)
  })

  test('makes another key for each agent, and the same one when it is asked again', (t) => {
    const keys = open(folderFor(t))
    assert.notEqual(keys.create('alice').id, keys.create('bob').id)
    assert.equal(keys.create('alice'), keys.get('alice'))
    assert.deepEqual(keys.names(), ['alice', 'bob'])
  })

  test('keeps the key of the owner apart from that of an agent called owner', (t) => {
    const folder = folderFor(t)
    const keys = open(folder)
    assert.notEqual(keys.create(OWNER).id, keys.create('owner').id)
    assert.deepEqual(readdirSync(folder).toSorted(), ['@owner.key', 'owner.key'])
    assert.deepEqual(keys.names(), ['@owner', 'owner'])
  })

  test('keeps the folder and the files from other users', { skip: !posix && 'there are no modes' }, (t) => {
    const folder = folderFor(t)
    open(folder).create('alice')
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'alice.key')).mode & 0o777, 0o600)
  })

  test('never leads out of the folder', (t) => {
    const keys = open(folderFor(t))
    for (const name of ['../alice', 'a/b', '', '.', 'alice.key', '@other', 'a\0b']) {
      assert.throws(() => keys.get(name), { code: 'COTERIE_INVALID_ADDRESS' })
      assert.throws(() => keys.create(name), { code: 'COTERIE_INVALID_ADDRESS' })
    }
  })

  test('lists nothing that is not a key, such as what a crash left behind', (t) => {
    const folder = folderFor(t)
    const keys = open(folder)
    keys.create('alice')
    for (const file of ['.0011223344556677.tmp', 'readme.txt', 'no name.key', '.key']) {
      writeFileSync(join(folder, file), '')
    }
    assert.deepEqual(keys.names(), ['alice'])
  })

  test('leaves no second copy of the secret behind', (t) => {
    const folder = folderFor(t)
    open(folder).create('alice')
    open(folder).create('alice')
    assert.deepEqual(readdirSync(folder), ['alice.key'])
  })

  test('gives one and the same key to processes that make it at once', async (t) => {
    const folder = folderFor(t)
    mkdirSync(folder)
    const source = (path: string): string =>
      JSON.stringify(new URL(`../../../src/${path}`, import.meta.url).href)
    const script = `
      const { fileKeyring } = await import(${source('adapters/node/keyring.ts')})
      const { nodeCrypto } = await import(${source('adapters/node/crypto.ts')})
      const { systemRandom } = await import(${source('adapters/node/random.ts')})
      const keys = fileKeyring(${JSON.stringify(folder)}, nodeCrypto, systemRandom)
      const until = Number(process.argv[1])
      while (Date.now() < until);
      for (let i = 0; i < 20; i++) console.log(keys.create('agent' + i).id)`
    const at = String(Date.now() + 700)
    const run = (): Promise<{ stdout: string }> =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, at])
    const outputs = await Promise.all([run(), run(), run()])
    const ids = outputs.map(({ stdout }) => stdout.trim().split('\n'))
    assert.equal(new Set(ids[0]).size, 20)
    assert.deepEqual(ids[1], ids[0])
    assert.deepEqual(ids[2], ids[0])
  })

  test('gives the key that another process made between the look and the writing', (t) => {
    const folder = folderFor(t)
    const other = open(folder)
    // Randomness is asked for when the file was found missing: the last moment before the writing.
    const late = fileKeyring(folder, nodeCrypto, {
      number: () => 0,
      bytes(count) {
        other.create('alice')
        return systemRandom.bytes(count)
      },
    })
    const winner = late.create('alice')
    assert.equal(winner.id, other.get('alice')?.id)
    assert.deepEqual(readdirSync(folder), ['alice.key'])
  })
})

suite('a key file is refused, by name and with a remedy,', () => {
  for (const mode of [0o640, 0o604, 0o660, 0o610, 0o601]) {
    const skip = !posix && 'there are no modes'
    test(`when its mode is ${mode.toString(8)}`, { skip }, (t) => {
      const folder = folderFor(t)
      open(folder).create('alice')
      const file = join(folder, 'alice.key')
      chmodSync(file, mode)
      const { message, details } = refused(() => open(folder).get('alice'))
      assert.ok(message.includes(`chmod 600 ${file}`), message)
      assert.deepEqual(details, { file })
      refused(() => open(folder).create('alice'))
      chmodSync(file, 0o600)
      assert.ok(open(folder).get('alice'))
    })
  }

  test('and the command in the message survives a folder with a space and a quote', (t) => {
    const folder = join(folderFor(t), "it's mine")
    open(folder).create('alice')
    chmodSync(join(folder, 'alice.key'), 0o644)
    const { message } = refused(() => open(folder).get('alice'))
    assert.ok(message.includes(`'${folder.replace("'", String.raw`'\''`)}/alice.key'`), message)
  })

  const other = nodeCrypto.keyPair(Buffer.alloc(32, 7))
  const damages: readonly (readonly [string, (file: string) => void])[] = [
    ['when it is empty', (file) => writeFileSync(file, '')],
    ['when it is cut short', (file) => writeFileSync(file, readFileSync(file).subarray(0, -20))],
    ['when it is not JSON', (file) => writeFileSync(file, `x${readFileSync(file, 'utf8')}`)],
    ['when it is JSON of another kind', (file) => writeFileSync(file, '[1]')],
    ['when it is null', (file) => writeFileSync(file, 'null')],
    [
      'when it is far too long',
      (file) => writeFileSync(file, `${readFileSync(file, 'utf8')}${' '.repeat(5000)}`),
    ],
    ['when it is of a later version', (file) => alter(file, { v: 2 })],
    ['when the seed is too short', (file) => alter(file, { seed: 'AAAA' })],
    ['when the seed is another', (file) => alter(file, { seed: Buffer.alloc(32, 7).toString('base64url') })],
    ['when the seed is not base64url', (file) => alter(file, { seed: '!'.repeat(43) })],
    ['when the seed is not text', (file) => alter(file, { seed: 7 })],
    ['when the public key is another', (file) => alter(file, { publicKey: other.publicKey })],
    ['when the id is another', (file) => alter(file, { keyId: other.id })],
    ['when it is that of another agent', (file) => alter(file, { agent: 'bob' })],
  ]
  for (const [name, damage] of damages) {
    test(`${name}, and the secret is in no part of the error`, (t) => {
      const folder = folderFor(t)
      open(folder).create('alice')
      const file = join(folder, 'alice.key')
      const { seed } = JSON.parse(readFileSync(file, 'utf8')) as { readonly seed: string }
      damage(file)
      const keys = open(folder)
      for (const act of [() => keys.get('alice'), () => keys.create('alice')]) {
        const error = refused(act)
        assert.ok(error.message.includes(file))
        assert.match(error.message, /backup/)
        const said = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(error.details)} ${String(error.cause)}`
        for (let at = 0; at + 8 <= seed.length; at += 4) assert.ok(!said.includes(seed.slice(at, at + 8)))
      }
      assert.equal(readdirSync(folder).length, 1)
    })
  }

  test('when it is a folder', (t) => {
    const folder = folderFor(t)
    mkdirSync(join(folder, 'alice.key'), { recursive: true, mode: 0o700 })
    refused(() => open(folder).get('alice'))
  })

  test('when the folder of keys is a file', (t) => {
    const folder = folderFor(t)
    writeFileSync(folder, '')
    refused(() => open(folder).get('alice'))
    refused(() => open(folder).create('alice'))
    refused(() => open(folder).names())
  })

  const skip = (!posix && 'there are no modes') || (isRoot && 'root may write anywhere')
  test('when the folder cannot be written to', { skip }, (t) => {
    const folder = folderFor(t)
    mkdirSync(folder, { mode: 0o500 })
    refused(() => open(folder).create('alice'))
  })
})

suite('a key that is replaced', () => {
  const rings: readonly (readonly [string, (t: TestContext) => Keyring])[] = [
    ['in a folder', (t) => open(folderFor(t))],
    ['in memory', () => memoryKeyring(nodeCrypto, 'seed')],
  ]
  for (const [where, ring] of rings) {
    test(`${where} lies beside the other until it is adopted, and both are found by their ids`, (t) => {
      const keys = ring(t)
      const before = keys.create('alice')
      const next = keys.prepare('alice')
      assert.notEqual(next.id, before.id)
      assert.equal(keys.get('alice')?.id, before.id)
      assert.deepEqual(keys.names(), ['alice'])
      keys.adopt('alice', next.id)
      keys.adopt('alice', next.id)
      assert.equal(keys.get('alice')?.id, next.id)
      for (const { id } of [before, next]) assert.equal(keys.find('alice', id)?.id, id)
      assert.equal(keys.find('bob', next.id), undefined)
      keys.discard('alice', before.id)
      assert.equal(keys.find('alice', before.id), undefined)
      assert.equal(keys.get('alice')?.id, next.id)
      keys.discard('alice', next.id)
      assert.equal(keys.get('alice'), undefined)
      assert.notEqual(keys.prepare('alice').id, next.id)
    })
  }

  test('is found by a process that has the folder open already, and is for its owner only', (t) => {
    const folder = folderFor(t)
    const [one, two] = [open(folder), open(folder)]
    assert.equal(two.get('alice'), undefined)
    const before = one.create('alice')
    assert.equal(two.get('alice')?.id, before.id)
    const next = one.prepare('alice')
    assert.equal(two.find('alice', next.id)?.id, next.id)
    one.adopt('alice', next.id)
    one.discard('alice', before.id)
    assert.equal(two.get('alice')?.id, next.id)
    assert.deepEqual(readdirSync(folder), ['alice.key'])
    if (posix) assert.equal(statSync(join(folder, 'alice.key')).mode & 0o777, 0o600)
  })

  test('is refused when another key lies under its id', (t) => {
    const folder = folderFor(t)
    const keys = open(folder)
    const id = keys.create('alice').id.replaceAll(/./g, 'a')
    writeFileSync(join(folder, `alice.${id}.key`), readFileSync(join(folder, 'alice.key')), { mode: 0o600 })
    assert.equal(keys.find('alice', id), undefined)
  })
})

suite('keys in memory', () => {
  test('are the same for the same seed and agent, and others for another', () => {
    const ids = (seed: string): string[] =>
      ['alice', 'bob'].map((name) => memoryKeyring(nodeCrypto, seed).create(name).id)
    assert.deepEqual(ids('one'), ids('one'))
    assert.equal(new Set([...ids('one'), ...ids('two')]).size, 4)
  })

  test('are others each time without a seed', () => {
    const id = (): string => memoryKeyring(nodeCrypto, systemRandom).create('alice').id
    assert.notEqual(id(), id())
  })

  test('are kept, listed, and made only when asked for', () => {
    const keys = memoryKeyring(nodeCrypto, 'seed')
    assert.equal(keys.get('bob'), undefined)
    assert.equal(keys.create('bob'), keys.create('bob'))
    assert.equal(keys.get('bob'), keys.create('bob'))
    keys.create(OWNER)
    assert.deepEqual(keys.names(), [OWNER, 'bob'])
    assert.throws(() => keys.create('no name'), { code: 'COTERIE_INVALID_ADDRESS' })
  })
})

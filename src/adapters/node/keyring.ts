import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import { addressOf, isName, OWNER } from '../../core/address.ts'
import { fromBase64url, toBase64url, toHex } from '../../core/bytes.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Keyring } from '../../ports/keyring.ts'
import type { Random } from '../../ports/random.ts'

const SUFFIX = '.key'
const SEED_BYTES = 32
const FILE_BYTES_MAX = 4096
// Modes mean nothing on Windows, where the folder inherits the access list of the user's profile.
const HAS_MODES = process.platform !== 'win32'

/** What a key file holds, as JSON. The seed is the secret; the rest tells whose it is, and guards it. */
interface KeyFile {
  readonly v: 1
  readonly agent: string
  readonly keyId: string
  readonly publicKey: string
  readonly seed: string
}

/**
 * Private keys in a folder (mode 0700), one file `<agent>.key` (mode 0600) for each agent and `@owner.key` for
 * the owner. Several processes may share it: if two make a key at once, both get the same one.
 *
 * `get` and `create` throw COTERIE_KEY_UNREADABLE for a file that others may read, that is garbled, or that
 * holds another agent's key, and for a folder that cannot be written; they name the file and the remedy.
 */
export function fileKeyring(folder: string, crypto: Crypto, random: Random): Keyring {
  const place = resolve(folder)
  const cached = new Map<string, KeyPair>()
  const get = (agent: string): KeyPair | undefined => {
    const known = cached.get(agent)
    if (known !== undefined) return known
    const pair = readKey(fileOf(place, agent), agent, crypto)
    if (pair !== undefined) cached.set(agent, pair)
    return pair
  }
  const create = (agent: string): KeyPair => {
    const known = get(agent)
    if (known !== undefined) return known
    writeKey(place, agent, crypto, random)
    // Read back, whoever wrote it: what is returned is what every process will find.
    const pair = get(agent)
    if (pair === undefined)
      throw unreadable(fileOf(place, agent), 'vanished after it was written', 'Try again.')
    return pair
  }
  return { place, get, create, names: () => namesIn(place) }
}

// '@' cannot be in an agent's name, so '@owner.key' is nobody else's.
function fileOf(place: string, agent: string): string {
  return join(place, addressOf(agent) + SUFFIX)
}

function namesIn(place: string): string[] {
  try {
    const names = readdirSync(place)
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
    return names.filter((name) => isName(name) || name === OWNER).sort()
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return []
    const message = `The key folder ${place} cannot be listed. Give this user access to it.`
    throw new CoterieError('COTERIE_KEY_UNREADABLE', message, { cause, details: { file: place } })
  }
}

function readKey(file: string, agent: string, crypto: Crypto): KeyPair | undefined {
  const text = readSecret(file)
  if (text === undefined) return undefined
  const remedy = 'Restore it from a backup. Without one, move it away and rotate the key of the agent.'
  const held = parseKeyFile(text)
  if (held === undefined) throw unreadable(file, 'is not a key file of Coterie', remedy)
  if (held.agent !== agent) {
    // On a file system that ignores case, `Bob` finds the file of `bob`.
    throw unreadable(file, `holds the key of the agent "${held.agent}", not of "${agent}"`, remedy)
  }
  const pair = pairOf(held.seed, crypto)
  if (pair === undefined || pair.publicKey !== held.publicKey || pair.id !== held.keyId) {
    throw unreadable(file, 'is damaged: its secret does not fit its public key', remedy)
  }
  return pair
}

// The mode is that of the opened file, so nobody can exchange the file between the check and the reading.
function readSecret(file: string): string | undefined {
  let opened: number
  try {
    opened = openSync(file, 'r')
  } catch (cause) {
    if (isCode(cause, 'ENOENT')) return undefined
    throw unreadable(file, 'cannot be opened', 'Give this user access to it.', cause)
  }
  try {
    const { mode, size } = fstatSync(opened)
    if (HAS_MODES && (mode & 0o077) !== 0) {
      const others = `may be read by others (mode ${(mode & 0o777).toString(8).padStart(4, '0')})`
      throw unreadable(file, others, `If nobody else has seen it, run: chmod 600 ${shellWord(file)}`)
    }
    return size > FILE_BYTES_MAX ? '' : readFileSync(opened, 'utf8')
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    throw unreadable(file, 'cannot be read', 'Check that it is a file, and the disk.', cause)
  } finally {
    closeSync(opened)
  }
}

// The error of JSON.parse quotes the text, and the text holds the secret: it is not passed on.
function parseKeyFile(text: string): KeyFile | undefined {
  try {
    const value = JSON.parse(text) as Partial<Record<keyof KeyFile, unknown>> | null
    if (typeof value !== 'object' || value === null || value.v !== 1) return undefined
    const { agent, keyId, publicKey, seed } = value
    if (typeof agent !== 'string' || typeof keyId !== 'string') return undefined
    if (typeof publicKey !== 'string' || typeof seed !== 'string') return undefined
    return { v: 1, agent, keyId, publicKey, seed }
  } catch {
    return undefined
  }
}

function pairOf(seed: string, crypto: Crypto): KeyPair | undefined {
  try {
    const bytes = fromBase64url(seed)
    return bytes.length === SEED_BYTES ? crypto.keyPair(bytes) : undefined
  } catch {
    return undefined
  }
}

// A link to a finished file appears whole and fails when the name is taken: the first process wins, and no
// process ever sees half a key.
function writeKey(place: string, agent: string, crypto: Crypto, random: Random): void {
  const file = fileOf(place, agent)
  const temporary = join(place, `.${toHex(random.bytes(8))}.tmp`)
  const seed = random.bytes(SEED_BYTES)
  const pair = crypto.keyPair(seed)
  const { id: keyId, publicKey } = pair
  const held: KeyFile = { v: 1, agent, keyId, publicKey, seed: toBase64url(seed) }
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    try {
      writeDurably(temporary, `${JSON.stringify(held)}\n`)
      linkSync(temporary, file)
      syncFolder(place)
    } finally {
      removeIfThere(temporary)
    }
  } catch (cause) {
    if (isCode(cause, 'EEXIST')) return
    const remedy = 'The folder must exist or be creatable, be writable, and allow hard links.'
    throw unreadable(file, 'cannot be written', remedy, cause)
  }
}

function writeDurably(file: string, text: string): void {
  const opened = openSync(file, 'wx', 0o600)
  try {
    writeFileSync(opened, text)
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

// A key that signed a committed record must not be lost with the power.
function syncFolder(place: string): void {
  if (!HAS_MODES) return
  const opened = openSync(place, 'r')
  try {
    fsyncSync(opened)
  } finally {
    closeSync(opened)
  }
}

function removeIfThere(file: string): void {
  try {
    unlinkSync(file)
  } catch (cause) {
    if (!isCode(cause, 'ENOENT')) throw cause
  }
}

function unreadable(file: string, fault: string, remedy: string, cause?: unknown): CoterieError {
  const options = { details: { file }, ...(cause === undefined ? {} : { cause }) }
  return new CoterieError('COTERIE_KEY_UNREADABLE', `The key file ${file} ${fault}. ${remedy}`, options)
}

function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

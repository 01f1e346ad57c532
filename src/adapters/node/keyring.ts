import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { addressOf, isName, OWNER } from '../../core/address.ts'
import { fromBase64url, toBase64url, toHex } from '../../core/bytes.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Keyring } from '../../ports/keyring.ts'
import type { Random } from '../../ports/random.ts'

const SUFFIX = '.key'
const SEED_BYTES = 32
const FILE_BYTES_MAX = 4096
const FOLDER_REMEDY = 'The folder must exist or be creatable, be writable, and allow hard links.'
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
 * the owner. Several processes may share it: if two make a key at once, both get the same one. While a key is being
 * rotated, the other one lies beside it as `<agent>.<key id>.key`.
 *
 * All methods but `names` throw COTERIE_KEY_UNREADABLE for a file that others may read, that is garbled, or that
 * holds another agent's key, and for a folder that cannot be written; they name the file and the remedy.
 */
export function fileKeyring(folder: string, crypto: Crypto, random: Random): Keyring {
  return new KeyFolder(resolve(folder), crypto, random)
}

class KeyFolder implements Keyring {
  readonly place: string
  readonly #crypto: Crypto
  readonly #random: Random
  /** By agent and key id: what a key id stands for never changes. */
  readonly #known = new Map<string, KeyPair>()

  constructor(place: string, crypto: Crypto, random: Random) {
    this.place = place
    this.#crypto = crypto
    this.#random = random
  }

  get(agent: string): KeyPair | undefined {
    return this.#read(fileOf(this.place, agent), agent)
  }

  find(agent: string, keyId: string): KeyPair | undefined {
    const known = this.#known.get(`${agent} ${keyId}`)
    if (known !== undefined) return known
    const beside = this.#read(fileOf(this.place, agent, keyId), agent)
    if (beside !== undefined) return beside.id === keyId ? beside : undefined
    const current = this.get(agent)
    return current?.id === keyId ? current : undefined
  }

  create(agent: string): KeyPair {
    const known = this.get(agent)
    if (known !== undefined) return known
    this.#make(agent, () => fileOf(this.place, agent))
    // Read back, whoever wrote it: what is returned is what every process will find.
    return this.get(agent) ?? this.#vanished(fileOf(this.place, agent))
  }

  prepare(agent: string): KeyPair {
    const id = this.#make(agent, (keyId) => fileOf(this.place, agent, keyId))
    return this.find(agent, id) ?? this.#vanished(fileOf(this.place, agent, id))
  }

  adopt(agent: string, keyId: string): void {
    const file = fileOf(this.place, agent)
    const before = this.get(agent)
    if (before?.id === keyId) return
    try {
      // The key before gets a name of its own first: at no moment is one of them without a file.
      if (before !== undefined) linkUnlessThere(file, fileOf(this.place, agent, before.id))
      renameSync(fileOf(this.place, agent, keyId), file)
      syncFolder(this.place)
    } catch (cause) {
      throw unreadable(file, 'cannot be replaced', FOLDER_REMEDY, cause)
    }
  }

  discard(agent: string, keyId: string): void {
    this.#known.delete(`${agent} ${keyId}`)
    const file = fileOf(this.place, agent)
    try {
      removeIfThere(fileOf(this.place, agent, keyId))
      if (this.get(agent)?.id === keyId) removeIfThere(file)
      syncFolder(this.place)
    } catch (cause) {
      if (isCode(cause, 'ENOENT')) return
      throw cause instanceof CoterieError
        ? cause
        : unreadable(file, 'cannot be removed', FOLDER_REMEDY, cause)
    } finally {
      this.#known.delete(`${agent} ${keyId}`)
    }
  }

  names(): string[] {
    return namesIn(this.place)
  }

  #read(file: string, agent: string): KeyPair | undefined {
    const pair = readKey(file, agent, this.#crypto)
    if (pair === undefined) return undefined
    const known = this.#known.get(`${agent} ${pair.id}`)
    if (known !== undefined) return known
    this.#known.set(`${agent} ${pair.id}`, pair)
    return pair
  }

  /** Writes a new key into the file that its id leads to; answers the id. */
  #make(agent: string, fileFor: (keyId: string) => string): string {
    const seed = this.#random.bytes(SEED_BYTES)
    const { id: keyId, publicKey } = this.#crypto.keyPair(seed)
    writeKey(
      this.place,
      fileFor(keyId),
      { v: 1, agent, keyId, publicKey, seed: toBase64url(seed) },
      this.#random,
    )
    return keyId
  }

  #vanished(file: string): never {
    throw unreadable(file, 'vanished after it was written', 'Try again.')
  }
}

// '@' cannot be in an agent's name, so '@owner.key' is nobody else's; nor can '.', so a key id is told apart.
function fileOf(place: string, agent: string, keyId?: string): string {
  return join(place, `${addressOf(agent)}${keyId === undefined ? '' : `.${keyId}`}${SUFFIX}`)
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
  const remedy =
    `Restore it from a backup. Without one, move it away and give the agent a new key: ` +
    `coterie keys rotate ${agent}`
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
    if (isCode(cause, 'ENOTDIR')) throw noFolder(dirname(file), cause)
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
function writeKey(place: string, file: string, held: KeyFile, random: Random): void {
  const temporary = join(place, `.${toHex(random.bytes(8))}.tmp`)
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    try {
      writeDurably(temporary, `${JSON.stringify(held)}\n`)
      linkUnlessThere(temporary, file)
      syncFolder(place)
    } finally {
      removeIfThere(temporary)
    }
  } catch (cause) {
    throw unreadable(file, 'cannot be written', FOLDER_REMEDY, cause)
  }
}

function linkUnlessThere(from: string, to: string): void {
  try {
    linkSync(from, to)
  } catch (cause) {
    if (!isCode(cause, 'EEXIST')) throw cause
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

function noFolder(place: string, cause: unknown): CoterieError {
  const message = `The keyring ${place} is not a folder. Name the folder that the keys of this database are in.`
  return new CoterieError('COTERIE_KEY_UNREADABLE', message, { cause, details: { file: place } })
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

import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  hash,
  hkdfSync,
  sign as signBytes,
  verify as verifyBytes,
  type KeyObject,
} from 'node:crypto'
import { CoterieError } from '../../core/errors.ts'
import type { Crypto, KeyPair, PrivateKey } from '../../ports/crypto.ts'
import { isSafePoint } from './ed25519-point.ts'

// DER around a raw Ed25519 key (RFC 8410): everything before the 32 bytes is constant.
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const KEY_BYTES = 32
const IV_BYTES = 12
const TAG_BYTES = 16

// Exactly what base64url of 32 and of 64 bytes looks like: the last character carries 4 and 2 bits only, so
// other spellings of the same bytes are refused and one signature has one text.
const PUBLIC_KEY = /^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/

/** How many imported public keys are kept: about 1 KiB each. */
const PUBLIC_KEYS_MAX = 4096

// The handle that leaves this module shows nothing of the key, not even to a logger that walks objects.
const privateKeys = new WeakMap<PrivateKey, KeyObject>()
const publicKeys = new Map<string, KeyObject>()

/** SHA-256 and Ed25519 by Node's OpenSSL: signing takes about 35 us, verifying about 105 us. */
export const nodeCrypto: Crypto = Object.freeze({ sha256, sign, verify, keyPair, seal, unseal })

function sha256(data: Uint8Array | string): string {
  return hash('sha256', data, 'hex')
}

function sign(privateKey: PrivateKey, data: Uint8Array): string {
  return signBytes(null, data, keyOf(privateKey)).toString('base64url')
}

function seal(privateKey: PrivateKey, place: Uint8Array, iv: Uint8Array, data: Uint8Array): string {
  const cipher = createCipheriv('aes-256-gcm', boxKey(privateKey, place), iv)
  const text = Buffer.concat([iv, cipher.update(data), cipher.final(), cipher.getAuthTag()])
  return text.toString('base64url')
}

function unseal(privateKey: PrivateKey, place: Uint8Array, text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length < IV_BYTES + TAG_BYTES || bytes.toString('base64url') !== text) return undefined
  const key = boxKey(privateKey, place)
  const options = { authTagLength: TAG_BYTES }
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, IV_BYTES), options)
  decipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES))
  try {
    return Buffer.concat([
      decipher.update(bytes.subarray(IV_BYTES, bytes.length - TAG_BYTES)),
      decipher.final(),
    ])
  } catch {
    return undefined
  }
}

// HKDF (RFC 5869) from the secret seed: another key for each place, and none that tells of the seed.
function boxKey(privateKey: PrivateKey, place: Uint8Array): Uint8Array {
  const { d = '' } = keyOf(privateKey).export({ format: 'jwk' })
  const seed = Buffer.from(d, 'base64url')
  return Buffer.from(hkdfSync('sha256', seed, 'coterie box v1', hash('sha256', place, 'buffer'), KEY_BYTES))
}

function keyOf(privateKey: PrivateKey): KeyObject {
  const key = privateKeys.get(privateKey)
  if (key !== undefined) return key
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'The private key was not made by this crypto.')
}

function verify(publicKey: string, data: Uint8Array, signature: string): boolean {
  // The values may come from strangers, whatever the types say.
  if (typeof signature !== 'string' || !SIGNATURE.test(signature)) return false
  try {
    const key = importPublicKey(publicKey)
    return key !== undefined && verifyBytes(null, data, key, Buffer.from(signature, 'base64url'))
  } catch {
    return false
  }
}

function keyPair(seed: Uint8Array): KeyPair {
  if (seed.length !== KEY_BYTES) {
    const message = `The seed of an Ed25519 key has ${KEY_BYTES} bytes, and this one has ${seed.length}.`
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
  }
  const der = Buffer.concat([PKCS8_PREFIX, seed])
  const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  der.fill(0)
  const raw = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(SPKI_PREFIX.length)
  const privateKey: PrivateKey = Object.freeze({ type: 'private-key' })
  privateKeys.set(privateKey, key)
  return Object.freeze({ id: sha256(raw).slice(0, 40), publicKey: raw.toString('base64url'), privateKey })
}

// Kept, because an import adds about 35 us to a verification.
function importPublicKey(publicKey: string): KeyObject | undefined {
  const known = publicKeys.get(publicKey)
  if (known !== undefined) return known
  if (typeof publicKey !== 'string' || !PUBLIC_KEY.test(publicKey)) return undefined
  const raw = Buffer.from(publicKey, 'base64url')
  if (!isSafePoint(raw)) return undefined
  const der = Buffer.concat([SPKI_PREFIX, raw])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  if (publicKeys.size >= PUBLIC_KEYS_MAX) {
    // The oldest goes first: strangers' keys can cost time, and never memory.
    for (const oldest of publicKeys.keys()) {
      publicKeys.delete(oldest)
      break
    }
  }
  publicKeys.set(publicKey, key)
  return key
}

/**
 * Cryptography without the cost: "signatures" that anyone could forge, for runs in which nobody tries to. Signing
 * and verifying are most of the time of a simulated run, and not what most runs are about.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { fromHex } from '../../core/bytes.ts'
import type { Crypto, PrivateKey } from '../../ports/crypto.ts'

const KEY_ID_CHARS = 40
const BOX_KEY_BYTES = 32

/** A {@link Crypto} for simulations. Hashes are real. Never use it for anything else. */
export function idealCrypto(): Crypto {
  const publicKeys = new WeakMap<PrivateKey, string>()
  const signatureOf = (publicKey: string, data: Uint8Array): string =>
    Buffer.from(hash('sha512', `${publicKey} ${hash('sha256', data)}`), 'hex').toString('base64url')
  const boxKey = (privateKey: PrivateKey, place: Uint8Array): Buffer =>
    Buffer.from(hash('sha256', `${publicKeys.get(privateKey)} ${hash('sha256', place)}`), 'hex')
  return {
    sha256: (data) => hash('sha256', data),
    sign(privateKey, data) {
      const publicKey = publicKeys.get(privateKey)
      if (publicKey === undefined) throw new TypeError('The private key is from another crypto.')
      return signatureOf(publicKey, data)
    },
    verify: (publicKey, data, signature) => signatureOf(publicKey, data) === signature,
    seal: (privateKey, place, _iv, data) =>
      Buffer.concat([boxKey(privateKey, place), data]).toString('base64url'),
    unseal(privateKey, place, text) {
      const bytes = Buffer.from(text, 'base64url')
      const isOwn = bytes.subarray(0, BOX_KEY_BYTES).equals(boxKey(privateKey, place))
      return isOwn ? bytes.subarray(BOX_KEY_BYTES) : undefined
    },
    keyPair(seed) {
      const raw = hash('sha256', Buffer.concat([Buffer.from('public '), seed]))
      const publicKey = Buffer.from(raw, 'hex').toString('base64url')
      const privateKey: PrivateKey = Object.freeze({ type: 'private-key' })
      publicKeys.set(privateKey, publicKey)
      return { id: hash('sha256', fromHex(raw)).slice(0, KEY_ID_CHARS), publicKey, privateKey }
    },
  }
}

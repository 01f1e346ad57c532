import { councilCrypto, type CouncilCrypto, type DigestKind } from '../../bft/crypto.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'

/** What is looked at as a whole again and again: when it is judged, voted for, decided and kept. */
const REMEMBERED_KINDS: readonly DigestKind[] = ['value', 'justification']

/**
 * The cryptography of one replica's rules. It verifies no signature twice, and hashes no value twice: nobody changes a
 * value that was read or made, so the digest of the same object is the same.
 */
export function rememberingCouncilCrypto(crypto: Crypto): CouncilCrypto {
  const council = councilCrypto(crypto)
  const digests = new Map(REMEMBERED_KINDS.map((kind) => [kind, new WeakMap<object, string>()]))
  return {
    ...council,
    digest(kind, value) {
      const known = digests.get(kind)
      if (known === undefined || typeof value !== 'object' || value === null)
        return council.digest(kind, value)
      const earlier = known.get(value)
      if (earlier !== undefined) return earlier
      const digest = council.digest(kind, value)
      known.set(value, digest)
      return digest
    },
  }
}

/** Signatures that are remembered: about 300 bytes each. */
const REMEMBERED_MAX = 8_192

/**
 * A crypto that verifies no signature twice, and none that it has made itself with `own`. A council's rules look at the
 * same ballots and operations again and again: when they come, when they are proposed, and when they are decided.
 */
export function rememberingCrypto(crypto: Crypto, own: KeyPair): Crypto {
  const good = new Set<string>()
  const remember = (name: string): void => {
    if (good.size >= REMEMBERED_MAX) {
      // The oldest goes first.
      for (const oldest of good) {
        good.delete(oldest)
        break
      }
    }
    good.add(name)
  }
  const nameOf = (publicKey: string, data: Uint8Array, signature: string): string =>
    `${crypto.sha256(data)} ${publicKey} ${signature}`
  return {
    ...crypto,
    sign(privateKey, data) {
      const signature = crypto.sign(privateKey, data)
      if (privateKey === own.privateKey) remember(nameOf(own.publicKey, data, signature))
      return signature
    },
    verify(publicKey, data, signature) {
      const name = nameOf(publicKey, data, signature)
      if (good.has(name)) return true
      if (!crypto.verify(publicKey, data, signature)) return false
      remember(name)
      return true
    },
  }
}

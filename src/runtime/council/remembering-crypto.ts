import type { Crypto } from '../../ports/crypto.ts'

/** Verified signatures that are remembered: about 300 bytes each. */
const REMEMBERED_MAX = 8_192

/**
 * A crypto that verifies no signature twice. A council's rules look at the same ballots and operations again and
 * again: when they come, when they are proposed, and when they are decided.
 */
export function rememberingCrypto(crypto: Crypto): Crypto {
  const good = new Set<string>()
  return {
    ...crypto,
    verify(publicKey, data, signature) {
      const name = `${crypto.sha256(data)} ${publicKey} ${signature}`
      if (good.has(name)) return true
      if (!crypto.verify(publicKey, data, signature)) return false
      if (good.size >= REMEMBERED_MAX) {
        // The oldest goes first.
        for (const oldest of good) {
          good.delete(oldest)
          break
        }
      }
      good.add(name)
      return true
    },
  }
}

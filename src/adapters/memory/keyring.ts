import { addressOf } from '../../core/address.ts'
import { fromHex } from '../../core/bytes.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Keyring } from '../../ports/keyring.ts'
import type { Random } from '../../ports/random.ts'

const SEED_BYTES = 32

/**
 * A keyring that forgets everything with its process: for tests and simulation. With a text as the seed, the
 * same agent has the same key in every run, so it is no secret.
 */
export function memoryKeyring(crypto: Crypto, seedOrRandom: string | Random): Keyring {
  const keys = new Map<string, KeyPair>()
  return {
    place: 'memory',
    get: (agent) => keys.get(agent),
    create(agent) {
      const known = keys.get(agent)
      if (known !== undefined) return known
      const made = crypto.keyPair(seedOf(crypto, seedOrRandom, addressOf(agent)))
      keys.set(agent, made)
      return made
    },
    names: () => [...keys.keys()].sort(),
  }
}

function seedOf(crypto: Crypto, seedOrRandom: string | Random, agent: string): Uint8Array {
  if (typeof seedOrRandom !== 'string') return seedOrRandom.bytes(SEED_BYTES)
  return fromHex(crypto.sha256(`${seedOrRandom} ${agent}`))
}

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
  const all = new Map<string, KeyPair>()
  const counts = new Map<string, number>()
  const make = (agent: string): KeyPair => {
    const count = counts.get(agent) ?? 0
    const made = crypto.keyPair(seedOf(crypto, seedOrRandom, addressOf(agent), count))
    counts.set(agent, count + 1)
    all.set(`${agent} ${made.id}`, made)
    return made
  }
  return {
    place: 'memory',
    get: (agent) => keys.get(agent),
    find: (agent, keyId) => all.get(`${agent} ${keyId}`),
    create(agent) {
      const known = keys.get(agent)
      if (known !== undefined) return known
      const made = make(agent)
      keys.set(agent, made)
      return made
    },
    prepare: make,
    adopt(agent, keyId) {
      const pair = all.get(`${agent} ${keyId}`)
      if (pair !== undefined) keys.set(agent, pair)
    },
    discard(agent, keyId) {
      all.delete(`${agent} ${keyId}`)
      if (keys.get(agent)?.id === keyId) keys.delete(agent)
    },
    names: () => [...keys.keys()].sort(),
  }
}

function seedOf(crypto: Crypto, seedOrRandom: string | Random, agent: string, number: number): Uint8Array {
  if (typeof seedOrRandom !== 'string') return seedOrRandom.bytes(SEED_BYTES)
  return fromHex(crypto.sha256(`${seedOrRandom} ${agent}${number === 0 ? '' : ` ${number}`}`))
}

import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import type { KeyPair } from '../../src/ports/crypto.ts'

/** The same key pair for the same name, every time. */
export function keyPairOf(name: string): KeyPair {
  return nodeCrypto.keyPair(Buffer.from(nodeCrypto.sha256(name), 'hex'))
}

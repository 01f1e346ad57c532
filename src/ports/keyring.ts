import type { KeyPair } from './crypto.ts'

/**
 * Where the private keys live: a folder of files, or memory. An agent has one current key pair; while a key is being
 * rotated, the next one lies beside it.
 */
export interface Keyring {
  /** Where it is, for error messages. */
  readonly place: string
  /** The current key pair of an agent, or undefined. Throws COTERIE_KEY_UNREADABLE. */
  get(agent: string): KeyPair | undefined
  /** The agent's key pair with this id, current or not, also when another process has just written it. */
  find(agent: string, keyId: string): KeyPair | undefined
  /** Makes and keeps a key pair; if another process made one first, that one is returned. */
  create(agent: string): KeyPair
  /** Makes and keeps a key pair beside the current one, to be found by its id. Durable when it returns. */
  prepare(agent: string): KeyPair
  /** Makes a key pair that is kept here the agent's current one. The one before is still found by its id. */
  adopt(agent: string, keyId: string): void
  /** Removes a key pair for good, if it is here. */
  discard(agent: string, keyId: string): void
  /** The names that have a current key here. */
  names(): readonly string[]
}

import type { KeyPair } from './crypto.ts'

/** Where the private keys live: a folder of files, or memory. One key pair for each agent name. */
export interface Keyring {
  /** Where it is, for error messages. */
  readonly place: string
  /** The key pair of an agent, or undefined. Throws COTERIE_KEY_UNREADABLE. */
  get(agent: string): KeyPair | undefined
  /** Makes and keeps a key pair; if another process made one first, that one is returned. */
  create(agent: string): KeyPair
  /** The names that have a key here. */
  names(): readonly string[]
}

/**
 * The keys file: the public keys of a space, to be handed to those who are to verify its certificates and its log
 * without trusting the database. Format `coterie.keys` version 1, see docs/reference/cli.md.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import { isName, OWNER } from '../core/address.ts'
import { parseStrict } from '../core/json.ts'
import type { Registry } from '../log/registry.ts'
import type { TrustedKey } from '../voting/certificate.ts'
import { readText } from './values.ts'

/** One key with the positions at which it signs: `from` included, `until` not; null: it still does. */
export interface FileKey {
  readonly key: string
  readonly agent: string
  readonly publicKey: string
  readonly from: number
  readonly until: number | null
  /** Why it was revoked; null for a key that is valid or was rotated. */
  readonly revoked: string | null
}

/** What the file holds. */
export interface KeyFile {
  readonly v: 1
  readonly type: 'coterie.keys'
  /** The id of the space: the hash of its genesis. */
  readonly space: string
  /** The public key that signed the genesis. */
  readonly owner: string
  readonly keys: readonly FileKey[]
}

/** The keys of a space as a file. */
export function keyFileOf(registry: Registry): KeyFile {
  const keys = registry.keys().map(({ id, agent, publicKey, from, until, revoked }) => {
    return { key: id, agent, publicKey, from, until, revoked: revoked?.reason ?? null }
  })
  return { v: 1, type: 'coterie.keys', space: registry.space, owner: keys[0]?.publicKey ?? '', keys }
}

/** Reads a keys file. Throws COTERIE_NOT_FOUND and COTERIE_INVALID_ARGUMENT. */
export function readKeyFile(file: string): KeyFile {
  const value = parsed(readText(file))
  if (isKeyFile(value)) return value
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `${file} is not a keys file: make one with "coterie keys export --out keys.json".`,
    { details: { file } },
  )
}

/** The keys that may have signed a ballot: rotated ones too, revoked ones not. */
export function trustedKeys({ keys }: KeyFile): ReadonlyMap<string, TrustedKey> {
  const trusted = keys.filter(({ revoked }) => revoked === null)
  return new Map(trusted.map(({ key, agent, publicKey }) => [key, { agent, publicKey }]))
}

/** All keys of the space, by id, revoked ones too: what was signed with one stays signed. */
export function allKeys({ keys }: KeyFile): ReadonlyMap<string, TrustedKey> {
  return new Map(keys.map(({ key, agent, publicKey }) => [key, { agent, publicKey }]))
}

/** The first key of the file that the log does not have in the same way, as a phrase; undefined when all are there. */
export function keyProblem(file: KeyFile, registry: Registry): string | undefined {
  const known = new Map(registry.keys().map((key) => [key.id, key]))
  for (const { key, agent, publicKey, from } of file.keys) {
    const found = known.get(key)
    const same = found?.agent === agent && found.publicKey === publicKey && found.from === from
    if (!same) return `the key ${key} of ${JSON.stringify(agent)} is not in the log as the keys file has it`
  }
  return undefined
}

function parsed(text: string): unknown {
  try {
    return parseStrict(text)
  } catch {
    return undefined
  }
}

function isKeyFile(value: unknown): value is KeyFile {
  if (!hasExactly(value, ['v', 'type', 'space', 'owner', 'keys'])) return false
  const { v, type, space, owner, keys } = value
  if (v !== 1 || type !== 'coterie.keys' || typeof space !== 'string' || typeof owner !== 'string')
    return false
  return Array.isArray(keys) && keys.every(isFileKey)
}

function isFileKey(value: unknown): boolean {
  if (!hasExactly(value, ['key', 'agent', 'publicKey', 'from', 'until', 'revoked'])) return false
  const { key, agent, publicKey, from, until, revoked } = value
  if (typeof key !== 'string' || typeof publicKey !== 'string') return false
  if (typeof agent !== 'string' || !(isName(agent) || agent === OWNER)) return false
  if (typeof from !== 'number' || !(until === null || typeof until === 'number')) return false
  return revoked === null || typeof revoked === 'string'
}

function hasExactly(value: unknown, keys: readonly string[]): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
}

/**
 * Evidence of a fork: two different records of one author with one number. It verifies offline, from the public
 * keys alone. What it proves, and what it does not, is in docs/adr/0007-forks.md.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { SealedRecord } from '../core/record.ts'
import type { Crypto } from '../ports/crypto.ts'
import { openRecord } from './open-record.ts'
import type { KeyHolder } from './registry.ts'
import { verifyProof } from './seal.ts'

/** A record as its author signed it: without its position, which nobody signs, and without its detail. */
export type SignedRecord = Omit<SealedRecord, 'detail'>

/** Two different records of one author with one number, the one with the smaller hash first. */
export type Fork = readonly [SignedRecord, SignedRecord]

/** A document of forks, to be shown to others. */
export interface ForkEvidence {
  readonly v: 1
  readonly type: 'coterie.forks'
  /** The id of the space. */
  readonly space: string
  readonly forks: readonly Fork[]
}

/** What a document proves: whose forks, and at which numbers. */
export type ForkVerdict =
  | { readonly ok: true; readonly evidence: ForkEvidence }
  | { readonly ok: false; readonly problem: string }

const EVIDENCE_KEYS = ['v', 'type', 'space', 'forks']
const RECORD_KEYS = ['author', 'seq', 'prev', 'hash', 'body', 'proof']

/** Two records as a fork; undefined when they are of different authors or numbers, or the same. */
export function forkOf(one: SealedRecord, other: SealedRecord): Fork | undefined {
  if (one.author !== other.author || one.seq !== other.seq || one.hash === other.hash) return undefined
  return one.hash < other.hash ? [signedPart(one), signedPart(other)] : [signedPart(other), signedPart(one)]
}

/**
 * Whether a document proves that each of its authors signed two different records with one number. `keys`: all that
 * the space has had, those that were replaced or revoked included, for a key is often revoked because of a fork.
 * It accepts hostile input and never throws.
 */
export function verifyForks(
  crypto: Crypto,
  value: unknown,
  space: string,
  keys: ReadonlyMap<string, KeyHolder>,
): ForkVerdict {
  if (!hasExactly(value, EVIDENCE_KEYS) || value['v'] !== 1 || value['type'] !== 'coterie.forks') {
    return { ok: false, problem: 'it is not a document of forks' }
  }
  if (value['space'] !== space) return { ok: false, problem: 'it is about another space' }
  const { forks } = value
  if (!Array.isArray(forks) || forks.length === 0) return { ok: false, problem: 'it has no fork' }
  for (const [index, fork] of forks.entries()) {
    const problem = forkProblem(crypto, fork, space, keys)
    if (problem !== undefined) return { ok: false, problem: `fork ${index + 1}: ${problem}` }
  }
  return { ok: true, evidence: value as unknown as ForkEvidence }
}

function forkProblem(
  crypto: Crypto,
  fork: unknown,
  space: string,
  keys: ReadonlyMap<string, KeyHolder>,
): string | undefined {
  if (!Array.isArray(fork) || fork.length !== 2) return 'it has other than two records'
  for (const [index, record] of (fork as readonly unknown[]).entries()) {
    const problem = recordProblem(crypto, record, space, keys)
    if (problem !== undefined) return `record ${index + 1}: ${problem}`
  }
  const [one, other] = fork as unknown as Fork
  if (one.author !== other.author) return 'its records are by different authors'
  if (one.seq !== other.seq) return 'its records have different numbers'
  return one.hash < other.hash ? undefined : 'its records are not two, the one with the smaller hash first'
}

function recordProblem(
  crypto: Crypto,
  value: unknown,
  space: string,
  keys: ReadonlyMap<string, KeyHolder>,
): string | undefined {
  if (!hasExactly(value, RECORD_KEYS)) return 'it is malformed'
  const record = value as unknown as SignedRecord
  try {
    const body = openRecord(crypto, { ...record, position: 0, detail: null })
    // A genesis names no space: another one is the beginning of another space, and no fork.
    if (body.space !== space) return 'it belongs to another space'
    const holder = keys.get(body.key)
    if (holder === undefined) return `nobody is known to have the key ${body.key}`
    if (holder.agent !== nameOf(body.author))
      return `it is signed with the key of ${JSON.stringify(holder.agent)}`
    const isSigned = verifyProof(crypto, record.hash, record.proof, holder.publicKey)
    return isSigned ? undefined : 'its signature is not valid'
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    return String(error.details['reason'])
  }
}

function signedPart({ author, seq, prev, hash, body, proof }: SealedRecord): SignedRecord {
  return { author, seq, prev, hash, body, proof }
}

function hasExactly(value: unknown, keys: readonly string[]): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.keys(value).length === keys.length && keys.every((key) => Object.hasOwn(value, key))
}

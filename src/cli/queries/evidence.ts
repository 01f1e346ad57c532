/**
 * Records and messages as they may be shown: verified one by one. What does not verify is named with the reason,
 * and nothing that it says is passed on.
 *
 * @module
 */

import { OWNER } from '../../core/address.ts'
import { CoterieError } from '../../core/errors.ts'
import type { RecordBody, RecordDetail } from '../../core/record.ts'
import { applyOwnerRecord, emptyRegistry } from '../../log/registry.ts'
import type { Registry } from '../../log/registry.ts'
import { createSignatureCache } from '../../log/seal.ts'
import { verifyMail, verifyRecord } from '../../log/verify.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { LogRecord, Mail, SpaceStore } from '../../ports/store.ts'

const PAGE = 500

/** The proof of something shown: where it stands in the log, and whether its signature holds. */
export interface Proof {
  readonly position: number
  readonly hash: string
  readonly key: string | null
  readonly verified: boolean
  /** Why it does not verify, as a phrase. */
  readonly problem: string | null
}

/** A record with its proof. `body` and `detail` are there only when it verifies; an erased detail is null. */
export interface CheckedRecord {
  readonly record: LogRecord
  readonly proof: Proof
  readonly body: RecordBody | undefined
  readonly detail: RecordDetail | null
}

/** The agents and keys of a space. Throws COTERIE_VERIFICATION_FAILED when the owner's chain does not hold. */
export async function readRegistry(store: SpaceStore, crypto: Crypto): Promise<Registry> {
  let registry = emptyRegistry()
  for (;;) {
    const page = await store.chain(OWNER, registry.version, PAGE)
    for (const record of page) registry = applyOwnerRecord(registry, crypto, record)
    if (page.length < PAGE) break
  }
  if (registry.space === store.id) return registry
  throw new CoterieError(
    'COTERIE_VERIFICATION_FAILED',
    `The space "${store.name}" has another id than its log.`,
    {
      details: { expected: store.id, found: registry.space },
    },
  )
}

/** Verifies what is shown of one space. */
export interface Evidence {
  readonly store: SpaceStore
  readonly crypto: Crypto
  readonly registry: Registry
  /** The record at a position. Throws COTERIE_NOT_FOUND. */
  at(position: number): Promise<CheckedRecord>
  /** A record that was read. */
  check(record: LogRecord): CheckedRecord
  /** Whether a message is what its sender signed. */
  mail(mail: Mail): Promise<Proof>
}

/** Evidence for one space, from its owner's chain. Throws COTERIE_VERIFICATION_FAILED. */
export async function collectEvidence(store: SpaceStore, crypto: Crypto): Promise<Evidence> {
  const registry = await readRegistry(store, crypto)
  const cache = createSignatureCache()
  const known = new Map<number, CheckedRecord>()

  function check(record: LogRecord): CheckedRecord {
    const earlier = known.get(record.position)
    if (earlier !== undefined) return earlier
    const checked = judge(record, () => verifyRecord(crypto, registry, store.id, record, cache))
    known.set(record.position, checked)
    return checked
  }

  async function at(position: number): Promise<CheckedRecord> {
    const earlier = known.get(position)
    if (earlier !== undefined) return earlier
    const [record] = await store.records(position, 1)
    if (record?.position === position) return check(record)
    throw new CoterieError('COTERIE_NOT_FOUND', `There is no record at position ${position}.`)
  }

  async function mail(row: Mail): Promise<Proof> {
    const { proof, body } = await at(row.position)
    if (body === undefined) return proof
    try {
      verifyMail(crypto, row, body)
      return proof
    } catch (error) {
      return { ...proof, verified: false, problem: problemOf(error) }
    }
  }

  return { store, crypto, registry, at, check, mail }
}

/** The phrase of an error of verification; other errors are thrown on. */
export function problemOf(error: unknown): string {
  if (!(error instanceof CoterieError) || error.code !== 'COTERIE_VERIFICATION_FAILED') throw error
  const { reason } = error.details
  return typeof reason === 'string' ? reason : error.message
}

function judge(record: LogRecord, verify: () => RecordBody): CheckedRecord {
  const { position, hash } = record
  try {
    const body = verify()
    const proof = { position, hash, key: body.key, verified: true, problem: null }
    return { record, proof, body, detail: detailOf(record) }
  } catch (error) {
    const proof = { position, hash, key: null, verified: false, problem: problemOf(error) }
    return { record, proof, body: undefined, detail: null }
  }
}

function detailOf({ detail }: LogRecord): RecordDetail | null {
  if (detail === null) return null
  try {
    return JSON.parse(detail) as RecordDetail
  } catch {
    return null
  }
}

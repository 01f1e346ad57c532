/**
 * The first record of a space: the owner's key, by which everything else is vouched for. Its hash is the
 * space's id, so an id can be recognised but not claimed by another space.
 *
 * @module
 */

import { toHex } from '../core/bytes.ts'
import { OWNER } from '../core/address.ts'
import { canonicalize } from '../core/json.ts'
import type { RecordBody } from '../core/record.ts'
import { hashRecord, signBatch } from '../log/seal.ts'
import type { Genesis } from '../ports/store.ts'
import type { Ports } from './context.ts'

/** A genesis for a new space; makes the owner's key if the keyring has none. */
export function makeGenesis(ports: Ports, name: string): Genesis {
  const { clock, crypto, keyring, random } = ports
  const key = keyring.create(OWNER)
  // Two spaces with one name and one owner, made in the same millisecond, are still two.
  const detail = canonicalize({ name, nonce: toHex(random.bytes(16)) })
  const body: RecordBody = {
    agents: [{ handlers: [], key: key.id, name: OWNER, publicKey: key.publicKey }],
    at: clock.now(),
    author: OWNER,
    detail: crypto.sha256(detail),
    key: key.id,
    kind: 'genesis',
    prev: '',
    seq: 0,
    space: '',
    v: 1,
  }
  const { text, hash } = hashRecord(crypto, body)
  const [proof] = signBatch(crypto, [{ hash, key }])
  if (proof === undefined) throw new Error('the genesis was not signed')
  return { record: { author: OWNER, seq: 0, prev: '', hash, body: text, detail, proof } }
}

import { concat, utf8 } from '../core/bytes.ts'

/**
 * The payload type of each kind of signed object. It is part of the signed bytes, so that a signature
 * on one kind of object never passes for a signature on another.
 */
export const PAYLOAD_TYPES = {
  records: 'application/vnd.coterie.records.v1',
  journal: 'application/vnd.coterie.journal.v1+json',
  ballot: 'application/vnd.coterie.ballot.v1+json',
  commitment: 'application/vnd.coterie.commitment.v1+json',
  /** Hashed, and not signed. */
  sealedBallot: 'application/vnd.coterie.sealed-ballot.v1+json',
} as const

/** There are few types, and each is written with its length again and again. */
const heads = new Map<string, string>()
const HEADS_MAX = 64

function headOf(payloadType: string): string {
  const known = heads.get(payloadType)
  if (known !== undefined) return known
  const head = `DSSEv1 ${utf8(payloadType).length} ${payloadType} `
  if (heads.size < HEADS_MAX) heads.set(payloadType, head)
  return head
}

/**
 * The bytes that are signed: the DSSE v1 pre-authentication encoding,
 * `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload`, where LEN is a decimal count of bytes
 * (https://github.com/secure-systems-lab/dsse/blob/master/protocol.md).
 */
export function preAuthEncoding(payloadType: string, payload: Uint8Array): Uint8Array {
  return concat(utf8(`${headOf(payloadType)}${payload.length} `), payload)
}

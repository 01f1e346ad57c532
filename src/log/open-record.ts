import { recordText, type RecordBody } from '../core/record.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { LogRecord } from '../ports/store.ts'
import { failed } from './failed.ts'
import { recordHash } from './seal.ts'
import { bodyProblem, isProof } from './shape.ts'

/**
 * The body of a record that is whole: its text is canonical and has the form of a body, its hash, its columns
 * and its detail are what the text says. Whether the right key signed it is not looked at here.
 *
 * A detail of null is accepted where the body names one: it was erased.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED`.
 */
export function openRecord(crypto: Crypto, record: LogRecord): RecordBody {
  const { position, author, seq, prev, hash, body: text, detail, proof } = record
  const refuse = (reason: string): Error => failed({ position, author }, reason)
  if (!Number.isSafeInteger(position) || position < 0) throw refuse('its position is not a number from 0')
  const body = parse(text)
  if (body === undefined) throw refuse('its body is not JSON')
  const problem = bodyProblem(body)
  if (problem !== undefined) throw refuse(problem)
  // The form is known to be right, so writing it again proves what `parseCanonical` would: no duplicate key,
  // no other order or spelling would come back. It is three times as fast.
  if (recordText(body as RecordBody) !== text) throw refuse('its body is not in canonical form (RFC 8785)')
  const said = body as RecordBody
  if (recordHash(crypto, text) !== hash) throw refuse('its hash is not that of its body')
  if (said.author !== author) throw refuse(`it says that it is by ${JSON.stringify(said.author)}`)
  if (said.seq !== seq) throw refuse(`it says that it is number ${said.seq} of its author, not ${seq}`)
  if (said.prev !== prev) throw refuse('it names another previous record than it is stored with')
  if (!isProof(proof)) throw refuse('its proof of signature is malformed')
  if (detail !== null && said.detail === undefined)
    throw refuse('it has a detail that its author did not sign')
  if (detail !== null && detailHash(crypto, detail) !== said.detail) {
    throw refuse('its detail is not what its author signed')
  }
  return said
}

function parse(text: unknown): unknown {
  try {
    return typeof text === 'string' ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
}

function detailHash(crypto: Crypto, detail: unknown): string | undefined {
  return typeof detail === 'string' ? crypto.sha256(detail) : undefined
}

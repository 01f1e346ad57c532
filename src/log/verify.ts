import { nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { utf8 } from '../core/bytes.ts'
import { envelopeText } from '../core/message.ts'
import type { RecordBody } from '../core/record.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { LogRecord, Mail, StoredEvent } from '../ports/store.ts'
import { failed } from './failed.ts'
import { openRecord } from './open-record.ts'
import type { Registry } from './registry.ts'
import { verifyProof, type SignatureCache } from './seal.ts'
import { envelopeProblem } from './shape.ts'

/**
 * The body of a record that its author has signed with a key that was valid at its position. Everything that
 * the record shows is checked but the chain: that `prev` is the author's record before is for who reads them
 * in order. A detail of null is accepted where the body names one: it was erased.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED` with `details` `{ position, author, reason }`.
 */
export function verifyRecord(
  crypto: Crypto,
  registry: Registry,
  spaceId: string,
  record: LogRecord,
  cache?: SignatureCache,
): RecordBody {
  const body = openRecord(crypto, record)
  const { position, author, hash } = record
  const place = { position, author }
  if (registry.space !== spaceId) throw failed(place, 'the known agents are those of another space')
  // The genesis cannot name its own hash; it is the one record that has it.
  const space = body.kind === 'genesis' ? hash : body.space
  if (space !== spaceId) throw failed(place, 'it belongs to another space')
  const holder = registry.keyAt(body.key, position)
  if (holder === undefined) throw failed(place, `the key ${body.key} is not valid at this position`)
  if (holder.agent !== nameOf(author)) {
    throw failed(place, `it is signed with the key of ${JSON.stringify(holder.agent)}`)
  }
  if (!verifyProof(crypto, hash, record.proof, holder.publicKey, cache)) {
    throw failed(place, 'its signature is not valid')
  }
  return body
}

/**
 * Checks that a message is what the author of this record signed: its payload against the envelope, the
 * envelope against the record. `body` is that of the record at `mail.position`, already verified.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED` with `details` `{ message, position, author, reason }`.
 */
export function verifyMail(crypto: Crypto, mail: Mail, body: RecordBody): void {
  const reason = mailProblem(crypto, mail, body)
  if (reason === undefined) return
  const { position } = mail
  const id = String(mail.envelope?.id)
  const message = `Message ${id}, of the record at position ${position}, does not verify: ${reason}.`
  const details = { message: id, position, author: body.author, reason }
  throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details })
}

/**
 * Checks that an event is what the author of this record appended. `body` is that of the record at
 * `event.position`, already verified.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED` with `details` `{ stream, version, position, author, reason }`.
 */
export function verifyEvent(crypto: Crypto, event: StoredEvent, body: RecordBody): void {
  const { stream, version, position } = event
  const reason = eventProblem(crypto, event, body)
  if (reason === undefined) return
  const which = `Event ${version} of the stream ${JSON.stringify(stream)}, of the record at position ${position},`
  const details = { stream, version, position, author: body.author, reason }
  throw new CoterieError('COTERIE_VERIFICATION_FAILED', `${which} does not verify: ${reason}.`, { details })
}

function eventProblem(crypto: Crypto, event: StoredEvent, body: RecordBody): string | undefined {
  const { stream, version, type, data, hash } = event
  const isListed = body.events?.some((listed) => {
    const isPlace = listed.stream === stream && listed.version === version
    return isPlace && listed.type === type && listed.sha256 === hash
  })
  if (isListed !== true) return `${JSON.stringify(body.author)} did not append it in this record`
  return crypto.sha256(data) === hash ? undefined : 'its data is not what was signed'
}

function mailProblem(crypto: Crypto, mail: Mail, body: RecordBody): string | undefined {
  const { envelope, text, hash, payload } = mail
  if (typeof text !== 'string' || typeof payload !== 'string') return 'its texts are not texts'
  const problem = envelopeProblem(envelope)
  if (problem !== undefined) return problem
  if (envelopeText(envelope) !== text) return 'its envelope is not the text that was signed'
  if (crypto.sha256(text) !== hash) return 'its hash is not that of its envelope'
  if (body.sends?.some((sent) => sent.id === envelope.id && sent.sha256 === hash) !== true) {
    return `${JSON.stringify(body.author)} did not sign it in this record`
  }
  if (crypto.sha256(payload) !== envelope.payload.sha256) return 'its payload is not what was signed'
  if (utf8(payload).length !== envelope.payload.bytes) return 'its payload has another length than was signed'
  if (envelope.from !== body.author)
    return `its envelope says that it is from ${JSON.stringify(envelope.from)}`
  if (envelope.space !== body.space) return 'its envelope belongs to another space'
  // A turn speaks for itself only: a false cause would put the message under another's deadline and cancels.
  if (envelope.cause !== null && envelope.cause !== body.turn?.id) {
    return 'its envelope names a cause that is not this turn'
  }
  return undefined
}

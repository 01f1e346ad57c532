/**
 * Trust: a process acts only on records that it wrote itself or has verified. Verification is lazy (a message's
 * record is checked when the message is about to be handled), so a restart over a long log is ready at once.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { RecordBody } from '../core/record.ts'
import { verifyMail, verifyRecord } from '../log/verify.ts'
import { createSignatureCache } from '../log/seal.ts'
import type { Mail } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'

/** Messages that this process sent and has not yet handed over; beyond it they are verified like any other. */
const OWN_MESSAGES = 200_000
const VERIFIED_RECORDS = 1_000

export class Trust {
  readonly #context: Context
  readonly #directory: Directory
  /** Message id to envelope hash, oldest first. */
  readonly #own = new Map<string, string>()
  readonly #verified = new Map<number, RecordBody>()
  readonly #signatures = createSignatureCache()

  constructor(context: Context, directory: Directory) {
    this.#context = context
    this.#directory = directory
  }

  /** Remembers a message that this process has just written. */
  wrote(id: string, hash: string): void {
    if (this.#own.size >= OWN_MESSAGES) {
      const oldest = this.#own.keys().next().value
      if (oldest !== undefined) this.#own.delete(oldest)
    }
    this.#own.set(id, hash)
  }

  /**
   * Checks that a message is what its sender signed: its payload against its envelope, its envelope against the
   * sender's record, that record against the sender's key. Throws COTERIE_VERIFICATION_FAILED.
   */
  async check(mail: Mail): Promise<void> {
    const { crypto } = this.#context
    const own = this.#own.get(mail.envelope.id)
    if (own !== undefined) {
      this.#own.delete(mail.envelope.id)
      if (own === crypto.sha256(mail.text) && mail.envelope.payload.sha256 === crypto.sha256(mail.payload))
        return
      throw tampered(mail, 'it is not what this process wrote')
    }
    const body = await this.#record(mail.position)
    verifyMail(crypto, mail, body)
  }

  async #record(position: number): Promise<RecordBody> {
    const known = this.#verified.get(position)
    if (known !== undefined) return known
    const [record] = await this.#context.store.records(position, 1)
    if (record === undefined || record.position !== position) {
      throw new CoterieError(
        'COTERIE_VERIFICATION_FAILED',
        `The log has no record at position ${position}.`,
        {
          details: { position },
        },
      )
    }
    const registry = await this.#directory.covering(record)
    const body = verifyRecord(
      this.#context.crypto,
      registry,
      this.#context.store.id,
      record,
      this.#signatures,
    )
    if (this.#verified.size >= VERIFIED_RECORDS) {
      const oldest = this.#verified.keys().next().value
      if (oldest !== undefined) this.#verified.delete(oldest)
    }
    this.#verified.set(position, body)
    return body
  }
}

function tampered(mail: Mail, how: string): CoterieError {
  return new CoterieError(
    'COTERIE_VERIFICATION_FAILED',
    `Message ${mail.envelope.id} was changed in the store: ${how}. Run "coterie verify" to see what else was.`,
    { details: { message: mail.envelope.id, position: mail.position } },
  )
}

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
import type { Mail, NewMessage } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'

/**
 * Characters of messages that this process has sent and not yet handed over; beyond it they are verified like any
 * other. Comparing with what was written costs 0.1 us, hashing it again 2 us.
 */
const OWN_CHARS_MAX = 16 * 1024 * 1024
const VERIFIED_RECORDS = 64

export class Trust {
  readonly #context: Context
  readonly #directory: Directory
  /** By message id, oldest first. */
  readonly #own = new Map<string, { readonly text: string; readonly payload: string }>()
  #ownChars = 0
  readonly #verified = new Map<number, RecordBody>()
  readonly #signatures = createSignatureCache()

  constructor(context: Context, directory: Directory) {
    this.#context = context
    this.#directory = directory
  }

  /** Remembers a message that this process has just written. */
  wrote(message: NewMessage): void {
    this.#own.set(message.envelope.id, message)
    this.#ownChars += message.text.length + message.payload.length
    for (const id of this.#own.keys()) {
      if (this.#ownChars <= OWN_CHARS_MAX) return
      this.#forget(id)
    }
  }

  #forget(id: string): { readonly text: string; readonly payload: string } | undefined {
    const own = this.#own.get(id)
    if (own === undefined) return undefined
    this.#own.delete(id)
    this.#ownChars -= own.text.length + own.payload.length
    return own
  }

  /**
   * Checks that a message is what its sender signed: its payload against its envelope, its envelope against the
   * sender's record, that record against the sender's key. Throws COTERIE_VERIFICATION_FAILED.
   */
  async check(mail: Mail): Promise<void> {
    const { crypto } = this.#context
    const own = this.#forget(mail.envelope.id)
    if (own !== undefined) {
      if (own.text === mail.text && own.payload === mail.payload) return
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

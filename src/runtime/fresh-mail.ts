/**
 * Mail handed over in memory: a message that this process has just committed need not be read back from the store.
 *
 * It is taken only while the mailbox is known to hold nothing else: the store was read to its end, and since then
 * nobody but this process has committed (the pulse has not moved). Whatever disturbs that, the store is read
 * again. The store still judges every commit: mail that was cancelled meanwhile is refused there.
 * Measured: saves 5 us a message.
 *
 * @module
 */

import type { Mail, NewMessage } from '../ports/store.ts'

const MESSAGES_MAX = 512
const CHARS_MAX = 1024 * 1024

export class FreshMail {
  #mail: Mail[] = []
  #chars = 0
  /** The store's pulse when the mailbox was last read to its end; undefined when it must be read. */
  #pulse: number | undefined
  #offers = 0
  /** How many batches this process had begun to write when the mailbox had been read. */
  #batches = 0

  /** A message for this mailbox has been committed by this process, in the batch of this number. */
  offer(mail: Mail, batch: number): void {
    this.#offers += 1
    if (this.#pulse === undefined) return
    if (batch <= this.#batches) {
      // It was under way while the mailbox was read: the message may have been in it, and may be over by now.
      this.forget()
      return
    }
    this.#chars += mail.text.length + mail.payload.length
    if (this.#mail.length >= MESSAGES_MAX || this.#chars > CHARS_MAX) this.forget()
    else this.#mail.push(mail)
  }

  /** The mailbox is no longer known: read it. */
  forget(): void {
    this.#mail = []
    this.#chars = 0
    this.#pulse = undefined
  }

  /** The messages that are all there is, if the pulse has not moved. Undefined: read the store. */
  take(pulse: number): readonly Mail[] | undefined {
    if (this.#pulse !== pulse) {
      this.forget()
      return undefined
    }
    const mail = this.#mail
    this.#mail = []
    this.#chars = 0
    return mail
  }

  /** Call before the store is read; what comes back is told whether the read went to the mailbox's end. */
  reading(pulse: number): (toTheEnd: boolean, batches: number) => void {
    const before = this.#offers
    return (toTheEnd, batches) => {
      // A message that was committed during the read may or may not be in it.
      if (!toTheEnd || before !== this.#offers) return
      this.#pulse = pulse
      this.#batches = batches
    }
  }
}

/** A message as its mailbox would give it out. */
export function justSent(message: NewMessage, position: number): Mail {
  return { ...message, position, state: 'queued', attempts: 0, segments: 0, crashes: 0, queue: 0 }
}

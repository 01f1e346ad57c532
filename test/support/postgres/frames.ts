/**
 * The messages of PostgreSQL's protocol, version 3, as far as a proxy must know them: where each ends, and which
 * text of SQL it runs. See "Message Formats" in PostgreSQL's manual.
 *
 * @module
 */

/** One message with its head. `type` is its first byte; the first message of a client has none, and is `startup`. */
export interface Frame {
  readonly type: string
  readonly bytes: Buffer
}

/** Codes that stand in place of a protocol version: questions whether TLS or GSSAPI is spoken. */
const ENCRYPTION_REQUESTS: readonly number[] = [80_877_103, 80_877_104]

/** Cuts a stream into messages, whatever pieces it comes in. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0)
  #startup: boolean

  /** A client's stream begins with a message without a type; a server's does not. */
  constructor(side: 'client' | 'server') {
    this.#startup = side === 'client'
  }

  /** The messages that this piece completes. */
  push(piece: Buffer): readonly Frame[] {
    this.#rest = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    const frames: Frame[] = []
    for (let frame = this.#next(); frame !== undefined; frame = this.#next()) frames.push(frame)
    return frames
  }

  #next(): Frame | undefined {
    const head = this.#startup ? 0 : 1
    if (this.#rest.length < head + 4) return undefined
    const length = head + this.#rest.readInt32BE(head)
    if (this.#rest.length < length) return undefined
    const bytes = this.#rest.subarray(0, length)
    this.#rest = this.#rest.subarray(length)
    if (!this.#startup) return { type: String.fromCharCode(bytes[0] ?? 0), bytes }
    // The true first message follows the answer to such a question.
    if (ENCRYPTION_REQUESTS.includes(bytes.readInt32BE(4))) return { type: 'encryption', bytes }
    this.#startup = false
    return { type: 'startup', bytes }
  }
}

/** The first texts of a message, each ended by a zero byte. */
export function textsOf({ bytes }: Frame, count: number): readonly string[] {
  const texts: string[] = []
  for (let from = 5; texts.length < count && from < bytes.length;) {
    const end = bytes.indexOf(0, from)
    const to = end < 0 ? bytes.length : end
    texts.push(bytes.toString('utf8', from, to))
    from = to + 1
  }
  return texts
}

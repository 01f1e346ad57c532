/**
 * Frames on a connection: four bytes of length, the payload, and an HMAC-SHA256 over the number of the frame, its
 * length and its payload. The number is not sent: both ends count, so that no frame can be repeated, left out or moved.
 *
 * @module
 */

import { createHmac, createSecretKey, timingSafeEqual, type KeyObject } from 'node:crypto'

/** The largest payload, in bytes. */
export const FRAME_BYTES_MAX: number = 12 * 1024 * 1024
const HEAD_BYTES = 4
const MAC_BYTES = 32

/** Writes frames. */
export class FrameWriter {
  readonly #key: KeyObject
  #count = 0n

  constructor(key: Buffer) {
    this.#key = createSecretKey(key)
  }

  frame(payload: Buffer): Buffer {
    const head = Buffer.allocUnsafe(HEAD_BYTES)
    head.writeUInt32BE(payload.length)
    const mac = macOf(this.#key, this.#count, head, payload)
    this.#count += 1n
    return Buffer.concat([head, payload, mac])
  }
}

/** Reads frames from whatever pieces come. */
export class FrameReader {
  readonly #key: KeyObject
  #count = 0n
  #pieces: Buffer[] = []
  #size = 0

  constructor(key: Buffer) {
    this.#key = createSecretKey(key)
  }

  /** How many frames were read. */
  get count(): bigint {
    return this.#count
  }

  /**
   * The payloads that are whole now; undefined when the connection cannot be trusted any more: a frame is too large, or
   * was not made by the other end. The first frame is empty: nothing is stored for strangers.
   */
  read(piece: Buffer): readonly Buffer[] | undefined {
    this.#pieces.push(piece)
    this.#size += piece.length
    const found: Buffer[] = []
    while (this.#size >= HEAD_BYTES) {
      const first = this.#front(HEAD_BYTES)
      const length = first.readUInt32BE(0)
      if (length > (this.#count === 0n ? 0 : FRAME_BYTES_MAX)) return undefined
      const total = HEAD_BYTES + length + MAC_BYTES
      if (this.#size < total) break
      const whole = this.#front(total)
      const payload = whole.subarray(HEAD_BYTES, HEAD_BYTES + length)
      const mac = macOf(this.#key, this.#count, whole.subarray(0, HEAD_BYTES), payload)
      if (!timingSafeEqual(mac, whole.subarray(HEAD_BYTES + length, total))) return undefined
      this.#count += 1n
      this.#drop(total)
      found.push(payload)
    }
    return found
  }

  /** The first bytes in one piece. */
  #front(bytes: number): Buffer {
    const [first] = this.#pieces
    if (first !== undefined && first.length >= bytes) return first
    const all = Buffer.concat(this.#pieces)
    this.#pieces = [all]
    return all
  }

  #drop(bytes: number): void {
    const [first] = this.#pieces
    this.#size -= bytes
    if (first === undefined) return
    if (first.length === bytes) this.#pieces.shift()
    else this.#pieces[0] = first.subarray(bytes)
  }
}

function macOf(key: KeyObject, count: bigint, head: Buffer, payload: Buffer): Buffer {
  const number = Buffer.allocUnsafe(8)
  number.writeBigUInt64BE(count)
  return createHmac('sha256', key).update(number).update(head).update(payload).digest()
}

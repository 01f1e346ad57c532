import { decodeHexInto, toHex } from '../core/bytes.ts'

const HASH_BYTES = 32
const FIRST_CAPACITY = 256

/**
 * A growing list of SHA-256 hashes, 32 bytes each: a million of them as strings would take 90 MB, three
 * times as much.
 */
export class HashColumn {
  #bytes = new Uint8Array(FIRST_CAPACITY * HASH_BYTES)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** Appends a hash in lower-case hex; answers its index. */
  push(hash: string): number {
    const index = this.#length
    const from = index * HASH_BYTES
    if (from === this.#bytes.length) {
      const grown = new Uint8Array(this.#bytes.length * 2)
      grown.set(this.#bytes)
      this.#bytes = grown
    }
    if (hash.length !== HASH_BYTES * 2 || !decodeHexInto(this.#bytes, from, hash)) {
      throw new RangeError(`${JSON.stringify(hash)} is not SHA-256 in lower-case hex.`)
    }
    this.#length += 1
    return index
  }

  /** The hash at an index, in hex; '' where there is none. */
  at(index: number): string {
    if (index < 0 || index >= this.#length) return ''
    return toHex(this.#bytes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES))
  }
}

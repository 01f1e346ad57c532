/**
 * Parameters that are whole columns: arrays in PostgreSQL's binary format. The driver sends a Buffer as it is,
 * in binary; as text, each quote of each envelope would be escaped here and read back there.
 *
 * Layout: number of dimensions, 1 if there are nulls, the element type, length, lower bound (4 bytes each,
 * big-endian); then for each element its length (-1: null) and its bytes. Source: array_recv in PostgreSQL's
 * src/backend/utils/adt/arrayfuncs.c.
 *
 * @module
 */

const HEADER_BYTES = 20
const BOOL = 16
const BYTEA = 17
const INT8 = 20
const TEXT = 25

function header(bytes: Buffer, type: number, length: number): void {
  bytes.writeInt32BE(length === 0 ? 0 : 1, 0)
  bytes.writeInt32BE(1, 4)
  bytes.writeInt32BE(type, 8)
  bytes.writeInt32BE(length, 12)
  bytes.writeInt32BE(1, 16)
}

/** `text[]`. A character that PostgreSQL cannot store (NUL) is left out. */
export function texts(values: readonly (string | null)[]): Buffer {
  // The size is counted first: a buffer that is as large as it could be would cost more, in collecting garbage.
  let size = HEADER_BYTES
  let nuls = false
  for (const value of values) {
    size += 4
    if (value === null) continue
    size += Buffer.byteLength(value)
    nuls ||= value.includes('\0')
  }
  if (nuls) return texts(values.map((value) => value?.replaceAll('\0', '') ?? null))
  const bytes = Buffer.allocUnsafe(size)
  header(bytes, TEXT, values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      at = bytes.writeInt32BE(-1, at)
      continue
    }
    const written = bytes.write(value, at + 4)
    bytes.writeInt32BE(written, at)
    at += 4 + written
  }
  return values.length === 0 ? bytes.subarray(0, 12) : bytes
}

/** `bigint[]` of safe integers. */
export function numbers(values: readonly (number | null)[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + values.length * 12)
  header(bytes, INT8, values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    if (value === null) {
      at = bytes.writeInt32BE(-1, at)
      continue
    }
    at = bytes.writeInt32BE(8, at)
    at = bytes.writeInt32BE(Math.floor(value / 2 ** 32), at)
    at = bytes.writeUInt32BE(value >>> 0, at)
  }
  return values.length === 0 ? bytes.subarray(0, 12) : bytes.subarray(0, at)
}

/** `boolean[]`. */
export function booleans(values: readonly boolean[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + values.length * 5)
  header(bytes, BOOL, values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    at = bytes.writeInt32BE(1, at)
    at = bytes.writeUInt8(Number(value), at)
  }
  return values.length === 0 ? bytes.subarray(0, 12) : bytes
}

/** `bytea[]`. */
export function byteStrings(values: readonly Uint8Array[]): Buffer {
  let size = HEADER_BYTES
  for (const value of values) size += 4 + value.length
  const bytes = Buffer.allocUnsafe(size)
  header(bytes, BYTEA, values.length)
  let at = HEADER_BYTES
  for (const value of values) {
    at = bytes.writeInt32BE(value.length, at)
    bytes.set(value, at)
    at += value.length
  }
  return values.length === 0 ? bytes.subarray(0, 12) : bytes
}

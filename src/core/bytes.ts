import { CoterieError } from './errors.ts'

// Written by hand because Node 22.18 has no Uint8Array.prototype.toHex and toBase64, and Buffer is
// not a thing of the pure core. The tables make them about as quick as Buffer for short inputs.
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const HEX_VALUES = valuesOf('0123456789abcdef')
const BASE64_VALUES = valuesOf(ALPHABET)
const INVALID = 255
const encoder = new TextEncoder()

/** The UTF-8 bytes of a string. A lone surrogate becomes U+FFFD: refuse it before it gets here. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** Lower-case hexadecimal, two digits a byte. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += HEX[byte] ?? ''
  return text
}

/**
 * Reads what `toHex` writes, and nothing else: upper-case digits are refused, so that one sequence
 * of bytes has one text.
 *
 * @throws CoterieError `COTERIE_INVALID_PAYLOAD`.
 */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length >>> 1)
  if (text.length % 2 !== 0 || !decodeHexInto(bytes, 0, text)) {
    throw new CoterieError('COTERIE_INVALID_PAYLOAD', 'The text is not lower-case hexadecimal.')
  }
  return bytes
}

/**
 * Writes the bytes of a hexadecimal text into `target` from `offset` on, without an allocation.
 * Returns false when a character is not a lower-case digit; then what was written means nothing.
 */
export function decodeHexInto(target: Uint8Array, offset: number, text: string): boolean {
  let seen = 0
  for (let at = 0, to = offset; at + 1 < text.length; at += 2, to++) {
    const high = HEX_VALUES[text.charCodeAt(at)] ?? INVALID
    const low = HEX_VALUES[text.charCodeAt(at + 1)] ?? INVALID
    // A valid digit is below 16, so one look at the bits above tells of any invalid one.
    seen |= high | low
    target[to] = (high << 4) | low
  }
  return seen < 16
}

/** Base64url without padding (RFC 4648 section 5). */
export function toBase64url(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff
    bits += 8
    while (bits >= 6) {
      bits -= 6
      text += ALPHABET.charAt((held >>> bits) & 63)
    }
  }
  return bits === 0 ? text : text + ALPHABET.charAt((held << (6 - bits)) & 63)
}

/**
 * Reads what `toBase64url` writes, and nothing else: padding, white space, the other alphabet and
 * trailing bits that are not zero are refused (RFC 4648 sections 3.2 to 3.5), so that one signature
 * has one text.
 *
 * @throws CoterieError `COTERIE_INVALID_PAYLOAD`.
 */
export function fromBase64url(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 3) / 4))
  let held = 0
  let bits = 0
  let to = 0
  for (let at = 0; at < text.length; at++) {
    const value = BASE64_VALUES[text.charCodeAt(at)] ?? INVALID
    if (value === INVALID) throw invalidBase64url()
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits >= 8) {
      bits -= 8
      bytes[to++] = (held >>> bits) & 255
    }
  }
  // Six bits left over are a character that carries no byte; others must be zero.
  if (bits === 6 || (held & ((1 << bits) - 1)) !== 0) throw invalidBase64url()
  return bytes
}

/** All parts, one after the other, in a new array. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const whole = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

function valuesOf(alphabet: string): Uint8Array {
  const values = new Uint8Array(128).fill(255)
  for (let i = 0; i < alphabet.length; i++) values[alphabet.charCodeAt(i)] = i
  return values
}

function invalidBase64url(): CoterieError {
  return new CoterieError('COTERIE_INVALID_PAYLOAD', 'The text is not base64url without padding.')
}

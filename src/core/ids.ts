/**
 * Identifiers. Messages, turns and decisions share one ULID each with their prefix, so that ids sort by
 * time and new rows land at the end of every index.
 *
 * @module
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const HEX = '0123456789abcdef'

/** 26 characters of Crockford base32: 48 bits of time, 80 bits of randomness (the ULID layout). */
export function ulid(timeMs: number, random: Uint8Array): string {
  let head = ''
  let rest = timeMs
  for (let i = 0; i < 10; i++) {
    head = ALPHABET.charAt(rest % 32) + head
    rest = Math.floor(rest / 32)
  }
  let tail = ''
  let bits = 0
  let value = 0
  for (let i = 0; i < 10; i++) {
    value = (value << 8) | (random[i] ?? 0)
    bits += 8
    while (bits >= 5) {
      bits -= 5
      tail += ALPHABET.charAt((value >>> bits) & 31)
    }
    value &= (1 << bits) - 1
  }
  return head + tail
}

/** 26 characters in the form of a ULID, from the first 128 bits of a hash: the same hash, the same characters. */
export function derivedUlid(hash: string): string {
  let rest = BigInt(`0x${hash.slice(0, 32)}`)
  let text = ''
  for (let i = 0; i < 26; i++) {
    text = ALPHABET.charAt(Number(rest % 32n)) + text
    rest /= 32n
  }
  return text
}

/** A W3C trace id: 32 hex digits, the first 12 the time, so that the trace index grows at its end. */
export function traceId(timeMs: number, random: Uint8Array): string {
  let text = timeMs.toString(16).padStart(12, '0').slice(-12)
  for (let i = 0; i < 10; i++) {
    const byte = random[i] ?? 0
    text += HEX.charAt(byte >> 4) + HEX.charAt(byte & 15)
  }
  return text
}

/** The id of the turn that handles a message: the same ULID, so either leads to the other. */
export function turnOf(messageId: string): string {
  return `turn_${messageId.slice(4)}`
}

/** The id of the message that a turn handles. */
export function messageOf(turnId: string): string {
  return `msg_${turnId.slice(5)}`
}

// 64 bytes in base64url. The last character holds two bits only: four spellings of a signature would
// otherwise pass for four signatures.
export const SIGNATURE: RegExp = /^[A-Za-z0-9_-]{85}[AQgw]$/

/** Orders texts by UTF-16 code units. */
export function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}

/** Whether a value is an object with all required keys, and no key beyond these and the optional ones. */
export function hasExactly<Key extends string>(
  value: unknown,
  required: readonly Key[],
  optional: readonly string[] = [],
): value is Record<Key, unknown> & Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  if (!required.every((key) => Object.hasOwn(value, key))) return false
  return Object.keys(value).every((key) => isOneOf(key, required) || optional.includes(key))
}

/** Whether a value is a string without lone surrogates, of a length within the bounds, in code units. */
export function isText(value: unknown, lengthMin: number, lengthMax: number): value is string {
  if (typeof value !== 'string' || value.length < lengthMin || value.length > lengthMax) return false
  return value.isWellFormed()
}

function isOneOf(key: string, keys: readonly string[]): boolean {
  return keys.includes(key)
}

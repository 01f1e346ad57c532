import { CoterieError } from './errors.ts'
import { DEPTH_MAX, describeFault, findFault, hasToJson, isPlainObject } from './json-fault.ts'
import { scanStrict } from './json-scan.ts'

/** A JSON value. Signed objects hold only what `canonicalize` accepts of it. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/**
 * The one text of a value: RFC 8785 (JCS) over the I-JSON subset (RFC 7493) that is signed.
 *
 * Numbers must be safe integers and not -0 (write anything else as a decimal string), strings must
 * be well-formed UTF-16, objects must be plain and must not have a member called `__proto__`.
 * What it returns is always accepted by `parseCanonical`.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON`, naming the JSON pointer (RFC 6901) of the fault.
 */
export function canonicalize(value: Json): string {
  return writeCanonical(value, 0, value)
}

/**
 * Reads JSON as strictly as I-JSON (RFC 7493) wants it to be written: no duplicate keys, no lone
 * surrogates (raw or escaped), only safe integers, in integer notation, and not -0. It also refuses
 * members called `__proto__`, and nesting of more than 64 levels.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON`, naming the JSON pointer of the fault where there is one.
 */
export function parseStrict(text: string): Json {
  const value = parseJson(text)
  // The grammar is known to hold from here on, so the scan only looks for what JSON.parse lets pass.
  scanStrict(text)
  return value
}

/**
 * Reads JSON that somebody wrote by hand, as a payload: like `parseStrict`, but with any number that JSON has.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON`, naming the JSON pointer of the fault where there is one.
 */
export function parsePayload(text: string): Json {
  const value = parseJson(text)
  scanStrict(text, true)
  return value
}

/**
 * Reads a text that must be its own canonical form, so that two different texts never mean the
 * same signed object.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON`.
 */
export function parseCanonical(text: string): Json {
  const value = parseJson(text)
  // Equality with the canonical text proves everything that parseStrict looks for: a duplicate key
  // or a float would not come back. So the scan runs only to name the fault of a refused text.
  if (isCanonicalTextOf(value, text)) return value
  scanStrict(text)
  throw new CoterieError('COTERIE_INVALID_JSON', 'The JSON text is not in canonical form (RFC 8785).')
}

/**
 * The JSON text of a message payload, a result or an event: any JSON value, floats included.
 *
 * `JSON.stringify` turns NaN into null, a Date into a string and a Map into {}, without a word. Here
 * each of these is refused, because the receiver would act on something that the sender did not say.
 * Members that are undefined are left out, as `JSON.stringify` does; -0 becomes 0; symbol keys are
 * not seen. Nesting is limited to 64 levels.
 *
 * @throws CoterieError `COTERIE_INVALID_PAYLOAD`, naming the JSON pointer of the fault.
 */
export function encodePayload(value: unknown): string {
  checkPayload(value, 0, value)
  const text = JSON.stringify(value)
  // JSON.stringify escapes a lone surrogate, and nothing else, as \ud8xx to \udfxx: one search of the
  // text is cheaper than a check of each string. A backslash in the data looks alike; findFault knows.
  if (text.includes('\\ud') && findFault(value, 'payload') !== undefined) throw refusal(value, 'payload')
  return text
}

function parseJson(text: string): Json {
  try {
    return JSON.parse(text) as Json
  } catch (cause) {
    throw new CoterieError('COTERIE_INVALID_JSON', 'The text is not JSON.', { cause })
  }
}

function isCanonicalTextOf(value: Json, text: string): boolean {
  try {
    return canonicalize(value) === text
  } catch {
    return false
  }
}

// `root` travels along only for the error: the pointer is found by a second walk, from the root,
// so that the walk that finds nothing wrong does not have to keep track of where it is.
function writeCanonical(value: unknown, depth: number, root: unknown): string {
  switch (typeof value) {
    case 'string':
      if (!value.isWellFormed()) throw refusal(root, 'canonical')
      return JSON.stringify(value)
    case 'number':
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw refusal(root, 'canonical')
      return String(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'object':
      if (value === null) return 'null'
      if (depth >= DEPTH_MAX || hasToJson(value)) throw refusal(root, 'canonical')
      if (Array.isArray(value)) return writeArray(value, depth, root)
      if (isPlainObject(value)) return writeObject(value, depth, root)
      throw refusal(root, 'canonical')
    default:
      throw refusal(root, 'canonical')
  }
}

function writeArray(array: readonly unknown[], depth: number, root: unknown): string {
  let text = '['
  for (let i = 0; i < array.length; i++) {
    if (i > 0) text += ','
    text += writeCanonical(array[i], depth + 1, root)
  }
  return text + ']'
}

function writeObject(object: Record<string, unknown>, depth: number, root: unknown): string {
  // RFC 8785 section 3.2.3 sorts by UTF-16 code units, which is what sort() without a comparator does.
  const keys = Object.keys(object).sort()
  let text = '{'
  for (const key of keys) {
    if (key === '__proto__' || !key.isWellFormed()) throw refusal(root, 'canonical')
    if (text.length > 1) text += ','
    text += JSON.stringify(key) + ':' + writeCanonical(object[key], depth + 1, root)
  }
  return text + '}'
}

// Strings are not looked at here: see encodePayload.
function checkPayload(value: unknown, depth: number, root: unknown): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return
    case 'number':
      if (!Number.isFinite(value)) throw refusal(root, 'payload')
      return
    case 'object':
      if (value === null) return
      if (depth >= DEPTH_MAX || hasToJson(value)) throw refusal(root, 'payload')
      if (Array.isArray(value)) {
        for (let i = 0; i < value.length; i++) checkPayload(value[i], depth + 1, root)
        return
      }
      if (!isPlainObject(value)) throw refusal(root, 'payload')
      // Only own members: the prototype of a plain object is null or has no enumerable members.
      for (const key in value) {
        const member = value[key]
        if (member !== undefined) checkPayload(member, depth + 1, root)
      }
      return
    default:
      throw refusal(root, 'payload')
  }
}

function refusal(root: unknown, rules: 'canonical' | 'payload'): CoterieError {
  const code = rules === 'payload' ? 'COTERIE_INVALID_PAYLOAD' : 'COTERIE_INVALID_JSON'
  const subject = rules === 'payload' ? 'The payload cannot be sent' : 'The value has no canonical form'
  const fault = findFault(root, rules)
  if (fault === undefined) return new CoterieError(code, `${subject}: it changed while it was read.`)
  const details = { pointer: fault.pointer }
  return new CoterieError(code, `${subject}: ${describeFault(fault)}.`, { details })
}

import { CoterieError } from './errors.ts'
import { DEPTH_MAX, pointerTo } from './json-fault.ts'

// One open array or object. `keys` is undefined for an array; `at` is the current key or index.
type Frame = { readonly keys: Set<string> | undefined; at: string | number; expectsKey: boolean }

const QUOTE = 0x22
const BACKSLASH = 0x5c
const INTEGER = /^(?:0|-?[1-9][0-9]*)$/

/**
 * Refuses what JSON.parse lets pass and a signed text must not have: duplicate keys, `__proto__`
 * keys, lone surrogates, numbers that are not safe integers in integer notation, deep nesting.
 * The text must be known to be JSON already. With `anyNumber`, numbers are not looked at.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON`, naming the JSON pointer of the fault.
 */
export function scanStrict(text: string, anyNumber = false): void {
  const frames: Frame[] = []
  let at = 0
  while (at < text.length) {
    const code = text.charCodeAt(at)
    const top = frames.at(-1)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      takeString(text.slice(at, end), top, frames)
      at = end
    } else if (isNumberPart(code)) {
      const end = endOfNumber(text, at)
      if (!anyNumber) takeNumber(text.slice(at, end), frames)
      at = end
    } else {
      takePunctuation(text.charAt(at), top, frames)
      // The letters of true, false and null, and white space, are stepped over one at a time.
      at += 1
    }
  }
}

function takePunctuation(mark: string, top: Frame | undefined, frames: Frame[]): void {
  switch (mark) {
    case '{':
    case '[':
      if (frames.length >= DEPTH_MAX) throw fault(frames, `nested more than ${DEPTH_MAX} levels deep`)
      if (mark === '{') frames.push({ keys: new Set(), at: '', expectsKey: true })
      else frames.push({ keys: undefined, at: 0, expectsKey: false })
      return
    case '}':
    case ']':
      frames.pop()
      return
    case ',':
      if (top === undefined) return
      if (typeof top.at === 'number') top.at += 1
      else top.expectsKey = true
      return
    default:
      return
  }
}

function takeString(token: string, top: Frame | undefined, frames: readonly Frame[]): void {
  const value = token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1)
  if (top?.keys === undefined || !top.expectsKey) {
    if (!value.isWellFormed()) throw fault(frames, 'a string with a lone surrogate')
    return
  }
  top.at = value.toWellFormed()
  top.expectsKey = false
  if (!value.isWellFormed()) throw fault(frames, 'a key with a lone surrogate')
  if (value === '__proto__') throw fault(frames, 'a key that is not allowed: __proto__')
  if (top.keys.has(value)) throw fault(frames, 'a duplicate key')
  top.keys.add(value)
}

function takeNumber(token: string, frames: readonly Frame[]): void {
  // Integer notation is asked for, not only an integer value, so that one number has one spelling.
  if (INTEGER.test(token) && Number.isSafeInteger(Number(token))) return
  const shown = token.length > 40 ? `${token.slice(0, 40)}...` : token
  throw fault(frames, `${shown}, which is not a safe integer in plain notation`)
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at + 1
    if (code === BACKSLASH) at += 1
  }
  return text.length
}

// Letters other than e and E never touch a number in valid JSON, but they do occur in true and false.
function isNumberPart(code: number): boolean {
  return code === 0x2d || (code >= 0x30 && code <= 0x39)
}

function endOfNumber(text: string, start: number): number {
  let at = start
  while (at < text.length && '+-.0123456789eE'.includes(text.charAt(at))) at += 1
  return at
}

function fault(frames: readonly Frame[], problem: string): CoterieError {
  let pointer = ''
  for (const frame of frames) pointer = pointerTo(pointer, frame.at)
  const place = pointer === '' ? 'at the top' : `at ${JSON.stringify(pointer)}`
  const message = `The JSON text has ${problem} ${place}.`
  return new CoterieError('COTERIE_INVALID_JSON', message, { details: { pointer } })
}

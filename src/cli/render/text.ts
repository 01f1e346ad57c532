/**
 * Text for a terminal. Whatever came out of a database was written by somebody: control characters in it could
 * move the cursor, hide lines or retitle the window, so they are shown, never sent.
 *
 * @module
 */

const UNSAFE = /[\p{C}\p{Zl}\p{Zp}]/gu
const NAMED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** A text with every control, format and unassigned character written as an escape: one line, nothing hidden. */
export function clean(text: string): string {
  return text.replace(UNSAFE, (char) => NAMED[char] ?? escaped(char))
}

/** As {@link clean}, and cut to a number of characters. */
export function clip(text: string, charsMax: number): string {
  const shown = clean(text)
  return shown.length <= charsMax ? shown : `${shown.slice(0, charsMax - 3)}...`
}

/** JSON that is safe on a terminal and means the same: the escapes stand inside strings. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? 'null'
  return text.replace(UNSAFE, (char) => (char === '\n' ? char : escaped(char)))
}

/** One unit of something, or several: `1 message`, `2 messages`. */
export function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${count} ${count === 1 ? noun : plural}`
}

function escaped(char: string): string {
  let text = ''
  for (let i = 0; i < char.length; i++) text += `\\u${char.charCodeAt(i).toString(16).padStart(4, '0')}`
  return text
}

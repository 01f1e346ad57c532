/**
 * Which characters may stand in names that people read: keys of instances, idempotency keys, streams.
 *
 * The set is written out. "Category C" of Unicode would grow with the Unicode version of the program, and two programs
 * would disagree about one address, and so about one signed record. `docs/reference/formats.md` has the same list.
 *
 * @module
 */

/** Inside of a character class with the flag `u`: what must not be in such a name. */
const UNREADABLE = [
  // Controls, and the soft hyphen.
  String.raw`\u{0}-\u{1f}\u{7f}-\u{9f}\u{ad}`,
  // Format characters of scripts.
  String.raw`\u{600}-\u{605}\u{61c}\u{6dd}\u{70f}\u{890}-\u{891}\u{8e2}\u{180e}`,
  // Zero width, directions, line and paragraph separators, invisible operators.
  String.raw`\u{200b}-\u{200f}\u{2028}-\u{202e}\u{2060}-\u{206f}\u{feff}\u{fff0}-\u{fffb}`,
  // Surrogates and private use.
  String.raw`\u{d800}-\u{f8ff}\u{f0000}-\u{10ffff}`,
  // No characters, for ever.
  String.raw`\u{fdd0}-\u{fdef}\u{fffe}\u{ffff}`,
  ...Array.from({ length: 14 }, (_, plane) => {
    const [from, to] = [(plane + 1) * 0x10000 + 0xfffe, (plane + 1) * 0x10000 + 0xffff]
    return String.raw`\u{${from.toString(16)}}-\u{${to.toString(16)}}`
  }),
  // Format characters of scripts and notations, and tags.
  String.raw`\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e007f}`,
].join('')

/** Spaces of every width: not at either end. */
const SPACE = String.raw`\u{20}\u{a0}\u{1680}\u{2000}-\u{200a}\u{202f}\u{205f}\u{3000}`

const READABLE = new RegExp(`^[^${UNREADABLE}]*$`, 'u')
const KEY = new RegExp(`^(?![${SPACE}])[^${UNREADABLE}]{1,200}(?<![${SPACE}])$`, 'u')

/** True when nothing in a text is invisible, broken or private. */
export function isReadable(text: string): boolean {
  return READABLE.test(text)
}

/** True for the key of a keyed instance: 1 to 200 readable code points, no space at either end. */
export function isInstanceKey(text: string): boolean {
  return KEY.test(text)
}

/** True for a readable text of 1 to `max` code points. */
export function isShortText(text: unknown, max: number): text is string {
  if (typeof text !== 'string' || text.length === 0 || text.length > 2 * max) return false
  return isReadable(text) && [...text].length <= max
}

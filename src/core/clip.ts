/**
 * At most so many characters of a text, and `end` when it was longer. Never half a character, never a lone
 * surrogate.
 */
export function clipText(text: string, chars: number, end = '...'): string {
  if (text.length <= chars) return text.toWellFormed()
  const last = text.charCodeAt(chars - 1)
  const cut = last >= 0xd800 && last <= 0xdbff ? chars - 1 : chars
  return text.slice(0, cut).toWellFormed() + end
}

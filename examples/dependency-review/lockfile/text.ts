const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu
const NOT_PLAIN = /[^\x20-\x7e]/g

/**
 * Makes text from outside fit to be shown, logged and signed: control characters, direction marks
 * and other invisible characters become spaces, lone surrogates are replaced, and what is longer
 * than `charactersMax` UTF-16 units is cut and ends in an ellipsis.
 */
export function cleanText(text: string, charactersMax: number): string {
  const start = text.slice(0, charactersMax + 1).toWellFormed()
  const shown = start.replace(INVISIBLE, ' ')
  return shown.length <= charactersMax ? shown : `${shown.slice(0, charactersMax - 1).toWellFormed()}…`
}

/** As `cleanText`, for fields that have no business holding anything but printable ASCII. */
export function plainText(text: string, charactersMax: number): string {
  return text.slice(0, charactersMax).replace(NOT_PLAIN, '?')
}

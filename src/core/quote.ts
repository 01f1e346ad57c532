/** A text as a JSON string. Most texts need no escaping, and a look is four times cheaper than the general routine. */
export function quote(text: string): string {
  return NEEDS_ESCAPE.test(text) ? JSON.stringify(text) : `"${text}"`
}

// Quotation marks, backslashes and controls, and surrogates, of which JSON.stringify escapes lone ones.
const NEEDS_ESCAPE = /["\\\u0000-\u001f\ud800-\udfff]/

/** A text as a JSON string. Most texts need no escaping, and a look is four times cheaper than the general routine. */
export function quote(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // Controls, quotation marks, backslashes, and surrogates, of which JSON.stringify escapes lone ones.
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c || (unit >= 0xd800 && unit <= 0xdfff))
      return JSON.stringify(text)
  }
  return `"${text}"`
}

/** Colours, which are only ever an addition: what they say is in the words too. */

/** Wraps a text in a colour, or leaves it as it is. */
export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
  id(text: string): string
}

/** ANSI colours, or none: for a file or a pipe, and where NO_COLOR is set (https://no-color.org). */
export function styleFor(colours: boolean): Style {
  const paint =
    (open: number, close: number) =>
    (text: string): string =>
      colours ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return {
    bold: paint(1, 22),
    dim: paint(2, 22),
    good: paint(32, 39),
    bad: paint(31, 39),
    warn: paint(33, 39),
    id: paint(36, 39),
  }
}

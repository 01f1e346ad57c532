/** Text on a terminal: colours where they can be seen, and lines that end at the edge. */

const WIDTH_MAX = 100

/** What may be coloured. Colours only add: what they say is in the words too. */
export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
}

/** Colours for a terminal; none for a pipe or a file, nor where NO_COLOR is set (https://no-color.org). */
export function paintFor(stream: NodeJS.WriteStream): Paint {
  const { NO_COLOR, TERM } = process.env
  const colours = stream.isTTY && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
  const wrapIn = (open: number, close: number) => (text: string) =>
    colours ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return {
    bold: wrapIn(1, 22),
    dim: wrapIn(2, 22),
    red: wrapIn(31, 39),
    green: wrapIn(32, 39),
    yellow: wrapIn(33, 39),
  }
}

/** How many characters a line may have. */
export function widthOf(stream: NodeJS.WriteStream): number {
  return Math.min((stream.isTTY && stream.columns) || 80, WIDTH_MAX)
}

/** Breaks a text into lines between its words, and cuts words that are longer than a line. */
export function wrap(text: string, width: number, indent: string): string[] {
  const room = Math.max(20, width - indent.length)
  const lines: string[] = []
  let line = ''
  for (let word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length <= room) {
      line += ` ${word}`
      continue
    }
    if (line !== '') lines.push(line)
    for (; word.length > room; word = word.slice(room)) lines.push(word.slice(0, room))
    line = word
  }
  return [...lines, line].map((one) => indent + one)
}

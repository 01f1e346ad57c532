/**
 * Lines that fit: broken between words, colours and all.
 *
 * @module
 */

const ESCAPE = String.fromCharCode(27)
const COLOUR = new RegExp(String.raw`${ESCAPE}\[(\d+)m`, 'g')
const SHOWN = new RegExp(String.raw`${ESCAPE}\[\d+m|.`, 'gsu')
/** What ends a colour or a weight; everything else begins one. */
const ENDS: ReadonlySet<string> = new Set(['22', '39'])
const WIDTH_MIN = 20
/** Before a space, but not between a number and its unit; and between the members of JSON. */
const BREAK = /(?<=\S)(?=\s+\S)(?!(?<=\d) (?:ms|s|min|h|d)\b)|(?<=[,{[])(?=["{[])/

/** The paragraphs of a text broken anew, so that they fit; lines that begin with a space stay as they are. */
export function reflow(text: string, width: number): string {
  const isProse = (line: string | undefined): boolean => line !== undefined && /^\S/.test(line)
  const lines = text.split('\n')
  const paragraphs = lines.reduce<string[]>((done, line, at) => {
    if (at > 0 && isProse(line) && isProse(lines[at - 1])) done.push(`${done.pop() ?? ''} ${line}`)
    else done.push(line)
    return done
  }, [])
  return paragraphs.flatMap((line) => (isProse(line) ? wrapText(line, width) : [line])).join('\n')
}

/** How long a text is on the screen. */
export function widthOf(text: string): number {
  return text.replace(COLOUR, '').length
}

/**
 * A text as lines of at most `width` characters. A word that is longer is broken where the line ends. Colours that
 * are open at the end of a line are closed there and opened again on the next.
 */
export function wrapText(text: string, width: number): readonly string[] {
  const room = Math.max(WIDTH_MIN, width)
  const lines: string[] = []
  let line = ''
  for (const word of text.split(BREAK)) {
    if (line !== '' && widthOf(line) + widthOf(word) > room) {
      lines.push(line)
      line = ''
    }
    line += line === '' && lines.length > 0 ? word.trimStart() : word
    while (widthOf(line) > room) {
      const at = cutAt(line, room)
      lines.push(line.slice(0, at))
      line = line.slice(at)
    }
  }
  return recoloured([...lines, line])
}

/** A first part, and a text behind it whose further lines begin below its first. */
export function hangText(first: string, next: string, text: string, width: number): readonly string[] {
  return wrapText(text, width - Math.max(widthOf(first), widthOf(next))).map(
    (line, index) => `${index === 0 ? first : next}${line}`,
  )
}

/** Where a line has shown so many characters. */
function cutAt(line: string, room: number): number {
  let shown = 0
  let at = 0
  for (const match of line.matchAll(SHOWN)) {
    if (!match[0].startsWith('\u001b')) {
      if (shown + match[0].length > room) break
      shown += match[0].length
    }
    at = match.index + match[0].length
  }
  return at
}

function recoloured(lines: readonly string[]): readonly string[] {
  let open: string[] = []
  return lines.map((line) => {
    const before = open.join('')
    for (const [code, number = ''] of line.matchAll(COLOUR)) {
      if (ENDS.has(number)) open = open.filter((other) => endOf(other) !== code)
      else open = [...open, code]
    }
    return before + line + open.map(endOf).join('')
  })
}

function endOf(code: string): string {
  return code === '\u001b[1m' || code === '\u001b[2m' ? '\u001b[22m' : '\u001b[39m'
}

/**
 * Reads TypeScript as text, for the tests of the repository's own rules. A scanner and a few patterns: the
 * compiler offers no syntax tree to programs, and the rules need no more than words and import statements.
 */

/** One import, or one export from another module. */
export interface ImportFound {
  readonly specifier: string
  /** True when nothing of it is left at run time. */
  readonly typeOnly: boolean
  /** From 1. */
  readonly line: number
}

const REGEX_MAY_FOLLOW = /(?:^|[=(,:[!&|?{};+*%<>~^-]|=>|\b(?:return|typeof|case|in|of|do|else|throw))\s*$/

/**
 * The text with comments, and the insides of strings, templates and regular expressions, as spaces. Line breaks
 * and quotation marks stay, so that every offset and line number is the same as in the original.
 */
export function codeOnly(text: string): string {
  const out = text.split('')
  const blank = (from: number, to: number): void => {
    for (let at = from; at < to; at += 1) if (out[at] !== '\n') out[at] = ' '
  }
  // Each entry counts the open braces inside one `${`; the template goes on when its own brace closes.
  const templates: number[] = []
  let at = 0
  while (at < text.length) {
    const two = text.slice(at, at + 2)
    const one = text.charAt(at)
    if (two === '//' || two === '/*') {
      const end = commentEnd(text, at)
      blank(at, end)
      at = end
    } else if (one === "'" || one === '"') {
      const end = quotedEnd(text, at + 1, one)
      blank(at + 1, end)
      at = end + 1
    } else if (one === '`' || (one === '}' && templates.at(-1) === 0)) {
      if (one === '}') templates.pop()
      const end = templateEnd(text, at + 1)
      blank(at + 1, end)
      if (text.charAt(end) === '`') at = end + 1
      else {
        templates.push(0)
        at = end + 2
      }
    } else if (one === '/' && REGEX_MAY_FOLLOW.test(out.slice(Math.max(0, at - 40), at).join(''))) {
      const end = regexEnd(text, at + 1)
      blank(at + 1, end)
      at = end + 1
    } else {
      const depth = templates.at(-1)
      if (depth !== undefined && one === '{') templates[templates.length - 1] = depth + 1
      if (depth !== undefined && one === '}') templates[templates.length - 1] = depth - 1
      at += 1
    }
  }
  return out.join('')
}

function commentEnd(text: string, start: number): number {
  const line = text.charAt(start + 1) === '/'
  const end = text.indexOf(line ? '\n' : '*/', start + 2)
  if (end === -1) return text.length
  return line ? end : end + 2
}

/** Where the closing quotation mark is. */
function quotedEnd(text: string, start: number, quote: string): number {
  let at = start
  while (at < text.length && text.charAt(at) !== quote) at += text.charAt(at) === '\\' ? 2 : 1
  return at
}

/** Where the closing backtick is, or the next `${`. */
function templateEnd(text: string, start: number): number {
  let at = start
  while (at < text.length && text.charAt(at) !== '`' && text.slice(at, at + 2) !== '${') {
    at += text.charAt(at) === '\\' ? 2 : 1
  }
  return at
}

/** Where the closing slash is; a slash in a character class does not close. */
function regexEnd(text: string, start: number): number {
  let inClass = false
  let at = start
  while (at < text.length && text.charAt(at) !== '\n') {
    const one = text.charAt(at)
    if (one === '/' && !inClass) return at
    if (one === '[') inClass = true
    if (one === ']') inClass = false
    at += one === '\\' ? 2 : 1
  }
  return at
}

/** The line of an offset, from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length
}

const CLAUSE = String.raw`(?:[\w$]+\s*,\s*)?(?:\{[^{}]*\}|\*(?:\s*as\s+[\w$]+)?)|[\w$]+`
const STATIC = new RegExp(String.raw`\b(?:import|export)\s+(type\s+)?(${CLAUSE})\s*from\s*(['"])( *)\3`, 'dg')
const BARE = /\bimport\s*(['"])( *)\1/dg
const DYNAMIC = /\bimport\s*\(\s*(?:(['"])( *)\1)?/dg
const FROM = /\bfrom\s*['"]/g

/**
 * Every module that the text names. A computed `import()` has the specifier `<computed>`. Throws when the text
 * has a `from '...'` that no pattern understood: an unseen import would be an unchecked one.
 */
export function importsOf(text: string): readonly ImportFound[] {
  const code = codeOnly(text)
  const found: ImportFound[] = []
  let statics = 0
  for (const match of code.matchAll(STATIC)) {
    statics += 1
    const typeOnly = match[1] !== undefined || namesAreTypes(match[2] ?? '')
    found.push({ specifier: original(text, match, 4), typeOnly, line: lineAt(text, match.index) })
  }
  for (const match of code.matchAll(BARE)) {
    found.push({ specifier: original(text, match, 2), typeOnly: false, line: lineAt(text, match.index) })
  }
  for (const match of code.matchAll(DYNAMIC)) {
    const specifier = match[1] === undefined ? '<computed>' : original(text, match, 2)
    found.push({ specifier, typeOnly: false, line: lineAt(text, match.index) })
  }
  const froms = [...code.matchAll(FROM)].length
  if (froms !== statics)
    throw new Error(`There are ${froms} "from" clauses, of which ${statics} were understood.`)
  return found.sort((a, b) => a.line - b.line)
}

/** True for `{ type A, type B }`. */
function namesAreTypes(clause: string): boolean {
  if (!clause.startsWith('{')) return false
  const names = namesIn(clause)
  return names.length > 0 && names.every((name) => name.startsWith('type '))
}

/** The entries of a `{ ... }` clause, without line breaks. */
export function namesIn(clause: string): readonly string[] {
  return clause
    .slice(1, -1)
    .split(',')
    .map((name) => name.replaceAll(/\s+/g, ' ').trim())
    .filter((name) => name !== '')
}

function original(text: string, match: RegExpMatchArray, group: number): string {
  const range = match.indices?.[group]
  if (range === undefined) throw new Error('The pattern lacks the d flag.')
  return text.slice(range[0], range[1])
}

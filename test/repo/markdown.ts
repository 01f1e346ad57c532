/** Reads Markdown as far as the tests of the documents need it. */

/** A fenced block. */
export interface Block {
  /** What follows the fence: `ts`, `text`, `sh`. */
  readonly language: string
  readonly text: string
  /** The line of its first line of text, from 1. */
  readonly line: number
}

/** A link of a document to another file, or to a heading. */
export interface Link {
  readonly target: string
  readonly line: number
}

/** The fenced blocks, and the lines outside of them (those inside are empty). */
export function splitMarkdown(markdown: string): {
  readonly blocks: readonly Block[]
  readonly prose: readonly string[]
} {
  const blocks: Block[] = []
  const prose: string[] = []
  let open:
    | { readonly fence: string; readonly language: string; readonly line: number; readonly text: string[] }
    | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const fence = /^\s*(`{3,}|~{3,})\s*(\S*)/.exec(line)
    prose.push(open === undefined && fence === null ? line : '')
    if (open === undefined) {
      if (fence !== null)
        open = { fence: fence[1] ?? '', language: fence[2] ?? '', line: index + 2, text: [] }
    } else if (fence !== null && fence[2] === '' && (fence[1] ?? '').startsWith(open.fence)) {
      blocks.push({ language: open.language, text: open.text.join('\n'), line: open.line })
      open = undefined
    } else open.text.push(line)
  }
  return { blocks, prose }
}

/** Links to files and headings of the repository: `[a](b.md#c)`, `[a]: b.md`, `<img src="b">`, `<a href="b">`. */
export function relativeLinks(markdown: string): readonly Link[] {
  const found: Link[] = []
  for (const [index, line] of splitMarkdown(markdown).prose.entries()) {
    const text = line.replaceAll(/(`+)(?:(?!\1).)+\1/g, 'code')
    const patterns = [
      /\]\(\s*<?([^)\s>]+)>?[^)]*\)/g,
      /^\s*\[[^\]]+\]:\s*<?([^\s>]+)/g,
      /\b(?:src|href)="([^"]+)"/g,
    ]
    for (const match of patterns.flatMap((pattern) => [...text.matchAll(pattern)])) {
      const target = match[1] ?? ''
      if (!/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target)) found.push({ target, line: index + 1 })
    }
  }
  return found
}

/** The anchors that the headings get, by the rule of GitHub: lower case, no punctuation, hyphens for spaces. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const seen = new Map<string, number>()
  const anchors = new Set<string>()
  for (const line of splitMarkdown(markdown).prose) {
    for (const match of line.matchAll(/\bid="([^"]+)"/g)) anchors.add(match[1] ?? '')
    const heading = /^#{1,6}\s+(.*?)\s*#*\s*$/.exec(line)?.[1]
    if (heading === undefined) continue
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-')
    const times = seen.get(slug) ?? 0
    seen.set(slug, times + 1)
    anchors.add(times === 0 ? slug : `${slug}-${times}`)
  }
  return anchors
}

/** How far a review is. */
export interface Standing {
  readonly done: number
  readonly total: number
  readonly rejected: number
  readonly escalated: number
  /** Decided in this run, each second. */
  readonly rate: number
}

const BAR_WIDTH = 24
const BAR_EVERY_MS = 50
const LINE_EVERY_MS = 2_000

/** A bar that is drawn anew on a terminal, a line now and then elsewhere, nothing when told to be quiet. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #quiet: boolean
  readonly #live: boolean
  #last = performance.now()
  #drawn = false

  constructor(stream: NodeJS.WriteStream, quiet: boolean) {
    this.#stream = stream
    this.#quiet = quiet
    this.#live = stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  /** Shows how far it is, unless that was done a moment ago. */
  update(standing: Standing): void {
    if (this.#quiet) return
    const now = performance.now()
    const isFirst = this.#live && !this.#drawn
    const isLast = this.#live && standing.done === standing.total
    if (!isFirst && !isLast && now - this.#last < (this.#live ? BAR_EVERY_MS : LINE_EVERY_MS)) return
    this.#last = now
    this.#drawn = true
    if (!this.#live) this.#stream.write(`${words(standing)}\n`)
    else {
      const line = `${bar(standing)} ${words(standing)}`
      this.#stream.write(`\r\u001b[2K${line.slice(0, (this.#stream.columns || 80) - 1)}`)
    }
  }

  /** Makes room for what follows: the bar has said what it had to. */
  end(): void {
    if (this.#live && this.#drawn) this.#stream.write('\r\u001b[2K')
    this.#drawn = false
  }
}

function bar({ done, total }: Standing): string {
  const full = Math.floor((total === 0 ? 1 : done / total) * BAR_WIDTH)
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}]`
}

function words({ done, total, rejected, escalated, rate }: Standing): string {
  const parts = [`${done}/${total} decided`]
  if (rejected > 0) parts.push(`${rejected} rejected`)
  if (escalated > 0) parts.push(`${escalated} escalated`)
  if (rate > 0) parts.push(`${rate}/s`)
  return parts.join(', ')
}

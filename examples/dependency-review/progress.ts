/** A line that grows: a bar on a terminal, a line a second elsewhere, nothing when told to be quiet. */
export class Progress {
  readonly #stream: NodeJS.WriteStream
  readonly #quiet: boolean
  readonly #live: boolean
  #last = 0

  constructor(stream: NodeJS.WriteStream, quiet: boolean) {
    this.#stream = stream
    this.#quiet = quiet
    this.#live = stream.isTTY && process.env['TERM'] !== 'dumb'
  }

  /** So many of so many packages are decided. */
  update(done: number, total: number, note: string): void {
    if (this.#quiet) return
    const now = performance.now()
    const every = this.#live ? 50 : 1_000
    if (now - this.#last < every && done < total) return
    this.#last = now
    const share = total === 0 ? 1 : done / total
    const width = 24
    const full = Math.round(share * width)
    const bar = `${'#'.repeat(full)}${'.'.repeat(width - full)}`
    const line = `${bar} ${String(done).padStart(String(total).length)}/${total} decided ${note}`
    this.#stream.write(this.#live ? `\r\u001b[2K${line.slice(0, (this.#stream.columns ?? 80) - 1)}` : `${line}\n`)
  }

  end(): void {
    if (this.#live && !this.#quiet && this.#last > 0) this.#stream.write('\n')
  }
}

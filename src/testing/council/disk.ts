import type { Decision } from '../../bft/decision.ts'
import type { LogEntry } from '../../bft/messages.ts'

/** The disk of a simulated replica: what was written is durable only up to the last flush. */
export class Disk {
  readonly #decisions: Decision[] = []
  #kept: LogEntry[] = []
  #pending: LogEntry[] = []
  /** The disk says that it has flushed, and has not. */
  lies = false
  /** It is full until then, and nothing can be written. */
  fullUntil = 0
  /** Each flush takes so long until then. */
  slowUntil = 0
  flushMs = 0

  append(entry: LogEntry): void {
    this.#pending.push(entry)
  }

  /** When a flush that begins now is done. */
  flushedAt(now: number): number {
    return Math.max(this.fullUntil, now) + (now < this.slowUntil ? this.flushMs : 0)
  }

  /** Makes everything durable that was written; if the disk tells the truth. */
  sync(): void {
    if (this.lies) return
    this.#settle(this.#pending)
    this.#pending = []
  }

  /** The power fails: of what was not durable, some of the first entries survive; a torn one does not. */
  crash(survivors: number): void {
    this.#settle(this.#pending.slice(0, survivors))
    this.#pending = []
  }

  /** How many entries are not durable. */
  get pendingCount(): number {
    return this.#pending.length
  }

  /** An old copy is put back: the newest entries are gone, durable or not. */
  forget(entries: number): void {
    this.#pending = []
    const lost = this.#kept.length - entries
    this.#kept = this.#kept.slice(0, Math.max(0, lost))
    if (lost < 0) this.#decisions.length = Math.max(0, this.#decisions.length + lost)
  }

  /** The log as it is read after a start. */
  read(): readonly LogEntry[] {
    const decisions = this.#decisions.map((decision): LogEntry => ({ type: 'decision', decision }))
    return [...decisions, ...this.#kept]
  }

  /** Durable and other decisions in a range of heights. */
  decisions(first: number, last: number): readonly Decision[] {
    const pending = this.#pending.flatMap((entry) => (entry.type === 'decision' ? [entry.decision] : []))
    return [...this.#decisions, ...pending].slice(first - 1, last)
  }

  #settle(entries: readonly LogEntry[]): void {
    for (const entry of entries) {
      if (entry.type === 'decision') this.#decisions.push(entry.decision)
      else this.#kept.push(entry)
    }
    const height = this.#decisions.length
    if (entries.some(({ type }) => type === 'decision')) {
      this.#kept = this.#kept.filter((entry) => heightOf(entry) > height)
    }
  }
}

function heightOf(entry: LogEntry): number {
  switch (entry.type) {
    case 'voted':
      return entry.entry.height
    case 'proposal':
      return entry.proposal.statement.height
    case 'certificate':
      return entry.certificate.height
    case 'decision':
      return entry.decision.value.height
    case 'halted':
      return Number.POSITIVE_INFINITY
  }
}

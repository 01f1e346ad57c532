import type { CouncilBatch } from '../../ports/council.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer U)[] ? U[] : T[K] }

/** What is to go down with the next commit, gathered until the end of the present turn of the event loop. */
export class PendingBatch {
  readonly parts: Mutable<CouncilBatch> = {
    entries: [],
    decided: 0,
    operations: [],
    applied: 0,
    ballots: [],
    certificates: [],
    evidence: [],
    recovered: false,
  }

  /** What to do when it is durable, in order. */
  readonly after: (() => void)[] = []
  /** Something waits for it; without that it may go down with a later one. */
  isUrgent = false
  /** Nothing was added to it. */
  isEmpty = true

  /** Adds to it. */
  add(more: Partial<CouncilBatch>): void {
    const { parts } = this
    this.isEmpty = false
    for (const name of ['entries', 'operations', 'ballots', 'certificates', 'evidence'] as const) {
      const list: unknown[] = parts[name]
      list.push(...(more[name] ?? []))
    }
    parts.decided = Math.max(parts.decided, more.decided ?? 0)
    parts.applied = Math.max(parts.applied, more.applied ?? 0)
    parts.recovered ||= more.recovered === true
  }
}

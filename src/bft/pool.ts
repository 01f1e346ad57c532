import type { Operation } from './proposal.ts'

/** An operation that waits to be decided. */
export interface Pending {
  readonly operation: Operation
  /** When it came here, and when this replica told everybody of it. */
  readonly knownAt: number
  sharedAt: number
}

/** The most waiting operations of one author; further ones are refused. */
const PENDING_PER_AUTHOR_MAX = 256

/** The operations that wait, by author and sequence. The first of two with one sequence counts. */
export class OperationPool {
  readonly #authors = new Map<string, Map<number, Pending>>()
  #count = 0

  /** How many wait. */
  get size(): number {
    return this.#count
  }

  /** The operation of an author with a sequence. */
  get(author: string, sequence: number): Pending | undefined {
    return this.#authors.get(author)?.get(sequence)
  }

  /** Whether there is a place for an operation: it comes soon, and no other has its sequence. */
  hasRoom(operation: Operation, appliedSequence: number): boolean {
    const { author, sequence } = operation
    if (sequence <= appliedSequence || sequence > appliedSequence + PENDING_PER_AUTHOR_MAX) return false
    return this.get(author, sequence) === undefined
  }

  add(operation: Operation, now: number, isShared: boolean): void {
    const { author, sequence } = operation
    const queue = this.#authors.get(author) ?? new Map<number, Pending>()
    queue.set(sequence, { operation, knownAt: now, sharedAt: isShared ? now : Number.POSITIVE_INFINITY })
    this.#authors.set(author, queue)
    this.#count += 1
  }

  remove(author: string, sequence: number): void {
    const queue = this.#authors.get(author)
    if (queue?.delete(sequence) !== true) return
    this.#count -= 1
    if (queue.size === 0) this.#authors.delete(author)
  }

  /** Drops what was applied, what expired, and what can never be applied any more. */
  settle(
    sequences: ReadonlyMap<string, number>,
    height: number,
    isPossible: (operation: Operation) => boolean,
  ): void {
    if (this.#count === 0) return
    for (const { operation } of this.all()) {
      const { author, sequence, expires } = operation
      const isOver = sequence <= (sequences.get(author) ?? 0) || (expires !== 0 && expires <= height)
      if (isOver || !isPossible(operation)) this.remove(author, sequence)
    }
  }

  /** Everything, in the order of authors and sequences, whatever the order in which it came. */
  all(): readonly Pending[] {
    const authors = [...this.#authors.keys()].sort()
    return authors.flatMap((author) =>
      [...(this.#authors.get(author)?.values() ?? [])].sort(
        (a, b) => a.operation.sequence - b.operation.sequence,
      ),
    )
  }

  /** The authors who have something here, sorted. */
  authors(): readonly string[] {
    return [...this.#authors.keys()].sort()
  }
}

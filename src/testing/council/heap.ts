/** Something that happens at a time; of two at one time, the one that was planned first comes first. */
export interface Planned {
  readonly at: number
  readonly order: number
}

/** A binary heap of what is planned, the next on top. */
export class Heap<T extends Planned> {
  readonly #items: T[] = []

  get size(): number {
    return this.#items.length
  }

  push(item: T): void {
    const items = this.#items
    let at = items.length
    items.push(item)
    while (at > 0) {
      const above = (at - 1) >> 1
      const parent = items[above]
      if (parent === undefined || !isBefore(item, parent)) break
      items[at] = parent
      at = above
    }
    items[at] = item
  }

  pop(): T | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (top === undefined || last === undefined || items.length === 0) return top
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      let child = items[below]
      if (child === undefined) break
      const right = items[below + 1]
      if (right !== undefined && isBefore(right, child)) {
        below += 1
        child = right
      }
      if (!isBefore(child, last)) break
      items[at] = child
      at = below
    }
    items[at] = last
    return top
  }
}

function isBefore(one: Planned, other: Planned): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order)
}

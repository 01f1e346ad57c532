/**
 * What a process knows of the commits of others: a number that grows when it learns of one.
 *
 * Each change that another process may want to know of raises the version of the space. A commit of this process
 * sees under its lock whether others came in between; a read of a mailbox sees the version that it shows. So
 * whoever has seen what another has written has seen the pulse move, too. To learn of what nobody has read yet
 * there are notifications, and a look at the version now and then: that costs time when it fails, and no more.
 *
 * @module
 */

/** The pulse of one space. */
export class Pulse {
  #known: number
  #count = 0
  readonly #listeners = new Set<() => void>()

  constructor(version: number) {
    this.#known = version
  }

  /** Grows when others have committed. */
  get count(): number {
    return this.#count
  }

  /** The newest version that is known. */
  get version(): number {
    return this.#known
  }

  /** The space has been seen at this version. */
  saw(version: number): void {
    if (version <= this.#known) return
    this.#known = version
    this.#beat()
  }

  /** This process has changed the space, which was at `before` when it had the lock. */
  changed(before: number, after: number): void {
    const others = before > this.#known
    this.#known = Math.max(this.#known, after)
    if (others) this.#beat()
  }

  /** Calls `listener` when the pulse moves, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #beat(): void {
    this.#count += 1
    for (const listener of this.#listeners) listener()
  }
}

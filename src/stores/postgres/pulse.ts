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
  /** The version that a commit under way will have, and whether it has been seen. */
  #expected: number | undefined
  #seen = false
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
    // It may be that of a commit of this process that has not been answered yet.
    if (version === this.#expected) this.#seen = true
    else this.#foreign(version)
  }

  /** This process has the lock, and is about to raise the version from this one. */
  locked(version: number): void {
    this.answered(false)
    if (version > this.#known) this.#foreign(version)
    this.#expected = version + 1
  }

  /** What `locked` has announced was done, or was not: then whoever was seen at that version was somebody else. */
  answered(done: boolean): void {
    const expected = this.#expected
    if (expected === undefined) return
    this.#expected = undefined
    if (this.#seen && !done) this.#foreign(expected)
    else if (done) this.#known = Math.max(this.#known, expected)
    this.#seen = false
  }

  /** Calls `listener` when the pulse moves, until the returned function is called. */
  listen(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #foreign(version: number): void {
    this.#known = Math.max(this.#known, version)
    this.#count += 1
    for (const listener of this.#listeners) listener()
  }
}

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

/** A version that a commit under way will have, if it succeeds. */
export interface Expectation {
  readonly version: number
}

/** The pulse of one space. */
export class Pulse {
  #known: number
  #count = 0
  /** What commits under way will bring, in their order, and the newest of it that has been seen. */
  #expected: Expectation[] = []
  #seen = -1
  /** Of those, the one of whoever has the lock, or is about to have it. */
  #locked: Expectation | undefined
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
    if (version <= (this.#expected.at(-1)?.version ?? -1)) this.#seen = Math.max(this.#seen, version)
    else this.#foreign(version)
  }

  /** This process has the lock, and is about to raise the version from this one. */
  locked(version: number): void {
    this.answered(false)
    if (version > this.#known) this.#foreign(version)
    this.#locked = this.follows(version)
  }

  /** What `locked` has announced was done, or was not: then whoever was seen at that version was somebody else. */
  answered(done: boolean): void {
    if (this.#locked !== undefined) this.settle(this.#locked, done)
    this.#locked = undefined
  }

  /** This process will raise the version from this one, which is that of a commit under way. Call `settle` then. */
  follows(version: number): Expectation {
    const expected = { version: version + 1 }
    this.#expected.push(expected)
    return expected
  }

  /** What was expected has come, or will not. */
  settle(expected: Expectation, done: boolean): void {
    this.#expected = this.#expected.filter((other) => other !== expected)
    if (done) this.#known = Math.max(this.#known, expected.version)
    if (this.#expected.length > 0) return
    if (this.#seen > this.#known) this.#foreign(this.#seen)
    this.#seen = -1
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

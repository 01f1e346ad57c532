/**
 * When a process looks at a space without having been told of anything. A heartbeat is a look, too; between two of them
 * there are as many as leave a second from one to the next: so an idle worker asks at most once a second, in all.
 *
 * @module
 */

/** The space is looked at when it was not heard of for so long. */
const LOOK_MS = 1_000
/** How much later than expected a heartbeat may come without there having been a look in its place. */
const LATE_MS = 50

/** The rhythm of the looks of one process at one space. Times are monotonic. */
export class Rhythm {
  #lookedMs: number
  #beatMs: number | undefined
  #everyMs = LOOK_MS

  constructor(nowMs: number) {
    this.#lookedMs = nowMs
  }

  /** The space has been looked at. */
  looked(nowMs: number): void {
    this.#lookedMs = nowMs
  }

  /** A heartbeat was answered; the next one is expected after the same time as from the last one to this. */
  beat(nowMs: number): void {
    const everyMs = nowMs - (this.#beatMs ?? nowMs)
    this.#beatMs = nowMs
    const looks = Math.floor(everyMs / LOOK_MS)
    this.#everyMs = looks === 0 ? LOOK_MS : everyMs / looks + LATE_MS
  }

  /** True when it is time to look. */
  isDue(nowMs: number): boolean {
    return nowMs - this.#lookedMs >= this.#everyMs
  }
}

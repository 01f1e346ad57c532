/** A promise that was not kept. */
export interface Violation {
  /** The promise, in a few words. */
  readonly rule: string
  /** What was found instead. */
  readonly detail: string
}

/** Time as the runtime sees it. Leases and deadlines are judged by the store's clock, not by this one. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Milliseconds since any fixed moment. It goes on while the process is stopped, and nobody can set it. */
  monotonic(): number
  /** Runs `fn` once after `ms`; the returned function forgets it. Keeps no process alive by itself. */
  setTimer(ms: number, fn: () => void): () => void
  /** Keeps the process running until the returned function is called. */
  keepAlive(): () => void
  /** Runs `fn` after everything that is ready now has run: the end of the present turn of the event loop. */
  defer(fn: () => void): void
}

/**
 * Calls back when a signal fires, at once if it has fired already. Answers how to take that back: whoever waits for
 * something else too does so when it has come, or a long turn would collect what it has long got over.
 */
export function onAbort(signal: AbortSignal, fired: () => void): () => void {
  if (signal.aborted) {
    fired()
    return () => undefined
  }
  signal.addEventListener('abort', fired, { once: true })
  return () => signal.removeEventListener('abort', fired)
}

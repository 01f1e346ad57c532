import type { Clock } from '../../ports/clock.ts'

// Node fires a timer at once when its delay does not fit 31 bits (24.8 days).
const DELAY_MS_MAX = 2 ** 31 - 1

/** The machine's clock and Node's timers. */
export const systemClock: Clock = Object.freeze({
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimer,
  keepAlive: () => {
    const timer = setInterval(() => undefined, DELAY_MS_MAX)
    return () => clearInterval(timer)
  },
  defer: (fn: () => void) => {
    setImmediate(fn)
  },
})

function setTimer(ms: number, fn: () => void): () => void {
  let timer: NodeJS.Timeout
  const arm = (restMs: number): void => {
    const delayMs = Math.min(restMs, DELAY_MS_MAX)
    timer = setTimeout(() => (restMs > delayMs ? arm(restMs - delayMs) : fn()), delayMs)
    timer.unref()
  }
  arm(ms)
  return () => clearTimeout(timer)
}

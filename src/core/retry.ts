/**
 * Retry with exponential backoff and jitter, as a pure function of the attempt and a random number.
 *
 * @module
 */

import { CoterieError } from './errors.ts'

/** How often, and how far apart. `attempts` counts the first try. */
export interface RetryPolicy {
  readonly attempts: number
  /** The wait before the second attempt. */
  readonly firstMs: number
  /** Each further wait is this many times the one before. */
  readonly factor: number
  /** No wait is longer. */
  readonly maxMs: number
}

/** Five attempts within about four seconds. */
export const DEFAULT_RETRY: RetryPolicy = Object.freeze({
  attempts: 5,
  firstMs: 100,
  factor: 3,
  maxMs: 30_000,
})

/** The default policy with some of it replaced. Throws COTERIE_INVALID_DEFINITION. */
export function retryWith(
  overrides: Partial<RetryPolicy> = {},
  base: RetryPolicy = DEFAULT_RETRY,
): RetryPolicy {
  const policy = { ...base, ...overrides }
  const whole = [policy.attempts, policy.firstMs, policy.maxMs].every(
    (n) => Number.isSafeInteger(n) && n >= 0,
  )
  if (!whole || policy.attempts < 1 || !(policy.factor >= 1) || policy.attempts > 1_000) {
    throw new CoterieError(
      'COTERIE_INVALID_DEFINITION',
      `A retry policy needs 1 to 1000 whole attempts, whole milliseconds and a factor of at least 1; got ` +
        `${JSON.stringify(policy)}.`,
    )
  }
  return policy
}

/**
 * The wait after `failed` failed attempts. `random` in [0, 1) spreads it over the upper half of the interval
 * ("equal jitter"), so that many failures at one moment do not come back at one moment.
 */
export function backoffMs(policy: RetryPolicy, failed: number, random: number): number {
  const full = Math.min(policy.maxMs, policy.firstMs * policy.factor ** Math.max(0, failed - 1))
  return Math.round(full / 2 + (full / 2) * random)
}

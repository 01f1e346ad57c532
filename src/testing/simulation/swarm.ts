/**
 * Which faults a seed brings. Each run has only some of them, each as often as the seed says: a system that
 * suffers from everything at once does too little to go wrong in an interesting way ("swarm testing", Groce et
 * al., ISSTA 2012).
 *
 * @module
 */

import type { Prng } from './prng.ts'

/** The faults and the scale of one run. Probabilities from 0 to 1, times in milliseconds. */
export interface Swarm {
  /** Worker processes over the one database. */
  readonly processes: number
  /** Real Ed25519 instead of signatures that cost nothing. */
  readonly realCrypto: boolean
  readonly leaseMs: number
  /** A minute: the process learns of the commits of others only when it looks for something else. */
  readonly pollMs: number
  readonly mailboxDepth: number
  /** Faults stop after this. */
  readonly turmoilMs: number
  /** For each call of the store: up to this long there, and as long back. 0: at once. */
  readonly latencyMs: number
  /** For each call of the store: that it takes up to two leases. */
  readonly slowCalls: number
  /** For each write: that the process dies before it, and that it dies after it. */
  readonly crashesBefore: number
  readonly crashesAfter: number
  /** For each call of the store: that it throws, and nothing is written. */
  readonly storeErrors: number
  /** Mean time between crashes in the middle of anything; 0 for never. */
  readonly crashEveryMs: number
  readonly restartMs: number
  /** Mean time between pauses of a process, of up to three leases; 0 for never. */
  readonly pauseEveryMs: number
  /** Mean time between closings of a process in good order; 0 for never. */
  readonly closeEveryMs: number
  /** For each look at the pulse: that it tells of a commit that nobody has made. */
  readonly falsePulses: number
  /** Mean time between jumps of the machine's clock, back or forth; 0 for never. */
  readonly clockJumpEveryMs: number
  readonly clockJumpMs: number
  /** How far each process's clock is off. */
  readonly skewMs: number
  /** All processes but the first join at some time within this; 0: all start at once. */
  readonly joinMs: number
  /** Mean time between rotations of somebody's key; 0 for never. */
  readonly rotateEveryMs: number
}

/** No faults at all, one process. */
export const CALM: Swarm = Object.freeze({
  processes: 1,
  realCrypto: false,
  leaseMs: 2_000,
  pollMs: 50,
  mailboxDepth: 1_000,
  turmoilMs: 3_000,
  latencyMs: 0,
  slowCalls: 0,
  crashesBefore: 0,
  crashesAfter: 0,
  storeErrors: 0,
  crashEveryMs: 0,
  restartMs: 500,
  pauseEveryMs: 0,
  closeEveryMs: 0,
  falsePulses: 0,
  clockJumpEveryMs: 0,
  clockJumpMs: 0,
  skewMs: 0,
  joinMs: 0,
  rotateEveryMs: 0,
})

/** The faults of a seed. */
export function swarmOf(prng: Prng): Swarm {
  const some = (probability: number, value: () => number): number => (prng.chance(probability) ? value() : 0)
  const leaseMs = prng.pick([600, 1_000, 2_000])
  return {
    processes: prng.pick([1, 2, 2, 3, 3, 4]),
    realCrypto: prng.chance(1 / 16),
    leaseMs,
    pollMs: prng.pick([40, 150, 400, 60_000]),
    mailboxDepth: prng.chance(0.1) ? prng.between(3, 8) : 1_000,
    turmoilMs: prng.pick([1_500, 3_000, 5_000]),
    latencyMs: some(0.6, () => prng.pick([1, 5, 40])),
    slowCalls: some(0.25, () => prng.pick([0.002, 0.02])),
    crashesBefore: some(0.4, () => prng.pick([0.005, 0.02, 0.06])),
    crashesAfter: some(0.4, () => prng.pick([0.005, 0.02, 0.06])),
    storeErrors: some(0.25, () => prng.pick([0.005, 0.03, 0.1])),
    crashEveryMs: some(0.3, () => prng.pick([300, 1_000, 3_000])),
    restartMs: prng.pick([50, 500, 3_000]),
    pauseEveryMs: some(0.35, () => prng.pick([400, 1_500, 4_000])),
    closeEveryMs: some(0.2, () => prng.pick([800, 2_500])),
    falsePulses: some(0.3, () => prng.pick([0.1, 0.8])),
    clockJumpEveryMs: some(0.25, () => prng.pick([500, 2_000])),
    clockJumpMs: prng.pick([200, 2_000, 5_000]),
    skewMs: some(0.2, () => prng.pick([20, 1_500])),
    joinMs: some(0.4, () => prng.pick([500, 2_000])),
    rotateEveryMs: some(0.3, () => prng.pick([300, 1_500])),
  }
}

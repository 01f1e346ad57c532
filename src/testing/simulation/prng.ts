/**
 * Seeded chance: xoshiro128** (Blackman and Vigna, https://prng.di.unimi.it/), its state filled by splitmix32.
 *
 * @module
 */

import type { Random } from '../../ports/random.ts'

/** A stream of pseudo-random numbers: the same seed gives the same numbers, on every machine. */
export class Prng implements Random {
  readonly #state: Uint32Array

  /** The label tells streams of one seed apart. */
  constructor(seed: number, label = '') {
    let mixed = seed >>> 0
    for (let i = 0; i < label.length; i++) mixed = Math.imul(mixed ^ label.charCodeAt(i), 0x01000193) >>> 0
    this.#state = Uint32Array.from([0, 0, 0, 0], () => {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let z = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      return (z ^ (z >>> 15)) >>> 0
    })
  }

  /** 32 random bits, as a number from 0. */
  next(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state
    const product = Math.imul(b, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const c2 = c ^ a
    const d2 = d ^ b
    this.#state[0] = a ^ d2
    this.#state[1] = b ^ c2
    this.#state[2] = c2 ^ (b << 9)
    this.#state[3] = (d2 << 11) | (d2 >>> 21)
    return result
  }

  /** A number in [0, 1). */
  number(): number {
    return this.next() / 0x1_0000_0000
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + Math.floor(this.number() * (max - min + 1))
  }

  /** True with this probability. */
  chance(probability: number): boolean {
    return this.number() < probability
  }

  /** One of the values. Throws RangeError when there are none. */
  pick<T>(values: readonly T[]): T {
    const value = values[this.between(0, values.length - 1)]
    if (value === undefined) throw new RangeError('There is nothing to pick from.')
    return value
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.next() & 0xff)
  }

  /** Another stream that depends on this one's place: more draws from the one do not move the other. */
  fork(label: string): Prng {
    return new Prng(this.next(), label)
  }
}

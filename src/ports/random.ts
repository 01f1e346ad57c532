/** Randomness, from the operating system or from a seed. */
export interface Random {
  /** `count` unpredictable bytes. */
  bytes(count: number): Uint8Array
  /** A number in [0, 1), for jitter and `turn.random`. */
  number(): number
}

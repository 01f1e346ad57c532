/** The value below which the share `q` of the sorted samples lies. */
export function quantile(sorted: readonly number[], q: number): number {
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
  if (value === undefined) throw new Error('no samples')
  return value
}

/** Samples in ascending order. */
export function ascending(samples: Iterable<number>): number[] {
  return [...samples].sort((a, b) => a - b)
}

/** A payload of exactly 256 bytes of JSON. */
export function payload(i: number): { i: number; body: string } {
  const bare = JSON.stringify({ i, body: '' }).length
  return { i, body: 'x'.repeat(256 - bare) }
}

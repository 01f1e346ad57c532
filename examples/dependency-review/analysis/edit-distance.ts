/** How one word becomes another in a single slip of the fingers. */
export type Slip = 'swapped' | 'left out' | 'repeated' | 'added' | 'replaced'

/**
 * The Damerau-Levenshtein distance in its restricted form (optimal string alignment): the least number
 * of letters to add, leave out, replace, or swap with their neighbour. Stops early and returns
 * `distanceMax + 1` where it would be more than `distanceMax`.
 */
export function editDistance(a: string, b: string, distanceMax: number): number {
  if (Math.abs(a.length - b.length) > distanceMax) return distanceMax + 1
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, column) => column)
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row]
    let least = row
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1]
      let cost = Math.min(
        at(last, column) + 1,
        at(current, column - 1) + 1,
        at(last, column - 1) + (same ? 0 : 1),
      )
      const isSwap = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      if (isSwap) cost = Math.min(cost, at(beforeLast, column - 2) + 1)
      current.push(cost)
      least = Math.min(least, cost)
    }
    if (least > distanceMax) return distanceMax + 1
    beforeLast = last
    last = current
  }
  return Math.min(at(last, b.length), distanceMax + 1)
}

/** Which slip turns `original` into `typed`, if exactly one does. */
export function slipBetween(typed: string, original: string): Slip | undefined {
  if (typed === original || editDistance(typed, original, 1) > 1) return undefined
  if (typed.length < original.length) return 'left out'
  const start = [...typed].findIndex((letter, index) => letter !== original[index])
  if (typed.length > original.length) {
    const extra = typed[start]
    return extra === typed[start - 1] || extra === typed[start + 1] ? 'repeated' : 'added'
  }
  return typed[start] === original[start + 1] && typed[start + 1] === original[start] ? 'swapped' : 'replaced'
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY
}

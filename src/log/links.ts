import type { SealedRecord } from '../core/record.ts'

/** What fixes a record's place: its number in its author's chain, the one before it, and its position. */
export type Link = Pick<SealedRecord, 'seq' | 'prev' | 'hash'> & { readonly position: number }

/**
 * Says why two records of one author cannot stand in one log, as a phrase about either, or undefined when they
 * can. Whoever does not read a whole chain can hold against each other what it has seen of it.
 */
export function linkProblem(one: Link, other: Link): string | undefined {
  const [a, b] = one.seq <= other.seq ? [one, other] : [other, one]
  if (a.seq === b.seq) {
    if (a.hash !== b.hash) return `its author signed two different records with number ${a.seq}`
    return a.position === b.position
      ? undefined
      : `it stands at two positions, ${a.position} and ${b.position}`
  }
  if (b.seq === a.seq + 1 && b.prev !== a.hash) {
    return `number ${b.seq} of its author does not follow number ${a.seq}`
  }
  // Between two of an author's records there is room for those that its numbers say lie between them.
  if (b.position - a.position >= b.seq - a.seq) return undefined
  const places = `number ${a.seq} of its author stands at position ${a.position}`
  return `${places}, and number ${b.seq} at ${b.position}`
}

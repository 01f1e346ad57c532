/**
 * Holds two copies of one space's log against each other: is one the older copy of the other, or do they part, and
 * who has signed two records with one number?
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { forkOf } from '../../log/fork.ts'
import type { Fork } from '../../log/fork.ts'
import type { LogRecord, SpaceStore } from '../../ports/store.ts'

const PAGE = 500

/** A fork with the positions that its records have here and there. */
export interface FoundFork {
  readonly author: string
  readonly seq: number
  readonly here: number
  readonly there: number
  readonly fork: Fork
}

/** How two logs differ. */
export interface Comparison {
  /** How many records they have in common, from the genesis on. */
  readonly common: number
  /** True when each goes on in its own way: neither is a copy of the other. */
  readonly parted: boolean
  /** For each author that has forked, the first number that it used twice. */
  readonly forks: readonly FoundFork[]
}

/**
 * Compares the logs up to these positions, which must have been verified. After the point where they part, each
 * record is looked up in the other log by author and number.
 *
 * @throws CoterieError `COTERIE_INVALID_ARGUMENT` when they are logs of different spaces.
 */
export async function compareLogs(
  here: SpaceStore,
  there: SpaceStore,
  ends: { readonly here: number; readonly there: number },
): Promise<Comparison> {
  if (here.id !== there.id) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      'These are the logs of two spaces, not two copies of one.',
      {
        details: { here: here.id, there: there.id },
      },
    )
  }
  const shorter = Math.min(ends.here, ends.there)
  const common = await commonLength(here, there, shorter)
  if (common > shorter) return { common, parted: false, forks: [] }
  return { common, parted: true, forks: await forksFrom(here, there, common, ends) }
}

async function commonLength(here: SpaceStore, there: SpaceStore, last: number): Promise<number> {
  let length = 0
  while (length <= last) {
    const limit = Math.min(PAGE, last + 1 - length)
    const [ours, theirs] = [await here.records(length, limit), await there.records(length, limit)]
    for (const [index, { hash }] of ours.entries()) {
      if (theirs[index]?.hash !== hash) return length
      length += 1
    }
    if (ours.length === 0) return length
  }
  return length
}

async function forksFrom(
  here: SpaceStore,
  there: SpaceStore,
  from: number,
  ends: { readonly here: number; readonly there: number },
): Promise<readonly FoundFork[]> {
  const forks = new Map<string, FoundFork>()
  for (let next = from; next <= ends.here;) {
    const page = await here.records(next, Math.min(PAGE, ends.here + 1 - next))
    const last = page.at(-1)
    if (last === undefined) break
    for (const record of page) {
      // What follows a fork differs in consequence.
      if (forks.has(record.author)) continue
      const found = await forkAt(there, record, ends.there)
      if (found !== undefined) forks.set(record.author, found)
    }
    next = last.position + 1
  }
  return [...forks.values()]
}

async function forkAt(there: SpaceStore, record: LogRecord, end: number): Promise<FoundFork | undefined> {
  const { author, seq, position } = record
  const [other] = await there.chain(author, seq, 1)
  if (other === undefined || other.position > end) return undefined
  const fork = forkOf(record, other)
  return fork === undefined ? undefined : { author, seq, here: position, there: other.position, fork }
}

/**
 * What a member has said, so that it never says the contrary. One entry for each vote; the entries of a height are
 * dropped when the height is decided, and the floor rises.
 *
 * @module
 */

import type { Vote } from './statements.ts'

/** What is noted of a vote before it is signed. */
export type RegisterEntry = {
  readonly type: Vote['type']
  readonly height: number
  readonly view: number
  /** The digest of the proposal; empty for a nullification. */
  readonly proposal: string
}

/** The votes of one member in the heights that are not decided. */
export class VoteRegister {
  readonly #entries = new Map<string, string>()
  #floor = 0

  /** Votes for this height and below are refused for ever. */
  get floor(): number {
    return this.#floor
  }

  /** Whether a vote may be cast; `again` when it was cast before, word for word. */
  judge(vote: RegisterEntry): 'new' | 'again' | 'refused' {
    if (vote.height <= this.#floor) return 'refused'
    const { height, view, type, proposal } = vote
    const same = this.said(height, view, type)
    if (same !== undefined) return same === proposal ? 'again' : 'refused'
    const finalized = this.said(height, view, 'finalize')
    if (type === 'nullify' && finalized !== undefined) return 'refused'
    if (type === 'finalize' && this.said(height, view, 'nullify') !== undefined) return 'refused'
    // Notarising one proposal and finalising another would be no danger with few liars, but with many nobody
    // could tell who forked (docs/adr/0011-councils.md).
    const notarized = this.said(height, view, 'notarize')
    if (type === 'finalize' && notarized !== undefined && notarized !== proposal) return 'refused'
    if (type === 'notarize' && finalized !== undefined && finalized !== proposal) return 'refused'
    return 'new'
  }

  /** Takes an entry in. It must have been judged as new, or come from the member's own durable register. */
  note({ height, view, type, proposal }: RegisterEntry): void {
    if (height > this.#floor) this.#entries.set(`${height} ${view} ${type}`, proposal)
  }

  /** What was said of one kind in one view: the digest of the proposal; undefined for nothing. */
  said(height: number, view: number, type: Vote['type']): string | undefined {
    return this.#entries.get(`${height} ${view} ${type}`)
  }

  /** Drops the entries up to a decided height, and never again takes one for them. */
  raise(height: number): void {
    if (height <= this.#floor) return
    this.#floor = height
    for (const key of this.#entries.keys()) if (Number.parseInt(key, 10) <= height) this.#entries.delete(key)
  }

  /** How many entries there are. */
  get size(): number {
    return this.#entries.size
  }
}

/** What the register notes of a vote. */
export function entryOf(vote: Vote): RegisterEntry {
  const { type, height, view } = vote
  return { type, height, view, proposal: type === 'nullify' ? '' : vote.proposal }
}

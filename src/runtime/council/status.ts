/**
 * What a replica tells of itself and of its council.
 *
 * @module
 */

import type { RosterMember } from '../../council/roster.ts'
import type { CouncilPeer } from '../../ports/council.ts'
import type { ChangeStatus } from './changes.ts'
import type { Standing } from './epochs.ts'

/** What a replica knows of itself. */
export interface CouncilStatus {
  readonly instance: string
  readonly member: string
  /** The height that it works on: all below are decided. */
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly epoch: number
  readonly members: number
  /** The members of the epoch, by id. */
  readonly names: readonly string[]
  /** What this member is: `joining` until the council has taken it in. */
  readonly standing: Standing
  /** The height that removed it. */
  readonly removedAt: number | null
  readonly mayLie: number
  readonly quorum: number
  /** It casts no votes yet, because it may have forgotten some. */
  readonly forgetful: boolean
  readonly halted: string | null
  /** Members that do not lead for a while, because they were slow again and again. */
  readonly suspended: readonly string[]
  readonly open: readonly string[]
  readonly waiting: number
  readonly peers: readonly (CouncilPeer & { readonly rejected: number })[]
  /** What came from nobody who is a member, or was not signed by the member that it was said to be from. */
  readonly refused: number
  readonly evidence: readonly { readonly culprit: string; readonly pieces: number }[]
}

/** Who the members of a council are, and who is to come or go. */
export interface CouncilMembers {
  readonly instance: string
  readonly epoch: number
  readonly height: number
  readonly members: readonly RosterMember[]
  /** Changes that wait for agreement. */
  readonly changes: readonly ChangeStatus[]
}

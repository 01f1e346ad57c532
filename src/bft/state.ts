/**
 * The state of a replica. Only the machine changes it.
 *
 * @module
 */

import type { Certificate } from './certificate.ts'
import type { Decision } from './decision.ts'
import type { Ledger, LedgerRules } from './ledger.ts'
import { indexOf, type Membership } from './membership.ts'
import type { Effect, Halted, Message } from './messages.ts'
import { OperationPool } from './pool.ts'
import type { Proposal } from './proposal.ts'
import { leaderOf } from './rotation.ts'
import { Round } from './round.ts'
import type { Complaint, Signed } from './statements.ts'

/** What a replica is told once. Times in milliseconds. */
export interface ReplicaRules extends LedgerRules {
  /** The id of this replica's member. */
  readonly self: string
  /** The first estimate of how long a message takes; it is measured from then on. */
  readonly deltaMs: number
  readonly deltaMsMin: number
  readonly deltaMsMax: number
  /** Operations that this replica puts into one value. */
  readonly batchOperations: number
  /** The least time between two signs of life; two seconds unless told otherwise. */
  readonly statusMs?: number
  /** Who is no member at this height, but was one, or will be, as is known from elsewhere. */
  readonly acquaintance?: (id: string) => Acquaintance | undefined
}

/** Somebody who was a member, or will be. It takes no part, but decisions may be asked of it, and shown to it. */
export interface Acquaintance {
  readonly publicKey: string
  /** The last height whose decision it may see: the one that removed it; infinite for who will be a member. */
  readonly until: number
}

/** The times at which something is to be done; infinite for never. */
export interface Deadlines {
  /** The leader should have proposed. */
  leader: number
  /** A proposal should have been notarised. */
  notarize: number
  /** What was notarised should have been finalised. */
  carry: number
  resend: number
  share: number
  status: number
  /** Something that is missing should be asked for. */
  ask: number
}

/** A replica that may have forgotten votes: it casts none until nothing that it may have said matters any more. */
export interface Amnesia {
  readonly nonce: string
  /** The height that each member has proven to be at, since the question was asked. */
  readonly heights: Map<number, number>
  /** No votes up to this height; undefined while it is not known. */
  until: number | undefined
}

/** The state. */
export interface Replica {
  readonly rules: ReplicaRules
  readonly effects: Effect[]
  readonly deadlines: Deadlines
  readonly pool: OperationPool
  /** Votes and proposals for the next heights, by sender, kind, height and view. */
  readonly future: Map<string, Message>
  /** Complaints by height and view, each by sender. */
  readonly complaints: Map<string, (Signed<Complaint> | undefined)[]>
  /** The heights that others say they are at. */
  readonly claims: Map<string, number>
  /** When each peer was last served, and from which height. */
  readonly served: Map<string, { readonly at: number; readonly first: number; readonly count: number }>
  /** Leaders that let their view pass in silence, and have not been heard since. */
  readonly absent: Set<number>
  /** Decisions of late, newest last, to notice a fork. */
  readonly recent: { readonly decision: Decision; readonly membership: Membership }[]
  /** Views of this height about which something was learned since the rules were last applied. */
  readonly touched: Set<number>
  /** How long decisions took of late. */
  readonly durations: number[]
  /** The last measured round trip to each member. */
  readonly roundTrips: (number | undefined)[]
  ledger: Ledger
  self: number
  height: number
  view: number
  rounds: Map<number, Round>
  /** The finalisation of the height before. */
  lastFinalization: Certificate | null
  draft: Proposal | undefined
  proposedAt: number
  amnesia: Amnesia | undefined
  halted: Halted | undefined
  /** Whether the view is timed: something waits to be decided. */
  isActive: boolean
  activeSince: number
  enteredAt: number
  deltaMs: number
  /** The estimate at the beginning of the height. */
  deltaMsBefore: number
  now: number
  wakeAt: number
  /** Reasons to leave the view that the rules have to look at: give it up, or go on with what was notarised. */
  givesUp: boolean
  movesOn: boolean
  fetching: { readonly peer: string; readonly first: number; readonly until: number } | undefined
  /** Who was asked for decisions last, and when anything was asked for last. */
  lastPeer: string
  askedAt: number
}

/** Times of a fresh replica: nothing is due. */
function noDeadlines(): Deadlines {
  const never = Number.POSITIVE_INFINITY
  return {
    leader: never,
    notarize: never,
    carry: never,
    resend: never,
    share: never,
    status: never,
    ask: never,
  }
}

/** A replica at the height after its ledger, that has seen nothing of it yet. */
export function makeReplica(rules: ReplicaRules, ledger: Ledger): Replica {
  return {
    rules,
    effects: [],
    deadlines: noDeadlines(),
    pool: new OperationPool(),
    future: new Map(),
    complaints: new Map(),
    claims: new Map(),
    served: new Map(),
    absent: new Set(),
    recent: [],
    touched: new Set(),
    givesUp: false,
    movesOn: false,
    durations: [],
    roundTrips: [],
    ledger,
    self: indexOf(ledger.membership, rules.self),
    height: ledger.height + 1,
    view: 0,
    rounds: new Map(),
    lastFinalization: null,
    draft: undefined,
    proposedAt: 0,
    amnesia: undefined,
    halted: undefined,
    isActive: false,
    activeSince: 0,
    enteredAt: 0,
    deltaMs: rules.deltaMs,
    deltaMsBefore: rules.deltaMs,
    now: 0,
    wakeAt: Number.POSITIVE_INFINITY,
    fetching: undefined,
    lastPeer: '',
    askedAt: Number.NEGATIVE_INFINITY,
  }
}

/** The round of a view of the present height. */
export function roundAt(replica: Replica, view: number): Round {
  let round = replica.rounds.get(view)
  if (round === undefined) {
    round = new Round(view)
    replica.rounds.set(view, round)
  }
  return round
}

/** The place of the leader of a view of the present height. */
export function leaderAt(replica: Replica, view: number): number {
  return leaderOf(replica.ledger.leaders, replica.height, view)
}

/** Whether this replica may vote at the present height. */
export function mayVote(replica: Replica): boolean {
  const { amnesia } = replica
  if (replica.self < 0 || replica.halted !== undefined) return false
  return amnesia === undefined || (amnesia.until !== undefined && replica.height > amnesia.until)
}

/** Something for everybody else. */
export function broadcast(replica: Replica, message: Message): void {
  replica.effects.push({ type: 'send', message, to: null })
}

/** How long a message should take in a view: it grows by half with each view, up to half a minute. */
export function deltaIn(replica: Replica, view: number): number {
  return Math.min(replica.deltaMs * 1.5 ** Math.min(view, 64), Math.max(DELTA_VIEW_MS_MAX, replica.deltaMs))
}

const DELTA_VIEW_MS_MAX = 30_000

/**
 * Entering heights and views, and what is timed in them.
 *
 * @module
 */

import type { Decision } from './decision.ts'
import { afterValue, foldOperation, foldValue } from './ledger.ts'
import { indexOf } from './membership.ts'
import type { Halted } from './messages.ts'
import { COMPLAINT_HEIGHTS, COMPLAINT_VIEWS } from './rotation.ts'
import { leaderAt, broadcast, deltaIn, roundAt, type Replica } from './state.ts'

/** Decisions that are kept at hand. */
const RECENT_MAX = 32
const DURATIONS_MAX = 16
const NEVER = Number.POSITIVE_INFINITY

/** R1: enters a later view, tells everybody why once, and times it. */
export function enterView(replica: Replica, view: number): void {
  replica.view = view
  replica.enteredAt = replica.now
  replica.givesUp = false
  replica.movesOn = false
  const before = replica.rounds.get(view - 1)
  const entry = before?.nullification ?? before?.notarization ?? replica.rounds.get(view)?.notarization
  if (entry !== undefined) broadcast(replica, { type: 'certificate', certificate: entry })
  replica.isActive = false
  for (const name of ['leader', 'notarize', 'carry'] as const) replica.deadlines[name] = NEVER
  if (isNeeded(replica)) activate(replica)
  else replica.deadlines.resend = NEVER
  replica.touched.add(view)
  if (replica.absent.has(leaderAt(replica, view))) replica.givesUp = true
}

/** Times the present view, unless it is timed already. */
export function activate(replica: Replica): void {
  if (replica.isActive) return
  const { deadlines, now, view } = replica
  const delta = deltaIn(replica, view)
  replica.isActive = true
  replica.activeSince = now
  const round = roundAt(replica, view)
  deadlines.leader = round.first === undefined ? now + 2 * delta : NEVER
  deadlines.notarize = round.notarization === undefined ? now + 3 * delta : NEVER
  deadlines.carry = round.notarization === undefined ? NEVER : now + 2 * delta
  // Not put off by a change of view, or whoever missed something would wait as long as views keep changing.
  deadlines.resend = Math.min(deadlines.resend, now + resendAfter(replica))
  if (view === 0 && replica.absent.has(leaderAt(replica, 0))) replica.givesUp = true
}

/** The pause between two repetitions; spread by the place of the member, so that not all speak at once. */
export function resendAfter(replica: Replica): number {
  const spread = 1 + (Math.max(replica.self, 0) % 8) / 8
  return replica.deltaMs * 4 * spread
}

/** Whether something waits that could be decided now. */
export function hasPending(replica: Replica): boolean {
  const { pool, ledger, rules } = replica
  if (pool.size === 0) return false
  const { sequences, application, retired } = ledger
  return pool.authors().some((author) => {
    const next = pool.get(author, (sequences.get(author) ?? 0) + 1)
    if (next === undefined) return false
    const folded = foldOperation(rules, ledger, { sequences, application, retired }, next.operation)
    return typeof folded !== 'string'
  })
}

/**
 * Whether the present height must come to an end: something waits, or something may have been decided already. The
 * operations of a view that was given up may be lost, if all who knew them have crashed; then there is nothing to do.
 */
export function isNeeded(replica: Replica): boolean {
  for (const round of replica.rounds.values()) if (round.notarization !== undefined) return true
  return hasPending(replica)
}

/**
 * R5: takes a decision that was verified, and enters the next height. False when the value cannot follow what this
 * replica has: then it does not compute what the others do, and halts.
 */
export function decide(replica: Replica, decision: Decision): boolean {
  const { rules, ledger, pool, deadlines } = replica
  const { value, finalization } = decision
  const folded = foldValue(rules, ledger, value, (operation) => isInPool(replica, operation))
  if (typeof folded === 'string') {
    const before = replica.recent.at(-1)?.decision
    // What follows from another decision than ours shows that the council has forked below.
    if (before !== undefined && value.previous !== ledger.previous) haltAtFork(replica, before, decision)
    else halt(replica, 'diverged', [decision])
    return false
  }
  replica.effects.push(
    { type: 'append', entry: { type: 'decision', decision } },
    { type: 'decided', decision, value },
  )
  replica.recent.push({ decision, membership: ledger.membership })
  if (replica.recent.length > RECENT_MAX) replica.recent.shift()
  if (replica.isActive) {
    replica.durations.push(replica.now - replica.activeSince)
    if (replica.durations.length > DURATIONS_MAX) replica.durations.shift()
  }
  const old = value.height - COMPLAINT_HEIGHTS - 1
  for (let view = 0; view < COMPLAINT_VIEWS; view++) replica.complaints.delete(`${old} ${view}`)
  const before = ledger.membership
  replica.ledger = afterValue(rules, ledger, value, folded)
  replica.lastFinalization = finalization
  if (replica.ledger.membership !== before) renumber(replica)
  const { membership, sequences } = replica.ledger
  pool.settle(
    sequences,
    value.height,
    // Agreement to a change is for one epoch. Who asked for a change in vain gives its number to something else.
    ({ author, body }) =>
      indexOf(membership, author) >= 0 && (membership === before || body.kind !== 'change'),
  )
  for (const name of ['leader', 'notarize', 'carry', 'resend'] as const) deadlines[name] = NEVER
  replica.height = value.height + 1
  replica.view = 0
  replica.rounds = new Map()
  replica.touched.clear()
  replica.draft = undefined
  replica.givesUp = false
  replica.movesOn = false
  replica.isActive = false
  replica.enteredAt = replica.now
  replica.deltaMsBefore = replica.deltaMs
  return true
}

/** Stops for good. */
function halt(replica: Replica, reason: 'fork' | 'diverged', decisions: readonly Decision[]): void {
  const entry: Halted = { type: 'halted', reason, decisions }
  if (replica.halted === undefined) replica.effects.push({ type: 'append', entry })
  replica.halted = entry
  replica.effects.push({ type: 'halt', reason, decisions })
}

/**
 * Stops because others have decided something else. They are shown what was decided here: whoever has both decisions
 * can name the guilty.
 */
export function haltAtFork(replica: Replica, mine: Decision, theirs?: Decision): void {
  if (replica.halted === undefined) {
    broadcast(replica, { type: 'reply', decisions: [mine], certificates: [], proposals: [] })
  }
  halt(replica, 'fork', theirs === undefined ? [mine] : [mine, theirs])
}

/** Whether the same operation, word for word, was verified before. */
export function isInPool(replica: Replica, operation: Decision['value']['operations'][number]): boolean {
  const known = replica.pool.get(operation.author, operation.sequence)?.operation
  return (
    known !== undefined &&
    (known === operation || known.signature === operation.signature) &&
    sameText(known, operation)
  )
}

function sameText(one: unknown, other: unknown): boolean {
  return one === other || JSON.stringify(one) === JSON.stringify(other)
}

/** Places mean other members in a new epoch. */
function renumber(replica: Replica): void {
  replica.self = indexOf(replica.ledger.membership, replica.rules.self)
  replica.absent.clear()
  replica.complaints.clear()
  replica.roundTrips.length = 0
  replica.amnesia?.heights.clear()
  // New members learn soon how far the others are, and have them to ask.
  const { deadlines, now, deltaMs } = replica
  deadlines.status = Math.min(deadlines.status, now + 2 * deltaMs)
  const { ledger, rules } = replica
  for (const peer of replica.claims.keys()) {
    const isToCome = rules.acquaintance?.(peer)?.until === Number.POSITIVE_INFINITY
    if (indexOf(ledger.membership, peer) < 0 && !isToCome) replica.claims.delete(peer)
  }
}

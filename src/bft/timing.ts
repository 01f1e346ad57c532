import { complain } from './accept.ts'
import { askForMissing, sayStatus } from './catch-up.ts'
import { broadcast, leaderAt, type Replica } from './state.ts'
import { activate, hasPending, resendAfter } from './views.ts'

const NEVER = Number.POSITIVE_INFINITY
const OPERATIONS_PER_RESEND = 16

/** Does what is due. */
export function doWhatIsDue(replica: Replica): void {
  const { deadlines, now } = replica
  if (now >= deadlines.leader) {
    deadlines.leader = NEVER
    passOver(replica)
  }
  if (now >= deadlines.notarize) {
    deadlines.notarize = NEVER
    replica.givesUp = true
  }
  if (now >= deadlines.carry) {
    deadlines.carry = NEVER
    replica.movesOn = true
    replica.touched.add(replica.view)
  }
  if (now >= deadlines.share) share(replica)
  if (now >= deadlines.resend) resend(replica)
  if (now >= deadlines.status) sayStatus(replica)
  if (now >= deadlines.ask) askForMissing(replica)
}

/** Asks to be woken at the next time at which something is due, unless an earlier wake is on its way. */
export function askToBeWoken(replica: Replica): void {
  const { leader, notarize, carry, resend, share, status, ask } = replica.deadlines
  const at = Math.min(leader, notarize, carry, resend, share, status, ask)
  if (at >= replica.wakeAt) return
  replica.wakeAt = at
  replica.effects.push({ type: 'wake', at })
}

/** R6: the leader has proposed nothing in time. */
function passOver(replica: Replica): void {
  const { view } = replica
  replica.givesUp = true
  complain(replica, view)
  const leader = leaderAt(replica, view)
  // Whoever is heard before this view ends is not absent: see `heard`.
  if (leader !== replica.self) replica.absent.add(leader)
}

/** Tells everybody of operations that were not decided soon after they came here. */
function share(replica: Replica): void {
  const { pool, now, deltaMs, deadlines } = replica
  deadlines.share = NEVER
  for (const pending of pool.all()) {
    if (pending.sharedAt !== NEVER) continue
    const due = pending.knownAt + deltaMs
    if (due > now) {
      deadlines.share = Math.min(deadlines.share, due)
      continue
    }
    pending.sharedAt = now
    broadcast(replica, { type: 'operation', operation: pending.operation })
  }
  if (!replica.isActive && hasPending(replica)) activate(replica)
}

/** R6: says again what was said in this view and how it was entered, for those who did not get it. */
function resend(replica: Replica): void {
  const { view, self, deadlines, now, pool } = replica
  deadlines.resend = now + resendAfter(replica)
  const round = replica.rounds.get(view)
  const before = replica.rounds.get(view - 1)
  for (const certificate of [before?.nullification ?? before?.notarization, round?.notarization]) {
    if (certificate !== undefined) broadcast(replica, { type: 'certificate', certificate })
  }
  const own = round?.own.propose
  const proposal = own === undefined ? undefined : round?.proposals.get(own)
  if (proposal !== undefined) broadcast(replica, { type: 'proposal', proposal })
  for (const vote of round?.votesOf(self) ?? []) broadcast(replica, { type: 'vote', vote })
  for (const pending of pool.all().slice(0, OPERATIONS_PER_RESEND)) {
    pending.sharedAt = Math.min(pending.sharedAt, now)
    broadcast(replica, { type: 'operation', operation: pending.operation })
  }
  sayStatus(replica)
}

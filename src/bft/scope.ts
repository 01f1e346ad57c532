import type { Replica } from './state.ts'
import type { Place, Scope } from './statements.ts'

/** The council and the members of the present height. */
export function scopeOf(replica: Replica): Scope {
  const { membership } = replica.ledger
  return { instance: replica.rules.instance, epoch: membership.epoch, membership: membership.digest }
}

/** The place of a vote by this replica in a view of the present height. */
export function placeOf(replica: Replica, view: number): Place {
  return { ...scopeOf(replica), height: replica.height, view, sender: replica.self }
}

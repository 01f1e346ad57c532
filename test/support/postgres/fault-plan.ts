/**
 * A plan for the proxy that a seed gives: at which moment the next transaction fails, and how. The same seed gives the
 * same sequence; which transaction is hit depends on what the clients do meanwhile.
 *
 * @module
 */

import { generator } from '../../helpers/random.ts'
import type { Phase, Point } from './conversation.ts'
import type { Fault } from './proxy.ts'

/** What a seeded plan draws from. */
export interface FaultMenu {
  readonly seed: number
  /** Transactions between two faults: at least one, at most this many. */
  readonly every: number
  /** Only transactions with such a command; the phases before the first command are open to all. */
  readonly about?: RegExp
  readonly phases?: readonly Phase[]
  /** The ways to fail, by default all but `hang`. */
  readonly ways?: readonly Fault['how'][]
  /** The longest stall. */
  readonly stallMs?: number
}

/** The moments at which a transaction can be hurt. After `answered` nothing is left to lose. */
export const PHASES: readonly Phase[] = [
  'begin',
  'begun',
  'statement',
  'commit',
  'sent',
  'committed',
  'answered',
]

/** How many transactions a drawn phase may fail to occur in: a client may never say BEGIN. */
const PATIENCE = 10

/** A plan for `PostgresProxy.plan`. */
export function seededFaults(menu: FaultMenu): (point: Point) => Fault | undefined {
  const random = generator(menu.seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  const pick = <T>(values: readonly T[]): T => {
    const value = values[below(values.length)]
    if (value === undefined) throw new Error('There is nothing to draw from.')
    return value
  }
  const draw = (): { readonly phase: Phase; readonly fault: Fault; wait: number } => ({
    phase: pick(menu.phases ?? PHASES),
    fault: drawFault(pick(menu.ways ?? ['end', 'reset', 'stall']), random, menu.stallMs ?? 50),
    wait: 1 + below(menu.every),
  })
  let next = draw()
  return (point) => {
    const known = point.phase !== 'begin' && point.phase !== 'begun'
    if (known && menu.about !== undefined && !menu.about.test(point.sql)) return undefined
    if (point.phase === 'commit') next.wait -= 1
    if (next.wait < -PATIENCE) next = draw()
    if (next.wait > 0 || point.phase !== next.phase) return undefined
    const { fault } = next
    next = draw()
    return fault
  }
}

function drawFault(how: Fault['how'], random: () => number, stallMs: number): Fault {
  switch (how) {
    case 'end':
    case 'reset':
      // Half of them in the middle of the message.
      return random() < 0.5 ? { how } : { how, share: random() }
    case 'stall':
      return { how, ms: Math.ceil(random() * stallMs) }
    case 'hang':
      return { how }
  }
}

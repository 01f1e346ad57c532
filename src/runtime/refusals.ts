/**
 * What the store's refusals are called when a handler or a caller meets them.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { Envelope } from '../core/message.ts'
import type { Outcome } from '../ports/store.ts'

/** The address is another worker's now. */
export function leaseLost(address: string): CoterieError {
  return new CoterieError('COTERIE_LEASE_LOST', `Another worker runs ${address} now; this turn was given up.`)
}

/** A mailbox has reached its limit. */
export function mailboxFull({
  address,
  limit,
}: {
  readonly address: string
  readonly limit: number
}): CoterieError {
  return new CoterieError(
    'COTERIE_MAILBOX_FULL',
    `The mailbox of ${address} holds ${limit} messages, its limit. Nothing was sent to it; slow down, or ` +
      `raise "mailboxDepth".`,
    { details: { address, limit } },
  )
}

/** A stream that the turn had read has moved, and the handler wants to know. */
export function staleRead(
  turn: string,
  { stream, expected, actual }: Extract<Outcome, { type: 'stale' }>,
): CoterieError {
  return new CoterieError(
    'COTERIE_STALE_READ',
    `Stream "${stream}" moved from version ${expected} to ${actual} after ${turn} had read it.`,
    { details: { stream } },
  )
}

/** Asking would close a circle of agents that wait for each other. */
export function waitCycle(cycle: readonly string[]): CoterieError {
  return new CoterieError(
    'COTERIE_WAIT_CYCLE',
    `Asking ${cycle[1]} would wait for ever: ${cycle.join(' -> ')} wait for each other. Use send, or ask someone else.`,
    { details: { cycle } },
  )
}

/** An idempotency key was used with another content. */
export function keyReused(key: string, existing: string): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_REUSED',
    `The idempotency key "${key}" was used before, by message ${existing} with another content. Use a new ` +
      `key for a new message.`,
    { details: { key, existing } },
  )
}

/** The deadline of a turn's message has passed. */
export function deadlinePassed({ id, to, deadline }: Envelope): CoterieError {
  const message = `The deadline of message ${id} to ${to} has passed.`
  return new CoterieError('COTERIE_DEADLINE_PASSED', message, { details: { deadline } })
}

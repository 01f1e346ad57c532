/**
 * What the store's refusals are called when a handler or a caller meets them.
 *
 * @module
 */

import { OWNER } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { Envelope } from '../core/message.ts'
import { isShortText } from '../core/readable.ts'
import type { Outcome } from '../ports/store.ts'

const STREAM_CHARS_MAX = 200

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

/** Refuses what is no number of things to list. */
export function checkLimit(limit: number): void {
  if (Number.isSafeInteger(limit) && limit > 0) return
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', `A limit is a whole number from 1 on, not ${limit}.`)
}

/** Refuses what is no name of a stream; those that begin with "@" are the runtime's own, and are only read. */
export function checkStream(stream: unknown, isRead: boolean): asserts stream is string {
  if (isShortText(stream, STREAM_CHARS_MAX) && (isRead || !stream.startsWith('@'))) return
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    'A stream has a name of 1 to 200 characters, none of them invisible; only the runtime\'s own begin with "@".',
  )
}

/** A question that nobody began, or ended, in time. */
export function notHandledInTime({ id, to, handler, deadline }: Envelope): CoterieError {
  const message =
    `${to} has not handled "${handler}" (${id}) before its deadline. ` +
    `Does a worker run the agent, and is what is asked done in that time?`
  return new CoterieError('COTERIE_DEADLINE_PASSED', message, { details: { id, to, handler, deadline } })
}

/** The keyring has no key for an agent that it is to sign for. */
export function keyMissing(name: string, place: string): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_MISSING',
    `There is no key for ${whose(name)} in ${place}. Put the keyring folder that belongs to this ` +
      `database there, or name it with --keyring.`,
    { details: { agent: name } },
  )
}

/** The keyring has another key than the log names. */
export function keyMismatch(
  name: string,
  place: string,
  keys: { readonly expected: string; readonly found: string },
): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_MISMATCH',
    `The key of ${whose(name)} in ${place} is not the one that this space knows. Use the keyring folder that ` +
      `belongs to this database; if the key was rotated elsewhere, copy the new ${name}.key from there.`,
    { details: { agent: name, ...keys } },
  )
}

/** The key of an agent was revoked, and it has no other. */
export function keyRevoked(name: string, reason: string): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_REVOKED',
    `The key of ${whose(name)} was revoked (${reason}): nothing is signed in its name. To let it act again, give ` +
      `it a new key: coterie keys rotate ${name}`,
    { details: { agent: name } },
  )
}

/** A turn relies on something that was signed with a key that was revoked meanwhile. */
export function builtOnRevoked(address: string): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_REVOKED',
    `A key of ${address} was revoked while this turn ran: what was recorded with it is not relied upon.`,
    { details: { agent: address } },
  )
}

/** A member's key was revoked before its decision was committed. */
export function memberRevoked(decision: string, member: string): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_REVOKED',
    `The key of ${member} was revoked before the decision ${decision} was committed, so no certificate of it would ` +
      `verify: decide again, without that member or once it has a new key.`,
    { details: { decision, member }, retryable: true },
  )
}

/** A turn has recorded steps with a key that was revoked before it ended. */
export function journalRevoked(turn: string, cause: unknown): CoterieError {
  return new CoterieError(
    'COTERIE_KEY_REVOKED',
    `The journal of ${turn} is signed with a key that was revoked before the turn ended: its recorded steps are not ` +
      `believed. Look at what they did, drop this message, and send another.`,
    { details: { turn }, cause },
  )
}

function whose(name: string): string {
  return name === OWNER ? 'the owner of the space' : `agent "${name}"`
}

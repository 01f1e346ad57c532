/**
 * What every part of the runtime works with: one space, and the ports.
 *
 * @module
 */

import { traceId, ulid } from '../core/ids.ts'
import type { Limits } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Keyring } from '../ports/keyring.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { SpaceStore } from '../ports/store.ts'

/** The ports that a runtime is given. */
export interface Ports {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly keyring: Keyring
  readonly logger: Logger
  readonly random: Random
}

/** One space with its ports and limits. */
export interface Context extends Ports {
  readonly store: SpaceStore
  readonly limits: Limits
}

/** A new message id. */
export function newMessageId(context: Context): string {
  return `msg_${ulid(context.clock.now(), context.random.bytes(10))}`
}

/** A new decision id. */
export function newDecisionId(context: Context): string {
  return `dec_${ulid(context.clock.now(), context.random.bytes(10))}`
}

/** A new trace id. */
export function newTraceId(context: Context): string {
  return traceId(context.clock.now(), context.random.bytes(10))
}

/**
 * What every part of the runtime works with: one space, and the ports.
 *
 * @module
 */

import { nameOf } from '../core/address.ts'
import { derivedUlid, traceId, ulid } from '../core/ids.ts'
import { canonicalize } from '../core/json.ts'
import type { Limits } from '../core/limits.ts'
import type { Clock } from '../ports/clock.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { Keyring } from '../ports/keyring.ts'
import type { Logger } from '../ports/logger.ts'
import type { Random } from '../ports/random.ts'
import type { SpaceStore } from '../ports/store.ts'
import type { StepsUnderWay } from './steps-under-way.ts'

/** The ports that a runtime is given. */
export interface Ports {
  readonly clock: Clock
  readonly crypto: Crypto
  readonly keyring: Keyring
  readonly logger: Logger
  readonly random: Random
}

/** One space with its ports and limits, and the steps that this process runs in it. */
export interface Context extends Ports {
  readonly store: SpaceStore
  readonly limits: Limits
  readonly underWay: StepsUnderWay
}

/** A new message id. */
export function newMessageId(context: Context): string {
  return `msg_${ulid(context.clock.now(), context.random.bytes(10))}`
}

/**
 * The id of a message with an idempotency key: always the same for one sender's name, recipient and key, so that
 * whoever sends it again names the message that there is.
 */
export function keyedMessageId(context: Context, from: string, to: string, key: string): string {
  const whole = canonicalize([context.store.id, nameOf(from), to, key])
  return `msg_${derivedUlid(context.crypto.sha256(whole))}`
}

/** A new decision id. */
export function newDecisionId(context: Context): string {
  return `dec_${ulid(context.clock.now(), context.random.bytes(10))}`
}

/** A new trace id. */
export function newTraceId(context: Context): string {
  return traceId(context.clock.now(), context.random.bytes(10))
}

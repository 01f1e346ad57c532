/**
 * Making messages: payloads are checked against the recipient's schema and encoded, envelopes filled in and
 * hashed. Deadlines only shrink.
 *
 * @module
 */

import { addressOf, nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { encodePayload } from '../core/json.ts'
import { envelopeText } from '../core/message.ts'
import type { Envelope, MessageKind } from '../core/message.ts'
import { isReadable } from '../core/readable.ts'
import { parseWith } from '../core/schema.ts'
import type { StandardSchema } from '../core/schema.ts'
import type { Mail, NewMessage } from '../ports/store.ts'
import type { SendOptions } from '../turn/turn.ts'
import { keyedMessageId, newMessageId } from './context.ts'
import type { Context } from './context.ts'

/** Where a message goes and how. */
export interface Target {
  readonly kind: MessageKind
  readonly agent: string
  readonly handler: string
  readonly topic: string | null
  /** Undefined: the sender cannot know it (the CLI); the recipient checks. */
  readonly schema: StandardSchema | undefined
}

/** What the message inherits from what caused it. */
export interface Origin {
  readonly from: string
  readonly cause: string | null
  readonly trace: string
  /** Undefined: the message starts a tree and is its own correlation. */
  readonly correlation: string | undefined
  readonly deadline: number | null
}

/** The payload as it is stored. Throws COTERIE_INVALID_PAYLOAD and COTERIE_PAYLOAD_TOO_LARGE. */
export function encode(context: Context, value: unknown, what: string): { text: string; bytes: number } {
  const text = encodePayload(value)
  const bytes = text.length * 3 <= context.limits.payloadBytes ? utf8Length(text) : byteLength(text)
  if (bytes > context.limits.payloadBytes) {
    throw new CoterieError(
      'COTERIE_PAYLOAD_TOO_LARGE',
      `${what} has ${bytes} bytes, the limit "payloadBytes" is ${context.limits.payloadBytes}. Store large ` +
        `data elsewhere and send where it is.`,
      { details: { bytes, limit: context.limits.payloadBytes } },
    )
  }
  return { text, bytes }
}

/** A message to be written. */
export function makeMessage(
  context: Context,
  target: Target,
  payload: unknown,
  options: SendOptions,
  origin: Origin,
  now: number,
): NewMessage {
  const to = addressOf(target.agent, options.key)
  if (target.schema !== undefined) parseWith(target.schema, payload, `${to} ${target.handler}`)
  const { text } = encode(context, payload, `The payload for ${to} ${target.handler}`)
  const dueAt = dueTime(options, now)
  return wrap(context, text, {
    cause: origin.cause,
    correlation: origin.correlation,
    deadline: deadlineFor(context, options, origin.deadline, now),
    dueAt: dueAt !== null && dueAt > now ? checkHorizon(context, dueAt, now) : null,
    failed: false,
    from: origin.from,
    handler: target.handler,
    key: checkKey(options.idempotencyKey),
    kind: target.kind,
    re: null,
    sentAt: now,
    to,
    topic: target.topic,
    trace: origin.trace,
  })
}

/** The answer to a question; `failed` answers carry an ErrorValue. */
export function makeReply(
  context: Context,
  question: Envelope,
  origin: { readonly from: string; readonly cause: string | null },
  payload: string,
  failed: boolean,
  now: number,
): NewMessage {
  return wrap(context, payload, {
    cause: origin.cause,
    correlation: question.correlation,
    deadline: question.deadline,
    dueAt: null,
    failed,
    from: origin.from,
    handler: question.handler,
    key: null,
    kind: 'reply',
    re: question.id,
    sentAt: now,
    to: question.from,
    topic: null,
    trace: question.trace,
  })
}

type Header = Omit<Envelope, 'correlation' | 'id' | 'payload' | 'space' | 'v'> & {
  readonly correlation: string | undefined
}

function wrap(context: Context, payload: string, header: Header): NewMessage {
  const { from, to, key } = header
  const id = key === null ? newMessageId(context) : keyedMessageId(context, from, to, key)
  const envelope: Envelope = {
    ...header,
    correlation: header.correlation ?? id,
    id,
    payload: { bytes: utf8Length(payload), sha256: context.crypto.sha256(payload) },
    space: context.store.id,
    v: 1,
  }
  const text = envelopeText(envelope)
  return { envelope, text, hash: context.crypto.sha256(text), payload }
}

/**
 * True when a message that exists is the one that is to be sent: same sender, recipient, key, handler and payload.
 * A question is not the same as a message that was only sent: nobody would answer it.
 */
export function isSameMessage(
  { envelope: mine }: NewMessage,
  { envelope: other }: Pick<Mail, 'envelope'>,
): boolean {
  return (
    nameOf(mine.from) === nameOf(other.from) &&
    mine.to === other.to &&
    mine.key === other.key &&
    mine.handler === other.handler &&
    mine.payload.sha256 === other.payload.sha256 &&
    (mine.kind !== 'ask' || other.kind === 'ask')
  )
}

/** The earlier of the caller's deadline and the one inherited. */
export function deadlineFor(
  context: Context,
  options: Pick<SendOptions, 'deadline' | 'timeoutMs'>,
  inherited: number | null,
  now: number,
): number | null {
  const { timeoutMs } = options
  if (timeoutMs !== undefined && !(Number.isSafeInteger(timeoutMs) && timeoutMs > 0))
    throw invalid(`A timeout must be a whole number of milliseconds above 0, not ${timeoutMs}.`)
  let deadline = inherited
  for (const wanted of [
    options.deadline,
    timeoutMs === undefined ? undefined : Math.min(now + timeoutMs, Number.MAX_SAFE_INTEGER),
  ]) {
    if (wanted === undefined) continue
    if (!Number.isSafeInteger(wanted) || wanted <= 0) {
      throw invalid(`A deadline must be a whole number of milliseconds above 0, not ${wanted}.`)
    }
    deadline = Math.min(deadline ?? Number.MAX_SAFE_INTEGER, checkHorizon(context, wanted, now))
  }
  return deadline
}

function dueTime(options: SendOptions, now: number): number | null {
  if (options.delayMs !== undefined && options.at !== undefined)
    throw invalid('Give `delayMs` or `at`, not both.')
  const wanted = options.at ?? options.delayMs
  if (wanted === undefined) return null
  if (!Number.isSafeInteger(wanted) || wanted < 0) {
    throw invalid(`A delay must be a whole number of milliseconds, not ${wanted}.`)
  }
  return options.at ?? Math.min(now + wanted, Number.MAX_SAFE_INTEGER)
}

/** No wait may outlive the horizon. */
export function checkHorizon(context: Context, time: number, now: number): number {
  if (time - now <= context.limits.horizonMs) return time
  throw new CoterieError(
    'COTERIE_LIMIT_EXCEEDED',
    `A time ${time - now} ms from now is beyond the limit "horizonMs" of ${context.limits.horizonMs}.`,
    { details: { limit: 'horizonMs' } },
  )
}

function checkKey(key: string | undefined): string | null {
  if (key === undefined) return null
  if (key.length === 0 || key.length > 200 || !isReadable(key)) {
    throw invalid('An idempotency key has 1 to 200 characters, none of them invisible.')
  }
  return key
}

function invalid(message: string): CoterieError {
  return new CoterieError('COTERIE_INVALID_ARGUMENT', message)
}

const encoder = new TextEncoder()

function byteLength(text: string): number {
  return encoder.encode(text).length
}

/** Length in UTF-8 without making the bytes: payloads are mostly ASCII. */
function utf8Length(text: string): number {
  let bytes = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes += 1
    else if (unit >= 0xd800 && unit <= 0xdbff) {
      bytes += 2
      i += 1
    } else bytes += 2
  }
  return bytes
}

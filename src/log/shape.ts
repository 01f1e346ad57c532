/**
 * What each member of a signed object may be. Bodies and envelopes come from a store that anyone may have
 * written to, so nothing is believed of them before this has looked at it.
 *
 * @module
 */

import { isHandlerName, isName, OWNER, parseAddress } from '../core/address.ts'
import type { Envelope, MessageKind } from '../core/message.ts'
import type { AgentEntry, RecordBody, RecordKind, RecordProof, TurnEnd } from '../core/record.ts'

type Check = (value: unknown) => boolean
type Checks<T> = { readonly [Member in keyof T]-?: Check }

const HASH = /^[0-9a-f]{64}$/
const KEY_ID = /^[0-9a-f]{40}$/
const MESSAGE_ID = /^msg_[0-9A-Za-z]{1,64}$/
const TURN_ID = /^turn_[0-9A-Za-z]{1,64}$/
const DECISION_ID = /^dec_[0-9A-Za-z]{1,64}$/
/** W3C trace context. */
const TRACE_ID = /^[0-9a-f]{32}$/
/** Base64url of 32 bytes; that it is exact is seen when it is decoded. */
const PUBLIC_KEY = /^[0-9A-Za-z_-]{43}$/
const TEXT_CHARS_MAX = 4096
const KINDS: readonly RecordKind[] = ['genesis', 'agents', 'turn', 'send', 'settle', 'cancel']
const ENDS: readonly TurnEnd[] = ['handled', 'waiting', 'retry', 'dead', 'expired', 'cancelled']
const SETTLED: readonly string[] = ['handled', 'expired', 'cancelled', 'queued']
const MESSAGE_KINDS: readonly MessageKind[] = ['send', 'ask', 'reply', 'topic']

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isHash: Check = (value) => matches(value, HASH)
const isText: Check = (value) =>
  typeof value === 'string' && value.length > 0 && value.length <= TEXT_CHARS_MAX && value.isWellFormed()
const isId: Check = (value) => matches(value, MESSAGE_ID)
const isTurnId: Check = (value) => matches(value, TURN_ID)
const isTrace: Check = (value) => matches(value, TRACE_ID)
const oneOf =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value)
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value)
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)

/** Whether a value has the form of a proof of signature. */
export function isProof(value: unknown): value is RecordProof {
  return isProofShape(value)
}

const isProofShape = members<RecordProof>({
  index: isCount,
  path: list(isHash),
  signature: isText,
  size: isCount,
})

const ofHandler = members({
  name: (value) => typeof value === 'string' && isHandlerName(value),
  topic: orNull((value) => typeof value === 'string' && isName(value)),
})

const ofAgent = members<AgentEntry>({
  handlers: (value) => list(ofHandler)(value) && namesDiffer(value),
  key: (value) => matches(value, KEY_ID),
  name: (value) => typeof value === 'string' && (isName(value) || value === OWNER),
  publicKey: (value) => matches(value, PUBLIC_KEY),
})

const BODY: Checks<RecordBody> = {
  agents: list(ofAgent),
  at: isCount,
  author: isAddress,
  cancels: (value) => isId(value) || isTurnId(value) || isTrace(value),
  decisions: list(members({ id: (value) => matches(value, DECISION_ID), sha256: isHash })),
  detail: isHash,
  epoch: isCount,
  events: list(members({ sha256: isHash, stream: isText, type: isText, version: isCount })),
  journal: list(isHash),
  key: (value) => matches(value, KEY_ID),
  kind: oneOf(KINDS),
  prev: (value) => value === '' || isHash(value),
  reads: list(members({ stream: isText, version: isCount })),
  revokes: list(members({ key: (value) => matches(value, KEY_ID), reason: isText })),
  sends: list(members({ id: isId, sha256: isHash })),
  seq: isCount,
  settles: list(members({ as: oneOf(SETTLED), id: isId })),
  space: (value) => value === '' || isHash(value),
  trace: isTrace,
  turn: members({
    attempt: isCount,
    end: oneOf(ENDS),
    id: isTurnId,
    message: members({ id: isId, sha256: isHash }),
    segment: isCount,
  }),
  v: (value) => value === 1,
}
const BODY_REQUIRED: readonly string[] = ['at', 'author', 'key', 'kind', 'prev', 'seq', 'space', 'v']

const ENVELOPE: Checks<Envelope> = {
  cause: orNull(isTurnId),
  correlation: isText,
  deadline: orNull(isCount),
  dueAt: orNull(isCount),
  failed: (value) => typeof value === 'boolean',
  from: isAddress,
  handler: (value) => typeof value === 'string' && isHandlerName(value),
  id: isId,
  key: orNull(isText),
  kind: oneOf(MESSAGE_KINDS),
  payload: members({ bytes: isCount, sha256: isHash }),
  re: orNull(isId),
  sentAt: isCount,
  space: isHash,
  to: isAddress,
  topic: orNull((value) => typeof value === 'string' && isName(value)),
  trace: isTrace,
  v: (value) => value === 1,
}

const isEnvelopeShape = members<Envelope>(ENVELOPE)

/**
 * Says why a value is not the body of a record, as a phrase, or undefined when it is one. It looks at the form
 * and at what the members of one body must agree on, not at the chain or the signature.
 */
export function bodyProblem(value: unknown): string | undefined {
  if (!isObject(value)) return 'its body is not an object'
  const keys = Object.keys(value)
  for (const key of BODY_REQUIRED) if (!Object.hasOwn(value, key)) return `its body has no "${key}"`
  for (const key of keys) {
    if (!Object.hasOwn(BODY, key)) return `its body has an unknown member ${JSON.stringify(key)}`
    if (!BODY[key as keyof RecordBody](value[key as keyof typeof value])) {
      return `the member "${key}" of its body is malformed`
    }
  }
  return disagreement(value as RecordBody)
}

/** Says why a value is not an envelope, as a phrase, or undefined when it is one. */
export function envelopeProblem(value: unknown): string | undefined {
  if (!isEnvelopeShape(value)) return 'its envelope is malformed'
  const { kind, re, topic, failed } = value as Envelope
  if ((kind === 'reply') !== (re !== null)) return 'a reply, and only a reply, names a question'
  if ((kind === 'topic') !== (topic !== null)) return 'a publication, and only a publication, names a topic'
  if (failed && kind !== 'reply') return 'only a reply can be a failed one'
  return undefined
}

function disagreement(body: RecordBody): string | undefined {
  const first = body.kind === 'genesis'
  if ((body.seq === 0) !== (body.prev === '')) return 'a first record, and only a first one, has no "prev"'
  if (first !== (body.space === '')) return 'the genesis, and only the genesis, names no space'
  if (first && (body.seq !== 0 || body.author !== OWNER))
    return 'the genesis is the first record of the owner'
  if ((body.kind === 'turn') !== (body.turn !== undefined))
    return 'a turn, and only a turn, has the part "turn"'
  const forOwner = first || body.kind === 'agents'
  if (forOwner && body.author !== OWNER) return 'only the owner speaks of agents and keys'
  if (!forOwner && (body.agents !== undefined || body.revokes !== undefined)) {
    return `a record of the kind "${body.kind}" cannot change agents or keys`
  }
  return undefined
}

// One function for each kind of object, made once: the members and their number must be exactly these.
function members<T = Record<string, unknown>>(checks: Checks<T>): Check {
  const entries = Object.entries<Check>(checks)
  return (value) => {
    if (!isObject(value) || Object.keys(value).length !== entries.length) return false
    for (const [key, check] of entries) {
      if (!Object.hasOwn(value, key) || !check(value[key as keyof typeof value])) return false
    }
    return true
  }
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value)
}

function isAddress(value: unknown): boolean {
  if (typeof value !== 'string') return false
  try {
    parseAddress(value)
    return true
  } catch {
    return false
  }
}

function namesDiffer(handlers: unknown): boolean {
  const names = (handlers as AgentEntry['handlers']).map(({ name }) => name)
  return new Set(names).size === names.length
}

/**
 * What each member of a message may be. Messages come from peers that may lie, so nothing is believed of them before
 * this has looked at it; what it lets pass has exactly the members that the types name.
 *
 * @module
 */

import { canonicalize, type Json } from '../core/json.ts'
import type { Message } from './messages.ts'
import { MEMBERS_MAX } from './membership.ts'

type Check = (value: unknown) => boolean

/** The highest view. A council that has passed through so many in one height needs a person. */
const VIEW_MAX = 4096
/** The largest message, in characters of its canonical text. */
const MESSAGE_CHARS_MAX = 8 * 1024 * 1024
/** The largest payload of an operation, in characters of its canonical text. */
const PAYLOAD_CHARS_MAX = 64 * 1024
/**
 * The deepest payload of an operation. Less than what has a canonical form, for it is carried in proposals, in replies
 * and in states: what fits one of these and not another would be proposed, and refused, for ever.
 */
const PAYLOAD_LEVELS_MAX = 48
const OPERATIONS_MAX = 1_000
const LIST_MAX = 512
const ID_CHARS_MAX = 256

// A digest is whatever the council's hash gives: 64 hexadecimal digits, or the short name of an ideal hash.
const DIGEST = /^[0-9A-Za-z_-]{1,64}$/
// 64 bytes in base64url. The last character holds two bits only, so that one signature has one spelling.
const SIGNATURE = /^[A-Za-z0-9_-]{85}[AQgw]$/
const PUBLIC_KEY = /^[0-9A-Za-z_-]{43}$/

const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0 && !Object.is(value, -0)
const isHeight: Check = (value) => isCount(value) && Number(value) >= 1
const isView: Check = (value) => isCount(value) && Number(value) <= VIEW_MAX
const isPlace: Check = (value) => isCount(value) && Number(value) < MEMBERS_MAX
const isId: Check = (value) =>
  typeof value === 'string' && value.length > 0 && value.length <= ID_CHARS_MAX && value.isWellFormed()
const isDigest: Check = (value) => matches(value, DIGEST)
const isSignature: Check = (value) => matches(value, SIGNATURE)
const isDigestOrEmpty: Check = (value) => value === '' || isDigest(value)
const isNonce: Check = (value) => value === '' || isId(value)
const is =
  (expected: unknown): Check =>
  (value) =>
    value === expected
const oneOf =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.some((check) => check(value))
const list =
  (check: Check, lengthMax: number): Check =>
  (value) =>
    Array.isArray(value) && value.length <= lengthMax && value.every(check)

const SIGNERS = { signers: list(isPlace, MEMBERS_MAX), signatures: list(isSignature, MEMBERS_MAX) }
const SCOPE = { instance: isId, epoch: isCount, membership: isDigest }
const PLACE = { ...SCOPE, height: isHeight, view: isView, sender: isPlace, signature: isSignature }

const isPropose = members({ ...PLACE, type: is('propose'), proposal: isDigest })
const isVote = oneOf(
  members({ ...PLACE, type: oneOf(is('notarize'), is('finalize')), proposal: isDigest, value: isDigest }),
  members({ ...PLACE, type: is('nullify') }),
)
const isComplaint = members({ ...PLACE, type: is('complaint'), leader: isId })
const isCertificate = members({
  ...SCOPE,
  ...SIGNERS,
  type: oneOf(is('notarization'), is('finalization'), is('nullification')),
  height: isHeight,
  view: isView,
  proposal: isDigestOrEmpty,
  value: isDigestOrEmpty,
})
const isText: Check = (value) =>
  typeof value === 'string' && value.length <= ID_CHARS_MAX && value.isWellFormed()
const isNewMember = members({
  id: isId,
  url: isText,
  publicKey: (value) => matches(value, PUBLIC_KEY),
  weight: (value) => isCount(value) && Number(value) >= 1,
})
const isChange = members({ add: list(isNewMember, MEMBERS_MAX), remove: list(isId, MEMBERS_MAX) })
const isBody = oneOf(
  members({ kind: is('application'), payload: isOperationPayload }),
  members({
    ...SIGNERS,
    kind: is('change'),
    change: isChange,
  }),
)
const isOperation = members({
  type: is('operation'),
  instance: isId,
  author: isId,
  sequence: isHeight,
  expires: isCount,
  body: isBody,
  signature: isSignature,
})
const isComplaintSet = members({ ...SIGNERS, height: isHeight, view: isView, leader: isId })
const isValue = members({
  height: isHeight,
  previous: isDigestOrEmpty,
  stateRoot: isDigest,
  operations: list(isOperation, OPERATIONS_MAX),
  complaints: list(isComplaintSet, LIST_MAX),
})
const isJustification = list(isCertificate, VIEW_MAX)
const isProposal = members({
  statement: isPropose,
  value: isValue,
  justification: isJustification,
  previous: oneOf(is(null), isCertificate),
})
const isDecision = members({
  value: isValue,
  justification: isJustification,
  finalization: isCertificate,
})
const isStatus = members({
  type: is('status'),
  instance: isId,
  from: isId,
  height: isHeight,
  view: isView,
  nonce: isNonce,
  signature: isSignature,
})
const isWanted = oneOf(
  members({ kind: is('decisions'), first: isHeight, last: isCount }),
  members({ kind: is('certificates'), height: isHeight, views: list(isView, LIST_MAX) }),
  members({ kind: is('proposal'), height: isHeight, view: isView, proposal: isDigest }),
  members({ kind: is('status'), nonce: isId }),
)
const isFetch = members({
  type: is('fetch'),
  instance: isId,
  from: isId,
  wanted: isWanted,
  signature: isSignature,
})

const isMessage = oneOf(
  members({ type: is('vote'), vote: isVote }),
  members({ type: is('proposal'), proposal: isProposal }),
  members({ type: is('certificate'), certificate: isCertificate }),
  members({ type: is('complaint'), complaint: isComplaint }),
  members({ type: is('operation'), operation: isOperation }),
  members({ type: is('status'), status: isStatus, proof: oneOf(is(null), isCertificate) }),
  members({ type: is('fetch'), fetch: isFetch }),
  members({
    type: is('reply'),
    decisions: list(isDecision, LIST_MAX),
    certificates: list(isCertificate, LIST_MAX),
    proposals: list(isProposal, LIST_MAX),
  }),
)

/**
 * The message that a value from a peer is, or undefined. It accepts hostile input and never throws. A message that
 * has no canonical form (floats, lone surrogates, `__proto__`) or is too large is none.
 */
export function readMessage(value: unknown): Message | undefined {
  try {
    // A copy through the canonical text: it has no getters, cycles, classes or shared parts to lie with.
    const text = canonicalize(value as Json)
    if (text.length > MESSAGE_CHARS_MAX) return undefined
    const copy: unknown = JSON.parse(text)
    return isMessage(copy) ? (copy as Message) : undefined
  } catch {
    return undefined
  }
}

/**
 * The message that a text from a peer is, or undefined. It never throws. A value fresh from the parser has nothing to
 * deceive with, so no copy is made of it; whatever has the form of a message also has a canonical form.
 */
export function parseMessage(text: string): Message | undefined {
  if (text.length > MESSAGE_CHARS_MAX) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isMessage(value) ? (value as Message) : undefined
  } catch {
    return undefined
  }
}

/** Whether a value has the form of a message. Only for values that nobody can have tampered with since. */
export function isMessageShape(value: unknown): boolean {
  return isMessage(value)
}

/** Whether a value has the form of a change of the members. */
export function isChangeShape(value: unknown): boolean {
  return isChange(value)
}

/** The same for an agreement to one, with its signature. */
export function isAgreementShape(change: unknown, signature: unknown): boolean {
  return isChange(change) && isSignature(signature)
}

/** Whether everybody takes an operation with this payload: it has a canonical form, and is neither long nor deep. */
export function isOperationPayload(value: unknown): boolean {
  try {
    return canonicalize(value as Json).length <= PAYLOAD_CHARS_MAX && !isDeeper(value, PAYLOAD_LEVELS_MAX)
  } catch {
    return false
  }
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((one) => isDeeper(one, levels - 1))
}

function members(checks: Readonly<Record<string, Check>>): Check {
  const entries = Object.entries(checks)
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
    if (Object.keys(value).length !== entries.length) return false
    for (const [key, check] of entries) {
      if (!Object.hasOwn(value, key) || !check((value as Record<string, unknown>)[key])) return false
    }
    return true
  }
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value)
}

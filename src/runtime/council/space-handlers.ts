/**
 * The handlers of an agent that is a replica of a council, as others name them: `council` takes the mail of its peers,
 * `ask` what it is asked. The addresses tell its mailboxes apart: `agent/peer`, `agent/desk`, `agent/DECISION`.
 *
 * @module
 */

import type { StandardSchema } from '../../core/schema.ts'
import { utf8 } from '../../core/bytes.ts'
import { canonicalize, type Json } from '../../core/json.ts'
import { preAuthEncoding } from '../../log/dsse.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import { on, type Handler, type HandlerRef } from '../../turn/definition.ts'
import type { Turn } from '../../turn/turn.ts'

const MAILBOX = 'council'
const ASK = 'ask'
/** The mailbox of questions that are answered at once. */
export const DESK = 'desk'

/** A request to a replica. What is not for everybody proves that it comes from the member itself. */
export type SpaceRequest = {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
  readonly proof?: { readonly at: number; readonly signature: string }
}

/** Where a request is made, and by which address. */
export interface RequestPlace {
  readonly instance: string
  /** The id of the space. */
  readonly space: string
  readonly from: string
}

const REQUEST_TYPE = 'application/vnd.coterie.council-request.v1+json'
/** How old a proof may be, and how far clocks may differ. */
const PROOF_MS = 60_000

/** Whatever it is: the handlers look it over themselves. */
const anything: StandardSchema<unknown> = {
  '~standard': { version: 1, vendor: 'coterie', validate: (value) => ({ value }) },
}

/** The handler that takes the mail of the peers. Nothing of it becomes a dead letter. */
export function mailboxHandler(run: (turn: Turn, mail: unknown) => Promise<void>): Handler {
  return on({ input: anything, retry: { attempts: 1 }, failure: 'continue', stale: 'accept' }, run)
}

/** The handler that answers requests. Who is refused hears of it, and nobody else. */
export function askHandler(run: (turn: Turn, request: unknown) => Promise<unknown>): Handler {
  return on({ input: anything, failure: 'continue' }, run)
}

const MAILBOX_DEFINITION = mailboxHandler(async () => undefined)
const ASK_DEFINITION = askHandler(async () => undefined)

/** The mailboxes of a replica, to be written to. */
export function mailboxOf(agent: string): HandlerRef {
  return { agent, handler: MAILBOX, definition: MAILBOX_DEFINITION }
}

/** What a replica can be asked through. */
export function deskOf(agent: string): HandlerRef {
  return { agent, handler: ASK, definition: ASK_DEFINITION }
}

/** A request with the proof that it comes from the holder of the member's key. */
export function proveRequest(
  crypto: Crypto,
  key: KeyPair,
  place: RequestPlace,
  request: SpaceRequest,
  at: number,
): SpaceRequest {
  const signature = crypto.sign(key.privateKey, requestBytes(place, request, at))
  return { ...request, proof: { at, signature } }
}

/** Whether a request comes from the holder of the member's key, through this address, just now. */
export function isProven(
  crypto: Crypto,
  publicKey: string,
  place: RequestPlace,
  request: SpaceRequest,
  now: number,
): boolean {
  const { at, signature } = request.proof ?? {}
  if (typeof signature !== 'string' || !Number.isSafeInteger(at)) return false
  if (Math.abs(now - Number(at)) > PROOF_MS) return false
  return crypto.verify(publicKey, requestBytes(place, request, Number(at)), signature)
}

function requestBytes(
  { instance, space, from }: RequestPlace,
  request: SpaceRequest,
  at: number,
): Uint8Array {
  const { method, params } = request
  const signed = { type: 'request', instance, space, from, method, params: params as Json, at }
  return preAuthEncoding(REQUEST_TYPE, utf8(canonicalize(signed)))
}

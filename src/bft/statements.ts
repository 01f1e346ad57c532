/**
 * What members of a council sign. Each kind has a payload type of its own within the signed bytes, so that a
 * signature on one kind never passes for a signature on another.
 *
 * @module
 */

import { utf8 } from '../core/bytes.ts'
import { canonicalize, type Json } from '../core/json.ts'
import { preAuthEncoding } from '../log/dsse.ts'

/** Which council, and which members: part of everything that is signed in it. */
export type Scope = {
  readonly instance: string
  readonly epoch: number
  /** The digest of the membership. */
  readonly membership: string
}

/** One view of one height, and who speaks: `sender` is a place in the membership. */
export type Place = Scope & { readonly height: number; readonly view: number; readonly sender: number }

/** The leader of the view puts a proposal forward. */
export type Propose = Place & { readonly type: 'propose'; readonly proposal: string }
/** The first vote: the proposal is justified, valid, and the only one that the sender votes for in this view. */
export type Notarize = Place & {
  readonly type: 'notarize'
  readonly proposal: string
  readonly value: string
}
/** The second vote: a quorum has notarised it, and the sender will not give this view up. */
export type Finalize = Place & {
  readonly type: 'finalize'
  readonly proposal: string
  readonly value: string
}
/** The sender gives this view up, and has not finalised in it. */
export type Nullify = Place & { readonly type: 'nullify' }
/** The leader of the view was slow. It moves nothing but the order of the leaders. */
export type Complaint = Place & { readonly type: 'complaint'; readonly leader: string }

/** What may be said once in a view, and is durable before it is signed. */
export type Vote = Propose | Notarize | Finalize | Nullify

/** A member that comes, and where it is reached: the rules pass that on, and make nothing of it. */
export type NewMember = {
  readonly id: string
  readonly publicKey: string
  readonly weight: number
  readonly url: string
}

/** A change of the members: at most as much weight as may lie. */
export type Change = {
  readonly add: readonly NewMember[]
  readonly remove: readonly string[]
}

/** A member agrees to a change of the members. */
export type Approval = Scope & { readonly type: 'approval'; readonly sender: number; readonly change: string }

/** Where the sender is. `nonce` answers a question, so that an old status cannot pass for a new one. */
export type Status = {
  readonly type: 'status'
  readonly instance: string
  readonly from: string
  /** The height that it works on: all below are decided. */
  readonly height: number
  readonly view: number
  readonly nonce: string
}

/** What a member asks of another. */
export type Wanted =
  | { readonly kind: 'decisions'; readonly first: number; readonly last: number }
  | { readonly kind: 'certificates'; readonly height: number; readonly views: readonly number[] }
  | { readonly kind: 'proposal'; readonly height: number; readonly view: number; readonly proposal: string }
  | { readonly kind: 'status'; readonly nonce: string }

export type Fetch = {
  readonly type: 'fetch'
  readonly instance: string
  readonly from: string
  readonly wanted: Wanted
}

/** What an operation does. */
export type OperationBody =
  | { readonly kind: 'application'; readonly payload: Json }
  | {
      readonly kind: 'change'
      readonly change: Change
      /** Places and signatures of those who agree. */
      readonly signers: readonly number[]
      readonly signatures: readonly string[]
    }

/** Something that its author wants to be ordered and applied once. */
export type OperationText = {
  readonly type: 'operation'
  readonly instance: string
  readonly author: string
  /** From 1, without a gap for each author. */
  readonly sequence: number
  /** The last height at which it may be applied; 0 for no limit. */
  readonly expires: number
  readonly body: OperationBody
}

/** Everything that can be signed. */
export type Statement = Vote | Complaint | Approval | Status | Fetch | OperationText

/** A statement with its signature: Ed25519, 64 bytes in base64url. */
export type Signed<T> = T & { readonly signature: string }

/** The payload types of a council, by what is signed. */
export const COUNCIL_PAYLOAD_TYPES: Readonly<Record<Statement['type'], string>> = Object.freeze({
  propose: 'application/vnd.coterie.council-propose.v1+json',
  notarize: 'application/vnd.coterie.council-notarize.v1+json',
  finalize: 'application/vnd.coterie.council-finalize.v1+json',
  nullify: 'application/vnd.coterie.council-nullify.v1+json',
  complaint: 'application/vnd.coterie.council-complaint.v1+json',
  approval: 'application/vnd.coterie.council-approval.v1+json',
  status: 'application/vnd.coterie.council-status.v1+json',
  fetch: 'application/vnd.coterie.council-fetch.v1+json',
  operation: 'application/vnd.coterie.council-operation.v1+json',
})

/**
 * The bytes that are signed: the DSSE encoding of the canonical statement. A member called `signature` is no part.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON` when the statement has no canonical form.
 */
export function statementBytes(statement: Statement): Uint8Array {
  const { signature: _, ...body } = statement as Signed<Statement>
  return preAuthEncoding(COUNCIL_PAYLOAD_TYPES[statement.type], utf8(canonicalize(body)))
}

/**
 * A record: the signed log entry of one committed segment. It names everything that the segment did, by
 * hash, so that one signature covers it all and any part can be shown alone.
 *
 * @module
 */

import { quote } from './quote.ts'

/** Why the record was written. */
export type RecordKind = 'genesis' | 'agents' | 'turn' | 'send' | 'settle' | 'cancel'

/** How a segment left its turn. `retry`: the attempt failed and is to be repeated. */
export type TurnEnd = 'handled' | 'waiting' | 'retry' | 'dead' | 'expired' | 'cancelled'

/** The part of a record that speaks of the turn. */
export interface TurnPart {
  readonly attempt: number
  readonly end: TurnEnd
  readonly id: string
  /** The message that is handled, by id and envelope hash: the link to its sender's record. */
  readonly message: { readonly id: string; readonly sha256: string }
  readonly segment: number
}

/** One handler as the log knows it. */
export interface HandlerEntry {
  readonly name: string
  /** The topic that it subscribes to, or null. */
  readonly topic: string | null
}

/** An agent's key and handlers as the owner vouches for them. A later entry for a name replaces the handlers. */
export interface AgentEntry {
  readonly handlers: readonly HandlerEntry[]
  readonly key: string
  readonly name: string
  readonly publicKey: string
}

/** A key that is no longer valid: signatures at later positions are refused. */
export interface RevokedKey {
  readonly key: string
  readonly reason: string
}

/**
 * The signed body. Members are optional where absent means "none"; canonical bytes are RFC 8785.
 * `author` is an address, `seq` counts its records from 0, `prev` is the hash of the one before ('' at 0).
 */
export interface RecordBody {
  readonly agents?: readonly AgentEntry[]
  /** The store's clock when the segment ended. */
  readonly at: number
  readonly author: string
  /** The message, turn or trace that is cancelled, with all that it caused. */
  readonly cancels?: string
  readonly decisions?: readonly { readonly id: string; readonly sha256: string }[]
  /** SHA-256 of the detail: reasons and errors, kept beside the record and erasable. */
  readonly detail?: string
  /** The fencing number under which the author ran. */
  readonly epoch?: number
  readonly events?: readonly {
    readonly sha256: string
    readonly stream: string
    readonly type: string
    readonly version: number
  }[]
  /** Hashes of the turn's journal chunks written since its last record. */
  readonly journal?: readonly string[]
  readonly key: string
  readonly kind: RecordKind
  readonly prev: string
  readonly reads?: readonly { readonly stream: string; readonly version: number }[]
  readonly revokes?: readonly RevokedKey[]
  readonly sends?: readonly { readonly id: string; readonly sha256: string }[]
  readonly seq: number
  readonly settles?: readonly {
    readonly as: 'handled' | 'expired' | 'cancelled' | 'queued'
    readonly id: string
  }[]
  readonly space: string
  readonly trace?: string
  readonly turn?: TurnPart
  readonly v: 1
}

/**
 * The canonical bytes (RFC 8785) of a body: members in JCS order, absent ones left out. Put together by hand, as it
 * is made for each turn: 1 us, where `JSON.stringify` of a sorted literal takes 2.2 us. A test holds it equal to
 * the general routine.
 */
export function recordText(b: RecordBody): string {
  let text = '{'
  if (b.agents !== undefined) text += `"agents":${list(b.agents, agentText)},`
  text += `"at":${b.at},"author":${quote(b.author)},`
  if (b.cancels !== undefined) text += `"cancels":${quote(b.cancels)},`
  if (b.decisions !== undefined) text += `"decisions":${list(b.decisions, hashText)},`
  if (b.detail !== undefined) text += `"detail":"${b.detail}",`
  if (b.epoch !== undefined) text += `"epoch":${b.epoch},`
  if (b.events !== undefined) text += `"events":${list(b.events, eventText)},`
  if (b.journal !== undefined) text += `"journal":${list(b.journal, quote)},`
  text += `"key":"${b.key}","kind":"${b.kind}","prev":"${b.prev}",`
  if (b.reads !== undefined) {
    text += `"reads":${list(b.reads, (r) => `{"stream":${quote(r.stream)},"version":${r.version}}`)},`
  }
  if (b.revokes !== undefined) {
    text += `"revokes":${list(b.revokes, (r) => `{"key":${quote(r.key)},"reason":${quote(r.reason)}}`)},`
  }
  if (b.sends !== undefined) text += `"sends":${list(b.sends, hashText)},`
  text += `"seq":${b.seq},`
  if (b.settles !== undefined)
    text += `"settles":${list(b.settles, (s) => `{"as":"${s.as}","id":${quote(s.id)}}`)},`
  text += `"space":"${b.space}",`
  if (b.trace !== undefined) text += `"trace":"${b.trace}",`
  if (b.turn !== undefined) text += `"turn":${turnText(b.turn)},`
  return `${text}"v":1}`
}

function list<T>(items: readonly T[], textOf: (item: T) => string): string {
  let text = '['
  for (const item of items) text += text === '[' ? textOf(item) : `,${textOf(item)}`
  return `${text}]`
}

function hashText({ id, sha256 }: { readonly id: string; readonly sha256: string }): string {
  return `{"id":"${id}","sha256":"${sha256}"}`
}

function eventText(e: NonNullable<RecordBody['events']>[number]): string {
  return `{"sha256":"${e.sha256}","stream":${quote(e.stream)},"type":${quote(e.type)},"version":${e.version}}`
}

function agentText(a: AgentEntry): string {
  const handlers = list(
    a.handlers,
    (h) => `{"name":"${h.name}","topic":${h.topic === null ? 'null' : `"${h.topic}"`}}`,
  )
  return `{"handlers":${handlers},"key":"${a.key}","name":"${a.name}","publicKey":"${a.publicKey}"}`
}

function turnText(t: TurnPart): string {
  return (
    `{"attempt":${t.attempt},"end":"${t.end}","id":"${t.id}",` +
    `"message":${hashText(t.message)},"segment":${t.segment}}`
  )
}

/** A record as it is stored: the body's canonical text, its RFC 6962 leaf hash, and the proof of signature. */
export interface SealedRecord {
  readonly author: string
  readonly seq: number
  readonly prev: string
  /** RFC 6962 leaf hash of the body's bytes: the record's name in the chain. */
  readonly hash: string
  readonly body: string
  readonly detail: string | null
  readonly proof: RecordProof
}

/**
 * Records of one key that are sealed in one batch share a signature: it covers the Merkle root over their
 * hashes, and each record carries its audit path. A batch of one has an empty path.
 */
export interface RecordProof {
  readonly index: number
  readonly size: number
  readonly path: readonly string[]
  readonly signature: string
}

/** What stands beside a record, bound by `detail`: erasable without breaking the chain. */
export interface RecordDetail {
  readonly reasons?: readonly string[]
  readonly error?: unknown
  readonly undone?: readonly string[]
  readonly note?: string
}

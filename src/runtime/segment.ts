/**
 * A segment about to be written: the last look-ups (the subscribers of what it publishes, the versions at which
 * it appends), and its record.
 *
 * @module
 */

import { canonicalize } from '../core/json.ts'
import type { Json } from '../core/json.ts'
import type { RecordBody, TurnEnd } from '../core/record.ts'
import type { Registry } from '../log/registry.ts'
import type {
  JournalChunk,
  Lease,
  Mail,
  NewEvent,
  NewMessage,
  StreamVersion,
  TurnWrite,
  Wait,
} from '../ports/store.ts'
import type { Draft } from './sealing.ts'
import type { Context } from './context.ts'
import type { Effects } from './effects.ts'
import { revocationOf } from './directory.ts'
import { isSameMessage } from './outbox.ts'
import { keyReused, memberRevoked } from './refusals.ts'
import { SegmentFailure } from './turn-host.ts'
import type { TurnHost } from './turn-host.ts'

/** A segment's effects as the store takes them. */
export interface SealedEffects {
  readonly messages: readonly NewMessage[]
  readonly events: readonly NewEvent[]
  readonly reads: readonly StreamVersion[]
}

/** True when nothing has to be looked up: the hot path. */
export function isPlain(effects: Effects): boolean {
  return effects.publications.length === 0 && effects.events.length === 0 && effects.decisions.length === 0
}

/** Effects that need no look-up, as the store takes them. */
export function plainEffects(effects: Effects): SealedEffects {
  return { messages: effects.messages, events: [], reads: readVersions(effects) }
}

/** Finds subscribers and versions. */
export async function sealEffects(
  host: Pick<TurnHost, 'context' | 'directory'>,
  effects: Effects,
): Promise<SealedEffects> {
  if (isPlain(effects)) return plainEffects(effects)
  const reads = [...readVersions(effects)]
  const messages = [...effects.messages]
  const { registry } = host.directory
  if (effects.publications.length > 0 || effects.decisions.length > 0) {
    // The list of subscribers is a read like any other: if an agent joins before the commit, it is looked up anew.
    // So is the validity of the members' keys: a certificate under a revoked key would not verify.
    checkMembers(registry, effects)
    reads.push({ stream: '@agents', version: registry.version })
    for (const publication of effects.publications) {
      for (const { agent, handler } of registry.subscribers(publication.topic))
        addCopy(messages, publication.copy(agent, handler), effects.omitted)
    }
  }
  const events: NewEvent[] = []
  const versions = new Map<string, number>()
  for (const { stream, version } of reads) versions.set(stream, version)
  for (const event of effects.events) {
    const known = versions.get(event.stream) ?? (await host.context.store.version(event.stream))
    versions.set(event.stream, known + 1)
    events.push({ ...event, version: known + 1 })
  }
  return { messages, events, reads }
}

/** A copy with an idempotency key may be there already: in the log, or from an earlier publication of the segment. */
function addCopy(messages: NewMessage[], copy: NewMessage, omitted: ReadonlySet<string>): void {
  const { id, key } = copy.envelope
  if (key !== null) {
    const twin = messages.find(({ envelope }) => envelope.id === id)
    if (twin !== undefined && !isSameMessage(copy, twin)) throw new SegmentFailure(keyReused(key, id))
    if (twin !== undefined || omitted.has(id)) return
  }
  messages.push(copy)
}

function checkMembers(registry: Registry, { decisions }: Effects): void {
  for (const { id, keys, fail } of decisions) {
    const key = keys.find((member) => revocationOf(registry, member.key) !== '')
    if (key !== undefined) throw new SegmentFailure(fail(memberRevoked(id, key.member)))
  }
}

function readVersions(effects: Effects): readonly StreamVersion[] {
  if (effects.reads.size === 0) return []
  return [...effects.reads].map(([stream, read]) => ({ stream, version: read.version }))
}

/** What else a segment says. */
export interface SegmentRest extends Partial<Pick<TurnWrite, 'attempts' | 'dueAt' | 'error'>> {
  /** The error of a failed attempt, for the detail. */
  readonly failure?: Json
  /** The steps that a rollback has undone. */
  readonly undone?: readonly string[]
  /** Its journal entries are kept for the next attempt. */
  readonly keepJournal?: boolean
}

/** Everything that a segment's record is made of. */
export interface SegmentParts {
  readonly lease: Lease
  readonly mail: Mail
  readonly turn: string
  readonly segment: number
  readonly end: TurnEnd
  readonly effects: Effects
  readonly sealed: SealedEffects
  readonly revocations: number
  readonly chunk: JournalChunk | null
  readonly waits: readonly {
    readonly i: number
    readonly target: string | null
    readonly request: string | null
    readonly dueAt: number
  }[]
  readonly rest: SegmentRest
}

/** The record of a segment, and what the store writes with it. */
export function segmentDraft(context: Context, parts: SegmentParts): Draft {
  const { lease, mail, effects, sealed, chunk, rest } = parts
  const detail = detailText(effects, rest)
  return {
    body: segmentBody(context, parts, detail),
    detail,
    revocations: parts.revocations,
    write: {
      lease,
      turn: {
        message: mail.envelope.id,
        end: parts.end,
        attempts: rest.attempts ?? mail.attempts,
        dueAt: rest.dueAt ?? null,
        error: rest.error ?? null,
        waits: parts.waits.map(waitRow),
      },
      reads: sealed.reads,
      messages: sealed.messages,
      settles: effects.settles,
      events: sealed.events,
      journal: chunk,
      decisions: effects.decisions.map(({ id, hash, certificate }) => ({ id, hash, certificate })),
      cancels: null,
    },
  }
}

function segmentBody(context: Context, parts: SegmentParts, detail: string | null): Draft['body'] {
  const { lease, mail, effects, sealed, chunk } = parts
  const journal = chunk === null ? effects.chunks : [...effects.chunks, chunk.hash]
  const body: { -readonly [K in keyof Draft['body']]: Draft['body'][K] } = {
    at: context.clock.now(),
    author: lease.address,
    epoch: lease.epoch,
    kind: 'turn',
    trace: mail.envelope.trace,
    turn: {
      attempt: mail.attempts + 1,
      end: parts.end,
      id: parts.turn,
      message: { id: mail.envelope.id, sha256: mail.hash },
      segment: parts.segment,
    },
  }
  if (effects.decisions.length > 0)
    body.decisions = effects.decisions.map(({ id, hash }) => ({ id, sha256: hash }))
  if (detail !== null) body.detail = context.crypto.sha256(detail)
  if (sealed.events.length > 0) body.events = sealed.events.map(eventEntry)
  if (journal.length > 0) body.journal = journal
  if (sealed.reads.length > 0) body.reads = sealed.reads
  if (sealed.messages.length > 0)
    body.sends = sealed.messages.map((m) => ({ id: m.envelope.id, sha256: m.hash }))
  if (effects.settles.length > 0) body.settles = effects.settles.map(({ as, id }) => ({ as, id }))
  return body
}

function eventEntry(event: NewEvent): NonNullable<RecordBody['events']>[number] {
  return { sha256: event.hash, stream: event.stream, type: event.type, version: event.version }
}

function waitRow(wait: SegmentParts['waits'][number]): Wait {
  return { index: wait.i, target: wait.target, request: wait.request, dueAt: wait.dueAt }
}

function detailText(effects: Effects, rest: SegmentRest): string | null {
  if (effects.reasons.length === 0 && rest.failure === undefined && rest.undone === undefined) return null
  return canonicalize({
    ...(effects.reasons.length > 0 && { reasons: effects.reasons }),
    ...(rest.failure !== undefined && { error: rest.failure }),
    ...(rest.undone !== undefined && { undone: [...rest.undone] }),
  })
}

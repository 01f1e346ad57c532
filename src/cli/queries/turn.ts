/**
 * What one turn did: its records, in order, and its journal.
 *
 * @module
 */

import type { ErrorValue } from '../../core/errors.ts'
import { turnOf } from '../../core/ids.ts'
import { nameOf } from '../../core/address.ts'
import { isFinal } from '../../core/message.ts'
import type { TurnEnd } from '../../core/record.ts'
import { readChunks } from '../../log/journal-chunk.ts'
import { keysBefore } from '../../log/registry.ts'
import type { MessageRow, SpaceStore } from '../../ports/store.ts'
import type { CallEntry, DoneEntry, JournalEntry } from '../../turn/journal.ts'
import { problemOf } from './evidence.ts'
import type { CheckedRecord, Evidence, Proof } from './evidence.ts'

/** How many records of one agent are read to find those of one turn. */
const RECORDS_READ_MAX = 20_000
const PAGE = 200

/** One committed segment of a turn. What is behind `proof` is empty when the record does not verify. */
export interface SegmentView {
  readonly proof: Proof
  readonly at: number | null
  readonly attempt: number | null
  readonly segment: number | null
  readonly end: TurnEnd | null
  readonly reasons: readonly string[]
  readonly error: ErrorValue | null
  readonly undone: readonly string[]
  readonly reads: readonly { readonly stream: string; readonly version: number }[]
  readonly events: readonly { readonly stream: string; readonly version: number; readonly type: string }[]
  readonly sends: readonly string[]
  readonly decisions: readonly string[]
}

/** A journaled call with an outcome: a step, a question, a sleep. */
export interface StepView {
  readonly op: 'step' | 'ask' | 'sleep'
  readonly name: string
  readonly state: 'done' | 'failed' | 'open'
  /** The result as JSON; null when there is none. */
  readonly value: string | null
  readonly error: ErrorValue | null
  readonly usage: Readonly<Record<string, number>> | null
  /** The question, for an ask. */
  readonly message: string | null
}

/** A turn as it is shown. */
export interface TurnView {
  readonly id: string
  readonly agent: string
  readonly segments: readonly SegmentView[]
  readonly steps: readonly StepView[]
  /** Why the journal does not verify, or null. */
  readonly journalProblem: string | null
}

interface Step {
  /** The question, for an ask. */
  readonly id: string | null
  readonly view: StepView
}

/** The turn that handles a message; null when none has committed anything. */
export async function readTurn(evidence: Evidence, row: MessageRow): Promise<TurnView | null> {
  const id = turnOf(row.envelope.id)
  const agent = row.envelope.to
  const checked = await recordsOf(evidence, row, id)
  const { entries, problem } = await journalOf(evidence, id, agent, checked)
  if (checked.length === 0 && entries.length === 0 && problem === null) return null
  const segments = checked.map(segmentView)
  const steps = await answered(evidence, stepsOf(entries), isFinal(row.state))
  return { id, agent, segments, steps: steps.map((step) => step.view), journalProblem: problem }
}

/** The records of an author behind a position, up to another: found by halving, for a chain is ordered. */
async function recordsOf(evidence: Evidence, row: MessageRow, turn: string): Promise<CheckedRecord[]> {
  const { store } = evidence
  const author = row.envelope.to
  const end = row.settledAt ?? Number.MAX_SAFE_INTEGER
  const found: CheckedRecord[] = []
  let seq = await firstBehind(store, author, row.position)
  for (let read = 0; read < RECORDS_READ_MAX;) {
    const page = await store.chain(author, seq, PAGE)
    for (const record of page) {
      if (record.position > end) return found
      if (!record.body.includes(turn)) continue
      const checked = evidence.check(record)
      if (checked.body === undefined || checked.body.turn?.id === turn) found.push(checked)
    }
    if (page.length < PAGE) break
    read += page.length
    seq += page.length
  }
  return found
}

async function firstBehind(store: SpaceStore, author: string, position: number): Promise<number> {
  let low = 0
  let high = (await store.head(author)).seq + 1
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const [record] = await store.chain(author, middle, 1)
    if (record === undefined || record.position > position) high = middle
    else low = middle + 1
  }
  return low
}

function segmentView({ proof, body, detail }: CheckedRecord): SegmentView {
  return {
    proof,
    at: body?.at ?? null,
    attempt: body?.turn?.attempt ?? null,
    segment: body?.turn?.segment ?? null,
    end: body?.turn?.end ?? null,
    reasons: textsOf(detail?.reasons),
    error: isError(detail?.error) ? detail.error : null,
    undone: textsOf(detail?.undone),
    reads: body?.reads ?? [],
    events: (body?.events ?? []).map(({ stream, version, type }) => ({ stream, version, type })),
    sends: (body?.sends ?? []).map(({ id }) => id),
    decisions: (body?.decisions ?? []).map(({ id }) => id),
  }
}

async function journalOf(
  evidence: Evidence,
  turn: string,
  author: string,
  records: readonly CheckedRecord[],
): Promise<{ readonly entries: readonly JournalEntry[]; readonly problem: string | null }> {
  const { store, crypto, registry } = evidence
  const chunks = await store.journal(turn)
  if (chunks.length === 0) return { entries: [], problem: null }
  // A journal has no position of its own: it is judged by the first record that lists some of it.
  const position = records[0]?.proof.position ?? Number.MAX_SAFE_INTEGER
  const holders = [...keysBefore(registry, position).values()].filter(({ agent }) => agent === nameOf(author))
  const publicKey = holders.map((holder) => holder.publicKey)
  try {
    const entries = readChunks(crypto, chunks, { space: store.id, author, publicKey })
    const there = new Set(chunks.map(({ hash }) => hash))
    const missing = records.flatMap(({ body }) => body?.journal ?? []).find((hash) => !there.has(hash))
    const problem = missing === undefined ? null : `the chunk ${missing} of the journal is missing`
    return { entries: entries as unknown as readonly JournalEntry[], problem }
  } catch (error) {
    return { entries: [], problem: problemOf(error) }
  }
}

/** The last segment of a turn journals nothing: what its waits ended with is found beside the journal. */
async function answered(
  evidence: Evidence,
  steps: readonly Step[],
  ended: boolean,
): Promise<readonly Step[]> {
  const requests = steps.flatMap(({ view, id }) =>
    view.op === 'ask' && view.state === 'open' && id !== null ? [id] : [],
  )
  const replies = new Map<string, StepView['error'] | string>()
  for (const mail of requests.length === 0 ? [] : await evidence.store.answers(requests)) {
    const { re, failed } = mail.envelope
    const { problem } = await evidence.mail(mail)
    if (re === null) continue
    if (problem !== null)
      replies.set(re, { code: 'COTERIE_VERIFICATION_FAILED', message: problem, retryable: false })
    else replies.set(re, failed ? parsedError(mail.payload) : mail.payload)
  }
  return steps.map(({ view, id }) => {
    if (view.op === 'sleep' && ended) return { id, view: { ...view, state: 'done' } }
    const reply = id === null ? undefined : replies.get(id)
    if (reply === undefined || reply === null) return { id, view }
    if (typeof reply === 'string') return { id, view: { ...view, state: 'done', value: reply } }
    return { id, view: { ...view, state: 'failed', error: reply } }
  })
}

function stepsOf(entries: readonly JournalEntry[]): readonly Step[] {
  const calls = new Map<number, CallEntry>()
  const results = new Map<number, DoneEntry>()
  for (const entry of entries) {
    if (entry.t === 'call') calls.set(entry.i, entry)
    else if (entry.t === 'done') results.set(entry.i, entry)
    else if (entry.t === 'cut') forget(entry.i, calls, results)
  }
  return [...calls.values()].flatMap((call) => {
    const { op } = call
    if (op !== 'step' && op !== 'ask' && op !== 'sleep') return []
    return [{ id: call.id ?? null, view: stepView(call, op, results.get(call.i)) }]
  })
}

function forget(from: number, ...maps: readonly Map<number, unknown>[]): void {
  for (const map of maps) for (const i of map.keys()) if (i >= from) map.delete(i)
}

function stepView(call: CallEntry, op: StepView['op'], done: DoneEntry | undefined): StepView {
  const state = done === undefined ? 'open' : done.error === undefined ? 'done' : 'failed'
  return {
    op,
    name: call.name,
    state,
    value: done?.value ?? null,
    error: done?.error ?? null,
    usage: done?.usage ?? null,
    message: op === 'ask' ? (call.id ?? null) : null,
  }
}

function parsedError(text: string): ErrorValue {
  const value: unknown = JSON.parse(text)
  return isError(value) ? value : { code: 'UNKNOWN', message: text, retryable: false }
}

function textsOf(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : []
}

function isError(value: unknown): value is ErrorValue {
  return typeof value === 'object' && value !== null && 'code' in value && 'message' in value
}

/**
 * Everything that one request caused: the messages of a trace as a tree.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { messageOf } from '../../core/ids.ts'
import type { MessageRow, SpaceStore } from '../../ports/store.ts'
import { lookUp } from './lookup.ts'
import { messageView } from './message.ts'
import type { MessageView } from './message.ts'

/** A message and what its turn caused, in the order sent. */
export interface TraceNode {
  readonly message: MessageView
  /** When the record that ended it was written, by the store's clock. */
  readonly endedAt: number | null
  readonly children: readonly TraceNode[]
}

/** A trace as it is shown. */
export interface TraceReport {
  readonly v: 1
  readonly trace: string
  readonly startedAt: number
  /** When the last of its messages ended; null while one has not. */
  readonly endedAt: number | null
  readonly messages: number
  /** True when there are more messages than were read. */
  readonly cut: boolean
  readonly roots: readonly TraceNode[]
}

/** The trace that an id belongs to: its own, a message's, a turn's or a decision's. Throws COTERIE_NOT_FOUND. */
export async function readTrace(store: SpaceStore, text: string, limit: number): Promise<TraceReport> {
  const trace = await traceIdOf(store, text)
  const rows = await store.messagesOf({ trace, limit: limit + 1 })
  const kept = rows.slice(0, limit)
  const times = new Map<number, number | null>()
  for (const { settledAt } of kept) {
    if (settledAt !== null && !times.has(settledAt)) times.set(settledAt, await timeOf(store, settledAt))
  }
  const roots = treeOf(kept, times)
  const ends = kept.map(({ settledAt }) => (settledAt === null ? null : (times.get(settledAt) ?? null)))
  return {
    v: 1,
    trace,
    startedAt: Math.min(...kept.map(({ envelope }) => envelope.sentAt)),
    endedAt: ends.reduce((last, end) => (last === null || end === null ? null : Math.max(last, end))) ?? null,
    messages: kept.length,
    cut: rows.length > limit,
    roots,
  }
}

async function traceIdOf(store: SpaceStore, text: string): Promise<string> {
  const found = await lookUp(store, text)
  switch (found.kind) {
    case 'trace':
      return found.id
    case 'message':
      return traceOfMessage(store, found.id)
    case 'turn':
      return traceOfMessage(store, messageOf(found.id))
    case 'decision': {
      const decision = await store.decision(found.id)
      const [record] = decision === undefined ? [] : await store.records(decision.position, 1)
      const trace = record === undefined ? undefined : bodyOf(record.body).trace
      if (typeof trace === 'string') return trace
      throw new CoterieError('COTERIE_NOT_FOUND', `The record of ${found.id} names no trace.`)
    }
  }
}

async function traceOfMessage(store: SpaceStore, id: string): Promise<string> {
  const row = await store.message(id)
  if (row === undefined)
    throw new CoterieError('COTERIE_NOT_FOUND', `There is no message "${id}" in this space.`)
  return row.envelope.trace
}

async function timeOf(store: SpaceStore, position: number): Promise<number | null> {
  const [record] = await store.records(position, 1)
  const at = record?.position === position ? bodyOf(record.body).at : undefined
  return typeof at === 'number' ? at : null
}

function treeOf(
  rows: readonly MessageRow[],
  times: ReadonlyMap<number, number | null>,
): readonly TraceNode[] {
  const nodes = new Map<string, TraceNode & { readonly children: TraceNode[] }>()
  for (const row of rows) {
    const endedAt = row.settledAt === null ? null : (times.get(row.settledAt) ?? null)
    nodes.set(row.envelope.id, { message: messageView(row), endedAt, children: [] })
  }
  const roots: TraceNode[] = []
  for (const node of nodes.values()) {
    const { cause, re } = node.message
    const parent = cause === null ? re : messageOf(cause)
    const above = parent === null ? undefined : nodes.get(parent)
    if (above === undefined) roots.push(node)
    else above.children.push(node)
  }
  return roots
}

function bodyOf(text: string): { readonly at?: unknown; readonly trace?: unknown } {
  try {
    return JSON.parse(text) as { readonly at?: unknown; readonly trace?: unknown }
  } catch {
    return {}
  }
}

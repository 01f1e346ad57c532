/**
 * What the oracle judges by: everything that the database holds at the end, read once, and the log followed from
 * its beginning. Nothing here is taken from the runtime's own notions of what is right.
 *
 * @module
 */

import type { RecordBody, RecordDetail, TurnEnd } from '../../core/record.ts'
import type { LogRecord, MessageRow, SpaceStore, StoredEvent } from '../../ports/store.ts'
import type { JournalEntry } from '../../turn/journal.ts'
import type { Script } from './script.ts'
import { entriesOf } from './world.ts'

/** A record with what it says. */
export interface ReadRecord {
  readonly record: LogRecord
  readonly body: RecordBody
  readonly detail: RecordDetail
}

/** A message with everything that the log says about it. */
export interface MessageStory {
  readonly row: MessageRow
  /** Its place among all messages, in the order in which they were sent. */
  readonly number: number
  readonly turnId: string
  readonly script: Script | undefined
  /** The records of its turn, in order. */
  readonly records: ReadRecord[]
  /** Positions of the records that ended or stopped it from outside. */
  readonly stoppedAt: number[]
  /** Positions of the records that put it back into its mailbox. */
  readonly requeuedAt: number[]
  readonly journal: readonly JournalEntry[]
}

/** Everything. */
export interface Evidence {
  readonly records: readonly ReadRecord[]
  readonly stories: readonly MessageStory[]
  readonly byId: ReadonlyMap<string, MessageStory>
  readonly streams: ReadonlyMap<string, readonly StoredEvent[]>
}

const ALL = 1_000_000

/** Reads everything. */
export async function gather(store: SpaceStore): Promise<Evidence> {
  const records = (await store.records(0, ALL)).map((record) => ({
    record,
    body: JSON.parse(record.body) as RecordBody,
    detail: (record.detail === null ? {} : JSON.parse(record.detail)) as RecordDetail,
  }))
  const rows = await store.messagesOf({ after: -1, limit: ALL })
  const stories: MessageStory[] = []
  for (const [number, row] of rows.entries()) {
    const turnId = `turn_${row.envelope.id.slice(4)}`
    stories.push({
      row,
      number,
      turnId,
      script: scriptOf(row),
      records: [],
      stoppedAt: [],
      requeuedAt: [],
      journal: (await store.journal(turnId)).flatMap(entriesOf),
    })
  }
  const byId = new Map(stories.map((story) => [story.row.envelope.id, story]))
  follow(records, stories, byId)
  const streams = new Map<string, readonly StoredEvent[]>()
  for (const name of new Set(
    records.flatMap(({ body }) => (body.events ?? []).map((event) => event.stream)),
  )) {
    streams.set(name, (await store.stream(name)).events)
  }
  return { records, stories, byId, streams }
}

function scriptOf(row: MessageRow): Script | undefined {
  const { kind, handler } = row.envelope
  if (kind === 'reply' || handler === 'judge') return undefined
  return JSON.parse(row.payload) as Script
}

function follow(
  records: readonly ReadRecord[],
  stories: readonly MessageStory[],
  byId: ReadonlyMap<string, MessageStory>,
): void {
  for (const read of records) {
    const { body, record } = read
    const { position } = record
    if (body.turn !== undefined) byId.get(body.turn.message.id)?.records.push(read)
    for (const { id, as } of body.settles ?? []) {
      const story = byId.get(id)
      if (story === undefined || story.row.envelope.kind === 'reply') continue
      if (as === 'queued') story.requeuedAt.push(position)
      else if (as === 'cancelled' && !isOverAt(story, position)) stopTree(stories, id, position)
      else if (as === 'expired' && !isOverAt(story, position)) story.stoppedAt.push(position)
    }
    if (body.cancels !== undefined) stopTree(stories, body.cancels, position)
  }
}

function stopTree(stories: readonly MessageStory[], target: string, position: number): void {
  for (const story of treeAt(stories, target, position))
    if (!isOverAt(story, position)) story.stoppedAt.push(position)
}

/** What the target had caused when the record at `position` was written. */
function treeAt(stories: readonly MessageStory[], target: string, position: number): readonly MessageStory[] {
  const root = target.startsWith('turn_') ? `msg_${target.slice(5)}` : target
  const tree = new Set<string>()
  const found: MessageStory[] = []
  // Causes are sent before their effects, so one walk in the order of sending is enough.
  for (const story of stories) {
    const { id, trace, cause } = story.row.envelope
    if (story.row.position >= position) break
    const caused = cause !== null && tree.has(`msg_${cause.slice(5)}`)
    if (id !== root && trace !== root && !caused) continue
    tree.add(id)
    found.push(story)
  }
  return found
}

const FINAL: readonly TurnEnd[] = ['handled', 'dead', 'expired', 'cancelled']

/** True for a record that ends its turn for good. */
export function isEnd(read: ReadRecord): boolean {
  return FINAL.includes(read.body.turn?.end ?? 'retry')
}

/** The records of the turn before a position, since it was last put back into its mailbox. */
export function recordsBefore(story: MessageStory, position: number): readonly ReadRecord[] {
  const from = story.requeuedAt.findLast((at) => at < position) ?? -1
  return story.records.filter(({ record }) => record.position > from && record.position < position)
}

/** True when the message had ended, or was stopped from outside, before the record at `position`. */
export function isOverAt(story: MessageStory, position: number): boolean {
  const from = story.requeuedAt.findLast((at) => at < position) ?? -1
  return (
    story.stoppedAt.some((at) => at > from && at < position) || recordsBefore(story, position).some(isEnd)
  )
}

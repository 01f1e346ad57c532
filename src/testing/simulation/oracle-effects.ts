/**
 * Judges what turns did against what their scripts say: every segment whole, none twice.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import { isEnd } from './evidence.ts'
import type { Evidence, MessageStory, ReadRecord } from './evidence.ts'
import type { Op, Question, Script } from './script.ts'
import type { Violation } from './violation.ts'

/** What one segment of a turn should do. */
interface Segment {
  readonly sends: readonly string[]
  readonly notices: readonly string[]
  readonly events: readonly string[]
  /** The questions that it ends with: they may be refused, and asked again. */
  readonly asks: readonly string[]
  /** It may not be there. */
  readonly optional?: true
}

/** What one record did. */
interface Deed {
  readonly sends: readonly string[]
  readonly notices: readonly string[]
  readonly events: readonly string[]
}

/** True when an agent has sent a script under its idempotency key before: it is not sent again. */
type IsThere = (author: string, script: string, position: number) => boolean

/** Everything that was done halfway, or twice. */
export function judgeEffects(evidence: Evidence): readonly Violation[] {
  const sent = new Map<number, MessageStory[]>()
  for (const story of evidence.stories) {
    sent.set(story.row.position, [...(sent.get(story.row.position) ?? []), story])
  }
  const isThere = keyedSends(evidence)
  const found: Violation[] = []
  for (const { record, body } of evidence.records) {
    const listed = (body.sends ?? []).map(({ id }) => id).join()
    const stored = (sent.get(record.position) ?? []).map(({ row }) => row.envelope.id).join()
    if (listed !== stored) {
      found.push({
        rule: 'all or nothing',
        detail: `the record at ${record.position} sent ${listed}, not ${stored}`,
      })
    }
  }
  for (const story of evidence.stories) {
    if (story.script === undefined || story.requeuedAt.length > 0) continue
    const problem = judgeTurn(story, story.script, sent, isThere)
    if (problem !== undefined)
      found.push({ rule: 'all or nothing', detail: `${story.row.envelope.id}: ${problem}` })
  }
  return found
}

/** The same script may be sent to two turns, as when a question is put again: what has a key is sent by one. */
function keyedSends({ stories }: Evidence): IsThere {
  const first = new Map<string, number>()
  for (const { row, script } of stories) {
    if (script === undefined || row.envelope.key === null) continue
    first.set(`${nameOf(row.envelope.from)} ${script.id}`, row.position)
  }
  return (author, script, position) => (first.get(`${nameOf(author)} ${script}`) ?? position) < position
}

function judgeTurn(
  story: MessageStory,
  script: Script,
  sent: ReadonlyMap<number, readonly MessageStory[]>,
  isThere: IsThere,
): string | undefined {
  const segments = segmentsOf(script)
  // Where the turn may be: after a failed answer, the next record may ask again, or go on.
  let places = new Set([0])
  let failed = false
  for (const read of story.records) {
    const end = read.body.turn?.end
    const deed = deedOf(read, sent.get(read.record.position) ?? [])
    const where = `at ${read.record.position}`
    if (end !== 'waiting' && (end !== 'handled' || read.detail.error !== undefined)) {
      if (deed.sends.length + deed.notices.length + deed.events.length > 0) {
        return `an attempt that failed ${where} has effects`
      }
      failed ||= end === 'retry'
      if (isEnd(read)) return undefined
      continue
    }
    const next = new Set<number>()
    let difference = 'is one more than the script has segments'
    for (const at of places) {
      const expected = segments[at]
      const previous = segments[at - 1]
      if (failed && end === 'waiting' && previous !== undefined && isAskedAgain(deed, previous)) next.add(at)
      if (expected === undefined) continue
      const { author, position } = read.record
      const found = compare(deed, expected, (id) => isThere(author, id, position))
      if (found !== undefined) difference = `${found}, in segment ${at}`
      else if (end === 'waiting' || at === segments.length - 1) next.add(at + 1)
      else difference = `ended in segment ${at}`
    }
    for (const at of next) if (segments[at]?.optional === true) next.add(at + 1)
    if (next.size === 0) return `the record ${where} ${difference}`
    places = next
  }
  return undefined
}

/** After a failed answer, the questions of the segment before are put again, and nothing else is. */
function isAskedAgain(deed: Deed, previous: Segment): boolean {
  if (deed.notices.length + deed.events.length > 0) return false
  return deed.sends.every((id) => previous.asks.includes(id))
}

function compare(deed: Deed, expected: Segment, isThere: (id: string) => boolean): string | undefined {
  const surplus = deed.sends.filter((id) => !expected.sends.includes(id) && !expected.asks.includes(id))
  const missing = expected.sends.filter((id) => !deed.sends.includes(id) && !isThere(id))
  if (surplus.length > 0) return `sent ${surplus.join()} too many`
  if (missing.length > 0) return `did not send ${missing.join()}`
  if (new Set(deed.sends).size !== deed.sends.length) return `sent something twice: ${deed.sends.join()}`
  if (deed.notices.join() !== expected.notices.join()) {
    return `published ${deed.notices.join()} instead of ${expected.notices.join()}`
  }
  if (deed.events.join() !== expected.events.join()) {
    return `appended to ${deed.events.join()} instead of ${expected.events.join()}`
  }
  return undefined
}

function deedOf(read: ReadRecord, sent: readonly MessageStory[]): Deed {
  const sends: string[] = []
  const copies: { id: string; to: string }[] = []
  for (const { row, script } of sent) {
    if (script === undefined) continue
    if (row.envelope.kind === 'topic') copies.push({ id: script.id, to: row.envelope.to })
    else sends.push(script.id)
  }
  const firstReader = copies[0]?.to
  return {
    sends,
    notices: copies.filter(({ to }) => to === firstReader).map(({ id }) => id),
    events: (read.body.events ?? []).map(({ stream }) => stream),
  }
}

function segmentsOf(script: Script): readonly Segment[] {
  const segments: Segment[] = []
  let sends: string[] = []
  let notices: string[] = []
  let events: string[] = []
  const cut = (asks: readonly Question[]): void => {
    segments.push({ sends, notices, events, asks: asks.map((question) => question.script.id) })
    sends = []
    notices = []
    events = []
  }
  for (const op of script.ops) {
    if (op.op === 'send') sends.push(op.script.id)
    else if (op.op === 'publish') notices.push(op.script.id)
    else if (op.op === 'append' || op.op === 'count') events.push(op.stream)
    else if (op.op === 'look') events.push(`${op.stream} seen`)
    else if (isWait(op)) cut(op.op === 'ask' ? [op] : op.op === 'together' ? op.asks : [])
    // In a sealed vote whoever has committed itself is asked again, if anybody has.
    if (op.op === 'decide' && op.sealed)
      segments.push({ sends: [], notices: [], events: [], asks: [], optional: true })
  }
  cut([])
  return segments
}

function isWait(op: Op): boolean {
  return op.op === 'ask' || op.op === 'together' || op.op === 'sleep' || op.op === 'decide'
}

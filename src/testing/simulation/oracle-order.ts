/**
 * Judges order: lanes, topics, and mailboxes that are held while a turn waits.
 *
 * @module
 */

import { isOverAt, recordsBefore } from './evidence.ts'
import type { Evidence, MessageStory } from './evidence.ts'
import type { Violation } from './violation.ts'
import type { World } from './world.ts'

/** Everything that happened out of order. */
export function judgeOrder(evidence: Evidence, world: World): readonly Violation[] {
  const mailboxes = new Map<string, MessageStory[]>()
  for (const story of evidence.stories) {
    if (story.row.envelope.kind === 'reply' || story.requeuedAt.length > 0) continue
    const { to } = story.row.envelope
    mailboxes.set(to, [...(mailboxes.get(to) ?? []), story])
  }
  const found: Violation[] = []
  for (const stories of mailboxes.values())
    found.push(...judgeLanes(stories, world), ...judgeHolding(stories))
  return [...found, ...judgeTopics(evidence)]
}

function laneOf({ row }: MessageStory): string {
  return row.envelope.topic === null ? row.envelope.from : `#${row.envelope.topic}`
}

/**
 * Messages of one lane are begun in order, and none while one before it is to be repeated. What has begun, and has
 * waited inside of the one before it, may go on.
 */
function judgeLanes(stories: readonly MessageStory[], world: World): readonly Violation[] {
  const found: Violation[] = []
  for (const later of stories) {
    for (const earlier of stories) {
      if (earlier === later || laneOf(earlier) !== laneOf(later) || !isBefore(earlier, later)) continue
      for (const { record } of later.records) {
        const { position } = record
        if (waitsAt(later, position) || mayPass(earlier, later, position, stories, world)) continue
        const which = `${later.row.envelope.id} committed at ${position}`
        found.push({
          rule: 'first in, first out',
          detail: `${which}, before ${earlier.row.envelope.id} of the same lane to ${later.row.envelope.to}`,
        })
        break
      }
    }
  }
  return found
}

/** In the order sent. What is scheduled comes when it comes, but keeps its place once it has begun. */
function isBefore(a: MessageStory, b: MessageStory): boolean {
  const scheduled = a.row.envelope.dueAt !== null || b.row.envelope.dueAt !== null
  if (!scheduled) return a.number < b.number
  const [firstOfA] = a.records
  const [firstOfB] = b.records
  if (firstOfA === undefined || firstOfB === undefined) return false
  return a.row.queue < b.row.queue && firstOfA.record.position < firstOfB.record.position
}

function mayPass(
  earlier: MessageStory,
  later: MessageStory,
  position: number,
  stories: readonly MessageStory[],
  world: World,
): boolean {
  if (isOverAt(earlier, position)) return true
  // A turn that was cancelled has only to undo what it did: nothing holds it back.
  if (later.stoppedAt.some((at) => at < position)) return true
  // What a waiting turn has caused comes past what it has not, or the two would wait for each other. The wait may
  // be over by now: what has begun within it goes on.
  const { trace } = later.row.envelope
  const holders =
    earlier.row.envelope.trace === trace
      ? [earlier]
      : stories.filter((story) => story !== later && story.row.envelope.trace === trace)
  const begun = world.begun(later.turnId).filter((at) => at < position)
  const moments = [position, ...begun.map((at) => at + 1)]
  return holders.some((holder) => moments.some((moment) => waitsAt(holder, moment)))
}

function waitsAt(story: MessageStory, position: number): boolean {
  if (isOverAt(story, position)) return false
  return recordsBefore(story, position).at(-1)?.body.turn?.end === 'waiting'
}

/** While a turn waits, its mailbox handles nothing but what belongs to its trace. */
function judgeHolding(stories: readonly MessageStory[]): readonly Violation[] {
  const found: Violation[] = []
  for (const story of stories) {
    for (const { record } of story.records) {
      const holder = stories.find(
        (other) =>
          other !== story &&
          other.row.envelope.trace !== story.row.envelope.trace &&
          waitsAt(other, record.position),
      )
      if (holder === undefined) continue
      const which = `${story.row.envelope.id} committed at ${record.position}`
      found.push({
        rule: 'a waiting turn holds its mailbox',
        detail: `${which}, while ${holder.row.envelope.id} waited at ${story.row.envelope.to}`,
      })
    }
  }
  return found
}

/** All subscribers are sent publications in one order; that they begin them in this order, their lane says. */
function judgeTopics({ stories }: Evidence): readonly Violation[] {
  const orders = new Map<string, string[]>()
  for (const { row, script } of stories) {
    if (row.envelope.kind !== 'topic') continue
    const { to } = row.envelope
    orders.set(to, [...(orders.get(to) ?? []), script?.id ?? ''])
  }
  const found: Violation[] = []
  const [first = [], ...others] = orders.values()
  for (const other of others) {
    const common = first.filter((id) => other.includes(id))
    const same = other.filter((id) => first.includes(id))
    if (common.join() !== same.join()) {
      found.push({
        rule: 'one order for all subscribers',
        detail: `${common.join(' ')} and ${same.join(' ')}`,
      })
    }
  }
  return found
}

/**
 * Judges messages one by one: each ends once, nothing vanishes, every question is answered.
 *
 * @module
 */

import { CLIENT, nameOf } from '../../core/address.ts'
import { isFinal } from '../../core/message.ts'
import { isEnd } from './evidence.ts'
import type { Evidence, MessageStory } from './evidence.ts'
import type { Told } from './load.ts'
import { JUDGE } from './script.ts'
import type { Violation } from './violation.ts'

/** Codes that no handler of a simulation gives cause for. */
const NEVER: readonly string[] = [
  'COTERIE_JOURNAL_MISMATCH',
  'COTERIE_TURN_ENDED',
  'COTERIE_VERIFICATION_FAILED',
  'COTERIE_INVALID_ARGUMENT',
  'COTERIE_INVALID_PAYLOAD',
  'COTERIE_INVALID_REPLY',
  'COTERIE_INVALID_JSON',
  'COTERIE_UNKNOWN_RECIPIENT',
  'COTERIE_UNKNOWN_HANDLER',
  'COTERIE_KEY_REUSED',
  'COTERIE_KEY_MISSING',
  'COTERIE_CLOSED',
  'COTERIE_LEASE_LOST',
  'COTERIE_LIMIT_EXCEEDED',
]

/** Everything that is wrong with single messages. */
export function judgeMessages(evidence: Evidence, told: readonly Told[]): readonly Violation[] {
  const found: Violation[] = []
  for (const story of evidence.stories) {
    found.push(...judgeEnd(story), ...judgeStopped(story), ...judgeInheritance(story, evidence))
    if (story.row.envelope.kind === 'ask') found.push(...judgeAnswer(story, evidence))
  }
  for (const { body, detail, record } of evidence.records) {
    const code = codeOf(detail.error)
    if (code === undefined || (!NEVER.includes(code) && code.startsWith('COTERIE_'))) continue
    const { message } = detail.error as { message: string }
    if (!NEVER.includes(code) && /scripted/.test(message)) continue
    if (code === 'COTERIE_VERIFICATION_FAILED' && judgeHasNewKey(evidence, record.position, message)) continue
    found.push({
      rule: 'no turn fails without cause',
      detail: `at ${record.position}, ${body.author}: ${code} ${message}`,
    })
  }
  return [...found, ...judgeKeys(evidence), ...judgeTold(evidence, told)]
}

/** The code of an error in a detail. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return String(error.code)
}

function judgeEnd(story: MessageStory): readonly Violation[] {
  const { row, records, requeuedAt } = story
  const { id, kind } = row.envelope
  if (!isFinal(row.state)) return [{ rule: 'nothing vanishes', detail: `${id} (${kind}) is ${row.state}` }]
  const ends = records.filter(isEnd)
  const last = ends.at(-1)
  const found: Violation[] = []
  if (kind === 'reply') {
    if (records.length > 0) found.push({ rule: 'once', detail: `the reply ${id} has a turn` })
    return found
  }
  if (ends.length > 1 + requeuedAt.length) {
    found.push({ rule: 'once', detail: `${id} has ended ${ends.length} times` })
  }
  if (row.state === 'handled' && (last?.body.turn?.end !== 'handled' || ends.length === 0)) {
    found.push({ rule: 'once', detail: `${id} is handled, and no record says so` })
  }
  if (ends.filter(({ body }) => body.turn?.end === 'handled').length > 1) {
    found.push({ rule: 'once', detail: `${id} was handled more than once` })
  }
  // What an operator has put back goes on, and may then be ended from outside.
  const isBack = requeuedAt.some((at) => at > (last?.record.position ?? at))
  if (last !== undefined && records.at(-1) !== last && !isBack) {
    found.push({ rule: 'once', detail: `the turn of ${id} went on after it had ended` })
  }
  if (row.state === 'dead' && row.error === null) {
    found.push({ rule: 'nothing vanishes', detail: `${id} is dead, and nothing says why` })
  }
  if ((row.state === 'expired' || row.state === 'cancelled') && row.reason === null) {
    found.push({ rule: 'nothing vanishes', detail: `${id} is ${row.state}, and nothing says why` })
  }
  return found
}

/** After a cancel, nothing but compensations: a last record that says so. */
function judgeStopped(story: MessageStory): readonly Violation[] {
  const stopped = story.stoppedAt[0]
  if (stopped === undefined || story.requeuedAt.length > 0) return []
  const later = story.records.filter(({ record }) => record.position > stopped)
  const bad = later.filter(({ body }) => body.turn?.end !== 'cancelled' && body.turn?.end !== 'dead')
  const detail = `${story.row.envelope.id} was ended at ${stopped}, and its turn committed at`
  if (bad.length > 0 || later.length > 1) {
    return [
      { rule: 'cancelled is cancelled', detail: `${detail} ${later.map((r) => r.record.position).join()}` },
    ]
  }
  return []
}

function judgeInheritance(story: MessageStory, { byId }: Evidence): readonly Violation[] {
  const { envelope, position } = story.row
  if (envelope.cause === null) return []
  const parent = byId.get(`msg_${envelope.cause.slice(5)}`)?.row
  const what = `${envelope.id}, caused by ${envelope.cause},`
  if (parent === undefined) return [{ rule: 'causes are known', detail: `${what} has no parent` }]
  const found: Violation[] = []
  if (parent.position >= position) {
    found.push({ rule: 'no effect before its cause', detail: `${what} was sent before it` })
  }
  const limit = parent.envelope.deadline
  const late = envelope.deadline === null || (limit !== null && envelope.deadline > limit)
  if (limit !== null && late) {
    found.push({ rule: 'deadlines only shrink', detail: `${what} has ${envelope.deadline}, and it ${limit}` })
  }
  if (envelope.trace !== parent.envelope.trace) {
    found.push({ rule: 'a trace is handed down', detail: `${what} is of another trace` })
  }
  return found
}

function judgeAnswer(story: MessageStory, evidence: Evidence): readonly Violation[] {
  const { id, cause } = story.row.envelope
  const answers = evidence.stories.filter(({ row }) => row.envelope.re === id)
  // That a deadline has passed may be told by several clients that look at the same moment: only one is heard.
  const own = answers.filter(({ row }) => nameOf(row.envelope.from) !== CLIENT)
  if (own.length > 1 + story.requeuedAt.length) {
    return [{ rule: 'one answer for each question', detail: `${id} has ${answers.length} answers` }]
  }
  if (answers.length > 0 || story.row.state !== 'handled') return []
  const asker = cause === null ? undefined : evidence.byId.get(`msg_${cause.slice(5)}`)
  return [
    {
      rule: 'every question is answered',
      detail: `${id} was handled without an answer to ${asker?.turnId ?? 'a client'}`,
    },
  ]
}

function judgeKeys({ stories }: Evidence): readonly Violation[] {
  const keys = new Map<string, string>()
  const found: Violation[] = []
  for (const { row } of stories) {
    const { from, to, key, id } = row.envelope
    if (key === null) continue
    const place = `${from.split('/')[0]} ${to} ${key}`
    const other = keys.get(place)
    if (other !== undefined)
      found.push({ rule: 'one message for each key', detail: `${other} and ${id}: ${place}` })
    keys.set(place, id)
  }
  return found
}

/** What clients were told is so. */
function judgeTold({ stories, byId }: Evidence, told: readonly Told[]): readonly Violation[] {
  const found: Violation[] = []
  for (const { request, state, ids, code } of told) {
    for (const id of ids) {
      if (byId.has(id)) continue
      found.push({
        rule: 'what was acknowledged is there',
        detail: `${id} of ${request.script.id} is missing`,
      })
    }
    if (request.script.id === '') continue
    const sent = stories.filter(
      ({ row, script }) => row.envelope.cause === null && script?.id === request.script.id,
    )
    const copies = request.do === 'publish' ? 2 : 1
    if (sent.length > copies) {
      found.push({ rule: 'once', detail: `${request.script.id} was sent ${sent.length} times` })
    }
    if (state === 'done' && request.do !== 'ask' && sent.length !== ids.length) {
      found.push({
        rule: 'what was acknowledged is there',
        detail: `${request.script.id}: ${ids.length} ids, ${sent.length} sent`,
      })
    }
    // Copies for several subscribers are several sends: some may be there when another has failed.
    if (state === 'failed' && sent.length > 0 && request.do !== 'publish') {
      found.push({
        rule: 'what was refused is not there',
        detail: `${request.script.id} failed with ${code}, and was sent`,
      })
    }
  }
  return found
}

/** A decision names its members with their keys: who has a new one since does not vote in it, and says so. */
function judgeHasNewKey(evidence: Evidence, position: number, message: string): boolean {
  if (!message.endsWith('which does not list it with its key.')) return false
  const named = evidence.records.filter(
    ({ body, record }) => record.position < position && body.agents?.some(({ name }) => name === JUDGE),
  )
  return named.length > 1
}

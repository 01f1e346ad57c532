/**
 * The chain of causes for a terminal: what was asked about on top, the beginning of it all at the bottom. In each
 * link the reasons come first, then what came in, what was done, how it ended, and last the proof.
 *
 * @module
 */

import type { ErrorValue } from '../../core/errors.ts'
import type { DecisionView } from '../queries/decision.ts'
import type { Proof } from '../queries/evidence.ts'
import type { TurnView } from '../queries/turn.ts'
import type { WhyLink, WhyReport } from '../queries/why.ts'
import { did, sentBy } from './sentence.ts'
import { stepRows } from './steps.ts'
import type { Row } from './steps.ts'
import type { Style } from './style.ts'
import { clean, clip, counted, jsonText } from './text.ts'
import { durationText, timeText } from './time.ts'
import { votesRows } from './votes.ts'
import { hangText, wrapText } from './wrap.ts'

const VALUE_CHARS = 120
const REASON_CHARS = 1_000
const HASH_CHARS = 16
const SENT_SHOWN = 20
const UNSEEN_SHOWN = 5
const LABEL_CHARS = 10

/** The lines of `coterie why`. */
export function whyLines(
  report: WhyReport,
  sentence: string,
  { style, width }: { readonly style: Style; readonly width: number },
): readonly string[] {
  const { decision, chain, cut, proof } = report
  const blocks: { readonly title: string; readonly rows: readonly Row[] }[] = []
  if (decision !== null) {
    const title = `decision ${style.id(decision.id)}: ${clean(decision.outcome)}`
    blocks.push({ title, rows: decisionRows(decision, style) })
  }
  chain.forEach((link, index) => {
    const title = link.proof.verified ? did(link) : style.bad(`${link.message.id} does not verify`)
    blocks.push({ title, rows: linkRows(link, chain[index + 1], style) })
  })
  const lines = [...wrapText(style.bold(sentence), width), '']
  blocks.forEach(({ title, rows }, index) => {
    const bar = index < blocks.length - 1 || cut ? '│' : ' '
    lines.push(...hangText('● ', `${bar} `, style.bold(title), width))
    for (const [label, text] of rows) {
      const first = `${bar}   ${style.dim(label.padEnd(LABEL_CHARS))}`
      const shown = hangText(first, `${bar}   ${' '.repeat(LABEL_CHARS)}`, text, width)
      lines.push(...shown.map((line) => line.trimEnd()))
    }
    if (index < blocks.length - 1) lines.push('│ because')
  })
  if (cut) lines.push('│ because', style.warn('... earlier causes are not shown: see --depth'))
  lines.push('', proofLine(proof, style))
  return lines
}

function decisionRows(decision: DecisionView, style: Style): readonly Row[] {
  const { certificate, proof } = decision
  const verdict = certificate.verified
    ? style.good('certificate verified')
    : style.bad(`certificate refused: ${clean(certificate.problem ?? '')}`)
  if (decision.total === 0) return [['proof', `${proofText(proof, style)}; ${verdict}`]]
  const rows: Row[] = [['question', clip(decision.question, REASON_CHARS)]]
  if (decision.subject !== null) rows.push(['subject', clip(jsonText(decision.subject), VALUE_CHARS)])
  return [...rows, ...votesRows(decision, style), ['proof', `${proofText(proof, style)}; ${verdict}`]]
}

function linkRows(link: WhyLink, before: WhyLink | undefined, style: Style): readonly Row[] {
  const { message, proof, turn, unseen } = link
  if (!proof.verified) return [['proof', proofText(proof, style)]]
  const { id, sentAt, payload, error, reason, state } = message
  const rows: Row[] = reasonsOf(turn).map((text) => ['reason', clip(text, REASON_CHARS)])
  if (error !== null && turn === null) rows.push(['error', errorText(error, style)])
  if (reason !== null && state !== 'handled') rows.push([state, clean(reason)])
  rows.push(
    ['message', `${sentBy(link, before)}, ${timeText(sentAt)}  ${style.id(id)}`],
    ['payload', clip(jsonText(payload), VALUE_CHARS)],
  )
  if (turn !== null) rows.push(...turnRows(turn, link, style))
  if (unseen.length > 0) rows.push(['unseen', unseenText(unseen, style)])
  return [...rows, ...proofRows(proof, turn, style)]
}

function reasonsOf(turn: TurnView | null): readonly string[] {
  return turn === null ? [] : turn.segments.flatMap(({ reasons }) => reasons)
}

function turnRows(turn: TurnView, link: WhyLink, style: Style): readonly Row[] {
  const rows: Row[] = []
  if (turn.journalProblem !== null) rows.push(['journal', style.bad(clean(turn.journalProblem))])
  rows.push(...stepRows(turn.steps, style))
  for (const { reads, events, sends, decisions, undone, error, attempt } of turn.segments) {
    // The list of agents is read by every vote and publication: it says nothing of this turn.
    for (const { stream, version } of reads.filter((read) => !read.stream.startsWith('@')))
      rows.push(['read', `${clean(stream)}@${version}`])
    for (const { stream, version, type } of events)
      rows.push(['appended', `${clean(stream)}@${version} ${clean(type)}`])
    rows.push(...sentRows(sends, link, style))
    for (const id of decisions) rows.push(['decided', style.id(id)])
    for (const step of undone) rows.push(['undone', clean(step)])
    if (error !== null) {
      const nth = attempt !== null && attempt > 1 ? ` (attempt ${attempt})` : ''
      rows.push(['error', `${errorText(error, style)}${nth}`])
    }
  }
  const last = turn.segments.at(-1)
  if (last?.end === undefined || last.end === null || last.at === null) return rows
  const took = durationText(Math.max(0, last.at - link.message.sentAt))
  const attempts = last.attempt !== null && last.attempt > 1 ? ` at attempt ${last.attempt}` : ''
  rows.push(['ended', `${last.end}${attempts}, ${took} after it was sent  ${style.id(turn.id)}`])
  return rows
}

/** What was sent, but for questions and answers: these are told with their other half. */
function sentRows(sends: readonly string[], link: WhyLink, style: Style): readonly Row[] {
  const known = new Map(link.sent.map((message) => [message.id, message]))
  const told = sends.filter((id) => {
    const kind = known.get(id)?.kind
    return kind !== 'ask' && kind !== 'reply'
  })
  const rows: Row[] = told.slice(0, SENT_SHOWN).map((id) => {
    const found = known.get(id)
    const to = found === undefined ? '' : `${clean(found.to)} "${clean(found.handler)}"  `
    return [found?.kind === 'topic' ? 'published' : 'sent', `${to}${style.id(id)}`]
  })
  const more = told.length - SENT_SHOWN
  return more > 0 ? [...rows, ['sent', `and ${counted(more, 'more message')}`]] : rows
}

function unseenText(unseen: WhyLink['unseen'], style: Style): string {
  const shown = unseen.slice(0, UNSEEN_SHOWN).map(({ id, from, handler }) => {
    return `${clean(from)} "${clean(handler)}" ${style.id(id)}`
  })
  const more = unseen.length > UNSEEN_SHOWN ? ` and ${unseen.length - UNSEEN_SHOWN} more` : ''
  return `${counted(unseen.length, 'message')} had come in and had not been read: ${shown.join(', ')}${more}`
}

function errorText({ code, message }: ErrorValue, style: Style): string {
  return style.bad(`${clean(code)}: ${clip(message, REASON_CHARS)}`)
}

/** One line for all that verifies, and one for each record that does not. */
function proofRows(proof: Proof, turn: TurnView | null, style: Style): readonly Row[] {
  const all = [proof, ...(turn?.segments ?? []).map((segment) => segment.proof)]
  const good = all.filter(({ verified }) => verified).map(({ position }) => position)
  const rows: Row[] = all.filter(({ verified }) => !verified).map((bad) => ['proof', proofText(bad, style)])
  const noun = good.length === 1 ? 'record' : 'records'
  return good.length === 0
    ? rows
    : [...rows, ['proof', `${noun} ${good.join(', ')} ${style.good('verified')}`]]
}

function proofText({ position, hash, verified, problem }: Proof, style: Style): string {
  const place = `record ${position} (${clean(hash.slice(0, HASH_CHARS))})`
  return verified
    ? `${place} ${style.good('verified')}`
    : `${place} ${style.bad(`refused: ${clean(problem ?? '')}`)}`
}

function proofLine({ records, verified, problems }: WhyReport['proof'], style: Style): string {
  const text = `${verified} of ${counted(records, 'record')} verified`
  return problems.length === 0
    ? style.good(text)
    : style.bad(`${text}; ${counted(problems.length, 'problem')}`)
}

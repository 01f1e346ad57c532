/**
 * The chain of causes for a terminal: what was asked about on top, the beginning of it all at the bottom.
 *
 * @module
 */

import { isSignedBallot } from '../../voting/ballot.ts'
import { ABSTAIN } from '../../voting/proposal.ts'
import type { ErrorValue } from '../../core/errors.ts'
import type { DecisionView } from '../queries/decision.ts'
import type { Proof } from '../queries/evidence.ts'
import type { SegmentView, StepView, TurnView } from '../queries/turn.ts'
import type { WhyLink, WhyReport } from '../queries/why.ts'
import { did, sentBy } from './sentence.ts'
import type { Style } from './style.ts'
import { clean, clip, counted, jsonText } from './text.ts'
import { durationText, timeText } from './time.ts'

const VALUE_CHARS = 120
const REASON_CHARS = 1_000
const HASH_CHARS = 16
const SENT_SHOWN = 20
const UNSEEN_SHOWN = 5

type Row = readonly [label: string, text: string]

/** The lines of `coterie why`. */
export function whyLines(report: WhyReport, sentence: string, style: Style): readonly string[] {
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
  const lines = [style.bold(sentence), '']
  blocks.forEach(({ title, rows }, index) => {
    const bar = index < blocks.length - 1 || cut ? '│' : ' '
    lines.push(`● ${style.bold(title)}`)
    for (const [label, text] of rows) lines.push(`${bar}   ${style.dim(label.padEnd(9))} ${text}`.trimEnd())
    if (index < blocks.length - 1) lines.push('│ because')
  })
  if (cut) lines.push('│ because', style.warn('... earlier causes are not shown: see --depth'))
  lines.push('', proofLine(proof, style))
  return lines
}

function decisionRows(decision: DecisionView, style: Style): readonly Row[] {
  const { certificate, proof, counts, needed, total } = decision
  const verdict = certificate.verified
    ? style.good('certificate verified')
    : style.bad(`certificate refused: ${clean(certificate.problem ?? '')}`)
  if (decision.total === 0) return [['proof', `${proofText(proof, style)}; ${verdict}`]]
  const rows: Row[] = [['question', clip(decision.question, REASON_CHARS)]]
  if (decision.subject !== null) rows.push(['subject', clip(jsonText(decision.subject), VALUE_CHARS)])
  const choices = [...decision.options, ABSTAIN, 'silent']
  const votes = choices.map((choice) => `${clean(choice)} ${counts[choice] ?? 0}`)
  rows.push(['votes', `${votes.join(', ')}; ${needed} of ${total} needed`])
  for (const { member, choice, reason, turn, reasons } of decision.ballots) {
    const where = turn === null ? '' : `  ${style.id(turn)}`
    rows.push([
      'ballot',
      `${clean(member)} ${style.bold(clean(choice))}: ${clip(reason, REASON_CHARS)}${where}`,
    ])
    for (const text of reasons) rows.push(['', `  ${clip(text, REASON_CHARS)}`])
  }
  for (const member of decision.void)
    rows.push(['void', style.bad(`${clean(member)} signed two different ballots`)])
  for (const { member, problem } of decision.refused) {
    rows.push(['refused', style.bad(`a ballot of ${clean(member)}: ${clean(problem)}`)])
  }
  for (const member of decision.silent) rows.push(['silent', clean(member)])
  rows.push(['proof', `${proofText(proof, style)}; ${verdict}`])
  return rows
}

function linkRows(link: WhyLink, before: WhyLink | undefined, style: Style): readonly Row[] {
  const { message, proof, turn, unseen } = link
  if (!proof.verified) return [['proof', proofText(proof, style)]]
  const { id, sentAt, payload, error, reason } = message
  const rows: Row[] = [
    ['message', `${style.id(id)} ${sentBy(link, before)}, ${timeText(sentAt)}`],
    ['payload', clip(jsonText(payload), VALUE_CHARS)],
    ['proof', proofText(proof, style)],
  ]
  if (turn !== null) rows.push(...turnRows(turn, link, style))
  if (error !== null && turn === null) rows.push(['error', errorText(error, style)])
  if (unseen.length > 0) rows.push(['unseen', unseenText(unseen, style)])
  if (reason !== null && message.state !== 'handled') rows.push(['reason', clean(reason)])
  return rows
}

function turnRows(turn: TurnView, link: WhyLink, style: Style): readonly Row[] {
  const rows: Row[] = [['turn', style.id(turn.id)]]
  if (turn.journalProblem !== null) rows.push(['journal', style.bad(clean(turn.journalProblem))])
  for (const step of turn.steps) rows.push([step.op, stepText(step, style)])
  for (const segment of turn.segments) rows.push(...segmentRows(segment, link, style))
  const times = turn.segments.flatMap(({ at }) => (at === null ? [] : [at]))
  const [start, end] = [times[0], times.at(-1)]
  if (start === undefined || end === undefined) return rows
  const waited = `committed first ${durationText(Math.max(0, start - link.message.sentAt))} after it was sent`
  rows.push(['took', times.length > 1 ? `${waited}, last ${durationText(end - start)} later` : waited])
  return rows
}

function segmentRows(segment: SegmentView, link: WhyLink, style: Style): readonly Row[] {
  const { proof, end, attempt, error } = segment
  if (!proof.verified) return [['proof', proofText(proof, style)]]
  const rows: Row[] = segment.reasons.map((reason) => ['reason', clip(reason, REASON_CHARS)])
  for (const { stream, version } of segment.reads) rows.push(['read', `${clean(stream)}@${version}`])
  for (const { stream, version, type } of segment.events) {
    rows.push(['appended', `${clean(stream)}@${version} ${clean(type)}`])
  }
  for (const id of segment.sends.slice(0, SENT_SHOWN)) rows.push(['sent', sentText(id, link, style)])
  const more = segment.sends.length - SENT_SHOWN
  if (more > 0) rows.push(['sent', `and ${counted(more, 'more message')}`])
  for (const id of segment.decisions) rows.push(['decided', style.id(id)])
  for (const step of segment.undone) rows.push(['undone', clean(step)])
  if (error !== null) rows.push(['error', errorText(error, style)])
  const nth = attempt !== null && attempt > 1 ? ` (attempt ${attempt})` : ''
  rows.push(['ended', `${end}${nth}, ${proofText(proof, style)}`])
  return rows
}

function stepText({ op, name, state, value, error, usage }: StepView, style: Style): string {
  const used = usage === null ? [] : Object.entries(usage).map(([unit, amount]) => `${clean(unit)} ${amount}`)
  const cost = used.length === 0 ? '' : `  (${used.join(', ')})`
  const what = op === 'sleep' ? '' : `${clean(name)} `
  if (state === 'open') return `${what}${style.warn('not ended')}`
  if (error !== null) return `${what}${style.bad(`failed: ${clip(error.message, VALUE_CHARS)}`)}${cost}`
  return `${what}${op === 'sleep' ? 'over' : `-> ${resultText(value)}`}${cost}`
}

/** A ballot is shown by its choice: the decision has the rest. */
function resultText(value: string | null): string {
  if (value === null) return 'nothing'
  const parsed: unknown = JSON.parse(value)
  return isSignedBallot(parsed) ? `a ballot for ${clean(parsed.ballot.choice)}` : clip(value, VALUE_CHARS)
}

function sentText(id: string, link: WhyLink, style: Style): string {
  const found = link.sent.find((message) => message.id === id)
  if (found === undefined) return style.id(id)
  const { kind, to, handler } = found
  return `${kind === 'reply' ? 'the answer' : kind} to ${clean(to)} "${clean(handler)}" ${style.id(id)}`
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

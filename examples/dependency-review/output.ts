/**
 * The result, for people and for machines.
 *
 * @module
 */

import type { Verdict } from './messages.ts'
import type { Review } from './review.ts'

const WIDTH = 78

/** One JSON document. */
export function printJson(stream: NodeJS.WritableStream, review: Review): void {
  const { version, space, db, packages, decisions, messages, turns, elapsedMs } = review
  const shown = decisions.map(({ package: name, outcome, tally, certificate, reasons }) => ({
    package: name,
    outcome,
    tally,
    certificate,
    reasons,
  }))
  stream.write(`${JSON.stringify({ version, space, db, packages, decisions: shown, messages, turns, elapsedMs })}\n`)
}

/** What was rejected or escalated, why and by whom; how to look closer; the rate. */
export function printSummary(stream: NodeJS.WriteStream, review: Review): void {
  const paint = painter(stream)
  const lines: string[] = ['']
  const of = (outcome: Verdict['outcome']): readonly Verdict[] => review.decisions.filter((d) => d.outcome === outcome)
  const rejected = [...of('rejected'), ...of('escalated-rejected')]
  for (const verdict of rejected) lines.push(...describe(verdict, paint.red('rejected'), 'reject'), '')
  for (const verdict of of('escalated-approved')) {
    lines.push(...describe(verdict, paint.yellow('escalated, then approved'), 'reject'), '')
  }
  const seconds = review.elapsedMs / 1000
  const counts = (['approved', 'escalated-approved', 'rejected', 'escalated-rejected'] as const).map(
    (outcome) => `${of(outcome).length} ${outcome}`,
  )
  lines.push(
    `${review.packages} packages: ${counts.join(', ')}`,
    `${review.messages} messages, ${review.turns} signed turns, ${seconds.toFixed(1)} s, ${Math.round(review.packages / Math.max(seconds, 0.001))} packages/s` +
      (review.before > 0 ? `; ${review.before} were decided before, ${review.packages - review.before} are new` : ''),
  )
  const example = rejected[0] ?? of('escalated-approved')[0] ?? review.decisions[0]
  if (example !== undefined) {
    lines.push(
      '',
      'Look closer:',
      `  npm run coterie -- why ${example.certificate} --db ${review.db}`,
      `  npm run coterie -- verify --db ${review.db}`,
    )
  }
  stream.write(`${lines.join('\n')}\n`)
}

function describe(verdict: Verdict, title: string, shown: string): string[] {
  const votes = Object.entries(verdict.tally)
    .filter(([, count]) => count > 0)
    .map(([choice, count]) => `${count} ${choice}`)
    .join(', ')
  const lines = [`${title}  ${verdict.package}  (${votes})`]
  const groups = new Map<string, string[]>()
  for (const { by, choice, reason } of verdict.reasons) {
    if (choice === shown) groups.set(reason, [...(groups.get(reason) ?? []), by])
  }
  for (const [reason, members] of groups) lines.push(...wrap(`${members.join(', ')}: ${reason}`))
  lines.push(`    certificate ${verdict.certificate}`)
  return lines
}

function wrap(text: string): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > WIDTH - 4 && line !== '') {
      lines.push(`    ${line}`)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, `    ${line}`]
}

function painter(stream: NodeJS.WriteStream) {
  const colours = stream.isTTY && process.env['NO_COLOR'] === undefined && process.env['TERM'] !== 'dumb'
  const wrapIn = (code: number) => (text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text)
  return { red: wrapIn(31), yellow: wrapIn(33) }
}

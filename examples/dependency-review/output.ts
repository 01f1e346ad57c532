/**
 * The result, for people and for machines.
 *
 * @module
 */

import { compareRisks } from './analysis/finding.ts'
import { roster } from './analysis/roster.ts'
import type { Lockfile } from './lockfile/types.ts'
import type { Verdict } from './messages.ts'
import type { Review } from './review.ts'
import { wrap } from './terminal.ts'
import type { Paint } from './terminal.ts'

/** So many packages of one outcome are described; all of them are in the JSON document. */
const DESCRIBED_MAX = 25

/** One JSON document on one line. */
export function documentOf(review: Review): string {
  const { version, space, db, packages, decisions, messages, turns, elapsedMs } = review
  const shown = decisions.map(({ package: name, outcome, tally, certificate, reasons }) => {
    return { package: name, outcome, tally, certificate, reasons }
  })
  return JSON.stringify({ version, space, db, packages, decisions: shown, messages, turns, elapsedMs })
}

/** What was rejected or escalated, why and by whom; the counts; how to look closer. */
export function summaryOf(
  review: Review,
  lockfile: Lockfile,
  paint: Paint,
  width: number,
): readonly string[] {
  const of = (...outcomes: readonly Verdict['outcome'][]): readonly Verdict[] =>
    review.decisions.filter(({ outcome }) => outcomes.includes(outcome))
  const rejected = of('rejected', 'escalated-rejected')
  const escalated = of('escalated-approved')
  const example = rejected[0] ?? escalated[0] ?? review.decisions[0]
  return [
    ...section(paint.red(paint.bold('Rejected')), rejected, paint, width),
    ...section(paint.yellow(paint.bold('Approved in the second round only')), escalated, paint, width),
    ...totals(review, lockfile, of('approved').length, paint, width),
    ...(example === undefined ? [] : lookCloser(example, review.again, paint, width)),
  ]
}

function section(title: string, verdicts: readonly Verdict[], paint: Paint, width: number): string[] {
  if (verdicts.length === 0) return []
  const lines = verdicts.slice(0, DESCRIBED_MAX).flatMap((one) => ['', ...describe(one, paint, width)])
  const more = verdicts.length - DESCRIBED_MAX
  if (more > 0) lines.push('', `  and ${more} more; --json lists them all`)
  return ['', title, ...lines]
}

function describe(verdict: Verdict, paint: Paint, width: number): string[] {
  const { reasons, needed, outcome, findings } = verdict
  const isApproved = outcome.endsWith('approved')
  const own = isApproved ? 'approve' : 'reject'
  const others = reasons.filter(({ choice }) => choice !== own)
  const weighty = findings.filter(({ risk }) => compareRisks(risk, 'info') > 0)
  return [
    `  ${paint.bold(verdict.package)}`,
    ...weighty.flatMap(({ check, summary, evidence }) => {
      return wrap(`${check}: ${evidence === undefined ? summary : `${summary} (${evidence})`}`, width, '    ')
    }),
    `    ${isApproved ? 'approved' : 'rejected'} by ${reasons.length - others.length} of ${roster.length} ` +
      `in the ${outcome.startsWith('escalated') ? 'second' : 'first'} round, ${needed} needed`,
    ...dissent(others, findings).flatMap((line) => wrap(line, width, '    ')),
    paint.dim(`    ${verdict.certificate}`),
  ]
}

/** Who voted otherwise, and why; a reviewer's own finding is told already. */
function dissent(votes: Verdict['reasons'], findings: Verdict['findings']): string[] {
  const groups = new Map<string, string[]>()
  for (const { by, choice, reason } of votes) {
    const isTold = findings.some(({ check, summary }) => check === by && reason.includes(summary))
    const words = `voted ${choice}${isTold ? '' : `: ${reason}`}`
    groups.set(words, [...(groups.get(words) ?? []), by])
  }
  return [...groups].map(([words, names]) => `${names.join(', ')} ${words}`)
}

function totals(review: Review, lockfile: Lockfile, approved: number, paint: Paint, width: number): string[] {
  const { packages, before, elapsedMs, messages, turns, decisions } = review
  const count = (outcome: Verdict['outcome']): number =>
    decisions.filter((one) => one.outcome === outcome).length
  const seconds = elapsedMs / 1000
  const fresh = packages - before
  const rate = fresh === 0 ? '' : `, ${Math.round(fresh / Math.max(seconds, 0.001))} packages a second`
  const of = lockfile.name === '' ? '' : ` of ${lockfile.name}`
  const teams = new Set(roster.map(({ team }) => team)).size
  const lines = [
    '',
    paint.bold(`${packages} packages${of}, ${roster.length} reviewers in ${teams} teams`),
    `  ${paint.green(String(approved).padStart(6))} approved in the first round`,
  ]
  const more = [
    [count('escalated-approved'), 'approved in the second round, by two thirds', paint.yellow],
    [count('rejected'), 'rejected in the first round', paint.red],
    [count('escalated-rejected'), 'rejected in the second round', paint.red],
  ] as const
  for (const [number, what, colour] of more) {
    if (number > 0) lines.push(`  ${colour(String(number).padStart(6))} ${what}`)
  }
  const resumed = before === 0 ? '' : `${before} decided before, ${fresh} new: `
  const done = `${messages.toLocaleString('en')} messages and ${turns.toLocaleString('en')} signed turns`
  lines.push(...wrap(`${resumed}${done} in ${seconds.toFixed(1)} s${rate}`, width, '  '))
  return lines
}

/** Commands are not wrapped: they are to be copied. */
function lookCloser(example: Verdict, again: string, paint: Paint, width: number): string[] {
  const end = example.outcome.replace('escalated-', '')
  return [
    '',
    ...wrap(`Look closer: why was ${example.package} ${end}?`, width, '').map(paint.bold),
    `  npm run coterie -- why ${example.certificate}${again}`,
    paint.bold('Is every signature good?'),
    `  npm run coterie -- verify${again}`,
    '',
    ...(again.startsWith(' --db')
      ? [paint.dim('The database stays there, its keys beside it in a folder that ends in .keys.')]
      : []),
  ]
}

/** A path as a shell takes it. */
export function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}

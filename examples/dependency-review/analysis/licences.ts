import { readManifest } from './installed.ts'
import { type Check, type Finding, finding, type ReviewContext, type Risk } from './finding.ts'
import { isPublicRegistry } from '../lockfile/source.ts'
import type { LockedPackage } from '../lockfile/types.ts'
import { evaluateSpdx, parseSpdx, type SpdxVerdict } from './spdx.ts'

/**
 * Holds the licence against the policy. What only development needs is not distributed, so that each
 * risk is one step smaller for it: a GPL tool is a matter for a vote, a GPL library is not.
 */
export const checkLicences: Check = (pkg, context) => {
  const written = pkg.licence ?? readManifest(pkg, context)?.licence
  if (written === undefined || /^\s*(?:unknown|none|n\/a)?\s*$/i.test(written)) return missing(pkg, context)
  if (/^unlicensed$/i.test(written.trim())) {
    // What a company publishes to its own registry is its own, and is marked so as not to be published.
    const { kind, host = '' } = pkg.source
    if (kind === 'registry' && host !== '' && !isPublicRegistry(host)) {
      return [report(pkg, 'notable', 'gives nobody a licence, but comes from a private registry', written)]
    }
    return [report(pkg, 'severe', 'gives nobody a licence to use it', written)]
  }
  const file = /^see licen[cs]e in (.+)$/i.exec(written.trim())?.[1]
  if (file !== undefined) {
    return [report(pkg, 'risky', `has terms of its own, which somebody has to read, in ${file}`, written)]
  }
  const spelling = written.trim().toLowerCase()
  const known = Object.hasOwn(context.policy.spellings, spelling)
    ? context.policy.spellings[spelling]
    : undefined
  const result = parseSpdx(known ?? written)
  if (!result.ok) {
    return [report(pkg, 'risky', `has a licence field that is no SPDX expression: ${result.reason}`, written)]
  }
  const judged = judge(pkg, evaluateSpdx(result.expression, context.policy), written)
  if (judged.length > 0 || known === undefined) return judged
  return [finding('licences', 'info', `does not spell its licence as SPDX does; read as ${known}`, written)]
}

function judge(pkg: LockedPackage, { verdict, because, unknown }: SpdxVerdict, written: string): Finding[] {
  if (verdict === 'allowed') return []
  const all = because.join(' and ')
  if (verdict === 'denied')
    return [report(pkg, 'severe', `has a licence that the policy denies: ${all}`, written)]
  if (unknown.length > 0) {
    const names = unknown.join(' and ')
    return [report(pkg, 'risky', `has a licence that the policy does not know: ${names}`, written)]
  }
  return [report(pkg, 'notable', `has a licence with conditions to check: ${all}`, written)]
}

function missing(pkg: LockedPackage, context: ReviewContext): Finding[] {
  if (!context.licencesRecorded && pkg.licence === undefined) {
    // Old versions of npm record no licence at all. That says something about npm, not the package.
    return [finding('licences', 'info', 'has no licence in this lock file, as no package has')]
  }
  return [report(pkg, 'risky', 'names no licence', pkg.licence)]
}

function report(
  pkg: LockedPackage,
  risk: Exclude<Risk, 'info'>,
  summary: string,
  evidence?: string,
): Finding {
  const softer: Record<typeof risk, Risk> = { severe: 'risky', risky: 'notable', notable: 'info' }
  if (!pkg.dev) return finding('licences', risk, summary, evidence)
  return finding('licences', softer[risk], `${summary} (only development needs it)`, evidence)
}

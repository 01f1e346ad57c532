import { cleanText } from '../lockfile/text.ts'
import type { LockedPackage } from '../lockfile/types.ts'
import type { LicencePolicy } from './policy.ts'

/** The checks, each done by the reviewer of the same name. */
export type CheckName =
  | 'provenance'
  | 'integrity'
  | 'install-scripts'
  | 'look-alikes'
  | 'code'
  | 'licences'
  | 'attribution'
  | 'deprecation'
  | 'duplicates'
  | 'engines'

/**
 * What a finding asks for. `info`: nothing. `notable`: somebody should know. `risky`: a decision by all
 * reviewers. `severe`: the package must not be installed, or not be shipped, as it stands.
 */
export type Risk = 'info' | 'notable' | 'risky' | 'severe'

/** One thing that one check found in one package. */
export type Finding = {
  readonly check: CheckName
  readonly risk: Risk
  /** A clause that follows the name of the package: "comes from a git repository". */
  readonly summary: string
  /** What the lock file or the code says, shortened. */
  readonly evidence?: string
}

/** What a check may know besides the package. Plain JSON, the same for all packages of a review. */
export type ReviewContext = {
  readonly policy: LicencePolicy
  /** The version of Node that the project runs on, without a leading `v`. */
  readonly nodeVersion: string
  /** Established names, best known first. */
  readonly wellKnownNames: readonly string[]
  /** False if the lock file has no licence fields at all. */
  readonly licencesRecorded: boolean
  /** The folder that holds the lock file, if its `node_modules` may be read. Nothing outside it is. */
  readonly projectFolder?: string
}

/** Synchronous and deterministic; reads at most the installed package, and executes nothing. */
export type Check = (pkg: LockedPackage, context: ReviewContext) => Finding[]

/** Makes a finding; the evidence comes from outside, so it is cleaned and shortened here. */
export function finding(check: CheckName, risk: Risk, summary: string, evidence?: string): Finding {
  const shown = evidence === undefined ? '' : cleanText(evidence, 240)
  return {
    check,
    risk,
    summary: cleanText(summary, 240),
    ...(shown === '' || summary.includes(shown) ? {} : { evidence: shown }),
  }
}

const RISKS: readonly Risk[] = ['info', 'notable', 'risky', 'severe']

/** Orders risks: negative if `a` is the smaller one. */
export function compareRisks(a: Risk, b: Risk): number {
  return RISKS.indexOf(a) - RISKS.indexOf(b)
}

/** The finding of the highest risk, the first one among equals. */
export function worstFinding(findings: readonly Finding[]): Finding | undefined {
  let worst: Finding | undefined
  for (const one of findings) {
    if (worst === undefined || compareRisks(one.risk, worst.risk) > 0) worst = one
  }
  return worst
}

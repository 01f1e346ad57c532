import type { LockedPackage, Lockfile } from '../lockfile/types.ts'
import { checks } from './checks.ts'
import type { CheckName, Finding, ReviewContext } from './finding.ts'
import { isRisky, knownIn, opinion, type Opinion, type Round } from './opinion.ts'
import { defaultPolicy } from './policy.ts'
import { roster, type TeamName } from './roster.ts'
import { wellKnownNames } from './well-known-names.ts'

/** What one reviewer voted. */
export type Vote = Opinion & { readonly role: CheckName; readonly team: TeamName }

/** What became of one package. */
export type PackageReview = {
  readonly name: string
  readonly version: string
  readonly findings: readonly Finding[]
  readonly first: readonly Vote[]
  /** The votes of the second round; none if the first one settled it. */
  readonly second: readonly Vote[]
  readonly outcome: 'approved' | 'rejected' | 'escalated-approved' | 'escalated-rejected'
}

/** Makes the context of a review from a lock file, with the policy and the names that come with it. */
export function reviewContext(
  lockfile: Lockfile,
  options: { readonly nodeVersion: string; readonly projectFolder?: string },
): ReviewContext {
  return {
    policy: defaultPolicy,
    wellKnownNames,
    licencesRecorded: lockfile.licencesRecorded,
    nodeVersion: options.nodeVersion.replace(/^v/, ''),
    ...(options.projectFolder === undefined ? {} : { projectFolder: options.projectFolder }),
  }
}

/** What all checks find in one package, in the order of the roster. */
function findAll(pkg: LockedPackage, context: ReviewContext): Finding[] {
  return roster.flatMap(({ check }) => checks[check](pkg, context))
}

/**
 * The whole review of one package by one program, with no agents, messages or signatures: what a team of
 * honest agents has to come to.
 */
export function reviewPackage(pkg: LockedPackage, context: ReviewContext): PackageReview {
  const findings = findAll(pkg, context)
  const { name, version } = pkg
  const first = votes('first', findings)
  if (count(first, 'reject') * 2 > first.length) {
    return { name, version, findings, first, second: [], outcome: 'rejected' }
  }
  if (count(first, 'approve') * 2 > first.length && !isRisky(findings)) {
    return { name, version, findings, first, second: [], outcome: 'approved' }
  }
  const second = votes('second', findings)
  const isApproved = count(second, 'approve') * 3 >= second.length * 2
  // What two thirds do not approve is not approved.
  const outcome = isApproved ? 'escalated-approved' : 'escalated-rejected'
  return { name, version, findings, first, second, outcome }
}

function votes(round: Round, findings: readonly Finding[]): Vote[] {
  return roster.map(({ role, team }) => {
    const { choice, reason } = opinion(role, knownIn(round, role, findings), round)
    return { role, team, choice, reason }
  })
}

/** Compared with all votes, abstentions included, so that silence blocks and never decides. */
function count(all: readonly Vote[], choice: Opinion['choice']): number {
  return all.filter((vote) => vote.choice === choice).length
}

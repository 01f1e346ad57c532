import type { LockedPackage, Lockfile } from '../lockfile/types.ts'
import { checks } from './checks.ts'
import type { CheckName, Finding, ReviewContext } from './finding.ts'
import { isRisky, opinion, type Opinion } from './opinion.ts'
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
  /** `undecided` is not approved: neither side has two thirds of all votes. */
  readonly outcome: 'approved' | 'rejected' | 'undecided'
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
export function findAll(pkg: LockedPackage, context: ReviewContext): Finding[] {
  return roster.flatMap(({ check }) => checks[check](pkg, context))
}

/**
 * The whole review of one package by one program, with no agents, messages or signatures: what a team of
 * honest agents has to come to. In the first round each team knows only its own findings.
 */
export function reviewPackage(pkg: LockedPackage, context: ReviewContext): PackageReview {
  const findings = findAll(pkg, context)
  const { name, version } = pkg
  const teamOf = new Map(roster.map(({ check, team }) => [check, team]))
  const first = roster.map(({ role, team }) => {
    const ofTeam = findings.filter((one) => teamOf.get(one.check) === team)
    return vote(role, team, opinion(role, ofTeam, 'first'))
  })
  if (!isRisky(findings)) return { name, version, findings, first, second: [], outcome: 'approved' }
  const second = roster.map(({ role, team }) => vote(role, team, opinion(role, findings, 'second')))
  return { name, version, findings, first, second, outcome: outcomeOf(second) }
}

function vote(role: CheckName, team: TeamName, { choice, reason }: Opinion): Vote {
  return { role, team, choice, reason }
}

/** Two thirds of all votes, so that silence blocks and never decides. */
function outcomeOf(votes: readonly Vote[]): PackageReview['outcome'] {
  const has = (choice: Opinion['choice']): boolean =>
    votes.filter((vote) => vote.choice === choice).length * 3 >= votes.length * 2
  if (has('approve')) return 'approved'
  return has('reject') ? 'rejected' : 'undecided'
}

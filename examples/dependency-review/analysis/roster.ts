import type { CheckName } from './finding.ts'

/** The teams of reviewers. */
export type TeamName = 'security' | 'legal' | 'quality'

/** One reviewer: a role is called like the one check that it does. */
export type Reviewer = {
  readonly role: CheckName
  readonly team: TeamName
  readonly check: CheckName
  readonly description: string
}

/** All reviewers, by team. */
export const roster: readonly Reviewer[] = [
  reviewer(
    'provenance',
    'security',
    'Where is the package fetched from, and can that be changed on the way?',
  ),
  reviewer('integrity', 'security', 'Is the package bound to its bytes by a hash that nobody can forge?'),
  reviewer('install-scripts', 'security', 'Does anything run when the package is installed?'),
  reviewer('look-alikes', 'security', 'Could its name be taken for that of a well-known package?'),
  reviewer('code', 'security', 'What does the installed code do: native code, disguises, secrets, network?'),
  reviewer('licences', 'legal', 'Does the policy allow its licence?'),
  reviewer('attribution', 'legal', 'What has to be said about it when the product is shipped?'),
  reviewer('deprecation', 'quality', 'Do its maintainers still stand by this version?'),
  reviewer('duplicates', 'quality', 'In how many versions is it installed?'),
  reviewer('engines', 'quality', 'Is it made for the Node that runs the project?'),
]

/** The reviewer of this role. */
export function reviewerOf(role: CheckName): Reviewer {
  const found = roster.find((one) => one.role === role)
  if (found === undefined) throw new Error(`No reviewer has the role ${role}; see roster.ts.`)
  return found
}

function reviewer(role: CheckName, team: TeamName, description: string): Reviewer {
  return { role, team, check: role, description }
}

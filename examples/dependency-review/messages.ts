/**
 * What the agents of the review say to each other. Everything that a check needs travels in the message, so that any
 * process that runs these agents can take part.
 *
 * @module
 */

import { z } from 'zod'
import type { Finding, ReviewContext } from './analysis/finding.ts'
import { defaultPolicy } from './analysis/policy.ts'
import { wellKnownNames } from './analysis/well-known-names.ts'
import type { LockedPackage } from './lockfile/types.ts'

/** One package, and what a check may know besides. */
export const assignment = z.object({
  pkg: z.custom<LockedPackage>((value) => hasText(value, 'name') && hasText(value, 'version')),
  nodeVersion: z.string(),
  licencesRecorded: z.boolean(),
  /** The folder of the lock file, if its `node_modules` is to be read. */
  projectFolder: z.string().nullable(),
})
export type Assignment = z.infer<typeof assignment>

/** What was found in it. */
export const report = z.array(
  z.custom<Finding>((value) => hasText(value, 'check') && hasText(value, 'risk') && hasText(value, 'summary')),
)

/** The end of a review. */
export const verdict = z.object({
  package: z.string(),
  outcome: z.enum(['approved', 'rejected', 'escalated-approved', 'escalated-rejected']),
  /** Votes by choice in the round that decided. */
  tally: z.record(z.string(), z.number()),
  /** The decision, for `coterie certificate` and `coterie why`. */
  certificate: z.string(),
  reasons: z.array(z.object({ by: z.string(), choice: z.string(), reason: z.string() })),
})
export type Verdict = z.infer<typeof verdict>

/** The context of a check, put together from the message and from what this program knows. */
export function contextOf(task: Assignment): ReviewContext {
  return {
    policy: defaultPolicy,
    wellKnownNames,
    nodeVersion: task.nodeVersion,
    licencesRecorded: task.licencesRecorded,
    ...(task.projectFolder !== null && { projectFolder: task.projectFolder }),
  }
}

/** What is put to the vote: small, because each member gets it and the certificate keeps it. */
export type Subject = {
  readonly package: string
  readonly round: 'first' | 'second'
  readonly findings: readonly Finding[]
}

function hasText(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, name) === 'string'
}

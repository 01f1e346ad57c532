/**
 * What the agents of the review say to each other. Everything that a check needs travels in the message, or
 * is part of this program: so any process that runs these agents can take part.
 *
 * @module
 */

import { z } from 'zod'
import type { Finding, ReviewContext } from './analysis/finding.ts'
import { defaultPolicy } from './analysis/policy.ts'
import { roster } from './analysis/roster.ts'
import { wellKnownNames } from './analysis/well-known-names.ts'
import type { LockedPackage } from './lockfile/types.ts'

const source = z.object({
  kind: z.enum(['registry', 'git', 'http', 'file', 'unknown']),
  address: z.string().exactOptional(),
  host: z.string().exactOptional(),
  encrypted: z.boolean(),
  pinned: z.boolean().exactOptional(),
  credentials: z.boolean().exactOptional(),
  namedOtherwise: z.string().exactOptional(),
  usual: z.boolean().exactOptional(),
})

const lockedPackage: z.ZodType<LockedPackage> = z.object({
  name: z.string(),
  version: z.string(),
  paths: z.array(z.string()),
  copies: z.int(),
  alias: z.string().exactOptional(),
  source,
  integrity: z.string().exactOptional(),
  copiesDiffer: z.boolean(),
  licence: z.string().exactOptional(),
  deprecated: z.string().exactOptional(),
  nodeRange: z.string().exactOptional(),
  platformBound: z.boolean(),
  hasInstallScript: z.boolean(),
  bundled: z.boolean(),
  dev: z.boolean(),
  optional: z.boolean(),
  otherVersions: z.array(z.string()),
})

const finding: z.ZodType<Finding> = z.object({
  check: z.enum(roster.map((reviewer) => reviewer.check)),
  risk: z.enum(['info', 'notable', 'risky', 'severe']),
  summary: z.string(),
  evidence: z.string().exactOptional(),
})

/** One package, and what a check has to know of the project. */
export const assignment = z.object({
  pkg: lockedPackage,
  nodeVersion: z.string(),
  /** False if the lock file has no licence fields at all. */
  licencesRecorded: z.boolean(),
  /** The folder of the lock file, if its `node_modules` is to be read. */
  projectFolder: z.string().nullable(),
})
export type Assignment = z.infer<typeof assignment>

/** What was found in it. */
export const report = z.array(finding)

/** What is put to the vote: small, because each reviewer gets it and the certificate keeps it. */
export const subject = z.object({
  package: z.string(),
  round: z.enum(['first', 'second']),
  /** The worst finding of each check. */
  findings: report,
})
export type Subject = z.infer<typeof subject>

/** The end of a review. */
export const verdict = z.object({
  package: z.string(),
  outcome: z.enum(['approved', 'rejected', 'escalated-approved', 'escalated-rejected']),
  /** Votes by choice in the round that decided. */
  tally: z.record(z.string(), z.int()),
  /** Votes that the round asked for. */
  needed: z.int(),
  /** The decision, for `coterie certificate` and `coterie why`. */
  certificate: z.string(),
  /** Who voted what, in the order of the roster. */
  reasons: z.array(z.object({ by: z.string(), choice: z.string(), reason: z.string() })),
  /** The worst finding of each check. */
  findings: report,
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

/** The name under which a package is decided. */
export function packageId({ pkg }: Pick<Assignment, 'pkg'>): string {
  return `${pkg.name}@${pkg.version}`
}

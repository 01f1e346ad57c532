/**
 * The members of the demo's council: four of the reviewers of the dependency review, each of which looks at everything
 * that the checks find, and judges it from its own point of view.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { CheckName } from '../dependency-review/analysis/finding.ts'
import { opinion, type Opinion } from '../dependency-review/analysis/opinion.ts'
import { reviewContext, reviewPackage } from '../dependency-review/analysis/review.ts'
import { parseLockfile } from '../dependency-review/lockfile/parse.ts'

/** The members, sorted as the council sorts them. */
export const MEMBERS: readonly CheckName[] = ['deprecation', 'licences', 'look-alikes', 'provenance']

/** The lock file that the demo reviews. Its packages are made up. */
export const LOCKFILE: string = fileURLToPath(new URL('./package-lock.json', import.meta.url))

const lockfile = parseLockfile(readFileSync(LOCKFILE, 'utf8'), LOCKFILE)
const context = reviewContext(lockfile, { nodeVersion: process.versions.node })

/** What is put to the council: one package after the other. */
export const PACKAGES: readonly string[] = lockfile.packages.map(({ name, version }) => `${name}@${version}`)

/** What a member thinks of a package, from its own look at the lock file. */
export function opinionOf(member: string, id: unknown): Opinion {
  const role = MEMBERS.find((one) => one === member)
  const found = lockfile.packages.find(({ name, version }) => `${name}@${version}` === id)
  if (role === undefined || found === undefined)
    return { choice: 'abstain', reason: 'was not asked about this' }
  return opinion(role, reviewPackage(found, context).findings, 'second')
}

import { createHash } from 'node:crypto'
import type { ReviewContext } from '../../examples/dependency-review/analysis/finding.ts'
import { defaultPolicy } from '../../examples/dependency-review/analysis/policy.ts'
import { wellKnownNames } from '../../examples/dependency-review/analysis/well-known-names.ts'
import { parseLockfile } from '../../examples/dependency-review/lockfile/parse.ts'
import type { LockedPackage } from '../../examples/dependency-review/lockfile/types.ts'

/** A well-formed integrity field. */
export function hash(algorithm: 'sha512' | 'sha256' | 'sha1' | 'md5', of = 'bytes'): string {
  return `${algorithm}-${createHash(algorithm).update(of).digest('base64')}`
}

/** A context with the shipped policy and names, on Node 24. */
export function context(changes: Partial<ReviewContext> = {}): ReviewContext {
  return { policy: defaultPolicy, wellKnownNames, licencesRecorded: true, nodeVersion: '24.1.0', ...changes }
}

/** The text of a lock file with these entries. */
export function lockText(packages: Record<string, unknown>, more: Record<string, unknown> = {}): string {
  return JSON.stringify({ name: 'project', lockfileVersion: 3, packages: { '': {}, ...packages }, ...more })
}

/** One package as the parser makes it, boring but for these fields of its lock file entry. */
export function locked(
  entry: Record<string, unknown> = {},
  path = 'node_modules/honest-widget',
): LockedPackage {
  const boring = { version: '1.0.0', integrity: hash('sha512'), license: 'MIT' }
  const [pkg] = parseLockfile(lockText({ [path]: { ...boring, ...entry } }), 'package-lock.json').packages
  if (pkg === undefined) throw new Error('The entry is not a package.')
  return pkg
}

import { type Check, finding } from './finding.ts'

/** Bytes of each hash that Subresource Integrity knows, by strength, and the two that npm once wrote. */
const HASH_BYTES: Readonly<Record<string, number>> = { sha512: 64, sha384: 48, sha256: 32, sha1: 20, md5: 16 }
const STRONG: ReadonlySet<string> = new Set(['sha512', 'sha384', 'sha256'])

/** Whether the integrity field holds a well-formed hash that nobody can forge: SHA-256 or better. */
export function hasStrongHash(integrity: string | undefined): boolean {
  return readAlgorithms(integrity ?? '').some((algorithm) => STRONG.has(algorithm))
}

/**
 * Judges the hash that binds a package to its bytes. A package inside a bundle is bound by the hash of the
 * bundle, and one from git by its commit, so both have none by design.
 *
 * A missing hash is only `notable` for a package of a registry: npm itself has dropped hashes from lock
 * files, and a registry does not let a version change. Anything else at a web address may change any day.
 */
export const checkIntegrity: Check = (pkg) => {
  if (pkg.copiesDiffer) {
    const summary = 'has copies in this lock file that are not the same bytes'
    return [finding('integrity', 'severe', summary, pkg.integrity ?? pkg.source.address)]
  }
  if (pkg.bundled || pkg.source.kind === 'git') return []
  if (pkg.integrity === undefined || pkg.integrity === '') {
    const isFixed = pkg.source.kind === 'registry' || pkg.source.kind === 'file'
    return [finding('integrity', isFixed ? 'notable' : 'risky', 'has no hash in the lock file')]
  }
  const algorithms = readAlgorithms(pkg.integrity)
  const [first] = algorithms
  if (first === undefined) {
    return [finding('integrity', 'risky', 'has a hash that cannot be checked', pkg.integrity)]
  }
  if (algorithms.some((algorithm) => STRONG.has(algorithm))) return []
  return [finding('integrity', 'risky', `is bound by ${first} only, which can be forged`, pkg.integrity)]
}

/** The algorithms of all hashes that have the right length; others are ignored, as npm ignores them. */
function readAlgorithms(integrity: string): string[] {
  return integrity.split(/\s+/).flatMap((hash) => {
    const [, algorithm = '', digest = ''] = /^([a-z0-9]+)-([A-Za-z0-9+/]+={0,2})(?:\?.*)?$/.exec(hash) ?? []
    const bytes = Object.hasOwn(HASH_BYTES, algorithm) ? HASH_BYTES[algorithm] : undefined
    return bytes !== undefined && digest.length === Math.ceil(bytes / 3) * 4 ? [algorithm] : []
  })
}

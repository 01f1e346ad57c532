import type { Copy } from './copies.ts'
import { isPublicRegistry } from './source.ts'
import type { LockedPackage, PackageSource } from './types.ts'

const PATHS_MAX = 8
const PATHS_LENGTH_MAX = 480
const OTHER_VERSIONS_MAX = 6
/** A private registry is usual once it serves this share of what is locked. */
const USUAL_SHARE = 0.1

/** Makes one package of all copies of one name and version. A package is as weak as its weakest copy. */
export function mergeCopies(copies: readonly Copy[]): LockedPackage[] {
  const groups = new Map<string, [Copy, ...Copy[]]>()
  const versions = new Map<string, Set<string>>()
  for (const copy of copies) {
    const key = `${copy.name}@${copy.version}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [copy])
    else group.push(copy)
    versions.set(copy.name, (versions.get(copy.name) ?? new Set()).add(copy.version))
  }
  const usualHosts = findUsualHosts(copies)
  return [...groups.values()]
    .map((group) => mergeGroup(group, versions.get(group[0].name) ?? new Set(), usualHosts))
    .sort((a, b) => compareText(a.name, b.name) || compareText(a.version, b.version))
}

function mergeGroup(
  group: readonly [Copy, ...Copy[]],
  versions: ReadonlySet<string>,
  usualHosts: ReadonlySet<string>,
): LockedPackage {
  const [first] = group
  // What a bundle holds is covered by the hash of the bundle, so its copies say nothing about this.
  const fetched = group.filter((copy) => !copy.bundled)
  const integrity = fetched.every((copy) => copy.integrity !== undefined) ? fetched[0]?.integrity : undefined
  const alias = group.find((copy) => copy.installedAs !== copy.name)?.installedAs
  const licence = firstOf(group, (copy) => copy.licence)
  const deprecated = firstOf(group, (copy) => copy.deprecated)
  const nodeRange = firstOf(group, (copy) => copy.nodeRange)
  return {
    name: first.name,
    version: first.version,
    paths: pathsOf(group),
    copies: group.length,
    ...(alias === undefined ? {} : { alias }),
    source: mergeSource(fetched.length === 0 ? group : fetched, usualHosts),
    ...(integrity === undefined ? {} : { integrity }),
    copiesDiffer: haveOtherHashes(fetched) || (integrity === undefined && haveOtherAddresses(fetched)),
    ...(licence === undefined ? {} : { licence }),
    ...(deprecated === undefined ? {} : { deprecated }),
    ...(nodeRange === undefined ? {} : { nodeRange }),
    platformBound: group.every((copy) => copy.platformBound),
    hasInstallScript: group.some((copy) => copy.hasInstallScript),
    bundled: fetched.length === 0,
    dev: group.every((copy) => copy.dev),
    optional: group.every((copy) => copy.optional),
    otherVersions: [...versions].filter((version) => version !== first.version).slice(0, OTHER_VERSIONS_MAX),
  }
}

/** One copy with sha1 and another with sha512 may be the same bytes; two sha512 that differ are not. */
function haveOtherHashes(copies: readonly Copy[]): boolean {
  const hashes = new Map<string, Set<string>>()
  for (const { integrity = '' } of copies) {
    const algorithm = integrity.split('-', 1)[0] ?? ''
    if (algorithm !== '') hashes.set(algorithm, (hashes.get(algorithm) ?? new Set()).add(integrity))
  }
  return [...hashes.values()].some((different) => different.size > 1)
}

/** With one hash, two mirrors serve the same bytes; without, two addresses may serve anything. */
function haveOtherAddresses(copies: readonly Copy[]): boolean {
  return new Set(copies.flatMap((copy) => copy.resolved ?? [])).size > 1
}

/** The source of the copy that deserves most suspicion. */
function mergeSource(copies: readonly Copy[], usualHosts: ReadonlySet<string>): PackageSource {
  const order: readonly PackageSource['kind'][] = ['unknown', 'http', 'git', 'file', 'registry']
  const weight = (source: PackageSource): number =>
    order.indexOf(source.kind) * 8 +
    (source.encrypted ? 4 : 0) +
    (source.namedOtherwise === undefined ? 2 : 0) +
    (source.address === undefined ? 1 : 0)
  const sources = copies.map((copy) => copy.source).sort((a, b) => weight(a) - weight(b))
  const source = sources[0] ?? { kind: 'unknown', encrypted: false }
  if (source.kind !== 'registry' || source.host === undefined) return source
  return { ...source, usual: isPublicRegistry(source.host) || usualHosts.has(source.host) }
}

function findUsualHosts(copies: readonly Copy[]): ReadonlySet<string> {
  const counts = new Map<string, number>()
  for (const { source } of copies) {
    if (source.kind !== 'registry' || source.host === undefined) continue
    counts.set(source.host, (counts.get(source.host) ?? 0) + 1)
  }
  const enough = Math.max(2, copies.length * USUAL_SHARE)
  return new Set([...counts].filter(([, count]) => count >= enough).map(([host]) => host))
}

function pathsOf(group: readonly Copy[]): string[] {
  const inside = group.filter((copy) => copy.inside).map((copy) => copy.path)
  inside.sort((a, b) => a.length - b.length || compareText(a, b))
  const paths: string[] = []
  let length = 0
  for (const path of inside.slice(0, PATHS_MAX)) {
    length += path.length
    if (length > PATHS_LENGTH_MAX) break
    paths.push(path)
  }
  return paths
}

function firstOf(group: readonly Copy[], read: (copy: Copy) => string | undefined): string | undefined {
  for (const copy of group) {
    const value = read(copy)
    if (value !== undefined) return value
  }
  return undefined
}

/** By code units, so that every machine orders alike. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

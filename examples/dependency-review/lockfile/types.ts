/**
 * Where a package is fetched from, as far as the lock file tells.
 *
 * `registry`: a registry's tarball, or nothing recorded, which npm writes when it is told to leave
 * the registry out. `http`: a tarball at any other web address. `file`: a tarball in a folder.
 */
export type PackageSource = {
  readonly kind: 'registry' | 'git' | 'http' | 'file' | 'unknown'
  /** The address without credentials and query, shortened. Absent if the lock file has none. */
  readonly address?: string
  readonly host?: string
  /** False if what is fetched can be changed on the way: plain http, or the git protocol. */
  readonly encrypted: boolean
  /** For git only: whether a full commit hash is given. */
  readonly pinned?: boolean
  /** The address held a user name with a password, or a token. They are never kept. */
  readonly credentials?: boolean
  /** The package that the address names, where it names another one than the lock file. */
  readonly namedOtherwise?: string
  /** False for a registry that is neither public nor usual in this lock file. */
  readonly usual?: boolean
}

/**
 * One name and version, with all places where it is installed. Less than 4 KB of JSON, whatever the
 * lock file holds.
 */
export type LockedPackage = {
  readonly name: string
  readonly version: string
  /** Folders relative to the lock file, shortest first. Only those inside its folder, and only a few. */
  readonly paths: readonly string[]
  /** How many copies are installed, listed in `paths` or not. */
  readonly copies: number
  /** The name it is installed under, where that is not its own. */
  readonly alias?: string
  readonly source: PackageSource
  /** Subresource integrity as npm writes it. Absent if one copy lacks it. */
  readonly integrity?: string
  /** Two copies of this one version have different hashes or addresses. */
  readonly copiesDiffer: boolean
  /** The licence field, as written. */
  readonly licence?: string
  /** What its maintainers say to whoever installs it. */
  readonly deprecated?: string
  /** `engines.node`, as written. */
  readonly nodeRange?: string
  /** It is made for some operating systems or processors only. */
  readonly platformBound: boolean
  readonly hasInstallScript: boolean
  /** It comes inside another package's tarball, whose hash covers it. */
  readonly bundled: boolean
  /** Only development needs it. */
  readonly dev: boolean
  readonly optional: boolean
  /** Other versions of the same name in this lock file, in the order of the file's names, a few at most. */
  readonly otherVersions: readonly string[]
}

/** A lock file that was read: the packages to review, ordered by name and then version. */
export type Lockfile = {
  readonly name: string
  readonly lockfileVersion: number
  readonly packages: readonly LockedPackage[]
  /** The project itself, its workspaces and its links: its own code, so not reviewed. */
  readonly localPackages: number
  /** False if no package has a licence field, as older versions of npm wrote lock files. */
  readonly licencesRecorded: boolean
}

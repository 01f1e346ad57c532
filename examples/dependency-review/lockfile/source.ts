import { plainText } from './text.ts'
import type { PackageSource } from './types.ts'

const ADDRESS_LENGTH_MAX = 400
const SECRET_PARAMETER = /[?&][^=]*(?:token|auth|key|secret)[^=]*=/i
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Registries that anybody may use; packages from them need no second look at the host. */
const PUBLIC_REGISTRIES: ReadonlySet<string> = new Set([
  'registry.npmjs.org',
  'registry.yarnpkg.com',
  'registry.npmmirror.com',
  'npm.pkg.github.com',
  'npm.jsr.io',
])

/** Short forms such as `github:owner/name`, which npm leaves in some lock files. */
const GIT_HOSTS: ReadonlySet<string> = new Set(['github:', 'gitlab:', 'bitbucket:', 'gist:'])

/** Whether this host is a public registry. */
export function isPublicRegistry(host: string): boolean {
  return PUBLIC_REGISTRIES.has(host)
}

/** Whether an address is this machine's own, such as a registry proxy that runs beside the project. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

/**
 * Says where a package comes from. `resolved` is the field of that name, `name` the package's own
 * name. Credentials in the address are noted and dropped, because what this returns is sent and logged.
 */
export function describeSource(resolved: string | undefined, name: string): PackageSource {
  if (resolved === undefined || resolved === '') return { kind: 'registry', encrypted: true }
  if (resolved.startsWith('file:')) {
    return { kind: 'file', encrypted: true, address: plainText(resolved, ADDRESS_LENGTH_MAX) }
  }
  const url = URL.parse(resolved)
  if (url === null) {
    return { kind: 'unknown', encrypted: false, address: plainText(resolved, ADDRESS_LENGTH_MAX) }
  }
  const common = { address: showAddress(url), ...readHost(url), ...readCredentials(url) }
  if (url.protocol.startsWith('git') || GIT_HOSTS.has(url.protocol) || url.protocol === 'ssh:') {
    const encrypted = url.protocol !== 'git:' && url.protocol !== 'git+http:'
    return { kind: 'git', encrypted, pinned: COMMIT.test(url.hash.slice(1)), ...common }
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return { kind: 'unknown', encrypted: false, ...common }
  }
  const encrypted = url.protocol === 'https:'
  if (!isRegistryTarball(url)) return { kind: 'http', encrypted, ...common }
  return { kind: 'registry', encrypted, ...common, ...readOtherName(url, name) }
}

function showAddress(url: URL): string {
  const query = url.search === '' ? '' : '?…'
  const text = `${url.protocol}${url.host === '' ? '' : '//'}${url.host}${url.pathname}`
  return `${plainText(text, ADDRESS_LENGTH_MAX - 70)}${query}${plainText(url.hash, 65)}`
}

function readHost(url: URL): { host?: string } {
  return url.host === '' ? {} : { host: plainText(url.host, 100) }
}

function readCredentials(url: URL): { credentials?: boolean } {
  // `git@github.com` is how ssh is addressed; it gives nobody access to anything.
  const isSshUser = url.username === 'git' && url.password === ''
  const isUser = url.username !== '' && !isSshUser
  return isUser || SECRET_PARAMETER.test(url.search) ? { credentials: true } : {}
}

/** Registries of all makes put tarballs under `/-/`, but for GitHub's, which has `/download/`. */
function isRegistryTarball(url: URL): boolean {
  return isPublicRegistry(url.host) || url.pathname.includes('/-/')
}

function readOtherName(url: URL, name: string): { namedOtherwise?: string } {
  let path: string
  try {
    path = decodeURIComponent(url.pathname)
  } catch {
    return { namedOtherwise: plainText(url.pathname, 120) }
  }
  if (path.includes(`/${name}/`)) return {}
  const other = /((?:@[^/]+\/)?[^/]+)\/-\//.exec(path)?.[1] ?? path
  return { namedOtherwise: plainText(other, 120) }
}

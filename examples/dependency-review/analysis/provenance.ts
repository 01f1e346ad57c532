import { isLoopback } from '../lockfile/source.ts'
import type { PackageSource } from '../lockfile/types.ts'
import { type Check, type Finding, finding, type Risk } from './finding.ts'
import { hasStrongHash } from './integrity.ts'

/** Judges where a package is fetched from. That no address is recorded means the registry, and is fine. */
export const checkProvenance: Check = (pkg) => {
  const { source } = pkg
  const findings: Finding[] = []
  const say = (risk: Risk, summary: string): void => {
    findings.push(finding('provenance', risk, summary, source.address))
  }
  if (source.credentials === true) say('risky', 'has credentials in its address')
  const isSealed = hasStrongHash(pkg.integrity)
  if (pkg.bundled) return findings
  switch (source.kind) {
    case 'registry':
      findings.push(...checkRegistry(source, isSealed))
      break
    case 'git':
      checkGit(source, say)
      break
    case 'http':
      if (!source.encrypted)
        say(isSealed ? 'risky' : 'severe', 'comes from outside the registry over plain http')
      // With its hash in the lock file, the tarball cannot be exchanged unseen.
      else say(isSealed ? 'notable' : 'risky', 'comes from a web address outside the registry')
      break
    case 'file':
      say('notable', 'comes from a tarball in a folder')
      break
    case 'unknown':
      say('severe', 'comes from an address that npm cannot have written')
      break
  }
  return findings
}

function checkRegistry(source: PackageSource, isSealed: boolean): Finding[] {
  const { host = '', address } = source
  const findings: Finding[] = []
  if (source.namedOtherwise !== undefined) {
    const summary = `is not what its address serves, which is ${source.namedOtherwise}`
    findings.push(finding('provenance', 'severe', summary, address))
  }
  const hostName = host.replace(/:\d+$/, '')
  if (isLoopback(hostName)) {
    findings.push(finding('provenance', 'info', 'comes through a registry on this machine', address))
    return findings
  }
  if (!source.encrypted) {
    findings.push(finding('provenance', isSealed ? 'notable' : 'severe', 'comes over plain http', address))
  }
  if (source.usual === false) {
    const summary = `comes from a registry that is neither public nor usual here: ${host}`
    findings.push(finding('provenance', isSealed ? 'notable' : 'risky', summary, address))
  }
  return findings
}

function checkGit(source: PackageSource, say: (risk: Risk, summary: string) => void): void {
  if (!source.encrypted) say('severe', 'comes from a git repository over an unencrypted connection')
  else if (source.pinned === true) say('risky', 'comes from a git repository, at a fixed commit')
  else say('severe', 'comes from a git repository, at no fixed commit')
}

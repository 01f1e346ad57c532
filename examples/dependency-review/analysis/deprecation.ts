import { type Check, finding } from './finding.ts'

const DANGER = /malicious|malware|compromised|hijack|backdoor|stolen|steals/i
const FLAW = /securit|vulnerab|\bcve-\d|exploit|\bxss\b|injection|redos/i

/** Reads what the maintainers say to whoever installs the package, and knows npm's own placeholder. */
export const checkDeprecation: Check = (pkg) => {
  if (/^\d+\.\d+\.\d+-security(?:\.\d+)?$/.test(pkg.version)) {
    const summary = 'was taken down by the registry, which keeps a placeholder under its name'
    return [finding('deprecation', 'severe', summary, pkg.version)]
  }
  const { deprecated } = pkg
  if (deprecated === undefined) return []
  if (DANGER.test(deprecated)) return [finding('deprecation', 'severe', 'is known to do harm', deprecated)]
  if (FLAW.test(deprecated)) {
    const summary = 'is deprecated for its security'
    return [finding('deprecation', pkg.dev ? 'notable' : 'risky', summary, deprecated)]
  }
  return [finding('deprecation', pkg.dev ? 'info' : 'notable', 'is deprecated', deprecated)]
}

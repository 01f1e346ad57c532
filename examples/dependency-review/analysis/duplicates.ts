import { type Check, finding } from './finding.ts'

/** Libraries that keep state of their own, so that two of them in one program do not see each other. */
const SINGLETONS: ReadonlySet<string> = new Set([
  '@angular/core',
  '@apollo/client',
  '@opentelemetry/api',
  'graphql',
  'preact',
  'react',
  'react-dom',
  'rxjs',
  'styled-components',
  'svelte',
  'three',
  'vue',
])

/** From this many versions on, the tree deserves tidying; two or three are the daily bread of npm. */
const VERSIONS_MANY = 4

/** Looks for other versions of the same package in the lock file. */
export const checkDuplicates: Check = (pkg) => {
  const count = pkg.otherVersions.length + 1
  if (count === 1) return []
  const versions = [pkg.version, ...pkg.otherVersions].join(', ')
  if (SINGLETONS.has(pkg.name) && !pkg.dev) {
    const summary = `is installed in ${count} versions, but a program must have only one`
    return [finding('duplicates', 'notable', summary, versions)]
  }
  const risk = count >= VERSIONS_MANY ? 'notable' : 'info'
  return [finding('duplicates', risk, `is installed in ${count} versions`, versions)]
}

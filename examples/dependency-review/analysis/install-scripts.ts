import { type Check, finding } from './finding.ts'
import { readManifest } from './installed.ts'
import { isUsualBuild, knownInstallers } from './known-installers.ts'

/** Looks for code that runs when the package is installed, before anybody calls it. */
export const checkInstallScripts: Check = (pkg, context) => {
  const scripts = readManifest(pkg, context)?.installScripts ?? []
  const commands = scripts.map(({ event, command }) => `${event}: ${command}`).join('; ')
  if (!pkg.hasInstallScript) {
    // Bundled packages are not installed by npm, so it does not look for their scripts.
    if (scripts.length === 0 || pkg.bundled) return []
    const summary = 'runs a script at installation that the lock file does not mention'
    return [finding('install-scripts', 'risky', summary, commands)]
  }
  if (knownInstallers.has(pkg.name)) {
    const summary = 'runs a script at installation, as it is known to'
    return [finding('install-scripts', 'notable', summary, commands)]
  }
  if (pkg.platformBound) {
    const summary = 'runs a script at installation, made for some platforms only'
    return [finding('install-scripts', 'notable', summary, commands)]
  }
  if (scripts.length > 0 && scripts.every(({ command }) => isUsualBuild(command))) {
    return [finding('install-scripts', 'notable', 'builds or fetches native code at installation', commands)]
  }
  return [finding('install-scripts', 'risky', 'runs a script at installation', commands)]
}

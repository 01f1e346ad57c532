import { gtr, satisfies, valid, validRange } from 'semver'
import { type Check, finding } from './finding.ts'

/**
 * Holds `engines.node` against the Node that runs the project. A package that wants a newer Node probably
 * fails; one whose range ends before this Node was mostly written before this Node was.
 */
export const checkEngines: Check = (pkg, context) => {
  const { nodeRange } = pkg
  if (nodeRange === undefined || valid(context.nodeVersion) === null) return []
  if (validRange(nodeRange) === null) {
    return [finding('engines', 'info', 'names a range of Node versions that cannot be read', nodeRange)]
  }
  if (satisfies(context.nodeVersion, nodeRange, { includePrerelease: true })) return []
  const summary = `is not made for Node ${context.nodeVersion}`
  if (pkg.optional) return [finding('engines', 'info', `${summary}, but is optional`, nodeRange)]
  const isOlder = gtr(context.nodeVersion, nodeRange)
  return [finding('engines', isOlder ? 'notable' : 'risky', summary, nodeRange)]
}

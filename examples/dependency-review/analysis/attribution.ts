import { type Check, finding } from './finding.ts'
import { findInstalled, listFolder } from './installed.ts'
import { licencesOf, parseSpdx } from './spdx.ts'

/** Licences that want more said than their own text: in advertising, or wherever the work is shown. */
const DEMANDING = /^(?:BSD-4-Clause|CC-BY-.+|Apache-1\..+|PHP-3\..+)$/i
const LEGAL_FILE = /^(?:licen[cs]e|copying|notice|unlicen[cs]e|copyright)/i

/**
 * Looks at what a product has to say about the package when it is shipped: whom to credit, and whether the
 * text that has to go with it is there to copy. What only development needs is not shipped.
 */
export const checkAttribution: Check = (pkg, context) => {
  if (pkg.dev) return []
  const parsed = pkg.licence === undefined ? undefined : parseSpdx(pkg.licence)
  const ids = parsed?.ok === true ? licencesOf(parsed.expression) : []
  const findings = ids
    .filter((id) => DEMANDING.test(id))
    .map((id) => finding('attribution', 'info', `has to be credited as ${id} asks`))
  const folder = findInstalled(pkg, context)
  if (folder === undefined || listFolder(folder).some((name) => LEGAL_FILE.test(name))) return findings
  return [...findings, finding('attribution', 'info', 'ships no licence text to pass on')]
}

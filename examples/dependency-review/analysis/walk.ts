import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Bounds of what is read of one package. Beyond them the rest is left, and the findings say so. */
export const WALK_LIMITS = { filesMax: 500, depthMax: 8 } as const

/** The files of a package, relative to its folder, in a fixed order. */
export type PackageFiles = { readonly paths: readonly string[]; readonly complete: boolean }

/**
 * Lists the files of a package, breadth first. Links are left out and never followed; nested
 * `node_modules` are left out because they hold other packages.
 */
export function walkPackage(folder: string): PackageFiles {
  const paths: string[] = []
  let level = ['']
  for (let depth = 0; depth <= WALK_LIMITS.depthMax && level.length > 0; depth += 1) {
    const next: string[] = []
    for (const parent of level) {
      for (const entry of entriesOf(join(folder, parent))) {
        const path = parent === '' ? entry.name : `${parent}/${entry.name}`
        if (entry.isDirectory() && entry.name !== 'node_modules') next.push(path)
        if (!entry.isFile()) continue
        if (paths.length === WALK_LIMITS.filesMax) return { paths, complete: false }
        paths.push(path)
      }
    }
    level = next
  }
  return { paths, complete: level.length === 0 }
}

/**
 * Finds the file of a package that a script or a `require` names, relative to `from` inside the package.
 * Nothing if it is not among `paths`, so never a file outside the package or behind a link.
 */
export function resolveInside(paths: ReadonlySet<string>, from: string, target: string): string | undefined {
  const parts: string[] = from === '' ? [] : from.split('/')
  for (const part of target.split('/')) {
    if (part === '' || part === '.') continue
    if (part !== '..') parts.push(part)
    else if (parts.pop() === undefined) return undefined
  }
  const path = parts.join('/')
  return [path, `${path}.js`, `${path}.cjs`, `${path}.mjs`, `${path}/index.js`].find((one) => paths.has(one))
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))
  } catch {
    return []
  }
}

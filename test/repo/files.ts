/** The files of the repository, for the tests of its own rules. */
import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

/** The repository's folder. */
export const ROOT = join(import.meta.dirname, '..', '..')

const SKIPPED: readonly string[] = ['node_modules', 'dist', 'coverage']

/** Paths with forward slashes, sorted, as a pattern finds them. Folders that begin with a dot are left out. */
export function filesLike(pattern: string): readonly string[] {
  return globSync(pattern, { cwd: ROOT, exclude: (name) => SKIPPED.includes(name) })
    .map((path) => path.split(sep).join('/'))
    .sort()
}

/** The same for one folder and one ending, by walking it: a second opinion on the pattern. */
export function walk(folder: string, ending: string): readonly string[] {
  const found: string[] = []
  const visit = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const inside = join(path, entry.name)
      if (entry.isDirectory()) visit(inside)
      else if (entry.name.endsWith(ending)) found.push(relative(ROOT, inside).split(sep).join('/'))
    }
  }
  visit(join(ROOT, folder))
  return found.sort()
}

/** The text of a file. */
export function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}

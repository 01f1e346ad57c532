import { LockfileError } from './errors.ts'
import { cleanText } from './text.ts'

/** What a key of `packages` in a lock file stands for. */
export type PackagePath =
  | { readonly type: 'local' }
  | { readonly type: 'package'; readonly name: string; readonly inside: boolean; readonly depth: number }

/** The characters that npm lets a name have, capitals included because old packages have them. */
const NAME = /^(?:@[a-z0-9~*'!()-][a-z0-9~*'!()._-]*\/)?[a-z0-9~*'!()-][a-z0-9~*'!()._-]*$/i
const NAME_LENGTH_MAX = 214
const PATH_LENGTH_MAX = 4096

/** Whether npm could install a package of this name; names such as `__proto__`, `..` and `.bin` are none. */
export function isPackageName(name: string): boolean {
  return name.length <= NAME_LENGTH_MAX && NAME.test(name) && name !== 'node_modules'
}

/**
 * Reads a key of `packages`. A folder outside `node_modules` is the project's own, wherever it is.
 * Leading `..` is how npm writes a linked folder next to the project; such a path is never inside.
 *
 * @throws LockfileError `LOCKFILE_UNSAFE_PATH` for a path npm never writes, `LOCKFILE_BAD_NAME` for a
 * folder of `node_modules` that is no package's.
 */
export function readPackagePath(path: string, file: string): PackagePath {
  if (path === '') return { type: 'local' }
  const segments = path.split('/')
  const firstNamed = segments.findIndex((segment) => segment !== '..')
  const named = firstNamed === -1 ? [] : segments.slice(firstNamed)
  if (path.length > PATH_LENGTH_MAX || isUnsafe(path, named)) throw unsafePath(path, file)
  const last = named.lastIndexOf('node_modules')
  if (last === -1) return { type: 'local' }
  const name = named.slice(last + 1).join('/')
  if (!isPackageName(name)) throw badName(name, file)
  const depth = named.filter((segment) => segment === 'node_modules').length
  return { type: 'package', name, inside: firstNamed === 0, depth }
}

/** The error for a name that npm would refuse to install. */
export function badName(name: string, file: string): LockfileError {
  const shown = JSON.stringify(cleanText(name, 80))
  return new LockfileError(
    'LOCKFILE_BAD_NAME',
    `${file} lists a package called ${shown}, which npm cannot have written. ` +
      'Do not install from this file; make it anew with "npm install --package-lock-only".',
  )
}

function isUnsafe(path: string, named: readonly string[]): boolean {
  return (
    /[\\\p{Cc}]/u.test(path) ||
    /^[a-z]:/i.test(path) ||
    named.some((segment) => segment === '' || segment === '.' || segment === '..')
  )
}

function unsafePath(path: string, file: string): LockfileError {
  const shown = JSON.stringify(cleanText(path, 120))
  return new LockfileError(
    'LOCKFILE_UNSAFE_PATH',
    `${file} lists the folder ${shown}, which leaves the place of packages. ` +
      'Do not install from this file; make it anew with "npm install --package-lock-only".',
  )
}

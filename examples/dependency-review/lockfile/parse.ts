import { LockfileError } from './errors.ts'
import { copiesOf, type Copy } from './copies.ts'
import { mergeCopies } from './merge.ts'
import { cleanText } from './text.ts'
import type { Lockfile } from './types.ts'

/** The most text, in UTF-16 units, that is taken for a lock file: some twenty times the largest seen. */
export const LOCKFILE_LENGTH_MAX = 64 * 1024 * 1024
/** The most entries of `packages`. */
export const LOCKFILE_ENTRIES_MAX = 100_000

/**
 * Reads an npm lock file of version 2 or 3 (`package-lock.json`, `npm-shrinkwrap.json`). Copies of one
 * name and version become one package. `file` is only for messages; nothing is read from disk.
 *
 * @throws LockfileError for anything that npm cannot have written; see `LockfileErrorCode`.
 */
export function parseLockfile(text: string, file: string): Lockfile {
  const shownFile = cleanText(file, 200)
  const data = readJson(text, shownFile)
  const entries = readEntries(data, shownFile)
  const copies: Copy[] = []
  let localPackages = 0
  for (const copy of copiesOf(entries, shownFile)) {
    if (copy === 'local') localPackages += 1
    else copies.push(copy)
  }
  const root = Object.hasOwn(entries, '') ? entries[''] : undefined
  const name = isRecord(root) && typeof root['name'] === 'string' ? root['name'] : data['name']
  return {
    name: typeof name === 'string' ? cleanText(name, 214) : '',
    lockfileVersion: data['lockfileVersion'] === 2 ? 2 : 3,
    packages: mergeCopies(copies),
    localPackages,
    licencesRecorded: copies.some((copy) => copy.licence !== undefined),
  }
}

function readJson(text: string, file: string): Record<string, unknown> {
  if (text.length > LOCKFILE_LENGTH_MAX) {
    throw new LockfileError(
      'LOCKFILE_TOO_LARGE',
      `${file} has ${text.length} characters; at most ${LOCKFILE_LENGTH_MAX} are read. ` +
        'Check that it is the lock file of one project, and review its workspaces one by one.',
    )
  }
  const body = text.startsWith('\ufeff') ? text.slice(1) : text
  if (body.trim() === '') {
    throw new LockfileError(
      'LOCKFILE_EMPTY',
      `${file} is empty. Write it with "npm install --package-lock-only".`,
    )
  }
  let data: unknown
  try {
    data = JSON.parse(body)
  } catch (cause) {
    throw new LockfileError('LOCKFILE_NOT_JSON', `${file} is not JSON. ${adviceForText(body)}`, { cause })
  }
  if (!isRecord(data)) throw notALockfile(file, 'it does not hold a JSON object')
  return data
}

function adviceForText(body: string): string {
  if (/^<{7} /m.test(body)) {
    return 'It holds an unresolved merge conflict; "npm install --package-lock-only" resolves it.'
  }
  if (/^(?:# yarn lockfile|__metadata:|lockfileVersion:)/m.test(body)) {
    return (
      'It looks like the lock file of yarn or pnpm; only those of npm are read. ' +
      '"npm install --package-lock-only" writes one.'
    )
  }
  return 'Give the path of a package-lock.json, or write it anew with "npm install --package-lock-only".'
}

function readEntries(data: Record<string, unknown>, file: string): Record<string, unknown> {
  const version = data['lockfileVersion']
  if (version === undefined) throw notALockfile(file, 'it has no "lockfileVersion"')
  if (version !== 2 && version !== 3) {
    const shown = cleanText(JSON.stringify(version), 20)
    throw new LockfileError(
      'LOCKFILE_VERSION_UNSUPPORTED',
      `${file} is a lock file of version ${shown}; versions 2 and 3 are read. ` +
        'Convert it with "npm install --package-lock-only --lockfile-version 3".',
    )
  }
  const entries = data['packages']
  if (!isRecord(entries)) throw notALockfile(file, 'its "packages" is missing or not an object')
  const count = Object.keys(entries).length
  if (count > LOCKFILE_ENTRIES_MAX) {
    throw new LockfileError(
      'LOCKFILE_TOO_MANY_PACKAGES',
      `${file} lists ${count} packages; at most ${LOCKFILE_ENTRIES_MAX} are read. ` +
        'Review the workspaces of the project one by one.',
    )
  }
  return entries
}

function notALockfile(file: string, why: string): LockfileError {
  return new LockfileError(
    'LOCKFILE_NOT_A_LOCKFILE',
    `${file} is not an npm lock file: ${why}. ` +
      'Give the path of a package-lock.json (not of the package.json beside it).',
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

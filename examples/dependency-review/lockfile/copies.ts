import { LockfileError } from './errors.ts'
import { readLicenceField } from './licence-field.ts'
import { badName, isPackageName, readPackagePath } from './package-path.ts'
import { describeSource } from './source.ts'
import { cleanText, plainText } from './text.ts'
import type { PackageSource } from './types.ts'

/** One entry of a lock file: a package as it is installed in one folder. */
export type Copy = {
  readonly path: string
  /** The path lies inside the lock file's folder, so that it may be read. */
  readonly inside: boolean
  readonly name: string
  readonly installedAs: string
  readonly version: string
  readonly source: PackageSource
  /** The field as written, to compare copies by. */
  readonly resolved: string | undefined
  readonly integrity: string | undefined
  readonly licence: string | undefined
  readonly deprecated: string | undefined
  readonly nodeRange: string | undefined
  readonly platformBound: boolean
  readonly hasInstallScript: boolean
  readonly bundled: boolean
  readonly dev: boolean
  readonly optional: boolean
}

type Entry = Readonly<Record<string, unknown>>

/**
 * Goes through the entries of a lock file: a copy for each package, `local` for what is the project's own.
 *
 * @throws LockfileError `LOCKFILE_BAD_ENTRY`, `LOCKFILE_BAD_NAME` or `LOCKFILE_UNSAFE_PATH`.
 */
export function* copiesOf(entries: Entry, file: string): Generator<Copy | 'local'> {
  for (const [path, entry] of Object.entries(entries)) {
    const place = readPackagePath(path, file)
    if (!isEntry(entry)) throw badEntry(path, 'it is not an object', file)
    if (place.type === 'local' || entry['link'] === true) {
      yield 'local'
      continue
    }
    const name = readText(entry, 'name', path, file) ?? place.name
    if (!isPackageName(name)) throw badName(name, file)
    const resolved = readText(entry, 'resolved', path, file)
    yield {
      path,
      inside: place.inside,
      name,
      installedAs: place.name,
      version: plainText(readText(entry, 'version', path, file) ?? 'unknown', 64),
      source: describeSource(resolved, name),
      resolved,
      integrity: optionalPlain(readText(entry, 'integrity', path, file), 300),
      licence: optionalPlain(readLicenceField(entry['license'] ?? entry['licenses']), 160),
      deprecated: readDeprecated(entry['deprecated']),
      nodeRange: readNodeRange(entry['engines']),
      platformBound: isFilled(entry['os']) || isFilled(entry['cpu']),
      hasInstallScript: entry['hasInstallScript'] === true,
      // A copy that claims to be bundled is believed only if the package around it says that it bundles.
      bundled: entry['inBundle'] === true && place.depth > 1 && hasBundler(entries, path),
      dev: entry['dev'] === true,
      optional: entry['optional'] === true || entry['devOptional'] === true,
    }
  }
}

function hasBundler(entries: Entry, path: string): boolean {
  let end = path.lastIndexOf('/node_modules/')
  while (end > 0) {
    const around = path.slice(0, end)
    const entry = Object.hasOwn(entries, around) ? entries[around] : undefined
    if (isEntry(entry) && isFilled(entry['bundleDependencies'])) return true
    end = around.lastIndexOf('/node_modules/')
  }
  return false
}

function isFilled(value: unknown): boolean {
  return value === true || (Array.isArray(value) && value.length > 0)
}

function readText(entry: Entry, field: string, path: string, file: string): string | undefined {
  const value = entry[field]
  if (value === undefined || typeof value === 'string') return value
  throw badEntry(path, `its "${field}" is not a string`, file)
}

function readDeprecated(value: unknown): string | undefined {
  if (value === true) return 'no reason given'
  return typeof value === 'string' && value !== '' ? cleanText(value, 160) : undefined
}

function readNodeRange(engines: unknown): string | undefined {
  const range = isEntry(engines) ? engines['node'] : undefined
  return typeof range === 'string' ? plainText(range, 100) : undefined
}

function optionalPlain(text: string | undefined, charactersMax: number): string | undefined {
  return text === undefined ? undefined : plainText(text, charactersMax)
}

function badEntry(path: string, why: string, file: string): LockfileError {
  const shown = JSON.stringify(cleanText(path, 120))
  return new LockfileError(
    'LOCKFILE_BAD_ENTRY',
    `${file} has an entry ${shown} that npm cannot have written: ${why}. ` +
      'Make the file anew with "npm install --package-lock-only".',
  )
}

function isEntry(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

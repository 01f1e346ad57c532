import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
} from 'node:fs'
import { join } from 'node:path'
import { readLicenceField } from '../lockfile/licence-field.ts'
import type { LockedPackage } from '../lockfile/types.ts'
import type { ReviewContext } from './finding.ts'

/** What a review wants to know of an installed `package.json`. */
export type Manifest = {
  readonly name: string
  readonly version: string
  readonly licence?: string
  /** Its `preinstall`, `install` and `postinstall`, in the order npm runs them. */
  readonly installScripts: readonly { readonly event: string; readonly command: string }[]
  /** Files that are run or loaded first: `main` and `bin`. */
  readonly entryFiles: readonly string[]
}

const MANIFEST_BYTES_MAX = 1024 * 1024
const FOLDER_ENTRIES_MAX = 2000
const INSTALL_EVENTS = ['preinstall', 'install', 'postinstall']

/**
 * The folder of an installed copy, or nothing if the package is not installed or may not be read. Each
 * part of the way is a real folder, so that no link leads out of the project.
 */
export function findInstalled(pkg: LockedPackage, context: ReviewContext): string | undefined {
  if (context.projectFolder === undefined) return undefined
  let root: string
  try {
    root = realpathSync(context.projectFolder)
  } catch {
    return undefined
  }
  for (const path of pkg.paths) {
    const folder = followFolders(root, path.split('/'))
    if (folder !== undefined) return folder
  }
  return undefined
}

/** Reads the manifest of an installed copy; nothing if there is none that can be read. */
export function readManifest(pkg: LockedPackage, context: ReviewContext): Manifest | undefined {
  const folder = findInstalled(pkg, context)
  return folder === undefined ? undefined : readManifestIn(folder)
}

/** Reads `package.json` in this folder; nothing if it is missing, too large or malformed. */
export function readManifestIn(folder: string): Manifest | undefined {
  const bytes = readStart(join(folder, 'package.json'), MANIFEST_BYTES_MAX)
  if (bytes === undefined) return undefined
  let data: unknown
  try {
    data = JSON.parse(bytes.toString('utf8').replace(/^\ufeff/, ''))
  } catch {
    return undefined
  }
  const licence = readLicenceField(field(data, 'license') ?? field(data, 'licenses'))
  const scripts = field(data, 'scripts')
  return {
    name: textOf(field(data, 'name')),
    version: textOf(field(data, 'version')),
    ...(licence === undefined ? {} : { licence: licence.slice(0, 160) }),
    installScripts: INSTALL_EVENTS.flatMap((event) => {
      const command = textOf(field(scripts, event)).slice(0, 4000)
      return command === '' ? [] : [{ event, command }]
    }),
    entryFiles: [textOf(field(data, 'main')), ...binFiles(field(data, 'bin'))].filter((file) => file !== ''),
  }
}

/** The names in a folder, ordered; at most 2000 of them, and none if it cannot be listed. */
export function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder).sort().slice(0, FOLDER_ENTRIES_MAX)
  } catch {
    return []
  }
}

/**
 * The first `bytesMax` bytes of a regular file. Nothing for links, pipes, devices and what cannot be read:
 * a link is never followed, and a pipe never waited for.
 */
export function readStart(file: string, bytesMax: number): Buffer | undefined {
  let handle: number
  try {
    // Windows knows no O_NOFOLLOW; there, the walk has looked at each name with lstat before.
    handle = openSync(file, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  } catch {
    return undefined
  }
  try {
    const stat = fstatSync(handle)
    if (!stat.isFile()) return undefined
    const buffer = Buffer.alloc(Math.min(stat.size, bytesMax))
    let filled = 0
    while (filled < buffer.length) {
      const count = readSync(handle, buffer, filled, buffer.length - filled, filled)
      if (count === 0) break
      filled += count
    }
    return buffer.subarray(0, filled)
  } catch {
    return undefined
  } finally {
    closeSync(handle)
  }
}

/** Joins the parts to a folder beneath `root`, if each of them is a real folder. */
function followFolders(root: string, parts: readonly string[]): string | undefined {
  let folder = root
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..' || /[\\/\0]/.test(part)) return undefined
    folder = join(folder, part)
    if (lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return undefined
  }
  return folder
}

function binFiles(bin: unknown): string[] {
  if (typeof bin === 'string') return [bin]
  if (typeof bin !== 'object' || bin === null) return []
  return Object.values(bin).map(textOf).slice(0, 16)
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return Reflect.get(value, name)
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

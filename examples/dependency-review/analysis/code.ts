import { join } from 'node:path'
import type { LockedPackage } from '../lockfile/types.ts'
import { binaryKind, isDisguised } from './binaries.ts'
import { filesNamedIn, localModulesOf, type Trait, traitsOf } from './code-patterns.ts'
import { type Check, type Finding, finding } from './finding.ts'
import { findInstalled, type Manifest, readManifestIn, readStart } from './installed.ts'
import { knownInstallers } from './known-installers.ts'
import { type PackageFiles, resolveInside, walkPackage } from './walk.ts'

/** Bounds of what is read of one package's code. */
export const CODE_LIMITS = {
  fileBytesMax: 256 * 1024,
  codeFilesMax: 60,
  codeBytesMax: 768 * 1024,
  installFilesMax: 16,
} as const

const CODE_NAME = /\.(?:[cm]?js|sh)$/i
const MAGIC_BYTES = 8

/**
 * Reads the installed code, as far as the limits allow: what it is made of, and what runs at installation.
 * Executes nothing and follows no links. A package that is not there to read is said to be unread.
 */
export const checkCode: Check = (pkg, context) => {
  const folder = findInstalled(pkg, context)
  const manifest = folder === undefined ? undefined : readManifestIn(folder)
  if (folder === undefined || manifest === undefined) {
    return [finding('code', 'info', 'is not installed here, so its code was not read')]
  }
  const files = walkPackage(folder)
  const installed = readInstallCode(folder, files, manifest)
  return [
    ...checkIdentity(pkg, manifest),
    ...checkSize(files),
    ...checkBinaries(pkg, folder, files),
    ...checkInstallCode(pkg, installed),
    ...checkAllCode(folder, files, manifest),
  ]
}

function checkIdentity(pkg: LockedPackage, manifest: Manifest): Finding[] {
  const isSame = manifest.name === pkg.name && (manifest.version === pkg.version || pkg.version === 'unknown')
  if (isSame || pkg.source.kind === 'git') return []
  const summary = 'is not what is installed in its folder'
  return [finding('code', 'notable', summary, `${manifest.name}@${manifest.version}`)]
}

function checkSize({ complete, paths }: PackageFiles): Finding[] {
  if (complete) return []
  return [finding('code', 'info', `is large or deep: only ${paths.length} files were looked at`)]
}

function checkBinaries(pkg: LockedPackage, folder: string, files: PackageFiles): Finding[] {
  const open: string[] = []
  const disguised: string[] = []
  for (const path of files.paths) {
    const kind = binaryKind(readStart(join(folder, path), MAGIC_BYTES) ?? Buffer.alloc(0))
    if (kind === undefined) continue
    const list = isDisguised(path) ? disguised : open
    list.push(`${path} (${kind})`)
  }
  if (disguised.length > 0) {
    return [finding('code', 'severe', 'hides native code under a harmless name', disguised.join(', '))]
  }
  if (open.length === 0) return []
  const isExpected = pkg.platformBound || knownInstallers.has(pkg.name)
  const risk = isExpected ? 'info' : 'notable'
  return [finding('code', risk, 'holds native code, which cannot be read', open.join(', '))]
}

/** The code that npm runs at installation: the commands, the files they name, and what these load. */
function readInstallCode(folder: string, files: PackageFiles, manifest: Manifest): Map<string, string> {
  const paths = new Set(files.paths)
  const code = new Map<string, string>()
  const queue: { from: string; target: string }[] = []
  for (const { event, command } of manifest.installScripts) {
    code.set(`scripts.${event}`, command)
    queue.push(...filesNamedIn(command).map((target) => ({ from: '', target })))
  }
  let read = 0
  for (const { from, target } of queue) {
    if (read === CODE_LIMITS.installFilesMax) break
    const path = resolveInside(paths, from, target)
    if (path === undefined || code.has(path)) continue
    const text = readStart(join(folder, path), CODE_LIMITS.fileBytesMax)?.toString('utf8')
    if (text === undefined) continue
    read += 1
    code.set(path, text)
    const parent = path.split('/').slice(0, -1).join('/')
    queue.push(...localModulesOf(text).map((module) => ({ from: parent, target: module })))
  }
  return code
}

function checkInstallCode(pkg: LockedPackage, code: ReadonlyMap<string, string>): Finding[] {
  const traits = new Map<Trait, string>()
  for (const [place, text] of code) {
    for (const trait of traitsOf(text)) if (!traits.has(trait)) traits.set(trait, place)
  }
  const say = (risk: Finding['risk'], summary: string, trait: Trait): Finding[] =>
    traits.has(trait) ? [finding('code', risk, summary, traits.get(trait))] : []
  const isKnown = knownInstallers.has(pkg.name)
  const secrets = traits.has('uses the network') ? 'severe' : 'risky'
  return [
    ...say('severe', 'pipes a download into a shell at installation', 'pipes a download into a shell'),
    ...say(isKnown ? 'notable' : 'risky', 'uses the network at installation', 'uses the network'),
    ...say(isKnown ? 'notable' : secrets, 'looks for secrets at installation', 'reads secrets'),
    ...say('notable', 'starts programs at installation', 'starts programs'),
  ]
}

/** What is ordinary in a library (starting a program, evaluating text) is told, and weighs nothing. */
function checkAllCode(folder: string, files: PackageFiles, manifest: Manifest): Finding[] {
  const traits = new Map<Trait, string[]>()
  let bytesLeft: number = CODE_LIMITS.codeBytesMax
  for (const path of codeFiles(files, manifest)) {
    if (bytesLeft <= 0) break
    const bytes = readStart(join(folder, path), Math.min(CODE_LIMITS.fileBytesMax, bytesLeft))
    if (bytes === undefined) continue
    bytesLeft -= bytes.length
    for (const trait of traitsOf(bytes.toString('latin1'))) {
      traits.set(trait, [...(traits.get(trait) ?? []), path])
    }
  }
  const say = (risk: Finding['risk'], trait: Trait): Finding[] => {
    const places = traits.get(trait)
    return places === undefined ? [] : [finding('code', risk, trait, places.join(', '))]
  }
  return [
    ...say('severe', 'evaluates decoded text'),
    ...say('risky', 'is obfuscated'),
    ...say('info', 'evaluates text'),
    ...say('info', 'starts programs'),
  ]
}

/** Entry files come first, so that the limits never cut off what is loaded first. */
function codeFiles(files: PackageFiles, manifest: Manifest): string[] {
  const paths = new Set(files.paths)
  const entries = manifest.entryFiles.flatMap((file) => resolveInside(paths, '', file) ?? [])
  const others = files.paths.filter((path) => CODE_NAME.test(path))
  return [...new Set([...entries, ...others])].slice(0, CODE_LIMITS.codeFilesMax)
}

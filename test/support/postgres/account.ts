/**
 * Under whose name PostgreSQL runs. It refuses to run as root, so a test that does starts it as an unprivileged user,
 * and sees to it that this user can reach the programs: a checkout may well be in a folder that only root can enter.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative } from 'node:path'
import type { Release } from './release.ts'

/** The options of `spawn` for this account: none for the account of this process. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** Users to run as when this process is root's: made for it, or made for nothing. */
const UNPRIVILEGED: readonly string[] = ['postgres', 'nobody']
/** Parts of a release that no server needs. */
const UNUSED: readonly string[] = ['include', 'pgxs', 'pkgconfig', 'doc', 'man']

/** The account of a server. Throws when this process is root's and the system has no other user. */
export function accountOfServer(): Account {
  if (process.getuid?.() !== 0) return {}
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
  for (const wanted of UNPRIVILEGED) {
    const user = users.find(([name]) => name === wanted)
    if (user !== undefined) return { uid: Number(user[2]), gid: Number(user[3]) }
  }
  throw new Error(
    `PostgreSQL does not run as root, and /etc/passwd has none of the users ${UNPRIVILEGED.join(', ')}.`,
  )
}

/** A new folder that the account owns and can reach. */
export function folderFor(account: Account): string {
  const parent = [tmpdir(), '/var/tmp', '/tmp'].find((path) => canEnter(account, path))
  if (parent === undefined) throw new Error(`${tmpdir()} and /tmp are closed to the user of the server.`)
  const folder = mkdtempSync(join(parent, 'coterie-postgres-'))
  give(account, folder)
  return folder
}

/** Hands one file or folder to the account. */
export function give({ uid, gid }: Account, path: string): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid)
}

/** The folder of the release's programs, as the account can use it: in place, or linked into `folder`. */
export function programsFor(account: Account, { home }: Release, folder: string): string {
  const links = symbolicLinks(home)
  const complete = links.every(({ path }) => existsSync(join(home, path)))
  if (complete && canEnter(account, join(home, 'bin'))) return join(home, 'bin')
  const own = join(folder, 'programs')
  copyTree(home, own)
  for (const { path, to } of links) if (!existsSync(join(own, path))) symlinkSync(to, join(own, path))
  return join(own, 'bin')
}

/** Runs a program of the release to its end, and answers what it printed. Throws when it fails. */
export function runAs(
  account: Account,
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, {
    ...account,
    cwd: '/',
    env: { ...ENVIRONMENT, ...env },
    encoding: 'utf8',
  })
  if (error !== undefined) throw new Error(`${program} cannot be run: ${error.message}`)
  if (status !== 0) throw new Error(`${basename(program)} failed (${status}):\n${stdout}${stderr}`)
  return stdout
}

/** What a server sees of the environment: nothing that a user has set by chance, such as PGPORT or a locale. */
export const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '/usr/bin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
}

/** Copies a folder without what no server needs. Files are linked where the file system allows it. */
export function copyTree(from: string, to: string, account: Account = {}, link = true): void {
  mkdirSync(to, { recursive: true })
  chmodSync(to, statSync(from).mode)
  give(account, to)
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)]
    if (entry.isDirectory()) {
      if (!link || !UNUSED.includes(entry.name)) copyTree(source, target, account, link)
    } else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target)
    else if (!link || !linked(source, target)) {
      copyFileSync(source, target)
      give(account, target)
    }
  }
}

function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target)
    return true
  } catch {
    return false
  }
}

/** A package cannot hold symbolic links; its install script, which may not have run, makes them from this list. */
function symbolicLinks(home: string): readonly { readonly path: string; readonly to: string }[] {
  const list = join(home, 'pg-symlinks.json')
  if (!existsSync(list)) return []
  const pairs = JSON.parse(readFileSync(list, 'utf8')) as readonly {
    readonly source: string
    readonly target: string
  }[]
  return pairs.map(({ source, target }) => ({
    path: relative('native', target),
    to: relative(dirname(target), source),
  }))
}

/** True when every folder on the way is open to the account. */
function canEnter({ uid }: Account, folder: string): boolean {
  if (uid === undefined) return existsSync(folder)
  for (let path = folder; ; path = dirname(path)) {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined || (found.uid !== uid && (found.mode & 0o001) === 0)) return false
    if (path === dirname(path)) return true
  }
}

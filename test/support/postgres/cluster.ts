/**
 * New data folders. `initdb` takes half a second; so it runs once for each release, and what it made is kept beside the
 * installed packages and copied for every server.
 *
 * @module
 */

import { randomBytes, createHash } from 'node:crypto'
import { accessSync, constants, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { copyTree, give, runAs } from './account.ts'
import type { Account } from './account.ts'
import { USER } from './endpoint.ts'

const CACHE = join(import.meta.dirname, '..', '..', '..', 'node_modules', '.cache', 'coterie-postgres')
/**
 * A collation that sorts as people do, as most databases have one: whoever relies on the order of bytes must say so.
 * The folder is not flushed: there is nothing in it yet to lose.
 */
const INITDB: readonly string[] = [
  `--username=${USER}`,
  '--auth=scram-sha-256',
  '--encoding=UTF8',
  '--locale=C',
  '--locale-provider=icu',
  '--icu-locale=en-US',
  '--no-sync',
]

/** Makes `folder`/data; answers the password of `USER`. All folders of one release and machine have the same. */
export function makeData(account: Account, programs: string, folder: string): string {
  const version = runAs(account, join(programs, 'postgres'), ['--version'])
  const key = createHash('sha256')
    .update(JSON.stringify([version, process.arch, INITDB]))
    .digest('hex')
  const cached = join(CACHE, key.slice(0, 16))
  const data = join(folder, 'data')
  if (isReadable(join(cached, 'password'))) {
    copyTree(join(cached, 'data'), data, account, false)
    return readFileSync(join(cached, 'password'), 'utf8')
  }
  const password = randomBytes(18).toString('hex')
  const passwordFile = join(folder, 'password')
  writeFileSync(passwordFile, password, { mode: 0o600 })
  give(account, passwordFile)
  runAs(account, join(programs, 'initdb'), [...INITDB, `--pwfile=${passwordFile}`, data])
  keep(folder, cached)
  return password
}

/** Puts a copy into the cache. Another process may have done so meanwhile, or the cache cannot be written. */
function keep(folder: string, cached: string): void {
  const making = join(CACHE, `${basename(cached)}-${process.pid}-${randomBytes(4).toString('hex')}`)
  try {
    mkdirSync(making, { recursive: true, mode: 0o700 })
    copyTree(join(folder, 'data'), join(making, 'data'), {}, false)
    writeFileSync(join(making, 'password'), readFileSync(join(folder, 'password')), { mode: 0o600 })
    renameSync(making, cached)
  } catch {
    rmSync(making, { recursive: true, force: true })
  }
}

/** False when there is no such file, and when it is another user's. */
function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

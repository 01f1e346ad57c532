/**
 * Real PostgreSQL servers for tests and benchmarks: started in a fraction of a second, with nothing to set up, as root
 * too, and gone when the process that started them is, however it ended.
 *
 * They are as a user has them: `fsync` and `synchronous_commit` on, passwords by SCRAM. They listen on 127.0.0.1 only.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../../helpers/ports.ts'
import { accountOfServer, copyTree, ENVIRONMENT, give, folderFor, programsFor } from './account.ts'
import type { Account } from './account.ts'
import { makeData } from './cluster.ts'
import { Endpoint } from './endpoint.ts'
import { isGone, isReady, postmasterOf, signalAll } from './processes.ts'
import { postgres18 } from './release.ts'
import type { Release } from './release.ts'
import { discard, guard } from './watchdog.ts'

/** How a server is made. */
export interface ServerOptions {
  /** By default the one that comes with the development dependencies. */
  readonly release?: Release
  /** Settings of the server, as in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>
  /** A server that has not run yet: the new one begins with its data, and can follow it. */
  readonly copyOf?: PostgresServer
}

/** SIGTERM waits for clients, SIGINT sends them away, SIGQUIT leaves recovery to the next start. */
type Shutdown = 'SIGINT' | 'SIGQUIT'

const START_MS = 30_000
const STOP_MS = 20_000

const BASE: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '200',
  // In files of the data folder, which are removed with it: /dev/shm would keep them after a kill.
  dynamic_shared_memory_type: 'mmap',
  lc_messages: 'C',
  log_line_prefix: '%m [%p] %a ',
}

/** A server of its own folder and port. */
export class PostgresServer extends Endpoint implements AsyncDisposable {
  readonly release: Release
  readonly #account: Account
  readonly #folder: string
  readonly #programs: string
  #settings: Readonly<Record<string, string>>

  /** Makes the data folder; the server does not run yet. */
  constructor({ release = postgres18, settings = {}, copyOf }: ServerOptions = {}) {
    if (release.missing !== undefined) throw new Error(release.missing)
    const account = accountOfServer()
    const folder = folderFor(account)
    guard(folder)
    const programs = programsFor(account, release, folder)
    const password =
      copyOf === undefined ? makeData(account, programs, folder) : copyData(copyOf, account, folder)
    super(password, 0)
    this.release = release
    this.#settings = settings
    this.#account = account
    this.#folder = folder
    this.#programs = programs
  }

  /** Makes a server and starts it. */
  static async start(options: ServerOptions = {}): Promise<PostgresServer> {
    const server = new PostgresServer(options)
    await server.start()
    return server
  }

  /** The data folder. */
  get data(): string {
    return join(this.#folder, 'data')
  }

  /** The process id of the postmaster; undefined while it does not run. */
  get postmaster(): number | undefined {
    return postmasterOf(this.data)
  }

  /** Writes a file of the data folder, before the start. */
  write(name: string, text: string): void {
    const path = join(this.data, name)
    writeFileSync(path, text)
    give(this.#account, path)
  }

  /** Starts it, and waits until it takes connections. `settings` replace or join those that it has. */
  async start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    if (this.postmaster !== undefined) throw new Error('The server runs already.')
    this.#settings = { ...this.#settings, ...settings }
    const known = this.port !== 0
    for (let attempt = 1; ; attempt++) {
      if (!known) this.port = await freePort()
      const before = this.log().length
      if (await this.#started()) return
      const said = this.log().slice(before)
      // Somebody else may have taken the port since.
      if (known || attempt === 5 || !said.includes('Address already in use'))
        throw new Error(`PostgreSQL ${this.release.name} did not start:\n${said}`)
    }
  }

  /** Ends it, as an administrator does: `SIGINT` after a checkpoint, `SIGQUIT` at once. */
  async stop(how: Shutdown = 'SIGINT'): Promise<void> {
    const postmaster = this.postmaster
    if (postmaster === undefined) return
    signalAll(postmaster, 'SIGCONT')
    process.kill(postmaster, how)
    if (await isGone(postmaster, STOP_MS)) return
    await this.crash()
    throw new Error(`PostgreSQL did not stop:\n${this.log().slice(-2_000)}`)
  }

  /** Kills the postmaster and all its children with SIGKILL, as the loss of the machine would. */
  async crash(): Promise<void> {
    const postmaster = this.postmaster
    if (postmaster === undefined) return
    signalAll(postmaster, 'SIGKILL')
    if (!(await isGone(postmaster, STOP_MS))) throw new Error(`Process ${postmaster} survived SIGKILL.`)
  }

  /** Stops all its processes in their tracks, as a machine that hangs would; `resume` goes on. */
  pause(): void {
    if (this.postmaster !== undefined) signalAll(this.postmaster, 'SIGSTOP')
  }

  /** See `pause`. */
  resume(): void {
    if (this.postmaster !== undefined) signalAll(this.postmaster, 'SIGCONT')
  }

  /** All that it has written to its log. */
  log(): string {
    const path = join(this.#folder, 'log')
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }

  /** Ends it, and removes all that it had. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop('SIGQUIT')
    } finally {
      discard(this.#folder)
    }
  }

  async #started(): Promise<boolean> {
    const settings = { ...BASE, ...this.#settings, port: String(this.port) }
    const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const log = openSync(join(this.#folder, 'log'), 'a')
    let ended = false
    const child = spawn(join(this.#programs, 'postgres'), ['-D', this.data, ...args], {
      ...this.#account,
      cwd: '/',
      env: ENVIRONMENT,
      detached: true,
      stdio: ['ignore', log, log],
    })
    child.on('error', () => void (ended = true)).on('exit', () => void (ended = true))
    // The watchdog ends it: a test process need not stay for it.
    child.unref()
    closeSync(log)
    for (const end = performance.now() + START_MS; performance.now() < end; await delay(5)) {
      if (ended) return false
      if (postmasterOf(this.data) === child.pid && isReady(this.data)) return true
    }
    await this.crash()
    return false
  }
}

/** A server for one test; it is gone when the test is over. */
export async function postgresFor(
  t: { after(fn: () => Promise<void>): void },
  options: ServerOptions = {},
): Promise<PostgresServer> {
  const server = new PostgresServer(options)
  t.after(() => server[Symbol.asyncDispose]())
  await server.start()
  return server
}

function copyData({ data, password }: PostgresServer, account: Account, folder: string): string {
  copyTree(data, join(folder, 'data'), account, false)
  return password
}

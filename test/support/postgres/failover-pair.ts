/**
 * A primary, and a standby that follows it by streaming replication: a commit is answered when both have it on disk.
 * The tests kill the one, and promote the other.
 *
 * @module
 */

import { setTimeout as delay } from 'node:timers/promises'
import { postgres18 } from './release.ts'
import type { Release } from './release.ts'
import { PostgresServer } from './server.ts'

const STANDBY = 'standby'
const SYNC_MS = 30_000
const PROMOTE_S = 30

/** Both servers. */
export class FailoverPair implements AsyncDisposable {
  readonly primary: PostgresServer
  readonly standby: PostgresServer

  private constructor(release: Release) {
    this.primary = new PostgresServer({
      release,
      // `remote_apply` is not needed: what the standby has flushed, it has when it is promoted.
      settings: { synchronous_standby_names: `FIRST 1 (${STANDBY})`, wal_level: 'replica' },
    })
    this.standby = new PostgresServer({ release, copyOf: this.primary })
  }

  /** Starts both, and waits until the standby is synchronous. */
  static async start(release: Release = postgres18): Promise<FailoverPair> {
    const pair = new FailoverPair(release)
    try {
      await pair.#follow()
      return pair
    } catch (error) {
      await pair[Symbol.asyncDispose]()
      throw error
    }
  }

  /** A URL with both hosts, the primary first. A client must find out which of them takes writes. */
  url(database: string): string {
    const [first, second] = [this.primary, this.standby].map((server) => `127.0.0.1:${server.port}`)
    return this.primary.url(database).replace(`127.0.0.1:${this.primary.port}`, `${first},${second}`)
  }

  /** Kills the primary with all its processes: SIGKILL, no last word to anybody. */
  async killPrimary(): Promise<void> {
    await this.primary.crash()
  }

  /** Makes the standby the primary; it takes writes when this returns. It waits for no other standby. */
  async promote(): Promise<void> {
    const [row] = await this.standby.query('select pg_promote(true, $1) as promoted', [PROMOTE_S])
    if (row?.['promoted'] !== true) throw new Error(`The standby was not promoted:\n${this.standby.log()}`)
  }

  /** Ends both, and removes all that they had. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.primary, this.standby].map((server) => server[Symbol.asyncDispose]()))
  }

  async #follow(): Promise<void> {
    await this.primary.start()
    const { username, password, port } = new URL(this.primary.url())
    this.standby.write('standby.signal', '')
    await this.standby.start({
      primary_conninfo: `host=127.0.0.1 port=${port} user=${username} password=${password} application_name=${STANDBY}`,
      hot_standby: 'on',
    })
    for (const end = performance.now() + SYNC_MS; !(await this.#isSynchronous()); await delay(20)) {
      if (performance.now() > end)
        throw new Error(`The standby did not become synchronous:\n${this.standby.log()}`)
    }
  }

  async #isSynchronous(): Promise<boolean> {
    const rows = await this.primary.query(
      'select sync_state from pg_stat_replication where application_name = $1',
      [STANDBY],
    )
    return rows[0]?.['sync_state'] === 'sync'
  }
}

/** A pair for one test; it is gone when the test is over. */
export async function failoverPairFor(
  t: { after(fn: () => Promise<void>): void },
  release: Release = postgres18,
): Promise<FailoverPair> {
  const pair = await FailoverPair.start(release)
  t.after(() => pair[Symbol.asyncDispose]())
  return pair
}

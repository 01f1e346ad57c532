/**
 * One connection to a server that takes writes: found among the hosts, asked who it is, and given up at the
 * first sign of trouble.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { TYPES } from './driver.ts'
import type { Driver, DriverClient, DriverResult, Row } from './driver.ts'
import type { Location, SynchronousCommit } from './location.ts'
import { driverError, isRefusal, troubleOf } from './postgres-error.ts'

/** A statement with the name under which a connection prepares it. */
export interface Statement {
  readonly name: string
  readonly text: string
}

/** A statement with its values. */
export type Call = readonly [statement: Statement, values?: readonly unknown[]]

const CONNECT_MS = 5_000
/** A server that has not answered a statement for so long is taken for gone. */
const ANSWER_MS = 30_000
const WHO = `select pg_is_in_recovery() as standby,
  current_setting('transaction_read_only') = 'on' as closed,
  current_setting('server_encoding') as encoding,
  current_setting('server_version_num')::integer as version,
  current_setting('synchronous_commit') as durability`
/** `set local ...`, `lock ... for no key update` and data-modifying CTEs would do with less; this is tested. */
const OLDEST = 140_000

/** A connection, with what it was told by the server. */
export class Connection {
  /** What a commit is given for `synchronous_commit`. */
  readonly durability: SynchronousCommit
  /** Statements under way. */
  pending = 0
  lastUsedMs = 0
  #broken = false
  readonly #client: DriverClient
  readonly #prepare: () => boolean

  constructor(client: DriverClient, durability: SynchronousCommit, prepare: () => boolean) {
    this.#client = client
    this.durability = durability
    this.#prepare = prepare
    client.on('error', () => this.discard())
    client.on('end', () => this.discard())
  }

  /** True when it must not be used any more. */
  get broken(): boolean {
    return this.#broken
  }

  /** Calls back for each notification, and once when the connection is gone. */
  listen(heard: (payload: string) => void, gone: () => void): void {
    this.#client.on('notification', ({ payload }) => heard(payload ?? ''))
    this.#client.on('end', gone)
  }

  /** Runs one statement, behind those that were sent before. */
  async run(statement: Statement, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#send(statement, values)).rows
  }

  /**
   * Sends several statements at once and waits for all the answers. If some fail, throws the error of the first:
   * the others only say that the transaction was aborted.
   */
  async pipeline(calls: readonly Call[]): Promise<readonly DriverResult[]> {
    const results = await Promise.allSettled(
      calls.map(([statement, values = []]) => this.#send(statement, values)),
    )
    const failures = results.flatMap((result) =>
      result.status === 'rejected' ? [result.reason as unknown] : [],
    )
    // An error of the server says more than the end of the connection that may have followed it.
    if (failures.length > 0) throw failures.find(isRefusal) ?? failures[0]
    return results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
  }

  /** Closes it: what is under way fails. */
  discard(): void {
    if (this.#broken) return
    this.#broken = true
    this.#client.end().catch(() => undefined)
  }

  /** Closes it when what is under way is done. */
  async end(): Promise<void> {
    this.#broken = true
    await this.#client.end().catch(() => undefined)
  }

  async #send({ name, text }: Statement, values: readonly unknown[]): Promise<DriverResult> {
    this.pending += 1
    try {
      // Without values, the simple protocol is used, and there is nothing to prepare.
      const named = values.length > 0 && this.#prepare()
      return await this.#client.query({ text, values: [...values], ...(named && { name }) })
    } catch (error) {
      throw driverError(error)
    } finally {
      this.pending -= 1
    }
  }
}

/** Makes connections; remembers which host took the last one, and asks it first. */
export class Connector {
  readonly #location: Location
  readonly #prepare: () => boolean
  readonly #standbyWillDo: boolean
  #last = 0

  constructor(location: Location, prepare: () => boolean, standbyWillDo: boolean) {
    this.#location = location
    this.#prepare = prepare
    this.#standbyWillDo = standbyWillDo
  }

  /**
   * Connects to the first host that takes writes. If none does, throws what one said that may take them later, or
   * else what the last one said.
   */
  async connect(driver: Driver): Promise<Connection> {
    const { targets } = this.#location
    const first = this.#last
    let problem: unknown
    for (let i = 0; i < targets.length; i++) {
      const at = (first + i) % targets.length
      try {
        const target = targets[at] ?? ''
        const made = await connectTo(driver, target, this.#location, this.#prepare, this.#standbyWillDo)
        this.#last = at
        return made
      } catch (error) {
        if (problem === undefined || troubleOf(problem) === 'final') problem = error
      }
    }
    throw problem
  }
}

async function connectTo(
  driver: Driver,
  target: string,
  location: Location,
  prepare: () => boolean,
  standbyWillDo: boolean,
): Promise<Connection> {
  const client = new driver.Client({
    connectionString: target,
    pipeline: true,
    keepAlive: true,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: ANSWER_MS,
    fallback_application_name: 'coterie',
    types: TYPES,
  })
  // Without a listener, an error between two statements would end the process.
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rows } = await client.query({ text: WHO })
    const durability = judge(rows[0] ?? {}, location, standbyWillDo)
    return new Connection(client, location.synchronousCommit ?? durability, prepare)
  } catch (error) {
    client.end().catch(() => undefined)
    throw driverError(error)
  }
}

/** Refuses a server that cannot be used; answers the durability that its commits get. */
function judge(who: Row, { shown }: Location, standbyWillDo: boolean): SynchronousCommit {
  if (Number(who['version']) < OLDEST) {
    throw new CoterieError(
      'COTERIE_STORE_UNSUPPORTED',
      `The server of ${shown} is older than PostgreSQL 14: update it.`,
    )
  }
  if (who['encoding'] !== 'UTF8') {
    throw new CoterieError(
      'COTERIE_STORE_UNSUPPORTED',
      `The database ${shown} has the encoding ${String(who['encoding'])}: create one with UTF8.`,
    )
  }
  if (!standbyWillDo && (who['standby'] === true || who['closed'] === true)) {
    throw Object.assign(new Error('the server is a standby, or takes no writes'), {
      code: '25006',
      severity: 'ERROR',
    })
  }
  // `remote_apply` promises more than `on`, everything else less.
  return who['durability'] === 'remote_apply' ? 'remote_apply' : 'on'
}

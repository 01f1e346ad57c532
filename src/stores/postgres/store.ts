/**
 * A PostgreSQL database with its spaces.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { CoterieError } from '../../core/errors.ts'
import { num, text } from '../../mailbox/rows.ts'
import { SPACES_MAX } from '../../mailbox/states.ts'
import type { Genesis, SpaceStore, Store } from '../../ports/store.ts'
import { PostgresBatch } from './batch.ts'
import { Feed } from './feed.ts'
import { flushCalls } from './flush.ts'
import type { Location } from './location.ts'
import { requireSchema } from './migrate.ts'
import type { Permission } from './migrate.ts'
import { Pool } from './pool.ts'
import type { Row } from './driver.ts'
import { PostgresSpace } from './space.ts'
import { Statements } from './statements.ts'
import { COMMIT } from './transaction.ts'

const NAMES = 'select name from coterie.spaces order by name'
const FIND = 'select space, name, genesis, version from coterie.spaces where name = $1'
const CREATE = `insert into coterie.spaces (name, genesis, position, clock_ms, number, handled, version, stamp)
  select $1, $2, 0, 0, 0, 0, 0, 0 on conflict (name) do nothing returning space`

/** How a store is opened. */
export interface StoreOptions {
  readonly permission: Permission
  readonly readOnly: boolean
  /** A clock to use instead of the database's, in milliseconds since the Unix epoch: for tests. */
  readonly now: (() => number) | undefined
}

/** The store of one database. Connections are made when they are needed. */
export class PostgresStore implements Store {
  readonly url: string
  readonly #pool: Pool
  readonly #statements: Statements
  readonly #feed: Feed
  readonly #options: StoreOptions
  readonly #writer = randomBytes(12).toString('hex')
  readonly #opened: PostgresSpace[] = []
  #ready: Promise<void> | undefined

  constructor(location: Location, options: StoreOptions) {
    this.url = location.shown
    this.#options = options
    this.#pool = new Pool(location, options.readOnly)
    this.#statements = new Statements(location.schema)
    this.#feed = new Feed(this.#pool, location.schema, () => {
      for (const space of this.#opened) space.look()
    })
  }

  async spaces(): Promise<readonly string[]> {
    await this.#prepared()
    return (await this.#pool.read(this.#statements.get(NAMES), [])).map((row) => text(row, 'name'))
  }

  async space(name: string, genesis?: Genesis): Promise<SpaceStore | undefined> {
    await this.#prepared()
    const found = await this.#find(name)
    if (found !== undefined) return this.#open(found)
    if (genesis === undefined) return undefined
    await this.#create(name, genesis)
    const made = await this.#find(name)
    if (made === undefined) throw new Error(`The space "${name}" was not written.`)
    return this.#open(made)
  }

  async close(): Promise<void> {
    this.#feed.close()
    await this.#pool.close()
  }

  /** Looks at the schema, once. */
  #prepared(): Promise<void> {
    this.#pool.check()
    this.#ready ??= requireSchema(this.#pool, this.#options.permission).catch((error: unknown) => {
      this.#ready = undefined
      throw error
    })
    return this.#ready
  }

  async #find(name: string): Promise<Row | undefined> {
    return (await this.#pool.read(this.#statements.get(FIND), [name]))[0]
  }

  #open(row: Row): SpaceStore {
    const { now } = this.#options
    const context = {
      pool: this.#pool,
      statements: this.#statements,
      space: num(row, 'space'),
      clockMs: now ?? (() => null),
    }
    const identity = {
      name: text(row, 'name'),
      id: text(row, 'genesis'),
      version: num(row, 'version'),
      writer: `${this.#writer}-${this.#opened.length}`,
    }
    const space = new PostgresSpace(context, identity, this.#feed)
    this.#opened.push(space)
    return space
  }

  /** Of two who create a space, both join the first one's: the second waits for it, and inserts nothing. */
  async #create(name: string, { record }: Genesis): Promise<void> {
    if (record.seq !== 0 || record.prev !== '') {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `The first record of the space "${name}" is not the first of a chain.`,
      )
    }
    await this.#pool.exclusive(async (connection) => {
      const [, created] = await connection.pipeline([
        [{ name: 'begin', text: 'begin isolation level read committed read write' }],
        [this.#statements.get(CREATE), [name, record.hash]],
      ])
      const space = created?.rows[0]?.['space']
      if (typeof space === 'number') {
        if (space > SPACES_MAX) {
          throw new CoterieError(
            'COTERIE_LIMIT_EXCEEDED',
            `A database holds at most ${SPACES_MAX} spaces: use another one.`,
          )
        }
        const head = { space, position: 0, number: 0, handled: 0, version: 0, stamp: 0, now: 0 }
        const batch = new PostgresBatch(head, { mailboxDepth: Number.MAX_SAFE_INTEGER })
        batch.expect([record.author])
        Object.assign(batch.mailbox(record.author), { seq: 0, hash: record.hash, changed: true })
        batch.addRecord(record, 0)
        const mark = { writer: this.#writer, batch: 0 }
        const guard = { untilMs: Number.MAX_SAFE_INTEGER, clockMs: this.#options.now?.() ?? null }
        await connection.pipeline(flushCalls(this.#statements, batch, mark, guard))
      }
      await connection.pipeline([COMMIT])
    })
  }
}

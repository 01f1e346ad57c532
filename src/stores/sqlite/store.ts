/**
 * An SQLite database with its spaces.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { num, text } from '../../mailbox/rows.ts'
import type { Row } from '../../mailbox/rows.ts'
import type { Genesis, SpaceStore, Store } from '../../ports/store.ts'
import { SqliteBatch } from './batch-state.ts'
import type { Database } from './database.ts'
import type { Handle } from './handle.ts'
import { SqliteSpace } from './space.ts'
import { SPACES_MAX } from '../../mailbox/states.ts'

const NAMES = 'select name from spaces order by name'
const FIND = 'select space, name, genesis from spaces where name = ?'
const CREATE = `insert into spaces (name, genesis, position, clock_ms, number, handled)
  values (?, ?, 0, 0, 0, 0) returning space, name, genesis`

/** The store over one handle. */
export class SqliteStore implements Store {
  readonly url: string
  readonly #handle: Handle

  constructor(url: string, handle: Handle) {
    this.url = url
    this.#handle = handle
  }

  async spaces(): Promise<readonly string[]> {
    return this.#handle.query((db) =>
      db
        .sql(NAMES)
        .all()
        .map((row) => text(row, 'name')),
    )
  }

  async space(name: string, genesis?: Genesis): Promise<SpaceStore | undefined> {
    const found = this.#handle.query((db) => db.sql(FIND).get(name))
    if (found !== undefined) return this.#open(found)
    if (genesis === undefined) return undefined
    const { wallMs } = this.#handle
    return this.#open(this.#handle.write((db) => db.write(() => create(db, name, genesis, wallMs()))))
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  #open(row: Row): SpaceStore {
    return new SqliteSpace(this.#handle, num(row, 'space'), text(row, 'name'), text(row, 'genesis'))
  }
}

/** Looks again under the lock, so that of two who create a space both join the first one's. */
function create(db: Database, name: string, genesis: Genesis, wallMs: number): Row {
  const found = db.sql(FIND).get(name)
  if (found !== undefined) return found
  const { record } = genesis
  if (record.seq !== 0 || record.prev !== '') {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      `The first record of the space "${name}" is not the first of a chain.`,
    )
  }
  const row = db.sql(CREATE).get(name, record.hash)
  if (row === undefined) throw new Error(`The space "${name}" was not written.`)
  if (num(row, 'space') > SPACES_MAX) {
    throw new CoterieError(
      'COTERIE_LIMIT_EXCEEDED',
      `A database holds at most ${SPACES_MAX} spaces: use another file.`,
    )
  }
  const batch = new SqliteBatch(db, num(row, 'space'), wallMs)
  Object.assign(batch.mailbox(record.author), { seq: 0, hash: record.hash, changed: true })
  batch.addRecord(record, 0)
  batch.flush()
  return row
}

/**
 * One connection to one database: opening, prepared statements, transactions, and the mapping of errors.
 *
 * @module
 */

import { DatabaseSync } from 'node:sqlite'
import type { StatementSync } from 'node:sqlite'
import { CoterieError } from '../../core/errors.ts'
import { Checkpointer } from './checkpointer.ts'
import { SPACE_FILE } from './file-kind.ts'
import type { FileKind } from './file-kind.ts'
import { foreignDatabase, inspectFile } from './location.ts'
import { migrate } from './migrate.ts'
import { closedError, isBusy, isFull, storeError } from './sqlite-error.ts'

/** How a database is opened. */
export interface DatabaseOptions {
  /**
   * FULL (the default) survives a loss of power; NORMAL may lose the newest commits then, but nothing else.
   */
  readonly synchronous?: 'FULL' | 'NORMAL'
  readonly readOnly?: boolean
  /** How long to wait for another process's transaction. */
  readonly busyTimeoutMs?: number
  /** Refuse to create the file. */
  readonly mustExist?: boolean
}

const BUSY_TIMEOUT_MS = 5_000
const RETRY_MS = 5
/** After the disk was full and nothing could be given back. */
const MAKE_ROOM_MS = 1_000
const CACHE_KIB = 16_384
// The checkpointer's thread copies the log at half of this; SQLite does it by itself when that fails.
const AUTO_CHECKPOINT_PAGES = 8_000

/** A connection, used by one handle for a file, and by several for a shared memory database. */
export class Database {
  readonly file: string
  /** Write transactions committed through this connection. */
  commits = 0
  readonly #db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  readonly #checkpointer: Checkpointer | undefined
  #changes = 0
  readonly #patienceMs: number
  /** When making room did not help. */
  #roomlessAt = -Infinity

  constructor(file: string, options: DatabaseOptions = {}, kind: FileKind = SPACE_FILE) {
    this.file = file
    this.#patienceMs = Math.trunc(options.busyTimeoutMs ?? BUSY_TIMEOUT_MS)
    this.#db = openDatabase(file, options, kind)
    if (file !== ':memory:' && options.readOnly !== true) {
      this.#checkpointer = new Checkpointer(file, () => this.#finishCheckpoint())
    }
  }

  /** The prepared statement for a text, from the cache. */
  sql(text: string): StatementSync {
    let statement = this.#statements.get(text)
    if (statement === undefined) {
      statement = this.#db.prepare(text)
      this.#statements.set(text, statement)
    }
    return statement
  }

  /** Runs `fn` outside of a transaction: for one query. */
  query<T>(fn: () => T): T {
    try {
      return fn()
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /** Runs several queries on one state of the database. */
  snapshot<T>(fn: () => T): T {
    return this.#transaction('begin', fn)
  }

  /**
   * Runs `fn` in a write transaction. Durable when it returns; if it throws, nothing was written. It may be run
   * twice: when the disk is full, the room that the write-ahead log takes is given back first.
   */
  write<T>(fn: () => T): T {
    let result: T
    try {
      result = this.#transaction('begin immediate', fn)
    } catch (error) {
      if (!(error instanceof CoterieError) || !isFull(error.cause) || !this.#makeRoom()) throw error
      result = this.#transaction('begin immediate', fn)
    }
    this.commits++
    if (this.#checkpointer !== undefined) {
      const changes = Number(this.sql('select total_changes() as n').get()?.['n'] ?? 0)
      this.#checkpointer.wrote(changes - this.#changes)
      this.#changes = changes
    }
    return result
  }

  /** SQLite's counter of other connections' commits. */
  dataVersion(): number {
    return this.query(() => Number(this.sql('pragma data_version').get()?.['data_version'] ?? 0))
  }

  /** Runs SQL without results. For tests and tools. */
  exec(text: string): void {
    this.query(() => this.#db.exec(text))
  }

  /** Resolves when nothing works on the file behind the connection: call it before `close`. */
  async settle(): Promise<void> {
    await this.#checkpointer?.close()
  }

  close(): void {
    this.#statements.clear()
    if (this.#db.isOpen) this.query(() => this.#db.close())
  }

  /** A copy that fails is tried again at the next checkpoint: the log keeps what it had to copy. */
  #finishCheckpoint(): void {
    if (!this.#db.isOpen || this.#db.isTransaction) return
    try {
      this.sql('pragma wal_checkpoint(passive)').get()
    } catch {
      // Busy, or a full disk, of which the next commit will tell.
    }
  }

  #transaction<T>(begin: string, fn: () => T): T {
    try {
      this.sql(begin).run()
      const result = fn()
      this.sql('commit').run()
      return result
    } catch (error) {
      throw this.#failed(error)
    }
  }

  /**
   * Moves what is committed from the log into the database, so that the log begins anew. Most of its pages are there
   * several times, or replace others, so this needs far less room than they take. False when it did not help, for
   * which the disk is not asked again soon: whoever waits for room tries often. Nobody is waited for.
   */
  #makeRoom(): boolean {
    if (this.file === ':memory:' || performance.now() - this.#roomlessAt < MAKE_ROOM_MS) return false
    try {
      this.#db.exec('pragma busy_timeout = 0')
      const row = this.sql('pragma wal_checkpoint(truncate)').get()
      if (row?.['checkpointed'] === row?.['log']) return true
    } catch {
      // There is no room even for that: the error of the write itself tells it.
    } finally {
      this.#db.exec(`pragma busy_timeout = ${this.#patienceMs}`)
    }
    this.#roomlessAt = performance.now()
    return false
  }

  #failed(error: unknown): CoterieError {
    if (!this.#db.isOpen) return closedError(this.file)
    // SQLite has already rolled back after some errors (a full disk), so it is asked first.
    if (this.#db.isTransaction) this.#db.exec('rollback')
    return storeError(error, this.file)
  }
}

function openDatabase(file: string, options: DatabaseOptions, kind: FileKind): DatabaseSync {
  const readOnly = options.readOnly ?? false
  const memory = file === ':memory:'
  if (!memory) inspectFile(file, { write: !readOnly, exists: readOnly || (options.mustExist ?? false) }, kind)
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { readOnly })
    const patience = options.busyTimeoutMs ?? BUSY_TIMEOUT_MS
    db.exec(`pragma busy_timeout = ${Math.trunc(patience)}`)
    if (!readOnly) {
      mark(db, file, kind.applicationId)
      if (!memory) useLog(db, patience)
      db.exec(`pragma synchronous = ${options.synchronous === 'NORMAL' ? 'normal' : 'full'}`)
      db.exec(`pragma wal_autocheckpoint = ${AUTO_CHECKPOINT_PAGES}`)
    }
    db.exec(`pragma cache_size = -${CACHE_KIB}; pragma temp_store = memory;`)
    if (readPragma(db, 'application_id') !== kind.applicationId && !readOnly) throw foreignDatabase(file)
    migrate(db, file, readOnly, kind)
    return db
  } catch (error) {
    if (db?.isOpen === true) {
      if (db.isTransaction) db.exec('rollback')
      db.close()
    }
    throw storeError(error, file)
  }
}

/**
 * Writes the mark into a new file, before the change to a write-ahead log: so the mark is in the file itself,
 * where `inspectFile` looks for it, and never only in the log.
 */
function mark(db: DatabaseSync, file: string, applicationId: number): void {
  if (readPragma(db, 'application_id') === applicationId) return
  db.exec('begin immediate')
  if (readPragma(db, 'application_id') === 0) {
    const objects = db.prepare('select count(*) as n from sqlite_schema').get()?.['n']
    if (objects !== 0) throw foreignDatabase(file)
    db.exec(`pragma application_id = ${applicationId}`)
  }
  db.exec('commit')
}

/** Changes to a write-ahead log. SQLite does not wait for others here, so the waiting is done by hand. */
function useLog(db: DatabaseSync, patienceMs: number): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4))
  for (let waitedMs = 0; ; waitedMs += RETRY_MS) {
    try {
      db.exec('pragma journal_mode = wal')
      break
    } catch (error) {
      if (!isBusy(error) || waitedMs >= patienceMs) throw error
      Atomics.wait(sleeper, 0, 0, RETRY_MS)
    }
  }
  if (db.prepare('pragma journal_mode').get()?.['journal_mode'] !== 'wal') {
    throw new CoterieError(
      'COTERIE_STORE_FAILED',
      'The file system does not support a write-ahead log: use a local disk.',
    )
  }
}

function readPragma(db: DatabaseSync, name: string): number {
  return Number(db.prepare(`pragma ${name}`).get()?.[name] ?? 0)
}

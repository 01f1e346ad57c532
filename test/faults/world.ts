/**
 * The world outside: a table beside the log that steps write to and that no transaction of the log covers.
 * Each call is a row, so a test can count how often each step has run, whatever happened to the process that
 * ran it.
 *
 * @module
 */

import { DatabaseSync } from 'node:sqlite'

/** One run of a step, or of its compensation. Runs are numbered in the order in which they happened. */
export interface Run {
  readonly run: number
  readonly key: string
  readonly step: string
  readonly order: number
  readonly pid: number
  /** When, by the machine's clock. */
  readonly at: number
}

/** What a step's function answers: which run it was, so that the recorded result names it. */
export interface Receipt {
  readonly run: number
  readonly key: string
}

const SCHEMA = `create table if not exists runs
  (run integer primary key autoincrement, key text not null, step text not null, number integer not null,
  pid integer not null, at integer not null)`

export class World {
  readonly #db: DatabaseSync

  constructor(file: string) {
    this.#db = new DatabaseSync(file, { timeout: 20_000 })
    // A process that is killed loses nothing that it has written, whatever is synced.
    this.#db.exec(`pragma synchronous = off; ${SCHEMA}`)
  }

  /** The effect: visible at once, and to everybody. */
  run(step: string, order: number, key: string): Receipt {
    const { lastInsertRowid } = this.#db
      .prepare('insert into runs (key, step, number, pid, at) values (?, ?, ?, ?, ?)')
      .run(key, step, order, process.pid, Date.now())
    return { run: Number(lastInsertRowid), key }
  }

  /** How often a step has run under this key. */
  times(key: string): number {
    return Number(this.#db.prepare('select count(*) as n from runs where key = ?').get(key)?.['n'])
  }

  runs(): readonly Run[] {
    return this.#db
      .prepare('select run, key, step, number, pid, at from runs order by run')
      .all()
      .map((row) => ({
        run: Number(row['run']),
        key: String(row['key']),
        step: String(row['step']),
        order: Number(row['number']),
        pid: Number(row['pid']),
        at: Number(row['at']),
      }))
  }

  close(): void {
    this.#db.close()
  }
}

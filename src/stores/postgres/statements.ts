/**
 * Statements of one schema. They are written with the schema's usual name, `coterie`, before each table.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import type { Statement } from './connection.ts'

const USUAL = 'coterie'

/**
 * The statements of a schema, each made once. The name is made from the text: behind a pooler that lets clients
 * see each other's prepared statements, one name must never mean two things.
 */
export class Statements {
  readonly schema: string
  readonly #made = new Map<string, Statement>()

  constructor(schema: string) {
    this.schema = schema
  }

  /** The statement with this text. */
  get(text: string): Statement {
    let statement = this.#made.get(text)
    if (statement === undefined) {
      const own = this.schema === USUAL ? text : text.replaceAll(`${USUAL}.`, `${this.schema}.`)
      statement = {
        name: `coterie_${createHash('sha256').update(own).digest('hex').slice(0, 16)}`,
        text: own,
      }
      this.#made.set(text, statement)
    }
    return statement
  }
}

/**
 * The store's clock as SQL: the database's, never behind the newest commit. `s` is the row of the space; the
 * parameter is a time to use instead, for tests, or null.
 */
export function nowSql(parameter: string): string {
  return (
    `greatest(s.clock_ms, coalesce(${parameter}::bigint, ` +
    'floor(extract(epoch from clock_timestamp()) * 1000)::bigint))'
  )
}

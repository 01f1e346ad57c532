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
  readonly #joined = new Map<string, Statement>()

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

  /**
   * One statement that does what all of these do, behind `head`, which they may read from as `g`. They change
   * different rows; none sees what another has done. `$1` is the same in all, the other parameters follow each other.
   */
  joined(head: string, texts: readonly string[]): Statement {
    const key = texts.join(';')
    let statement = this.#joined.get(key)
    if (statement === undefined) {
      let count = shifted(head, 0).count
      const parts = texts.map((text) => {
        const part = shifted(text, count)
        count += part.count
        return part.text
      })
      const last = parts.pop() ?? ''
      const first = [`g as materialized (${head})`, ...parts.map((part, at) => `p${at} as (${part})`)]
      statement = this.get(`with ${first.join(',\n')}\n${last}`)
      this.#joined.set(key, statement)
    }
    return statement
  }
}

/** The statement with its parameters from `$2` on shifted; answers how many there are. */
function shifted(text: string, by: number): { readonly text: string; readonly count: number } {
  let last = 1
  const moved = text.replaceAll(/\$(\d+)/g, (_, digits: string) => {
    const number = Number(digits)
    last = Math.max(last, number)
    return number === 1 ? '$1' : `$${number + by}`
  })
  return { text: moved, count: last - 1 }
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

/**
 * Settings of a transaction under which rows are looked up by index, one by one, whatever the statistics say of a table
 * that was empty a moment ago: an item of a `select`.
 */
export const BY_INDEX: string = ['seqscan', 'hashjoin', 'mergejoin', 'material']
  .map((way) => `set_config('enable_${way}', 'off', true)`)
  .concat("set_config('jit', 'off', true)")
  .join(', ')

/**
 * Where a server is reached, and what tests ask of one that may not be theirs alone.
 *
 * @module
 */

import { randomBytes } from 'node:crypto'
import { Client } from 'pg'

/** The superuser of every server that tests start. */
export const USER = 'coterie'

/** A row as the driver gives it. */
export type Row = Readonly<Record<string, unknown>>

/** A server as its clients see it. */
export class Endpoint {
  /** Of `USER`. */
  readonly password: string
  #port: number

  constructor(password: string, port: number) {
    this.password = password
    this.#port = port
  }

  /** The endpoint that a URL names. */
  static of(url: string): Endpoint {
    const { password, port } = new URL(url)
    return new Endpoint(password, Number(port))
  }

  /** On 127.0.0.1; 0 before the first start. */
  get port(): number {
    return this.#port
  }

  protected set port(port: number) {
    this.#port = port
  }

  /** What a client needs to connect to a database, by way of another port if need be. */
  url(database = 'postgres', port: number = this.#port): string {
    return `postgres://${USER}:${this.password}@127.0.0.1:${port}/${database}`
  }

  /** Creates an empty database, and answers its name. `more` is added to the command. */
  async createDatabase(more = ''): Promise<string> {
    const name = `test_${process.pid}_${randomBytes(6).toString('hex')}`
    await this.query(`create database ${name} ${more}`)
    return name
  }

  /** Runs one command on a connection of its own. */
  async query(text: string, values: readonly unknown[] = [], database = 'postgres'): Promise<readonly Row[]> {
    const client = new Client({ connectionString: this.url(database), application_name: 'test' })
    // A server that is killed ends idle connections too; who waits for an answer is told by the query.
    client.on('error', () => undefined)
    await client.connect()
    try {
      return (await client.query<Row>(text, [...values])).rows
    } finally {
      await client.end().catch(() => undefined)
    }
  }
}

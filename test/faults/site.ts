/**
 * Where a fault test happens: a database that several processes use at once, whatever store it is.
 *
 * @module
 */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { CODE } from '../../src/mailbox/states.ts'
import type { Endpoint } from '../support/postgres/endpoint.ts'
import { sharedPostgres } from '../support/postgres/keeper.ts'

/** What a fault puts into the rows, behind the back of the store. */
export type Spoiling =
  /** The messages of `audit` end in the reverse order. Done twice, it is undone. */
  | 'order'
  /** The first message of `audit` is queued again. */
  | 'state'

/** A database for processes that are killed. */
export interface Site {
  readonly url: string
  /** A folder, for all processes the same. */
  readonly keyring: string
  /** What the database itself finds wrong with its files; nothing when it is sound. */
  readonly integrity: () => Promise<readonly string[]>
  readonly spoil: (what: Spoiling) => Promise<void>
}

/** A file in a folder. */
function sqliteSite(folder: string): Site {
  const file = join(folder, 'space.db')
  const inDatabase = <T>(work: (db: DatabaseSync) => T): T => {
    const db = new DatabaseSync(file)
    try {
      return work(db)
    } finally {
      db.close()
    }
  }
  const spoilings: Readonly<Record<Spoiling, string>> = {
    order: `update messages set settled = (select max(settled) + min(settled) from messages
      where recipient = 'audit') - settled where recipient = 'audit'`,
    state: `update messages set state = ${CODE.queued} where place = (select min(place) from messages where
      recipient = 'audit')`,
  }
  return {
    url: `sqlite:${file}`,
    keyring: join(folder, 'keys'),
    integrity: async () => {
      const said = inDatabase((db) => db.prepare('pragma integrity_check').all())
      return said.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok')
    },
    spoil: async (what) => {
      const changes = inDatabase((db) => db.prepare(spoilings[what]).run().changes)
      if (changes === 0) throw new Error(`Nothing was there to be spoilt: ${what}.`)
    },
  }
}

/**
 * A new database on a server. `reach` gives the URL that the processes use, if not the server's own; `heir` is the
 * server that is examined in the end, if not the same.
 */
export async function postgresSite(
  folder: string,
  server: Endpoint,
  reach: (database: string) => string = (database) => server.url(database),
  heir: Endpoint = server,
): Promise<Site> {
  const database = await server.createDatabase()
  const audit = `place in (select place from coterie.messages where recipient = 'audit')`
  const spoilings: Readonly<Record<Spoiling, string>> = {
    order: `update coterie.ends set settled = (select max(settled) + min(settled) from coterie.ends where ${audit})
      - settled where ${audit} returning place`,
    state: `with gone as (delete from coterie.ends where place =
        (select min(place) from coterie.ends where ${audit}) returning place, space)
      insert into coterie.mail (place, space, recipient, lane, state, queue, attempts, segments, crashes, undo)
      select place, space, 'audit', '', ${CODE.queued}, 0, 0, 0, 0, false from gone returning place`,
  }
  return {
    url: reach(database),
    keyring: join(folder, 'keys'),
    integrity: async () => {
      await heir.query('create extension if not exists amcheck', [], database)
      const damage = await heir.query(
        `select c.relname, d.msg from pg_class c, lateral verify_heapam(c.oid) d
         where c.relkind = 'r' and c.relnamespace = 'coterie'::regnamespace`,
        [],
        database,
      )
      // Raises an error when an index lacks a row of its table.
      await heir.query(
        `select bt_index_check(i.indexrelid, true) from pg_index i join pg_class c on c.oid = i.indrelid
         where c.relnamespace = 'coterie'::regnamespace`,
        [],
        database,
      )
      return damage.map((row) => `${String(row['relname'])}: ${String(row['msg'])}`)
    },
    spoil: async (what) => {
      const rows = await heir.query(spoilings[what], [], database)
      if (rows.length === 0) throw new Error(`Nothing was there to be spoilt: ${what}.`)
    },
  }
}

/** The stores that the fault tests run on. */
export const SITES: readonly { readonly name: string; readonly make: (folder: string) => Promise<Site> }[] = [
  { name: 'SQLite', make: async (folder) => sqliteSite(folder) },
  { name: 'PostgreSQL', make: async (folder) => postgresSite(folder, await sharedPostgres()) },
]

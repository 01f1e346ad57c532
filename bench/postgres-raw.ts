/**
 * The raw limits of a server, measured in the same run: what one commit, and one row of a hundred in one commit, cost
 * without any of Coterie.
 *
 * @module
 */

import { Client } from 'pg'
import { measureSignature } from './raw.ts'
import { ascending, payload, quantile } from './statistics.ts'

/** Microseconds each, and rates. */
export interface PostgresLimits {
  readonly version: string
  readonly singleCommitP50Us: number
  readonly singleCommitP99Us: number
  /** On 16 connections at once. */
  readonly commitsPerSecond: number
  readonly batchedRowUs: number
  readonly roundTripUs: number
  readonly signatureUs: number
  readonly verificationUs: number
  /** 1 / (one signature + four batched inserts): the ceiling that W1 is held against. */
  readonly hopsPerSecond: number
}

const ROWS = 100
const CONNECTIONS = 16
const ONE = { name: 'one', text: 'insert into m (q, body, at) values ($1, $2, $3)' }
const HUNDRED = {
  name: 'hundred',
  text: 'insert into m (q, body, at) select $1, body, at from unnest($2::jsonb[], $3::bigint[]) as r (body, at)',
}

/** Measures for about four seconds, on an empty database. */
export async function measurePostgres(url: string): Promise<PostgresLimits> {
  const client = new Client(url)
  await client.connect()
  await client.query(
    'create table m (id bigserial primary key, q text not null, body jsonb not null, at bigint not null)',
  )
  const body = JSON.stringify(payload(1))
  const { rows } = await client.query<{ server_version: string }>('show server_version')
  const insert = (): Promise<unknown> => client.query({ ...ONE, values: ['b', body, 1] })
  await samples(200, insert)
  const single = ascending(await samples(1_000, insert))
  const bodies = Array<string>(ROWS).fill(body)
  const times = Array.from(bodies, (_, i) => i)
  const batch = (): Promise<unknown> => client.query({ ...HUNDRED, values: ['b', bodies, times] })
  await samples(200, batch)
  const batches = ascending(await samples(800, batch))
  const trips = ascending(await samples(300, () => client.query({ name: 'trip', text: 'select 1' })))
  await client.end()
  const signature = measureSignature()
  const batchedRowUs = (quantile(batches, 0.5) * 1000) / ROWS
  return {
    version: rows[0]?.server_version ?? '',
    singleCommitP50Us: quantile(single, 0.5) * 1000,
    singleCommitP99Us: quantile(single, 0.99) * 1000,
    commitsPerSecond: await commitRate(url, body),
    batchedRowUs,
    roundTripUs: quantile(trips, 0.5) * 1000,
    ...signature,
    hopsPerSecond: 1_000_000 / (signature.signatureUs + 4 * batchedRowUs),
  }
}

async function commitRate(url: string, body: string): Promise<number> {
  const clients = Array.from({ length: CONNECTIONS }, () => new Client(url))
  await Promise.all(clients.map((client) => client.connect()))
  const start = performance.now()
  const counts = await Promise.all(
    clients.map((client) => samples(1_000, () => client.query({ ...ONE, values: ['b', body, 1] }))),
  )
  const elapsed = performance.now() - start
  await Promise.all(clients.map((client) => client.end()))
  return (counts.reduce((sum, { length }) => sum + length, 0) / elapsed) * 1000
}

/** Milliseconds of each run, for at least `ms` in all. */
async function samples(ms: number, work: () => Promise<unknown>): Promise<number[]> {
  const taken: number[] = []
  const end = performance.now() + ms
  for (let start = performance.now(); start < end;) {
    await work()
    const now = performance.now()
    taken.push(now - start)
    start = now
  }
  return taken
}

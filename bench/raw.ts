/**
 * The raw limits of this machine, measured in the same run: what one commit, one inserted row and one signature cost
 * without any of Coterie.
 *
 * @module
 */

import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { nodeCrypto } from '../src/adapters/node/crypto.ts'
import { ascending, payload, quantile } from './statistics.ts'

/** Microseconds each. */
export interface RawLimits {
  readonly singleCommitP50Us: number
  readonly singleCommitP99Us: number
  readonly batchedRowUs: number
  readonly signatureUs: number
  readonly verificationUs: number
  /** 1 / (one signature + four batched inserts): the ceiling that W1 is held against. */
  readonly hopsPerSecond: number
}

/** The mean of two measurements, before and after the workloads: disks have moods. */
export function meanOf(a: RawLimits, b: RawLimits): RawLimits {
  const mean = (of: (raw: RawLimits) => number): number => (of(a) + of(b)) / 2
  return {
    singleCommitP50Us: mean((raw) => raw.singleCommitP50Us),
    singleCommitP99Us: mean((raw) => raw.singleCommitP99Us),
    batchedRowUs: mean((raw) => raw.batchedRowUs),
    signatureUs: mean((raw) => raw.signatureUs),
    verificationUs: mean((raw) => raw.verificationUs),
    hopsPerSecond: mean((raw) => raw.hopsPerSecond),
  }
}

/** Measures for about two seconds. */
export function measureRaw(folder: string): RawLimits {
  const db = new DatabaseSync(join(folder, 'raw.db'))
  db.exec('pragma journal_mode=wal; pragma synchronous=full')
  db.exec('create table m (id integer primary key, q text not null, body text not null, at integer not null)')
  const insert = db.prepare('insert into m (q, body, at) values (?, ?, ?)')
  const body = JSON.stringify(payload(1))
  const single = ascending(repeat(700, () => insert.run('b', body, 1)))
  const rows = 100
  const batches = ascending(
    repeat(5, () => {
      db.exec('begin immediate')
      for (let i = 0; i < rows; i++) insert.run('b', body, i)
      db.exec('commit')
    }),
  )
  db.close()
  const signature = measureSignature()
  const batchedRowUs = (quantile(batches, 0.5) * 1000) / rows
  return {
    singleCommitP50Us: quantile(single, 0.5) * 1000,
    singleCommitP99Us: quantile(single, 0.99) * 1000,
    batchedRowUs,
    ...signature,
    hopsPerSecond: 1_000_000 / (signature.signatureUs + 4 * batchedRowUs),
  }
}

/** One signature and one verification, in microseconds. */
export function measureSignature(): { readonly signatureUs: number; readonly verificationUs: number } {
  const key = nodeCrypto.keyPair(new Uint8Array(32).fill(7))
  const bytes = new Uint8Array(256).fill(1)
  const signature = nodeCrypto.sign(key.privateKey, bytes)
  const sign = ascending(repeat(300, () => nodeCrypto.sign(key.privateKey, bytes)))
  const verify = ascending(repeat(300, () => nodeCrypto.verify(key.publicKey, bytes, signature)))
  return { signatureUs: quantile(sign, 0.5) * 1000, verificationUs: quantile(verify, 0.5) * 1000 }
}

/** Milliseconds of each run, for at least `ms` in all. */
function* repeat(ms: number, work: () => void): Generator<number> {
  const end = performance.now() + ms
  for (let start = performance.now(); start < end;) {
    work()
    const now = performance.now()
    yield now - start
    start = now
  }
}

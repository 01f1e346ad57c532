/**
 * The log, record by record.
 *
 * @module
 */

import { nameOf } from '../../core/address.ts'
import type { RecordBody } from '../../core/record.ts'
import type { LogRecord, SpaceStore } from '../../ports/store.ts'

const PAGE = 500

/** A record as it is shown; `body` is undefined when its text is not the JSON of a record. */
export interface RecordView {
  readonly position: number
  readonly author: string
  readonly seq: number
  readonly hash: string
  readonly body: RecordBody | undefined
  readonly detail: unknown
}

/** Which records. An agent's name means its keyed instances too. */
export interface LogQuery {
  readonly agent: string | undefined
  readonly limit: number
}

/** The newest records, oldest first. */
export async function newestRecords(store: SpaceStore, query: LogQuery): Promise<readonly RecordView[]> {
  const found: RecordView[] = []
  let end = (await store.status()).position + 1
  while (end > 0 && found.length < query.limit) {
    const start = Math.max(0, end - PAGE)
    const page = (await store.records(start, end - start)).filter((record) => isWanted(record, query.agent))
    found.unshift(...page.map(recordView))
    end = start
  }
  return found.slice(Math.max(0, found.length - query.limit))
}

/** The records from a position on, page by page, and the position behind the last that was looked at. */
export async function* recordsFrom(
  store: SpaceStore,
  position: number,
  query: LogQuery,
): AsyncGenerator<{ readonly records: readonly RecordView[]; readonly next: number }> {
  let left = query.limit
  let next = position
  while (left > 0) {
    const page = await store.records(next, PAGE)
    const records = page.filter((record) => isWanted(record, query.agent)).slice(0, left)
    next = (left === records.length ? records.at(-1) : page.at(-1))?.position ?? next - 1
    next += 1
    left -= records.length
    yield { records: records.map(recordView), next }
    if (page.length < PAGE) return
  }
}

function isWanted({ author }: LogRecord, agent: string | undefined): boolean {
  return agent === undefined || author === agent || nameOf(author) === agent
}

function recordView({ position, author, seq, hash, body, detail }: LogRecord): RecordView {
  return {
    position,
    author,
    seq,
    hash,
    body: parse(body) as RecordBody | undefined,
    detail: parse(detail) ?? null,
  }
}

function parse(text: string | null): unknown {
  if (text === null) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Leads the verifier of the log through a store.
 *
 * @module
 */

import { LogVerifier } from '../../log/log-verifier.ts'
import type { LogCounts, LogReport } from '../../log/log-verifier.ts'
import type { Registry } from '../../log/registry.ts'
import type { Crypto } from '../../ports/crypto.ts'
import type { MessageRow, SpaceStore } from '../../ports/store.ts'
import { verifyCertificate } from '../../voting/certificate.ts'

const PAGE = 500

/** What the log is held against, where the caller knows it, and who is told how far it is. */
export interface VerifyOptions {
  readonly space?: string
  readonly owner?: string
  readonly progress: (checked: LogCounts, position: number) => void
}

/** The result, with the keys as the log has them. */
export interface VerifiedLog {
  readonly report: LogReport
  readonly registry: Registry
}

/** Verifies the log as it is now; records that others add meanwhile are left for the next time. */
export async function verifyLog(
  store: SpaceStore,
  crypto: Crypto,
  options: VerifyOptions,
): Promise<VerifiedLog> {
  const { space, owner, progress } = options
  const verifier = new LogVerifier(crypto, {
    checkCertificate: verifyCertificate,
    ...(space !== undefined && { space }),
    ...(owner !== undefined && { owner }),
  })
  const { position: end } = await store.status()
  const behind = new Behind(end)
  await feedRecords(store, verifier, behind, (position) => progress(verifier.checked, position))
  for await (const stream of named(verifier.streams(), (after) => store.streams(after, PAGE))) {
    const { events } = await store.stream(stream)
    const which = (number: number): string =>
      `the store has event ${number} of the stream ${JSON.stringify(stream)}, which no record lists`
    verifier.stream(
      stream,
      events.filter(({ position, version }) => !behind.note(position, () => which(version))),
    )
  }
  for await (const turn of named(verifier.turns(), (after) => store.journals(after, PAGE))) {
    // The message may have been sent since the end was looked up: then it has a place behind it.
    if (verifier.hasTurn(turn)) verifier.journal(turn, await store.journal(turn))
    else behind.note(end + 1, () => `the store has a journal of ${turn}, and no record sent its message`)
  }
  await feedDecisions(store, verifier, behind)
  // Looked up at last: what was read above and has a place was committed before this.
  const { position: now } = await store.status()
  for (const what of behind.beyond(now)) verifier.unlisted(what)
  return { report: verifier.finish({ live: now !== end }), registry: verifier.registry }
}

/** What the store has behind the position that was the newest when the verification began. */
class Behind {
  readonly end: number
  readonly #found: { readonly position: number; readonly what: string }[] = []

  constructor(end: number) {
    this.end = end
  }

  /** True, and kept in mind, when the position is behind the end. */
  note(position: number, what: () => string): boolean {
    if (position <= this.end) return false
    this.#found.push({ position, what: what() })
    return true
  }

  /** What is behind the end even now: no commit has put it there. */
  beyond(now: number): readonly string[] {
    return this.#found.filter(({ position }) => position > now).map(({ what }) => what)
  }
}

/** The names that the records list, and those that only the store has. */
async function* named(
  listed: Iterable<string>,
  page: (after: string | null) => Promise<readonly string[]>,
): AsyncGenerator<string> {
  const given = new Set(listed)
  yield* given
  for (let after: string | null = null; ;) {
    const names: readonly string[] = await page(after)
    for (const name of names) if (!given.has(name)) yield name
    after = names.at(-1) ?? null
    if (after === null) return
  }
}

async function feedRecords(
  store: SpaceStore,
  verifier: LogVerifier,
  behind: Behind,
  progress: (position: number) => void,
): Promise<void> {
  const mail = new MailReader(store)
  let next = 0
  while (next <= behind.end) {
    const page = await store.records(next, Math.min(PAGE, behind.end + 1 - next))
    const last = page.at(-1)
    if (last === undefined) break
    for (const record of page) {
      if (!verifier.record(record)) return
      for (const row of await mail.upTo(record.position)) if (!verifier.message(row)) return
    }
    next = last.position + 1
    progress(last.position)
  }
  // The store counts records that it does not have, or has some that it does not count.
  if (next <= behind.end)
    verifier.unlisted(`the store says that its newest record is at position ${behind.end}, and lacks it`)
  for (const { position } of await store.records(behind.end + 1, 1)) {
    behind.note(position, () => `the store has a record at position ${position}, behind its newest`)
  }
  for (const { position, envelope } of await mail.upTo(Number.MAX_SAFE_INTEGER)) {
    behind.note(
      position,
      () => `the store has the message ${envelope.id} at position ${position}, where no record sent it`,
    )
  }
}

async function feedDecisions(store: SpaceStore, verifier: LogVerifier, behind: Behind): Promise<void> {
  for (let after: string | null = null; ;) {
    const page: Awaited<ReturnType<SpaceStore['decisions']>> = await store.decisions(after, PAGE)
    for (const decision of page) {
      const { id, position } = decision
      if (!behind.note(position, () => `the store has the decision ${id}, which no record lists`))
        verifier.decision(decision)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
    after = last.id
  }
}

/** Messages in the order of their records, read page by page. */
class MailReader {
  readonly #store: SpaceStore
  #page: readonly MessageRow[] = []
  #at = 0
  #after = Number.MIN_SAFE_INTEGER
  #ended = false

  constructor(store: SpaceStore) {
    this.#store = store
  }

  /** The next messages, as far as the position. */
  async upTo(position: number): Promise<readonly MessageRow[]> {
    const rows: MessageRow[] = []
    for (;;) {
      if (this.#at >= this.#page.length && !(await this.#turnPage())) return rows
      const row = this.#page[this.#at]
      if (row === undefined || row.position > position) return rows
      rows.push(row)
      this.#at += 1
    }
  }

  async #turnPage(): Promise<boolean> {
    if (this.#ended) return false
    this.#page = await this.#store.messagesOf({ after: this.#after, limit: PAGE })
    this.#at = 0
    this.#after = this.#page.at(-1)?.position ?? this.#after
    this.#ended = this.#page.length < PAGE
    return this.#page.length > 0
  }
}

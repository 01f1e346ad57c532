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
  const end = (await store.status()).position
  await feedRecords(store, verifier, end, (position) => progress(verifier.checked, position))
  for (const stream of verifier.streams()) {
    const { events } = await store.stream(stream)
    verifier.stream(
      stream,
      events.filter(({ position }) => position <= end),
    )
  }
  for (const turn of verifier.turns()) verifier.journal(turn, await store.journal(turn))
  await feedDecisions(store, verifier, end)
  const live = (await store.status()).position !== end
  return { report: verifier.finish({ live }), registry: verifier.registry }
}

async function feedRecords(
  store: SpaceStore,
  verifier: LogVerifier,
  end: number,
  progress: (position: number) => void,
): Promise<void> {
  const mail = new MailReader(store)
  for (let next = 0; next <= end;) {
    const page = await store.records(next, Math.min(PAGE, end + 1 - next))
    const last = page.at(-1)
    // A hole at the end of the log: nothing comes behind it that could be verified.
    if (last === undefined) break
    for (const record of page) {
      if (!verifier.record(record)) return
      for (const row of await mail.upTo(record.position)) if (!verifier.message(row)) return
    }
    next = last.position + 1
    progress(last.position)
  }
}

async function feedDecisions(store: SpaceStore, verifier: LogVerifier, end: number): Promise<void> {
  for (let after: string | null = null; ;) {
    const page: Awaited<ReturnType<SpaceStore['decisions']>> = await store.decisions(after, PAGE)
    for (const decision of page) if (decision.position <= end) verifier.decision(decision)
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
  #after = -1
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

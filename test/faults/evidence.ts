/**
 * What must hold when the pipeline has come to rest, whatever was done to its processes: judged from the
 * database, the log and the world outside, and from nothing that a process says about itself.
 *
 * @module
 */

import { nodeCrypto } from '../../src/index.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import { isFinal, laneOf } from '../../src/core/message.ts'
import type { RecordBody } from '../../src/core/record.ts'
import type { MessageRow, SpaceStore } from '../../src/ports/store.ts'
import { openStore } from '../../src/open.ts'
import { Journal } from '../../src/turn/journal.ts'
import type { JournalEntry } from '../../src/turn/journal.ts'
import { isDecided, isHopeless } from './pipeline.ts'
import type { Site } from './site.ts'
import type { Receipt, Run } from './world.ts'

/** What was found: nothing in `problems` when all is well. */
export interface Evidence {
  readonly problems: readonly string[]
  readonly messages: number
  readonly records: number
  readonly decisions: number
  readonly steps: number
  /**
   * Runs of steps beyond the first: attempts that a crash or a failure cut off before their result was
   * recorded.
   */
  readonly repeats: number
  /** Calls of workers that did not know yet that they had been superseded. */
  readonly late: number
  /** Mailboxes' epochs beyond the first, summed up: changes of hands. */
  readonly handovers: number
}

/** Whether the process of a run was told that it had been superseded, or died before it could be. */
export type Superseded = (run: Run) => boolean

const PAGE = 1_000

interface Books {
  readonly rows: readonly MessageRow[]
  readonly bodies: readonly RecordBody[]
  /** Successful results of steps, by the key of the call outside. */
  readonly results: ReadonlyMap<string, Receipt>
}

/** Looks at everything; `orders` were acknowledged to the feeder. */
export async function examine(
  site: Site,
  runs: readonly Run[],
  orders: number,
  superseded: Superseded,
): Promise<Evidence> {
  const problems = [...(await site.integrity())]
  const store = openStore(site.url, { mustExist: true })
  try {
    const space = await store.space('main')
    if (space === undefined) throw new Error('the space is not there')
    const { report } = await verifyLog(space, nodeCrypto, { progress: () => undefined })
    if (!report.ok) problems.push(`the log does not verify: ${JSON.stringify(report.fault)}`)
    if (!report.statesCompared) problems.push('the log grew while it was verified')
    const books = await readBooks(space)
    problems.push(
      ...handledOnce(books),
      ...keptOrder(books),
      ...topicOrder(books),
      ...recordedOnce(books, runs, superseded),
      ...outcomes(books, runs, orders),
    )
    const { decisions, mailboxes } = await space.status()
    return {
      problems,
      decisions,
      messages: books.rows.length,
      records: books.bodies.length,
      steps: books.results.size,
      repeats: runs.length - new Set(runs.map((run) => run.key)).size,
      late: lateRuns(books, runs).length,
      handovers: mailboxes.reduce((sum, mailbox) => sum + Math.max(0, mailbox.epoch - 1), 0),
    }
  } finally {
    await store.close()
  }
}

async function readBooks(space: SpaceStore): Promise<Books> {
  const bodies: RecordBody[] = []
  for (
    let page = await space.records(0, PAGE);
    page.length > 0;
    page = await space.records(bodies.length, PAGE)
  )
    for (const record of page) bodies.push(JSON.parse(record.body) as RecordBody)
  const rows: MessageRow[] = []
  for (let after = -1; ; after = rows.at(-1)?.position ?? after) {
    const page = await space.messagesOf({ after, limit: PAGE })
    if (page.length === 0) break
    rows.push(...page)
  }
  const results = new Map<string, Receipt>()
  for (const turn of new Set(bodies.flatMap((body) => body.turn?.id ?? []))) {
    for (const receipt of await resultsOf(space, turn)) results.set(receipt.key, receipt)
  }
  return { rows, bodies, results }
}

/** What the journal gives back to a turn that is run again. */
async function resultsOf(space: SpaceStore, turn: string): Promise<readonly Receipt[]> {
  const entries = (await space.journal(turn)).flatMap(
    (chunk) => (JSON.parse(chunk.text) as { readonly entries: readonly JournalEntry[] }).entries,
  )
  const kept = new Set(new Journal(entries).order)
  const last = new Map<number, string>()
  for (const entry of entries)
    if (entry.t === 'done' && kept.has(entry.i)) last.set(entry.i, entry.value ?? 'null')
  return [...last.values()].map((text) => JSON.parse(text) as unknown).filter(isReceipt)
}

function isReceipt(value: unknown): value is Receipt {
  return typeof value === 'object' && value !== null && 'run' in value && 'key' in value
}

/** Every message has one end, and the log has one record of it: of its own turn, or of who gave it up before. */
function handledOnce({ rows, bodies }: Books): readonly string[] {
  const ends = new Map<string, number[]>()
  bodies.forEach(({ turn, settles = [] }, position) => {
    for (const { id, as } of settles) if (as === 'cancelled' && !ends.has(id)) ends.set(id, [position])
    if (turn === undefined || turn.end === 'waiting' || turn.end === 'retry') return
    ends.set(turn.message.id, [...(ends.get(turn.message.id) ?? []), position])
  })
  return rows.flatMap(({ envelope, state, settledAt }) => {
    const { id, to, handler, kind } = envelope
    if (!isFinal(state)) return [`message ${id} to ${to} ${handler} is ${state}`]
    if (kind === 'reply') return []
    const found = ends.get(id) ?? []
    return found.length === 1 && found[0] === settledAt
      ? []
      : [`message ${id} to ${to} ${handler} ended at ${found.join(', ')}; the mailbox says ${settledAt}`]
  })
}

/** In each mailbox, the messages of each lane end in the order in which they were sent, if they were not given up. */
function keptOrder({ rows, bodies }: Books): readonly string[] {
  const place = new Map<string, number>()
  for (const { sends } of bodies) for (const { id } of sends ?? []) place.set(id, place.size)
  const lanes = new Map<string, MessageRow[]>()
  for (const row of rows) {
    const { kind, to } = row.envelope
    if (kind === 'reply' || row.settledAt === null || row.state === 'cancelled') continue
    const lane = `${laneOf(row.envelope)} -> ${to}`
    lanes.set(lane, [...(lanes.get(lane) ?? []), row])
  }
  const sentAt = (row: MessageRow): number => place.get(row.envelope.id) ?? -1
  return [...lanes].flatMap(([lane, messages]) => {
    const ends = messages.toSorted((a, b) => sentAt(a) - sentAt(b)).map((row) => row.settledAt ?? -1)
    const broken = ends.findIndex((end, at) => at > 0 && end < (ends[at - 1] ?? 0))
    return broken < 0 ? [] : [`lane ${lane} is out of order at its message ${broken}`]
  })
}

/** Both subscribers have seen the same publications in the same order. */
function topicOrder({ rows }: Books): readonly string[] {
  const seen = (name: string): string =>
    rows
      .filter(({ envelope }) => envelope.to === name && envelope.kind === 'topic')
      .toSorted((a, b) => (a.settledAt ?? 0) - (b.settledAt ?? 0))
      .map(({ payload }) => payload)
      .join()
  return seen('audit') === seen('stats') ? [] : ['audit and stats have seen different orders']
}

/** Runs of a step after the run whose result was recorded. */
function lateRuns({ results }: Books, runs: readonly Run[]): readonly Run[] {
  return runs.filter((run) => run.run > (results.get(run.key)?.run ?? Infinity))
}

/**
 * No step ran again once its result was recorded. A process that was superseded without knowing it yet may
 * call the world once more before the store refuses it (outside effects are at least once): it must then have
 * been told.
 */
function recordedOnce(books: Books, runs: readonly Run[], superseded: Superseded): readonly string[] {
  const pids = new Map(runs.map((run) => [run.run, run.pid]))
  return lateRuns(books, runs).flatMap((late) => {
    const { run, key, step, order, pid } = late
    const recorded = books.results.get(key)?.run ?? 0
    if (pid !== pids.get(recorded) && superseded(late)) return []
    return [`step ${step} of order ${order} ran again (${run}) after run ${recorded} was recorded`]
  })
}

/** Each order has come to the end that it must come to, once, and nothing else has happened. */
function outcomes({ rows }: Books, runs: readonly Run[], orders: number): readonly string[] {
  const problems: string[] = []
  const count = (to: string, i: number, state: string): number => ended.get(`${to} ${i} ${state}`) ?? 0
  const ended = new Map<string, number>()
  for (const { envelope, payload, state } of rows) {
    if (envelope.kind === 'reply') continue
    const { i } = JSON.parse(payload) as { readonly i?: number }
    const name = `${envelope.to.split('/')[0]} ${i} ${state}`
    ended.set(name, (ended.get(name) ?? 0) + 1)
  }
  const undone = new Set(runs.filter((run) => run.step === 'undo reserve').map((run) => run.order))
  for (let i = 0; i < orders; i++) {
    const hopeless = isHopeless(i)
    const right =
      count('intake', i, 'handled') === 1 &&
      count('pricer', i, 'handled') === 1 &&
      count('audit', i, 'handled') === 1 &&
      count('packer', i, hopeless ? 'dead' : 'handled') === 1 &&
      count('ledger', i, 'handled') === (hopeless ? 0 : 1) &&
      count('chair', i, 'handled') === (isDecided(i) ? 1 : 0) &&
      undone.has(i) === hopeless
    if (!right) problems.push(`order ${i} did not come to its end`)
  }
  return problems
}

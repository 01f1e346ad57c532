/**
 * The world outside of the database: it counts the effects of steps, remembers what clients were told, and sees
 * at once when a step is repeated whose result was recorded.
 *
 * @module
 */

import { parseCanonical } from '../../core/json.ts'
import type { JournalChunk } from '../../ports/store.ts'
import type { JournalEntry } from '../../turn/journal.ts'
import type { Violation } from './violation.ts'

/** One run of a step's function, or of its compensation. */
export interface StepRun {
  /** The process, and the address that it ran. */
  readonly by: string
  readonly self: string
  /** Another process had the address by then. */
  readonly superseded: boolean
  readonly turn: string
  readonly name: string
  readonly key: string
  readonly undo: boolean
  readonly at: number
  /** How many faults there had been when its handler began, and when it ran. */
  readonly faults: readonly [begun: number, ran: number]
}

interface TurnJournal {
  readonly calls: Map<number, { readonly op: string; readonly name: string }>
  readonly done: Set<number>
  readonly undone: Set<number>
}

export class World {
  readonly violations: Violation[] = []
  readonly runs: StepRun[] = []
  /** Crashes, pauses, errors of the store ...: whatever may excuse a repetition. */
  faults = 0
  /** When the last call of the store that was begun so far is over. */
  callsEndAt = 0
  readonly #journals = new Map<string, TurnJournal>()
  readonly #keys = new Map<string, string>()
  readonly #holders = new Map<string, string>()
  readonly #begun = new Map<string, number[]>()
  #position = 0

  violate(rule: string, detail: string): void {
    this.violations.push({ rule, detail })
  }

  /** A process was granted an address. */
  granted(address: string, to: string): void {
    this.#holders.set(address, to)
  }

  /** A record has become durable. */
  accepted(position: number): void {
    this.#position = position
  }

  /** The handler of a turn has been called. */
  began(turn: string): void {
    const begun = this.#begun.get(turn) ?? []
    this.#begun.set(turn, begun)
    begun.push(this.#position)
  }

  /** Where the log ended each time when the turn's handler was called. */
  begun(turn: string): readonly number[] {
    return this.#begun.get(turn) ?? []
  }

  /** A step's function has been called. */
  run(run: Omit<StepRun, 'superseded'>): void {
    const { turn, name, key, undo } = run
    const place = `${turn} ${undo ? 'undo ' : ''}${name}`
    const known = this.#keys.get(key)
    if (known !== undefined && known !== place) {
      this.violate('idempotency keys are unique', `${place} and ${known} have the key ${key}`)
    }
    for (const [other, of] of this.#keys) {
      if (of === place && other !== key) this.violate('idempotency keys are stable', `${place} has two keys`)
    }
    this.#keys.set(key, place)
    // Nothing can stop a process that was superseded while it slept: its step runs, and its record is refused.
    const superseded = this.#holders.get(run.self) !== run.by
    this.runs.push({ ...run, superseded })
    if (superseded) return
    const journal = this.#journals.get(turn)
    for (const [i, call] of journal?.calls ?? []) {
      if (call.op !== 'step' || call.name !== name) continue
      if (undo ? journal?.undone.has(i) : journal?.done.has(i)) {
        this.violate('a recorded step is not repeated', `${place} was recorded, and ran again`)
      }
    }
  }

  /** How often a step's function has been called. */
  runsOf(turn: string, name: string, undo: boolean): number {
    return this.runs.filter((run) => run.turn === turn && run.name === name && run.undo === undo).length
  }

  /** A chunk of a journal has become durable. */
  recorded(chunk: JournalChunk): void {
    const journal = this.#journals.get(chunk.turn) ?? { calls: new Map(), done: new Set(), undone: new Set() }
    this.#journals.set(chunk.turn, journal)
    for (const entry of entriesOf(chunk)) {
      if (entry.t === 'call') journal.calls.set(entry.i, entry)
      else if (entry.t === 'done') journal.done.add(entry.i)
      else if (entry.t === 'undone') journal.undone.add(entry.i)
      else if (entry.t === 'cut') {
        for (const i of journal.calls.keys()) if (i >= entry.i) journal.calls.delete(i)
        for (const i of journal.done) if (i >= entry.i) journal.done.delete(i)
        for (const i of journal.undone) if (i >= entry.i) journal.undone.delete(i)
      }
    }
  }
}

/** The entries of a chunk. */
export function entriesOf(chunk: JournalChunk): readonly JournalEntry[] {
  const { entries } = parseCanonical(chunk.text) as unknown as { readonly entries: readonly JournalEntry[] }
  return entries
}

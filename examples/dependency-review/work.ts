import type { Space } from '../../src/index.ts'
import type { RecordBody } from '../../src/core/record.ts'

/** What was done, as the log has it. */
export interface Work {
  /** Messages written, answers included. */
  readonly messages: number
  /** Turns that were brought to their end. */
  readonly turns: number
}

const PAGE = 1_000

/** Counts what the log has behind a position, whichever process did it. */
export async function workSince(space: Space, position: number): Promise<Work> {
  let messages = 0
  let turns = 0
  for (let from = position + 1; ;) {
    const records = await space.store.records(from, PAGE)
    for (const { body } of records) {
      const { sends, turn } = JSON.parse(body) as Pick<RecordBody, 'sends' | 'turn'>
      messages += sends?.length ?? 0
      if (turn !== undefined && turn.end !== 'waiting' && turn.end !== 'retry') turns += 1
    }
    const last = records.at(-1)
    if (last === undefined || records.length < PAGE) return { messages, turns }
    from = last.position + 1
  }
}

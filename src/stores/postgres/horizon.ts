/**
 * The next times at which something falls due in a space, as one query a second tells them. While the space does not
 * change, whoever asks what is due now gets his answer from here: an idle worker costs that one query.
 *
 * @module
 */

import { num, numOrNull } from '../../mailbox/rows.ts'
import type { Row } from './driver.ts'
import { nowSql } from './statements.ts'

/** A horizon that is older than this is not believed, whatever the version. */
const FRESH_MS = 2_500

/** What is selected of the space: `$1` is its number, `$2` a time for tests, `$3` up to when `due` has answered. */
export const LOOK_COLUMNS: string = `s.version, ${nowSql('$2')} as now,
  (select min(l.due_ms) from coterie.mail l where l.space = $1 and l.state = 4 and l.due_ms is not null) as scheduled,
  (select min(l.due_ms) from coterie.mail l where l.space = $1 and l.state = 7 and l.due_ms is not null
    and l.due_ms > $3) as retry,
  (select min(w.due_ms) from coterie.waits w where w.space = $1 and w.due_ms > $3) as wait,
  (select min(l.deadline_ms) from coterie.mail l where l.space = $1 and l.deadline_ms is not null
    and l.state between 3 and 8) as deadline,
  exists (select 1 from coterie.mail l where l.space = $1 and l.state = 3) as answered,
  exists (select 1 from coterie.mail l where l.space = $1 and l.state between 6 and 8)
    or exists (select 1 from coterie.waits w where w.space = $1 and w.due_ms <= ${nowSql('$2')}) as ready`
export const LOOK: string = `select ${LOOK_COLUMNS} from coterie.spaces s where s.space = $1`

/** What was seen at one moment. */
export class Horizon {
  readonly version: number
  readonly now: number
  /** There was mail to take, or a wait to go on with. */
  readonly busy: boolean
  readonly #scheduled: number
  /** Retries and waits, but for those that had been answered by `due` already. */
  readonly #due: number
  readonly #deadline: number
  /** Replies were there, some of which may be wanted by nobody. */
  readonly #answered: boolean
  readonly #takenMs: number = performance.now()

  constructor(row: Row) {
    const at = (column: string): number => numOrNull(row, column) ?? Infinity
    this.version = num(row, 'version')
    this.now = num(row, 'now')
    this.#scheduled = at('scheduled')
    this.#due = Math.min(at('retry'), at('wait'))
    this.#deadline = at('deadline')
    this.#answered = row['answered'] !== false
    this.busy = this.#answered || row['ready'] !== false
  }

  /** True while it can be believed: nothing is known to have changed since. */
  holds(version: number): boolean {
    return version === this.version && performance.now() - this.#takenMs < FRESH_MS
  }

  /** Nothing is scheduled for now. `given` is the time by a test's clock. */
  nothingScheduled(given: number | null): boolean {
    return this.#scheduled > this.#time(given)
  }

  /** No retry, wait or deadline is due. */
  nothingDue(given: number | null): boolean {
    return Math.min(this.#due, this.#deadline) > this.#time(given)
  }

  /** No message is past its deadline, and there is no reply. */
  nothingExpirable(given: number | null): boolean {
    return this.#deadline > this.#time(given) && !this.#answered
  }

  /** When the next schedule, retry or wait is due. */
  get nextDueAt(): number | null {
    const at = Math.min(this.#scheduled, this.#due)
    return at === Infinity ? null : at
  }

  #time(given: number | null): number {
    return given ?? this.now + (performance.now() - this.#takenMs)
  }
}

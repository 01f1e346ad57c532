/**
 * The durable log of one replica of a council: a small SQLite file of its own, written by one process at a time.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { CoterieError } from '../../core/errors.ts'
import type { CouncilBatch, CouncilEntry, CouncilHistory, CouncilLog } from '../../ports/council.ts'
import { CouncilMark, markProblem, type MarkPlace } from './council-mark.ts'
import { Database } from './database.ts'
import { COUNCIL_FILE } from './file-kind.ts'

/** Whose log it is. */
export interface CouncilIdentity {
  readonly instance: string
  readonly member: string
  /** The digest of the first membership. */
  readonly membership: string
}

/** How it is opened. */
export interface CouncilLogOptions {
  /** The name of this run: unpredictable, used once. */
  readonly run: string
  /** The replica is new: that nothing is there yet does not mean that votes were forgotten. */
  readonly isNew?: boolean
}

/** The kinds of entries, in the order in which the machine reads them. */
const ROWS = 'select height, type, text, hash from entries order by place'

/**
 * Opens the log, makes it when it is not there, and takes it over from any other process.
 *
 * @throws CoterieError COTERIE_STORE_* as the store of spaces does; COTERIE_KEY_MISMATCH when the file belongs to
 * another member or another council.
 */
export function openCouncilLog(
  file: string,
  identity: CouncilIdentity,
  options: CouncilLogOptions,
): CouncilLog {
  return new SqliteCouncilLog(file, identity, options)
}

class SqliteCouncilLog implements CouncilLog {
  readonly history: CouncilHistory
  readonly #db: Database
  readonly #run: string
  readonly #mark: CouncilMark | undefined
  #sequence: number

  constructor(file: string, identity: CouncilIdentity, { run, isNew = false }: CouncilLogOptions) {
    const isMemory = file === ':memory:'
    const isThere = !isMemory && existsSync(file) && statSync(file).size > 0
    this.#db = new Database(file, {}, COUNCIL_FILE)
    this.#run = run
    try {
      const { place, forgot } = this.#claimed(file, identity, isThere ? undefined : isNew || isMemory)
      this.#mark = isMemory ? undefined : new CouncilMark(file, place, run)
      this.#sequence = place.sequence + 1
      this.history = this.#db.write(() => this.#takeOver(forgot))
      this.#mark?.move({ run, sequence: this.#sequence })
    } catch (error) {
      this.#db.close()
      throw error
    }
  }

  commit(batch: CouncilBatch): void {
    const next = this.#sequence + 1
    this.#db.write(() => this.#write(batch, next))
    this.#sequence = next
    this.#mark?.move({ run: this.#run, sequence: next })
  }

  decisions(first: number, last: number): readonly string[] {
    const rows = this.#all('select text from decisions where height between ? and ? order by height', [
      first,
      last,
    ])
    return rows.map(({ text }) => String(text))
  }

  ballot(decision: string): string | undefined {
    return this.#text('select text from ballots where decision = ?', decision)
  }

  certificate(decision: string): string | undefined {
    return this.#text('select text from certificates where decision = ?', decision)
  }

  certificates(limit: number): readonly string[] {
    const rows = this.#all('select text from certificates order by height desc, decision limit ?', [limit])
    return rows.map(({ text }) => String(text))
  }

  evidence(limit: number): readonly { readonly culprit: string; readonly text: string }[] {
    const rows = this.#all('select culprit, text from evidence order by place limit ?', [limit])
    return rows.map(({ culprit, text }) => ({ culprit: String(culprit), text: String(text) }))
  }

  evidenceAgainst(culprit: string): number {
    return Number(this.#all('select count(*) as n from evidence where culprit = ?', [culprit])[0]?.['n'] ?? 0)
  }

  async close(): Promise<void> {
    await this.#db.settle()
    this.#db.close()
    this.#mark?.close()
  }

  /** Looks whose file it is, and whether all that was written is there. `fresh`: undefined when the file was there. */
  #claimed(
    file: string,
    identity: CouncilIdentity,
    fresh: boolean | undefined,
  ): { readonly place: MarkPlace; readonly forgot: string | undefined } {
    const row = this.#all('select * from replica', [])[0]
    if (row === undefined) {
      const forgot = fresh === true ? undefined : 'its file is missing or empty'
      const { instance, member, membership } = identity
      this.#db.write(() =>
        this.#db
          .sql('insert into replica values (1, ?, ?, ?, ?, 0, ?)')
          .run(instance, member, membership, '', forgot === undefined ? 0 : 1),
      )
      return { place: { run: '', sequence: 0 }, forgot }
    }
    for (const name of ['instance', 'member', 'membership'] as const) {
      if (row[name] === identity[name]) continue
      const owner = `${JSON.stringify(row['member'])} of the council ${JSON.stringify(row['instance'])}`
      const message =
        `The file ${file} belongs to ${owner}, not to ${JSON.stringify(identity.member)} ` +
        `of ${JSON.stringify(identity.instance)} with these members.`
      throw new CoterieError('COTERIE_KEY_MISMATCH', message, { details: { file, ...identity } })
    }
    const place = { run: String(row['run']), sequence: Number(row['sequence']) }
    const known = row['forgot'] === 1 ? 'it had not got over it when it stopped' : undefined
    const forgot = known ?? (file === ':memory:' ? undefined : markProblem(file, place))
    return { place, forgot }
  }

  /** Puts this run's name into the file and reads it, in one transaction: nobody writes in between. */
  #takeOver(forgotBefore: string | undefined): CouncilHistory {
    const { decisions, isDamaged } = this.#soundDecisions()
    const entries = this.#soundEntries(decisions.length)
    const lost = isDamaged || entries.isDamaged ? 'some of it is damaged' : undefined
    const forgot = forgotBefore ?? lost
    this.#db
      .sql('update replica set run = ?, sequence = ?, forgot = ?')
      .run(this.#run, this.#sequence, forgot === undefined ? 0 : 1)
    const operations = this.#all('select sequence, text from operations order by sequence', [])
    return {
      entries: [...decisions, ...entries.sound],
      operations: operations.map(({ sequence, text }) => ({
        sequence: Number(sequence),
        text: String(text),
      })),
      forgot,
    }
  }

  /** The decisions up to the first that is missing or damaged; the rest is dropped, and fetched again from others. */
  #soundDecisions(): { readonly decisions: readonly CouncilEntry[]; readonly isDamaged: boolean } {
    const decisions: CouncilEntry[] = []
    for (const row of this.#all('select height, text, hash from decisions order by height', [])) {
      const height = Number(row['height'])
      const text = String(row['text'])
      if (height !== decisions.length + 1 || !isSound(row)) {
        this.#db.sql('delete from decisions where height > ?').run(decisions.length)
        return { decisions, isDamaged: true }
      }
      decisions.push({ type: 'decision', height, text })
    }
    return { decisions, isDamaged: false }
  }

  #soundEntries(decided: number): { readonly sound: readonly CouncilEntry[]; readonly isDamaged: boolean } {
    const rows = this.#all(ROWS, [])
    const sound = rows.filter(isSound).map((row): CouncilEntry => {
      return {
        type: row['type'] as CouncilEntry['type'],
        height: Number(row['height']),
        text: String(row['text']),
      }
    })
    return { sound: sound.filter(({ height }) => height > decided), isDamaged: sound.length < rows.length }
  }

  #write(batch: CouncilBatch, sequence: number): void {
    const { changes } = this.#db.sql('update replica set sequence = ? where run = ?').run(sequence, this.#run)
    if (Number(changes) !== 1) {
      throw new CoterieError(
        'COTERIE_LEASE_LOST',
        'Another process has taken this replica over: this one stops. Run one process for each member.',
        { retryable: false },
      )
    }
    for (const { type, height, text } of batch.entries) {
      if (type === 'decision')
        this.#db.sql('insert or ignore into decisions values (?, ?, ?)').run(height, text, sha256(text))
      else if (height > batch.decided)
        this.#db
          .sql('insert into entries (height, type, text, hash) values (?, ?, ?, ?)')
          .run(height, type, text, sha256(text))
    }
    if (batch.decided > 0) this.#db.sql('delete from entries where height <= ?').run(batch.decided)
    if (batch.applied > 0) this.#db.sql('delete from operations where sequence <= ?').run(batch.applied)
    for (const { sequence: number, text } of batch.operations)
      if (number > batch.applied)
        this.#db.sql('insert or replace into operations values (?, ?)').run(number, text)
    for (const { decision, text } of batch.ballots)
      this.#db.sql('insert into ballots values (?, ?)').run(decision, text)
    for (const { decision, height, text } of batch.certificates)
      this.#db.sql('insert or ignore into certificates values (?, ?, ?)').run(decision, height, text)
    for (const { hash: name, culprit, text } of batch.evidence)
      this.#db
        .sql('insert or ignore into evidence (hash, culprit, text) values (?, ?, ?)')
        .run(name, culprit, text)
    if (batch.recovered) this.#db.sql('update replica set forgot = 0').run()
  }

  #all(text: string, values: readonly (string | number)[]): Record<string, unknown>[] {
    return this.#db.query(() => this.#db.sql(text).all(...values))
  }

  #text(text: string, value: string): string | undefined {
    const row = this.#all(text, [value])[0]
    return row === undefined ? undefined : String(row['text'])
  }
}

function isSound(row: Readonly<Record<string, unknown>>): boolean {
  return sha256(String(row['text'])) === row['hash']
}

function sha256(text: string): string {
  return hash('sha256', text, 'hex')
}

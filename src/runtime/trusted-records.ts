/**
 * Records of which this process knows that they are what their authors signed: it wrote them, or has verified them.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { RecordBody, SealedRecord } from '../core/record.ts'
import { failed } from '../log/failed.ts'
import { linkProblem } from '../log/links.ts'
import type { Link } from '../log/links.ts'
import { createSignatureCache } from '../log/seal.ts'
import { verifyRecord } from '../log/verify.ts'
import type { ChainHead, LogRecord } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Directory } from './directory.ts'

const BODIES_REMEMBERED_MAX = 64
/** About 300 bytes each. */
const AUTHORS_REMEMBERED_MAX = 4096

export class TrustedRecords {
  readonly #context: Context
  readonly #directory: Directory
  readonly #bodies = new Map<number, RecordBody>()
  /** The newest record that is known of each author, the author that was seen longest ago first. */
  readonly #links = new Map<string, Link>()
  readonly #signatures = createSignatureCache()

  constructor(context: Context, directory: Directory) {
    this.#context = context
    this.#directory = directory
  }

  /** Remembers where a record stands that this process has just written. */
  wrote({ author, seq, prev, hash }: SealedRecord, position: number): void {
    this.#remember(author, { seq, prev, hash, position })
  }

  /** Why an author's chain cannot end there: this process has seen more of it, or something else. */
  headProblem(author: string, { seq, hash }: ChainHead): CoterieError | undefined {
    const known = this.#links.get(author)
    if (known === undefined || seq > known.seq || (seq === known.seq && hash === known.hash)) return undefined
    const message =
      `The store has gone back: the chain of ${author} ends with number ${seq}, and this process has seen number ` +
      `${known.seq} at position ${known.position}. Nothing more is signed for it. Bring back the newer database.`
    return new CoterieError('COTERIE_VERIFICATION_FAILED', message, {
      details: { author, seq, seen: known.seq },
    })
  }

  /** The body of the record at a position. Throws COTERIE_VERIFICATION_FAILED. */
  async at(position: number): Promise<RecordBody> {
    const known = this.#bodies.get(position)
    if (known !== undefined) return known
    const [record] = await this.#context.store.records(position, 1)
    return this.#verified(position, record)
  }

  /**
   * The bodies at these positions, which are ascending and lie close together: what is between them is read with
   * them. Throws COTERIE_VERIFICATION_FAILED.
   */
  async among(positions: readonly number[]): Promise<ReadonlyMap<number, RecordBody>> {
    const [first, last] = [positions[0], positions.at(-1)]
    if (first === undefined || last === undefined) return new Map()
    const page = await this.#context.store.records(first, last - first + 1)
    const records = new Map(page.map((record) => [record.position, record]))
    const bodies = new Map<number, RecordBody>()
    for (const position of positions) {
      const body = this.#bodies.get(position) ?? (await this.#verified(position, records.get(position)))
      bodies.set(position, body)
    }
    return bodies
  }

  async #verified(position: number, record: LogRecord | undefined): Promise<RecordBody> {
    if (record === undefined || record.position !== position) {
      const message = `The log has no record at position ${position}.`
      throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details: { position } })
    }
    const { crypto, store } = this.#context
    const registry = await this.#directory.covering(record)
    const body = verifyRecord(crypto, registry, store.id, record, this.#signatures)
    const known = this.#links.get(record.author)
    const problem = known === undefined ? undefined : linkProblem(known, record)
    if (problem !== undefined) throw failed(record, problem)
    const { author, seq, prev, hash } = record
    if (known === undefined || seq > known.seq) this.#remember(author, { seq, prev, hash, position })
    if (this.#bodies.size >= BODIES_REMEMBERED_MAX) forgetFirst(this.#bodies)
    this.#bodies.set(position, body)
    return body
  }

  #remember(author: string, link: Link): void {
    if (!this.#links.delete(author) && this.#links.size >= AUTHORS_REMEMBERED_MAX) forgetFirst(this.#links)
    this.#links.set(author, link)
  }
}

/** Forgets what was put into a map first. */
export function forgetFirst<Key>(map: Map<Key, unknown>): void {
  for (const key of map.keys()) {
    map.delete(key)
    return
  }
}

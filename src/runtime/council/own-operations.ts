/**
 * The operations of this member on their way: each is durable before it is handed in, and handed in again after a
 * start until it is decided.
 *
 * @module
 */

import type { Operation } from '../../bft/proposal.ts'
import { isOperationPayload } from '../../bft/shape.ts'
import type { OperationBody, OperationText } from '../../bft/statements.ts'
import type { Payload } from '../../council/operations.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Json } from '../../core/json.ts'
import type { CouncilDriver } from './driver.ts'

/** Operations of one member that may wait to be decided; less than what others take of one author. */
const OPERATIONS_WAITING_MAX = 200

/** The operations of one member. */
export class OwnOperations {
  readonly #driver: CouncilDriver
  readonly #instance: string
  readonly #self: string
  readonly #sign: (text: OperationText) => string
  readonly #waiting = new Map<number, Operation>()
  #last = 0

  constructor(
    driver: CouncilDriver,
    place: { readonly instance: string; readonly self: string },
    sign: (text: OperationText) => string,
  ) {
    this.#driver = driver
    this.#instance = place.instance
    this.#self = place.self
    this.#sign = sign
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Those that wait, in order. */
  all(): readonly Operation[] {
    return [...this.#waiting.values()]
  }

  /** Takes back what was durable and not decided when the replica last stopped. */
  resume(texts: readonly { readonly sequence: number; readonly text: string }[]): void {
    for (const { sequence, text } of texts) {
      if (sequence <= this.#applied()) continue
      const operation = JSON.parse(text) as Operation
      this.#waiting.set(sequence, operation)
      this.#last = Math.max(this.#last, sequence)
    }
    for (const operation of this.#waiting.values()) this.#driver.submit(operation)
  }

  /** The number that the next operation will have. Throws COTERIE_LIMIT_EXCEEDED when too many wait. */
  nextSequence(): number {
    if (this.#waiting.size >= OPERATIONS_WAITING_MAX) {
      throw new CoterieError(
        'COTERIE_LIMIT_EXCEEDED',
        `${OPERATIONS_WAITING_MAX} operations of this member wait for the council: hand in more when some are decided.`,
        { retryable: true, details: { limit: 'OPERATIONS_WAITING_MAX', value: OPERATIONS_WAITING_MAX } },
      )
    }
    return Math.max(this.#applied(), this.#last) + 1
  }

  /**
   * Signs an operation with the next number, and hands it in when it is durable. Throws COTERIE_INVALID_ARGUMENT when
   * it is larger or deeper than an operation may be, and what `nextSequence` throws.
   */
  submit(payload: Payload, expires = 0): Operation {
    return this.#submitPayload(this.nextSequence(), payload, expires)
  }

  /** The same for a change of the members. It must expire: should another one be decided, this one never can be. */
  submitChange(body: Extract<OperationBody, { kind: 'change' }>, expires: number): Operation {
    return this.#submitAs(this.nextSequence(), body, expires)
  }

  /**
   * An operation of this member was decided. The one that waits in its place, when it is another one: this member's
   * file went back, and gave a number twice.
   */
  settle(decided: Operation): Operation | undefined {
    const waiting = this.#waiting.get(decided.sequence)
    this.#waiting.delete(decided.sequence)
    // Should it be lost, the decision tells it.
    this.#driver.note({ applied: decided.sequence })
    return waiting === undefined || waiting.signature === decided.signature ? undefined : waiting
  }

  /**
   * Gives the place of operations that came too late to something else: those behind them wait for it. `isVoid` says
   * which others can never be decided.
   */
  fill(height: number, isVoid: (operation: Operation) => boolean): readonly Operation[] {
    const late = this.all().filter((one) => (one.expires !== 0 && one.expires <= height) || isVoid(one))
    for (const { sequence } of late) this.#submitPayload(sequence, { type: 'pass' }, 0)
    return late
  }

  #submitPayload(sequence: number, payload: Payload, expires: number): Operation {
    // The others would not take it, and all later operations of this member would wait for it.
    if (!isOperationPayload(payload)) {
      const message = 'An operation of a council has at most 65536 characters, nested at most 48 levels deep.'
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
    }
    return this.#submitAs(sequence, { kind: 'application', payload: payload as unknown as Json }, expires)
  }

  #submitAs(sequence: number, body: OperationBody, expires: number): Operation {
    const text: OperationText = {
      type: 'operation',
      instance: this.#instance,
      author: this.#self,
      sequence,
      expires,
      body,
    }
    const operation = { ...text, signature: this.#sign(text) }
    this.#waiting.set(sequence, operation)
    this.#last = Math.max(this.#last, sequence)
    this.#driver.keep({ operations: [{ sequence, text: JSON.stringify(operation) }] }, () =>
      this.#driver.submit(operation),
    )
    return operation
  }

  #applied(): number {
    return this.#driver.replica.ledger.sequences.get(this.#self) ?? 0
  }
}

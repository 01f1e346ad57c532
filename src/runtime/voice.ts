/**
 * What an agent says outside of its turns: signed with its key, from an address of its own that nobody runs, with a
 * chain of its own. So it needs no lease, and what it says and what it handles do not wait for each other.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { MessageState } from '../core/message.ts'
import type { HandlerRef } from '../turn/definition.ts'
import type { SendOptions } from '../turn/turn.ts'
import type { Context } from './context.ts'
import type { Outside } from './outside.ts'

/** One message to be said. */
export interface Saying {
  readonly to: HandlerRef
  readonly payload: unknown
  readonly options?: SendOptions
}

/** The voice of an agent. Made by `Space.voice`. */
export class Voice {
  readonly agent: string
  readonly #context: Context
  readonly #make: () => Outside
  #outside: Outside

  constructor(context: Context, agent: string, make: () => Outside) {
    this.#context = context
    this.agent = agent
    this.#make = make
    this.#outside = make()
  }

  /** The id of the space. */
  get space(): string {
    return this.#context.store.id
  }

  /** The address that messages are from: `agent/ULID`. */
  get address(): string {
    return this.#outside.address
  }

  /** The largest payload, in bytes. */
  get payloadBytes(): number {
    return this.#context.limits.payloadBytes
  }

  /**
   * Sends messages, in one record as far as the store takes them. Answers for each its id, when it is durable, or why
   * it was not sent; it never throws. After a refusal the voice goes on under another address.
   */
  async say(sayings: readonly Saying[]): Promise<readonly PromiseSettledResult<string>[]> {
    const outside = this.#outside
    const origin = outside.origin()
    const made = await Promise.allSettled(
      sayings.map(({ to, payload, options = {} }) => {
        const target = { kind: 'send', ...to, topic: null, schema: to.definition.input } as const
        return outside.message(target, payload, options, origin)
      }),
    )
    const said = await Promise.allSettled(
      made.map(async (one) => {
        if (one.status === 'rejected') throw one.reason
        return outside.send(one.value)
      }),
    )
    // Whoever writes to the address makes it a mailbox, and a mailbox has a lease that this voice has not.
    if (said.some(isRefused) && this.#outside === outside) this.#outside = this.#make()
    return said
  }

  /** What has become of a message; undefined when there is none. */
  async state(id: string): Promise<MessageState | undefined> {
    const row = await this.#context.store.message(id)
    return row?.state
  }
}

function isRefused(one: PromiseSettledResult<string>): boolean {
  const reason: unknown = one.status === 'rejected' ? one.reason : undefined
  return reason instanceof CoterieError && reason.code === 'COTERIE_STORE_FAILED'
}

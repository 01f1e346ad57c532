/**
 * The directory: which agents the space has, with their keys and topics. It is the owner's chain, folded and
 * verified; nothing else is believed.
 *
 * @module
 */

import { CLIENT, OWNER } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { AgentEntry, HandlerEntry } from '../core/record.ts'
import { applyOwnerRecord, emptyRegistry } from '../log/registry.ts'
import type { Registry } from '../log/registry.ts'
import type { LogRecord } from '../ports/store.ts'
import { keyFor } from './context.ts'
import type { Context } from './context.ts'
import type { Committer, Draft } from './committer.ts'

const PAGE = 500
/** Agents in one record of the owner. */
const AGENTS_PER_RECORD = 500

export class Directory {
  readonly #context: Context
  #registry: Registry = emptyRegistry()
  #pulse: number | undefined

  constructor(context: Context) {
    this.#context = context
  }

  get registry(): Registry {
    return this.#registry
  }

  /** Reads what the owner has added since. Throws COTERIE_VERIFICATION_FAILED. */
  async refresh(): Promise<Registry> {
    for (;;) {
      const page = await this.#context.store.chain(OWNER, this.#registry.version, PAGE)
      for (const record of page) {
        // Another refresh may have been faster while this one waited for the store.
        if (record.seq === this.#registry.version) {
          this.#registry = applyOwnerRecord(this.#registry, this.#context.crypto, record)
        }
      }
      if (page.length < PAGE) return this.#registry
    }
  }

  /** Refreshes if another process has committed since: what it then sends may speak of agents that it added. */
  async keepUp(pulse: number): Promise<void> {
    if (pulse === this.#pulse) return
    await this.refresh()
    this.#pulse = pulse
  }

  /** The registry, refreshed if it does not know the record's key: it may have been added a moment ago. */
  async covering(record: LogRecord): Promise<Registry> {
    const known = this.#registry.keyAt(keyOf(record.body), record.position) !== undefined
    return known ? this.#registry : this.refresh()
  }

  /** Throws unless the agent and its handler are known to the space. */
  async requireHandler(agent: string, handler: string): Promise<void> {
    if (this.isKnown(agent, handler)) return
    await this.refresh()
    if (!this.isKnown(agent, handler)) throw this.unknown(agent, handler)
  }

  /** What is missing at the recipient of a message: the agent, or the handler. */
  unknown(agent: string, handler: string): CoterieError {
    const entry = this.#registry.agent(agent)
    if (entry === undefined || agent === CLIENT || agent === OWNER) {
      return new CoterieError(
        'COTERIE_UNKNOWN_RECIPIENT',
        `The space "${this.#context.store.name}" has no agent "${agent}". Open it once with that agent, or ` +
          `correct the name.`,
        { details: { agent } },
      )
    }
    const names = entry.handlers.map((h) => h.name).join(', ')
    return new CoterieError(
      'COTERIE_UNKNOWN_HANDLER',
      `Agent "${agent}" has no handler "${handler}"; it has: ${names}.`,
      { details: { agent, handler } },
    )
  }

  /** Same as {@link requireHandler}, from what is already known: for use inside a turn. */
  isKnown(agent: string, handler: string): boolean {
    return this.#registry.agent(agent)?.handlers.some((h) => h.name === handler) === true
  }

  /**
   * Makes sure that the log vouches for these agents: their keys and handlers. Needs the owner's key only when
   * something is new. Throws COTERIE_KEY_MISSING and COTERIE_KEY_MISMATCH.
   */
  async register(
    committer: Committer,
    agents: readonly { readonly name: string; readonly handlers: readonly HandlerEntry[] }[],
  ): Promise<void> {
    for (;;) {
      await this.refresh()
      const missing = agents.map((agent) => this.#entryFor(agent)).filter((entry) => entry !== undefined)
      if (missing.length === 0) return
      this.#requireOwner()
      const now = await this.#context.store.now()
      const part = missing.slice(0, AGENTS_PER_RECORD)
      const outcome = await committer.submit(OWNER, () => ownerDraft(part, now))
      if (outcome?.type !== 'accepted' && outcome?.type !== 'conflict') {
        throw new CoterieError(
          'COTERIE_STORE_FAILED',
          `The agents could not be registered: ${outcome?.type ?? 'nothing written'}.`,
        )
      }
    }
  }

  #entryFor(agent: {
    readonly name: string
    readonly handlers: readonly HandlerEntry[]
  }): AgentEntry | undefined {
    const known = this.#registry.agent(agent.name)
    const key =
      this.#context.keyring.get(agent.name) ??
      (known === undefined ? this.#context.keyring.create(agent.name) : undefined)
    if (key === undefined) keyFor(this.#context, agent.name)
    if (key === undefined) return undefined
    if (known !== undefined && known.key !== key.id) {
      throw new CoterieError(
        'COTERIE_KEY_MISMATCH',
        `The key of "${agent.name}" in ${this.#context.keyring.place} is not the one that this space knows. ` +
          'Use the keyring folder that belongs to this database.',
        { details: { agent: agent.name, expected: known.key, found: key.id } },
      )
    }
    if (known !== undefined && JSON.stringify(known.handlers) === JSON.stringify(agent.handlers))
      return undefined
    return { name: agent.name, key: key.id, publicKey: key.publicKey, handlers: agent.handlers }
  }

  #requireOwner(): void {
    const key = keyFor(this.#context, OWNER)
    if (this.#registry.agent(OWNER)?.key !== key.id) {
      throw new CoterieError(
        'COTERIE_KEY_MISMATCH',
        `The owner's key in ${this.#context.keyring.place} is not the one that this space was created with. ` +
          'Use the keyring folder that belongs to this database.',
      )
    }
  }
}

/** The key that a record names; nothing is believed of it yet. */
function keyOf(body: string): string {
  try {
    const value: unknown = JSON.parse(body)
    const key: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'key') : undefined
    return typeof key === 'string' ? key : ''
  } catch {
    return ''
  }
}

/** An owner's record that adds or renews agents. */
function ownerDraft(agents: readonly AgentEntry[], at: number): Draft {
  return {
    body: { agents, at, author: OWNER, kind: 'agents' },
    detail: null,
    write: {
      lease: null,
      turn: null,
      reads: [],
      messages: [],
      settles: [],
      events: [],
      journal: null,
      decisions: [],
      cancels: null,
    },
  }
}

/**
 * The directory: which agents the space has, with their keys and topics. It is the owner's chain, folded and
 * verified; nothing else is believed.
 *
 * @module
 */

import { CLIENT, OWNER, nameOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { AgentEntry, HandlerEntry, RecordBody } from '../core/record.ts'
import { applyOwnerRecord, emptyRegistry } from '../log/registry.ts'
import type { KeyPeriod, Registry } from '../log/registry.ts'
import type { KeyPair } from '../ports/crypto.ts'
import type { LogRecord, Outcome } from '../ports/store.ts'
import type { Context } from './context.ts'
import type { Committer } from './committer.ts'
import type { Draft } from './sealing.ts'
import { keyMismatch, keyMissing, keyRevoked } from './refusals.ts'

const PAGE = 500
/** Agents in one record of the owner. */
const AGENTS_PER_RECORD = 500

export class Directory {
  readonly #context: Context
  #registry: Registry = emptyRegistry()
  #pulse: number | undefined
  /** Told when the owner has written something that was not known yet. */
  onChange: () => void = () => undefined

  constructor(context: Context) {
    this.#context = context
  }

  get registry(): Registry {
    return this.#registry
  }

  /** Reads what the owner has added since. Throws COTERIE_VERIFICATION_FAILED. */
  async refresh(): Promise<Registry> {
    const before = this.#registry
    await this.#read()
    if (this.#registry !== before) this.onChange()
    return this.#registry
  }

  async #read(): Promise<void> {
    for (;;) {
      const page = await this.#context.store.chain(OWNER, this.#registry.version, PAGE)
      for (const record of page) {
        // Another refresh may have been faster while this one waited for the store.
        if (record.seq === this.#registry.version) {
          this.#registry = applyOwnerRecord(this.#registry, this.#context.crypto, record)
        }
      }
      if (page.length < PAGE) return
    }
  }

  /**
   * The key pair that signs for an address from now on: the one that the log names, so that a rotated key is taken
   * up while the process runs. Throws COTERIE_KEY_REVOKED, COTERIE_KEY_MISMATCH and COTERIE_KEY_MISSING.
   */
  signer(address: string): KeyPair {
    const name = nameOf(address)
    const { keyring } = this.#context
    const period = this.#registry.keyOf(name)
    const key = period === undefined ? this.#unregistered(name) : keyring.find(name, period.id)
    if (key !== undefined) return key
    const found = keyring.get(name)
    throw found === undefined || period === undefined
      ? keyMissing(name, keyring.place)
      : keyMismatch(name, keyring.place, { expected: period.id, found: found.id })
  }

  /** Whether the keyring has the keys that sign for these addresses, as far as the log has been read. */
  canSign(addresses: Iterable<string>): boolean {
    return this.#lacking(addresses).size === 0
  }

  /**
   * Tells a key that is missing from one that was replaced: whoever rotates a key takes the old one out of the keyring
   * when the log names the new one, and that may be before this process has read it there. When it resolves, what
   * `signer` says is so.
   */
  async catchUpKeys(addresses: Iterable<string>): Promise<void> {
    let before = this.#lacking(addresses)
    while (before.size > 0) {
      await this.refresh()
      const after = this.#lacking(addresses)
      // Still named by a log that was read after the key was seen to be missing.
      if ([...after].every(([name, id]) => before.get(name) === id)) return
      before = after
    }
  }

  /** Names whose key is not in the keyring, with its id. */
  #lacking(addresses: Iterable<string>): ReadonlyMap<string, string> {
    const lacking = new Map<string, string>()
    for (const address of addresses) {
      const name = nameOf(address)
      const id = this.#registry.keyOf(name)?.id
      if (id !== undefined && this.#context.keyring.find(name, id) === undefined) lacking.set(name, id)
    }
    return lacking
  }

  /** The key of a name that has none in the log: it may be about to get one, unless it was revoked. */
  #unregistered(name: string): KeyPair | undefined {
    const entry = this.#registry.agent(name)
    if (entry === undefined) return this.#context.keyring.get(name)
    throw keyRevoked(name, revocationOf(this.#registry, entry.key))
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
      this.signer(OWNER)
      const now = await this.#context.store.now()
      const part = missing.slice(0, AGENTS_PER_RECORD)
      const outcome = await committer.submit(OWNER, () =>
        ownerDraft({ agents: part }, this.#registry.version, now),
      )
      if (!isSettled(outcome)) {
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
    const key = known === undefined ? this.#context.keyring.create(agent.name) : this.signer(agent.name)
    if (known !== undefined && JSON.stringify(known.handlers) === JSON.stringify(agent.handlers))
      return undefined
    return { name: agent.name, key: key.id, publicKey: key.publicKey, handlers: agent.handlers }
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

/**
 * An owner's record: agents that join, get another key or other handlers, and keys that are revoked. It is bound to
 * the version of the directory that it was made for: a key that is revoked twice would make the log unreadable.
 */
export function ownerDraft(said: Pick<RecordBody, 'agents' | 'revokes'>, version: number, at: number): Draft {
  return {
    body: { ...said, at, author: OWNER, kind: 'agents' },
    detail: null,
    write: {
      lease: null,
      turn: null,
      // Not in the body: the number of the owner's record says the same.
      reads: [{ stream: '@agents', version }],
      messages: [],
      settles: [],
      events: [],
      journal: null,
      decisions: [],
      cancels: null,
    },
  }
}

/** True when an owner's record was written, or is to be made anew because another was faster. */
function isSettled(outcome: Outcome | undefined): boolean {
  return outcome?.type === 'accepted' || outcome?.type === 'conflict' || outcome?.type === 'stale'
}

/** Why a key was revoked; '' when it was not. */
export function revocationOf(registry: Registry, keyId: string): string {
  const revoked = (key: KeyPeriod): boolean => key.id === keyId && key.revoked !== null
  return registry.keys().find(revoked)?.revoked?.reason ?? ''
}

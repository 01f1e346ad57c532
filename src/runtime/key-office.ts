/**
 * Rotating and revoking keys: the owner signs what its chain says of them, and the keyring follows.
 *
 * A rotation is safe against a crash anywhere: the new key is in the keyring, under its id, before the log names it;
 * it takes the place of the old one, and the old one is removed, when the log has named it.
 *
 * @module
 */

import { OWNER } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import type { AgentEntry, RecordBody } from '../core/record.ts'
import type { Registry } from '../log/registry.ts'
import type { Committer } from './committer.ts'
import type { Context } from './context.ts'
import { ownerDraft } from './directory.ts'
import type { Directory } from './directory.ts'

const REASON = 'revoked by the owner'
const REASON_CHARS_MAX = 4096

/** What was written about a key. */
export interface KeyChange {
  readonly agent: string
  /** The id of the new key, or of the revoked one. */
  readonly key: string
  /** Where the log says so. */
  readonly position: number
}

/** Options of a revocation. */
export interface RevokeOptions {
  /** Why, for all to read: it is written into the log. */
  readonly reason?: string
  /** The id of the key, by default the agent's newest. */
  readonly key?: string
}

export class KeyOffice {
  readonly #context: Context
  readonly #directory: Directory
  readonly #committer: Committer

  constructor(context: Context, directory: Directory, committer: Committer) {
    this.#context = context
    this.#directory = directory
    this.#committer = committer
  }

  /** Gives an agent, or the owner, a new key. */
  async rotate(agent: string): Promise<KeyChange> {
    const registry = await this.#directory.refresh()
    const entry = entryOf(registry, agent, this.#context.store.name)
    this.#directory.signer(OWNER)
    const { keyring } = this.#context
    const pair = keyring.prepare(agent)
    try {
      const next: AgentEntry = { ...entry, key: pair.id, publicKey: pair.publicKey }
      const position = await this.#write(registry, { agents: [next] })
      this.#tidy(await this.#directory.refresh(), agent)
      return { agent, key: pair.id, position }
    } catch (error) {
      // Only when the log says that it was not written: otherwise the agent would be left without a key.
      const now = await this.#directory.refresh().catch(() => undefined)
      if (now !== undefined && now.keyOf(agent)?.id !== pair.id) keyring.discard(agent, pair.id)
      throw error
    }
  }

  /** Revokes a key of an agent. */
  async revoke(agent: string, { reason = REASON, key }: RevokeOptions = {}): Promise<KeyChange> {
    const registry = await this.#directory.refresh()
    const entry = entryOf(registry, agent, this.#context.store.name)
    const id = key ?? entry.key
    checkRevocation(registry, agent, id, reason)
    this.#directory.signer(OWNER)
    const position = await this.#write(registry, { revokes: [{ key: id, reason }] })
    this.#tidy(await this.#directory.refresh(), agent)
    return { agent, key: id, position }
  }

  async #write(registry: Registry, said: Pick<RecordBody, 'agents' | 'revokes'>): Promise<number> {
    const now = await this.#context.store.now()
    const draft = ownerDraft(said, registry.version, now)
    let outcome = await this.#committer.submit(OWNER, () => draft)
    // The committer did not know what other processes have added to the owner's chain; now it does.
    if (outcome?.type === 'conflict') outcome = await this.#committer.submit(OWNER, () => draft)
    if (outcome?.type === 'accepted') return outcome.position
    throw new CoterieError(
      'COTERIE_STALE_READ',
      'Another process has changed the agents or keys of this space meanwhile: nothing was written. Look at ' +
        '"coterie keys", and try again.',
      { retryable: true },
    )
  }

  /** The keyring as the log has it: the current key in its place, those that count no more removed. */
  #tidy(registry: Registry, agent: string): void {
    const { keyring } = this.#context
    const current = registry.keyOf(agent)
    if (current !== undefined && keyring.find(agent, current.id) !== undefined)
      keyring.adopt(agent, current.id)
    for (const { id, agent: holder } of registry.keys()) {
      if (holder === agent && id !== current?.id) keyring.discard(agent, id)
    }
  }
}

function entryOf(registry: Registry, agent: string, space: string): AgentEntry {
  const entry = registry.agent(agent)
  if (entry !== undefined) return entry
  const names = registry.agents().map(({ name }) => name)
  throw new CoterieError(
    'COTERIE_UNKNOWN_RECIPIENT',
    `The space "${space}" has no agent "${agent}"; it has: ${names.join(', ')}.`,
    { details: { agent } },
  )
}

function checkRevocation(registry: Registry, agent: string, id: string, reason: string): void {
  const refuse = (message: string): CoterieError =>
    new CoterieError('COTERIE_INVALID_ARGUMENT', message, { details: { agent, key: id } })
  if (reason === '' || reason.length > REASON_CHARS_MAX || !reason.isWellFormed()) {
    throw refuse(`A reason is a text of 1 to ${REASON_CHARS_MAX} characters.`)
  }
  const first = registry.keys().find((period) => period.agent === agent && period.id === id)
  if (first === undefined) throw refuse(`"${agent}" has never had the key ${id}; see "coterie keys".`)
  if (first.revoked !== null)
    throw refuse(`The key ${id} of "${agent}" was revoked before: ${first.revoked.reason}.`)
  if (agent === OWNER && registry.keyOf(OWNER)?.id === id) {
    throw refuse(
      'The current key of the owner cannot be revoked: nobody could change this space any more. Rotate it first ' +
        '("coterie keys rotate @owner"), then revoke the old one with --key.',
    )
  }
}

/**
 * The agents and keys of a space: the owner's chain, folded. Nothing else says whose key is whose.
 *
 * A key is valid from the position of the record that adds it until the position of the one that replaces or
 * revokes it. The owner's own key is the exception by one: it signs the record that replaces it, so there the
 * old key still counts and the new one does not yet.
 *
 * @module
 */

import { OWNER } from '../core/address.ts'
import { fromBase64url } from '../core/bytes.ts'
import type { AgentEntry, RecordBody } from '../core/record.ts'
import type { Crypto } from '../ports/crypto.ts'
import type { ChainHead, LogRecord } from '../ports/store.ts'
import { failed, type LogPlace } from './failed.ts'
import { openRecord } from './open-record.ts'
import { verifyProof } from './seal.ts'

/** An agent's key, and the positions at which its signatures count. */
export interface KeyPeriod {
  readonly id: string
  readonly agent: string
  /** Ed25519, raw 32 bytes in base64url. */
  readonly publicKey: string
  /** The first position. */
  readonly from: number
  /** The first position at which it counts no more, or null. */
  readonly until: number | null
  /** Where and why it was revoked; null when it was not, also after a rotation. */
  readonly revoked: { readonly position: number; readonly reason: string } | null
}

/** Whom a key belongs to. */
export interface KeyHolder {
  readonly agent: string
  readonly publicKey: string
}

/** The handler that a topic reaches. */
export interface Subscriber {
  readonly agent: string
  readonly handler: string
}

/** The agents and keys after some of the owner's records. It does not change. */
export interface Registry {
  /** The id of the space, which is the hash of the genesis; '' before it. */
  readonly space: string
  /** The number of the owner's records: the version of the stream `@agents`. */
  readonly version: number
  /** Where the owner's chain ends. */
  readonly head: ChainHead
  /** What the owner last said of an agent, its newest key included, even if that is revoked. */
  agent(name: string): AgentEntry | undefined
  /** All agents, the owner included, in the order in which they joined. */
  agents(): readonly AgentEntry[]
  /** The key that signs for an agent from now on; undefined when it has none, or was revoked. */
  keyOf(agent: string): KeyPeriod | undefined
  /** How many keys of an agent were revoked. It only grows. */
  revocations(agent: string): number
  /** Whose key this is, if its signatures count at the position. */
  keyAt(keyId: string, position: number): KeyHolder | undefined
  /** Every key that there was, in the order in which they were added. */
  keys(): readonly KeyPeriod[]
  /** Who subscribes to a topic, ordered by agent and handler. */
  subscribers(topic: string): readonly Subscriber[]
}

/** The registry before the genesis. */
export function emptyRegistry(): Registry {
  return registryOf('', 0, { seq: -1, hash: '' }, [], [])
}

/**
 * The registry after the owner's next record. The record is verified in full: its text, its place in the
 * owner's chain, and its signature by the owner's key of that position.
 *
 * @throws CoterieError `COTERIE_VERIFICATION_FAILED`, naming the position and the reason.
 */
export function applyOwnerRecord(registry: Registry, crypto: Crypto, record: LogRecord): Registry {
  const body = openRecord(crypto, record)
  const { position, author, hash } = record
  const place: LogPlace = { position, author }
  if (author !== OWNER) throw failed(place, 'it is not by the owner')
  const { head, version } = registry
  if (body.seq !== version)
    throw failed(place, `the owner's next record is number ${version}, not ${body.seq}`)
  if (body.prev !== head.hash) throw failed(place, 'it does not follow the record of the owner before it')
  const isFirst = version === 0
  if (isFirst !== (body.kind === 'genesis')) throw failed(place, "the owner's first record is the genesis")
  if (body.space !== registry.space) throw failed(place, 'it belongs to another space')
  const publicKey = isFirst ? genesisKey(body, place) : ownerKey(registry, body, place)
  if (!verifyProof(crypto, hash, record.proof, publicKey)) {
    throw failed(place, "its signature is not valid for the owner's key")
  }
  const next: Draft = {
    agents: new Map(registry.agents().map((entry) => [entry.name, entry])),
    keys: [...registry.keys()],
  }
  for (const { key, reason } of body.revokes ?? []) revoke(next, key, reason, place)
  const seen = new Set<string>()
  for (const entry of body.agents ?? []) {
    if (seen.has(entry.name)) throw failed(place, `it names the agent "${entry.name}" twice`)
    seen.add(entry.name)
    enter(next, crypto, entry, place, isFirst)
  }
  const space = isFirst ? hash : registry.space
  return registryOf(space, version + 1, { seq: body.seq, hash }, [...next.agents.values()], next.keys)
}

/**
 * The keys that may have signed, before a position, what carries no position of its own: ballots and journal
 * chunks. Rotated ones are among them, revoked ones are not.
 */
export function keysBefore(registry: Registry, position: number): ReadonlyMap<string, KeyHolder> {
  const trusted = new Map<string, KeyHolder>()
  for (const { id, agent, publicKey, from, revoked } of registry.keys()) {
    const isRevoked = revoked !== null && revoked.position <= position
    if (from <= position && !isRevoked) trusted.set(id, { agent, publicKey })
  }
  return trusted
}

interface Draft {
  readonly agents: Map<string, AgentEntry>
  readonly keys: KeyPeriod[]
}

function genesisKey(body: RecordBody, place: LogPlace): string {
  const [entry, ...others] = body.agents ?? []
  if (entry === undefined || others.length > 0 || entry.name !== OWNER || body.revokes !== undefined) {
    throw failed(place, "the genesis names the owner's key, and nothing else")
  }
  if (entry.key !== body.key) throw failed(place, 'the genesis is signed with another key than it names')
  return entry.publicKey
}

function ownerKey(registry: Registry, body: RecordBody, place: LogPlace): string {
  const holder = registry.keyAt(body.key, place.position)
  if (holder?.agent !== OWNER) throw failed(place, `the key ${body.key} is not the owner's at this position`)
  return holder.publicKey
}

function revoke(draft: Draft, key: string, reason: string, place: LogPlace): void {
  let known = false
  draft.keys.forEach((period, index) => {
    if (period.id !== key) return
    known = true
    if (period.revoked !== null) throw failed(place, `the key ${key} was revoked before`)
    const until = period.until ?? endOf(period.agent, place)
    draft.keys[index] = { ...period, until, revoked: { position: place.position, reason } }
  })
  if (!known) throw failed(place, `it revokes the key ${key}, which nobody has`)
}

function enter(draft: Draft, crypto: Crypto, entry: AgentEntry, place: LogPlace, isFirst: boolean): void {
  const { name, key, publicKey } = entry
  if (keyIdOf(crypto, publicKey) !== key) {
    throw failed(place, `the id of the key of "${name}" is not that of its public key`)
  }
  let current = false
  draft.keys.forEach((period, index) => {
    if (period.id === key && period.agent !== name) {
      throw failed(place, `the key of "${name}" is already that of "${period.agent}"`)
    }
    if (period.id === key && period.revoked !== null) throw failed(place, `the key of "${name}" was revoked`)
    if (period.agent !== name || period.until !== null) return
    if (period.id === key) current = true
    else draft.keys[index] = { ...period, until: endOf(name, place) }
  })
  if (!current) {
    const from = isFirst ? place.position : endOf(name, place)
    draft.keys.push({ id: key, agent: name, publicKey, from, until: null, revoked: null })
  }
  draft.agents.set(name, entry)
}

// Where an old key ends and a new one begins. The owner's record at this position is signed with the old one.
function endOf(agent: string, place: LogPlace): number {
  return agent === OWNER ? place.position + 1 : place.position
}

function keyIdOf(crypto: Crypto, publicKey: string): string | undefined {
  try {
    const raw = fromBase64url(publicKey)
    return raw.length === 32 ? crypto.sha256(raw).slice(0, 40) : undefined
  } catch {
    return undefined
  }
}

function registryOf(
  space: string,
  version: number,
  head: ChainHead,
  agents: readonly AgentEntry[],
  keys: readonly KeyPeriod[],
): Registry {
  const byName = new Map(agents.map((entry) => [entry.name, entry]))
  const byKey = Map.groupBy(keys, ({ id }) => id)
  const current = new Map(keys.filter(({ until }) => until === null).map((key) => [key.agent, key]))
  const revoked = Map.groupBy(
    keys.filter((key) => key.revoked !== null),
    ({ agent }) => agent,
  )
  let byTopic: ReadonlyMap<string, readonly Subscriber[]> | undefined
  return Object.freeze({
    space,
    version,
    head,
    agent: (name: string) => byName.get(name),
    agents: () => agents,
    keyOf: (agent: string) => current.get(agent),
    revocations: (agent: string) => revoked.get(agent)?.length ?? 0,
    keyAt: (keyId: string, position: number) =>
      byKey.get(keyId)?.find(({ from, until }) => from <= position && (until === null || position < until)),
    keys: () => keys,
    subscribers(topic: string) {
      byTopic ??= subscriptions(agents)
      return byTopic.get(topic) ?? []
    },
  })
}

function subscriptions(agents: readonly AgentEntry[]): Map<string, Subscriber[]> {
  const byTopic = new Map<string, Subscriber[]>()
  for (const { name: agent, handlers } of agents.toSorted((a, b) => compare(a.name, b.name))) {
    for (const { name: handler, topic } of handlers.toSorted((a, b) => compare(a.name, b.name))) {
      if (topic === null) continue
      const subscribers = byTopic.get(topic)
      if (subscribers === undefined) byTopic.set(topic, [{ agent, handler }])
      else subscribers.push({ agent, handler })
    }
  }
  return byTopic
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

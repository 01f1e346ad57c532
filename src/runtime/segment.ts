/**
 * The last look-ups before a segment is written: the subscribers of what it publishes, and the versions at
 * which it appends.
 *
 * @module
 */

import type { NewEvent, NewMessage, StreamVersion } from '../ports/store.ts'
import type { Effects } from './effects.ts'
import type { TurnHost } from './turn-engine.ts'

/** A segment's effects as the store takes them. */
export interface SealedEffects {
  readonly messages: readonly NewMessage[]
  readonly events: readonly NewEvent[]
  readonly reads: readonly StreamVersion[]
}

/** True when nothing has to be looked up: the hot path. */
export function isPlain(effects: Effects): boolean {
  return effects.publications.length === 0 && effects.events.length === 0
}

/** Effects that need no look-up, as the store takes them. */
export function plainEffects(effects: Effects): SealedEffects {
  return { messages: effects.messages, events: [], reads: readVersions(effects) }
}

/** Finds subscribers and versions. */
export async function sealEffects(host: Pick<TurnHost, 'context' | 'directory'>, effects: Effects): Promise<SealedEffects> {
  if (isPlain(effects)) return plainEffects(effects)
  const reads = [...readVersions(effects)]
  const messages = [...effects.messages]
  if (effects.publications.length > 0) {
    // The list of subscribers is a read like any other: if an agent joins before the commit, it is looked up anew.
    const registry = host.directory.registry
    reads.push({ stream: '@agents', version: registry.version })
    for (const publication of effects.publications) {
      for (const { agent, handler } of registry.subscribers(publication.topic)) messages.push(publication.copy(agent, handler))
    }
  }
  const events: NewEvent[] = []
  const versions = new Map<string, number>()
  for (const { stream, version } of reads) versions.set(stream, version)
  for (const event of effects.events) {
    const known = versions.get(event.stream) ?? (await host.context.store.stream(event.stream, 0)).version
    versions.set(event.stream, known + 1)
    events.push({ ...event, version: known + 1 })
  }
  return { messages, events, reads }
}

function readVersions(effects: Effects): readonly StreamVersion[] {
  if (effects.reads.size === 0) return []
  return [...effects.reads].map(([stream, read]) => ({ stream, version: read.version }))
}

/**
 * From what a person types to a thing in the space: ids of messages, turns, decisions and traces, or the beginning
 * of one.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { messageOf, turnOf } from '../../core/ids.ts'
import type { SpaceStore } from '../../ports/store.ts'

/** The shortest beginning of an id that is looked up. */
const PREFIX_CHARS_MIN = 10

/** How many messages a look-up by a beginning reads before it gives up. */
const MESSAGES_SEARCHED_MAX = 1_000_000
const PAGE = 1_000

/** What an id names. A turn is named by its message's id too. */
export type Found =
  | { readonly kind: 'message'; readonly id: string }
  | { readonly kind: 'turn'; readonly id: string }
  | { readonly kind: 'decision'; readonly id: string }
  | { readonly kind: 'trace'; readonly id: string }

/**
 * The one thing that an id, or a beginning of at least 10 characters, names. Throws COTERIE_NOT_FOUND, and
 * COTERIE_INVALID_ARGUMENT when several begin like this.
 */
export async function lookUp(store: SpaceStore, text: string): Promise<Found> {
  const exact = await exactly(store, text)
  if (exact !== undefined) return exact
  if (text.length < PREFIX_CHARS_MIN) {
    throw notFound(text, ` An id can be shortened, but not to less than ${PREFIX_CHARS_MIN} characters.`)
  }
  const found = await beginning(store, text)
  const [first, second] = found
  if (first === undefined) throw notFound(text, '')
  if (second === undefined) return first
  const ids = found.map(({ id }) => id)
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `Several ids begin with "${text}": ${ids.slice(0, 5).join(', ')}${ids.length > 5 ? ' and more' : ''}.`,
    { details: { prefix: text, ids: ids.slice(0, 20) } },
  )
}

async function exactly(store: SpaceStore, text: string): Promise<Found | undefined> {
  if (text.startsWith('dec_')) {
    return (await store.decision(text)) === undefined ? undefined : { kind: 'decision', id: text }
  }
  const isTurn = text.startsWith('turn_')
  if (isTurn || text.startsWith('msg_')) {
    const row = await store.message(isTurn ? messageOf(text) : text)
    return row === undefined ? undefined : { kind: isTurn ? 'turn' : 'message', id: text }
  }
  if (!/^[0-9a-f]{32}$/.test(text)) return undefined
  const [first] = await store.messagesOf({ trace: text, limit: 1 })
  return first === undefined ? undefined : { kind: 'trace', id: text }
}

async function beginning(store: SpaceStore, prefix: string): Promise<readonly Found[]> {
  if (prefix.startsWith('dec_')) {
    // Everything that begins with the prefix follows directly on the last text before it.
    const before = `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) - 1)}~`
    const page = await store.decisions(before, PAGE)
    return page.filter(({ id }) => id.startsWith(prefix)).map(({ id }) => ({ kind: 'decision', id }))
  }
  const isTurn = prefix.startsWith('turn_')
  const kind = isTurn ? 'turn' : prefix.startsWith('msg_') ? 'message' : 'trace'
  if (kind === 'trace' && !/^[0-9a-f]+$/.test(prefix)) return []
  const found = new Set<string>()
  let read = 0
  let after = -1
  for (;;) {
    const page = await store.messagesOf({ after, limit: PAGE })
    for (const { envelope } of page) {
      const id = kind === 'trace' ? envelope.trace : isTurn ? turnOf(envelope.id) : envelope.id
      if (id.startsWith(prefix)) found.add(id)
    }
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return [...found].map((id) => ({ kind, id }))
    after = last.position
    read += page.length
    if (read >= MESSAGES_SEARCHED_MAX) {
      throw new CoterieError(
        'COTERIE_LIMIT_EXCEEDED',
        `"${prefix}" was looked for among ${read} messages, which is the limit: write the whole id.`,
      )
    }
  }
}

function notFound(text: string, hint: string): CoterieError {
  return new CoterieError(
    'COTERIE_NOT_FOUND',
    `There is no message, turn, decision or trace "${text}" in this space.${hint}`,
    { details: { id: text } },
  )
}

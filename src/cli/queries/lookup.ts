/**
 * From what a person types to a thing in the space: ids of messages, turns, decisions and traces, or the beginning
 * of one.
 *
 * @module
 */

import { CoterieError } from '../../core/errors.ts'
import { messageOf, turnOf } from '../../core/ids.ts'
import type { MessageRow, SpaceStore } from '../../ports/store.ts'

/** The shortest beginning of an id that is looked up. */
export const PREFIX_CHARS_MIN = 10

/** How many messages a look-up by a beginning reads before it gives up. */
const MESSAGES_SEARCHED_MAX = 1_000_000
const PAGE = 1_000

/** What an id names. A turn is named by its message's id too. */
export type Found =
  | { readonly kind: 'message'; readonly id: string }
  /** With `undecided`, what was named is a decision that this turn asks for, and that is not there. */
  | { readonly kind: 'turn'; readonly id: string; readonly undecided?: string }
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
  const ids = found.map((one) => ('undecided' in one ? one.undecided : one.id))
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
    const decided = page.filter(({ id }) => id.startsWith(prefix))
    if (decided.length === 0) return undecided(store, prefix)
    return decided.map(({ id }) => ({ kind: 'decision', id }))
  }
  const isTurn = prefix.startsWith('turn_')
  const kind = isTurn ? 'turn' : prefix.startsWith('msg_') ? 'message' : 'trace'
  if (kind === 'trace' && !/^[0-9a-f]+$/.test(prefix)) return []
  const found = new Set<string>()
  for await (const { envelope } of allMessages(store, prefix)) {
    const id = kind === 'trace' ? envelope.trace : isTurn ? turnOf(envelope.id) : envelope.id
    if (id.startsWith(prefix)) found.add(id)
  }
  return [...found].map((id) => ({ kind, id }))
}

/** The turns that ask for decisions which are not there: the members were asked, under the decision's id. */
async function undecided(store: SpaceStore, prefix: string): Promise<readonly Found[]> {
  const found = new Map<string, Found>()
  for await (const { envelope, payload } of allMessages(store, prefix)) {
    if (envelope.kind !== 'ask' || envelope.cause === null) continue
    const id = /"decision":"(dec_[0-9A-Z]+)"/.exec(payload)?.[1]
    if (id?.startsWith(prefix) !== true) continue
    found.set(id, { kind: 'turn', id: envelope.cause, undecided: id })
  }
  return [...found.values()]
}

async function* allMessages(store: SpaceStore, prefix: string): AsyncGenerator<MessageRow> {
  let read = 0
  let after = -1
  for (;;) {
    const page = await store.messagesOf({ after, limit: PAGE })
    yield* page
    const last = page.at(-1)
    if (last === undefined || page.length < PAGE) return
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

/**
 * Addresses: `name` for an agent, `name/key` for one of its keyed instances.
 *
 * @module
 */

import { CoterieError } from './errors.ts'
import { isInstanceKey } from './readable.ts'

/** The address that signs the space's own records: its genesis and its key events. */
export const OWNER = '@owner'

/** The agent name of callers from outside (programs, the CLI); each has an instance of its own. */
export const CLIENT = 'client'

const NAME = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/
const HANDLER = /^[A-Za-z][A-Za-z0-9_]{0,63}$/

/** True for a name that an agent or a topic may have. */
export function isName(value: string): boolean {
  return NAME.test(value)
}

/** True for a name that a handler may have. */
export function isHandlerName(value: string): boolean {
  return HANDLER.test(value)
}

/** The address of an agent, or of one keyed instance. Throws COTERIE_INVALID_ADDRESS. */
export function addressOf(name: string, key?: string): string {
  if (!NAME.test(name) && name !== OWNER) {
    throw new CoterieError(
      'COTERIE_INVALID_ADDRESS',
      `"${name}" is not an agent name: use a letter, then up to 63 letters, digits, "-" or "_".`,
    )
  }
  if (key === undefined) return name
  if (!isInstanceKey(key)) {
    throw new CoterieError(
      'COTERIE_INVALID_ADDRESS',
      `${JSON.stringify(key)} is not an instance key of "${name}": use 1 to 200 characters, none that is ` +
        `invisible (control, format, private use), no space at either end.`,
    )
  }
  return `${name}/${key}`
}

/** The agent name in an address. */
export function nameOf(address: string): string {
  const slash = address.indexOf('/')
  return slash === -1 ? address : address.slice(0, slash)
}

/** Reads an address given as text. Throws COTERIE_INVALID_ADDRESS. */
export function parseAddress(text: string): { readonly name: string; readonly key: string | undefined } {
  const slash = text.indexOf('/')
  const name = slash === -1 ? text : text.slice(0, slash)
  const key = slash === -1 ? undefined : text.slice(slash + 1)
  addressOf(name, key)
  return { name, key }
}

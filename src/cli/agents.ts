/**
 * The agents of a program: those that a module exports.
 *
 * @module
 */

import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CoterieError } from '../core/errors.ts'
import { parseAddress } from '../core/address.ts'
import type { AnyAgent, HandlerRef } from '../turn/definition.ts'

/**
 * Imports a module and finds its agents: exported values with a string `name` and `handlers`, and arrays of
 * them. One that is exported twice counts once. Throws COTERIE_NOT_FOUND, and COTERIE_INVALID_DEFINITION when the
 * module cannot be loaded or exports no agent.
 */
export async function agentsOf(path: string): Promise<readonly AnyAgent[]> {
  const file = resolve(path)
  if (!existsSync(file)) {
    throw new CoterieError('COTERIE_NOT_FOUND', `There is no module ${file}.`, { details: { file } })
  }
  if (statSync(file).isDirectory()) {
    throw new CoterieError('COTERIE_NOT_FOUND', `${file} is a folder: name the module in it.`, {
      details: { file },
    })
  }
  const exported = await load(file)
  const agents = new Set<AnyAgent>()
  for (const value of Object.values(exported)) {
    for (const entry of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
      if (isAgent(entry)) agents.add(entry)
    }
  }
  if (agents.size === 0) {
    throw new CoterieError(
      'COTERIE_INVALID_DEFINITION',
      `The module ${file} exports no agent. Export what agent(...) returns, or an array of it.`,
      { details: { file } },
    )
  }
  return [...agents]
}

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  let idle: () => void = () => undefined
  const stuck = new Promise<never>((_resolve, reject) => {
    idle = () =>
      reject(new Error('it waits for something that never comes, in an await outside of every function'))
    // Node has nothing left to do, and the module has not been loaded.
    process.once('beforeExit', idle)
  })
  try {
    const module: unknown = await Promise.race([import(pathToFileURL(file).href), stuck])
    return module as Readonly<Record<string, unknown>>
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : `it threw ${String(cause)}`
    const message = `The module ${file} could not be loaded${placeOf(cause)}: ${why}`
    throw new CoterieError('COTERIE_INVALID_DEFINITION', message, { cause, details: { file } })
  } finally {
    process.off('beforeExit', idle)
  }
}

/** This library: the copy that runs here, and the one that the module may have. */
const LIBRARY = [fileURLToPath(new URL('..', import.meta.url)), '/node_modules/coterie/']

/** Where in somebody's file an error arose, if its stack says so: not where this library threw it. */
export function placeOf(error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const [, file = '', line = ''] of stack.matchAll(/(?:^|[\s(])(?:file:\/\/)?(\/[^\s():]+):(\d+)/g)) {
    if (!LIBRARY.some((part) => file.includes(part))) return ` (${file}:${line})`
  }
  return ''
}

/** The handler that an address and a name mean. Throws COTERIE_UNKNOWN_RECIPIENT and COTERIE_UNKNOWN_HANDLER. */
export function handlerOf(agents: readonly AnyAgent[], address: string, handler: string): HandlerRef {
  const { name } = parseAddress(address)
  const found = agents.find((agent) => agent.name === name)
  if (found === undefined) {
    const names = agents.map((agent) => agent.name).join(', ')
    throw new CoterieError(
      'COTERIE_UNKNOWN_RECIPIENT',
      `The module has no agent "${name}"; it has: ${names}.`,
    )
  }
  const definition = Object.hasOwn(found.handlers, handler) ? found.handlers[handler] : undefined
  if (definition === undefined) {
    const names = Object.keys(found.handlers).join(', ')
    throw new CoterieError(
      'COTERIE_UNKNOWN_HANDLER',
      `The agent "${name}" has no handler "${handler}"; it has: ${names}.`,
    )
  }
  return { agent: name, handler, definition }
}

function isAgent(value: unknown): value is AnyAgent {
  if (typeof value !== 'object' || value === null) return false
  const { name, handlers } = value as { readonly name?: unknown; readonly handlers?: unknown }
  return typeof name === 'string' && typeof handlers === 'object' && handlers !== null
}

/**
 * What every command works with: where the data is, and where to write.
 *
 * @module
 */

import type { Command } from 'commander'
import { CoterieError } from '../core/errors.ts'
import { storeUrl, withoutPassword } from '../core/store-url.ts'
import type { SpaceStore } from '../ports/store.ts'
import { open, openStore } from '../open.ts'
import type { OpenOptions } from '../open.ts'
import type { Space } from '../runtime/space.ts'
import { styleFor } from './render/style.ts'
import type { Style } from './render/style.ts'
import { jsonText } from './render/text.ts'

const WIDTH_PIPED = 80
const WIDTH_MIN = 40
const SILENT_MS = 2_000

/** The options that every command has. */
interface GlobalOptions {
  readonly db: string
  readonly store?: string
  readonly space: string
  readonly keyring?: string
  readonly json?: boolean
}

/** One call of the command line. */
export interface CliContext {
  readonly url: string
  /** The URL as it may be shown: without its password. */
  readonly place: string
  readonly space: string
  readonly keyring: string | undefined
  readonly json: boolean
  readonly style: Style
  /** How many characters a line of prose has. */
  readonly width: number
  /** The same for lists, which stay one line for each entry when they go to a file or a pipe. */
  readonly listWidth: number
  /** Data: one line on the standard output. */
  out(line: string): void
  /** A JSON value on the standard output: one line. */
  outJson(value: unknown): void
  /** Chatter: one line on the standard error. With `--json` nothing is said. */
  say(line: string): void
}

/** The context of a command, from the global options. */
export function contextOf(command: Command): CliContext {
  const { space, keyring, json } = command.optsWithGlobals<GlobalOptions>()
  const url = storeUrl(databaseOf(command))
  const out = (line: string): void => {
    process.stdout.write(`${line}\n`)
  }
  return {
    url,
    place: withoutPassword(url),
    space,
    keyring,
    json: json === true,
    style: styleFor(hasColours()),
    width: proseWidth(),
    listWidth: columns() ?? Infinity,
    out,
    outJson: (value) => out(jsonText(value)),
    say: (line) => {
      if (json !== true) process.stderr.write(`${line}\n`)
    },
  }
}

/** Runs `use` on the space, opened for reading only: nothing is created, locked or changed. */
export async function withStore<T>(context: CliContext, use: (store: SpaceStore) => Promise<T>): Promise<T> {
  const store = openStore(context.url, { mustExist: true, readOnly: true })
  try {
    const space = await patiently(context, store.space(context.space))
    if (space === undefined) {
      const names = await store.spaces()
      const others = names.length === 0 ? 'It has none.' : `It has: ${names.join(', ')}.`
      throw new CoterieError(
        'COTERIE_NOT_FOUND',
        `There is no space "${context.space}" in ${context.place}. ${others}`,
        { details: { space: context.space, spaces: names } },
      )
    }
    return await use(space)
  } finally {
    await store.close()
  }
}

/** Opens the space to act in it. Without `create`, what is not there is an error. */
export async function openSpace(
  context: CliContext,
  options: Pick<OpenOptions, 'agents' | 'logger'> & { readonly create: boolean },
): Promise<Space> {
  const { create, ...rest } = options
  const opening = open(context.url, {
    ...rest,
    space: context.space,
    mustExist: !create,
    ...(context.keyring !== undefined && { keyring: context.keyring }),
  })
  return patiently(context, opening)
}

/** A server that does not answer is tried again for half a minute: whoever waits is told what for. */
async function patiently<T>(context: CliContext, opening: Promise<T>): Promise<T> {
  const timer = setTimeout(
    () => context.say(`still trying to reach ${context.place}; Ctrl-C stops`),
    SILENT_MS,
  )
  try {
    return await opening
  } finally {
    clearTimeout(timer)
  }
}

/** Runs `use` on the space, opened by a caller from outside that runs no agents. */
export async function withSpace<T>(context: CliContext, use: (space: Space) => Promise<T>): Promise<T> {
  await using space = await openSpace(context, { create: false })
  return await use(space)
}

/** What is written on the command line comes before what the environment says. */
function databaseOf(command: Command): string {
  const { db, store } = command.optsWithGlobals<GlobalOptions>()
  const isGiven = (name: string): boolean => command.getOptionValueSourceWithGlobals(name) === 'cli'
  if (isGiven('db') && isGiven('store')) {
    throw new CoterieError(
      'COTERIE_INVALID_ARGUMENT',
      'Give --db or --store, not both: each names the database.',
    )
  }
  return store === undefined || isGiven('db') ? db : store
}

/** How many characters a line of prose has. */
export function proseWidth(): number {
  return columns() ?? WIDTH_PIPED
}

/** The width of the terminal, or the one that the variable COLUMNS asks for. */
function columns(): number | undefined {
  const asked = Number(process.env['COLUMNS'])
  const found = process.stdout.columns ?? (Number.isSafeInteger(asked) && asked > 0 ? asked : undefined)
  return found === undefined ? undefined : Math.max(WIDTH_MIN, found)
}

function hasColours(): boolean {
  const { NO_COLOR, TERM } = process.env
  return process.stdout.isTTY && (NO_COLOR === undefined || NO_COLOR === '') && TERM !== 'dumb'
}

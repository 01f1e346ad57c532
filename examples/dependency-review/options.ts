/**
 * The command line.
 *
 * @module
 */

import { existsSync, mkdtempSync, realpathSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { UsageError } from './problems.ts'

export const USAGE = `Agents review an npm lock file (version 2 or 3): ten reviewers in three teams, signed
votes, nothing leaves this machine.

  npm run demo -- [options]

  --input FILE  the lock file (default: this repository's own package-lock.json)
  --db FILE     keep the review there, and go on with it when it is run again
                (default: a new file in the temporary folder, which is kept)
  --store URL   keep it in another kind of database: postgres://...
                (default: the environment's COTERIE_STORE, if it is set;
                COTERIE_KEYRING names the folder of the keys)
  --code        read the code in node_modules beside the lock file, run nothing of it
                (default: if there is a node_modules)
  --no-code     go by the lock file alone
  --json        print one JSON document, and nothing else
  --help        this text

Each package is put to a vote of all reviewers. A majority settles it, unless what they found
is risky: then it goes to a second round, where two thirds of all have to approve.

Exit codes: 0 reviewed, whatever was decided; 1 failed; 2 bad input; 4, 6 the database cannot
be used; 7 its keys cannot; 8 nothing was decided for ten minutes; 130 stopped by Ctrl-C.
`

/** What was asked for. */
export interface Options {
  readonly help: boolean
  readonly json: boolean
  /** Absolute. */
  readonly input: string
  /** An absolute path, the URL of a store, or undefined for a new file. */
  readonly db: string | undefined
  /** How the command line says so again: nothing when the environment names the store. */
  readonly dbFlag: '--db' | '--store' | undefined
  /** Whether to read installed code; undefined: if there is any. */
  readonly code: boolean | undefined
}

/** Reads the arguments. Throws UsageError. */
export function readOptions(args: readonly string[]): Options {
  const { input, db, store, code, json, help } = parse(args)
  if (input === '' || db === '') throw new UsageError(`${input === '' ? '--input' : '--db'} needs a file.`)
  if (db !== undefined && store !== undefined) {
    throw new UsageError('Give --db or --store, not both: each names the database.')
  }
  const url = db === undefined ? (store ?? process.env['COTERIE_STORE']) : undefined
  return {
    help: help ?? false,
    json: json ?? false,
    input: resolve(input ?? fileURLToPath(new URL('../../package-lock.json', import.meta.url))),
    db:
      db !== undefined
        ? resolve(db.replace(/^sqlite:/, ''))
        : url === undefined || url === ''
          ? undefined
          : url,
    dbFlag: url === undefined || url === '' ? '--db' : store === undefined ? undefined : '--store',
    code,
  }
}

/** The folder whose node_modules is to be read, or null. Throws UsageError. */
export function projectFolderOf({ input, code }: Options): string | null {
  if (code === false) return null
  // The same folder has the same name whichever way it is reached: the name is part of what is decided.
  const folder = realpathSync(dirname(input))
  const modules = join(folder, 'node_modules')
  if (existsSync(modules) && statSync(modules).isDirectory()) return folder
  if (code === true) {
    throw new UsageError(
      `There is no ${modules} to read code from. Run npm install there, or leave --code out.`,
    )
  }
  return null
}

/** The database: the one given, or a new file that stays. */
export function databaseOf({ db }: Options): string {
  return db ?? join(mkdtempSync(join(tmpdir(), 'coterie-review-')), 'review.db')
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        input: { type: 'string' },
        db: { type: 'string' },
        store: { type: 'string' },
        code: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values
  } catch (error) {
    const [first = ''] = (error instanceof Error ? error.message : String(error)).split('\n')
    throw new UsageError(/[.?!]$/.test(first) ? first : `${first}.`)
  }
}

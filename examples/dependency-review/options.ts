/**
 * The command line.
 *
 * @module
 */

import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { UsageError } from './problems.ts'

export const USAGE = `Agents review an npm lock file (version 2 or 3): ten reviewers in three teams, signed votes, no network.

  npm run demo -- [options]

  --input FILE   the lock file; by default this repository's own package-lock.json
  --db FILE      keep the review there, and go on with it when run again; by default a new file in the temporary folder
  --no-code      do not read node_modules beside the lock file
  --json         print one JSON document
  --help         this text

Exit codes: 0 reviewed, 2 bad input, 6 the database cannot be used, 7 its keys are missing, 130 stopped.
`

/** What was asked for. */
export interface Options {
  readonly input: string
  readonly db: string
  readonly json: boolean
  readonly help: boolean
  /** The folder whose node_modules is read, or null. */
  readonly projectFolder: string | null
  /** The command that goes on with this review. */
  readonly again: string
}

/** Reads the arguments. Throws UsageError. */
export function parseOptions(args: readonly string[]): Options {
  const { input: given, db, code, json, help } = read(args)
  const input = resolve(given ?? fileURLToPath(new URL('../../package-lock.json', import.meta.url)))
  const folder = dirname(input)
  const file = db === undefined ? (help ? '' : join(mkdtempSync(join(tmpdir(), 'coterie-demo-')), 'review.db')) : resolve(db)
  return {
    input,
    db: file,
    json,
    help,
    projectFolder: code && existsSync(join(folder, 'node_modules')) ? folder : null,
    again: `npm run demo -- --input ${input} --db ${file}${code ? '' : ' --no-code'}`,
  }
}

function read(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      allowNegative: true,
      options: {
        input: { type: 'string' },
        db: { type: 'string' },
        code: { type: 'boolean', default: true },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

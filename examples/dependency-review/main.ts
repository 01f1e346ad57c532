/**
 * The main job: a coterie of agents reviews a lock file.
 * `npm run demo -- [--input FILE] [--db FILE] [--no-code] [--json] [--help]`
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import { withoutPassword } from '../../src/core/store-url.ts'
import { LockfileError } from './lockfile/errors.ts'
import { LOCKFILE_LENGTH_MAX, parseLockfile } from './lockfile/parse.ts'
import { databaseOf, projectFolderOf, readOptions, USAGE } from './options.ts'
import type { Options } from './options.ts'
import { documentOf, quoted, summaryOf } from './output.ts'
import { exitCodeOf, failureText, UsageError } from './problems.ts'
import { Progress } from './progress.ts'
import { review } from './review.ts'
import { paintFor, widthOf } from './terminal.ts'

/** npm and the terminal may both pass one Ctrl-C on: what comes so soon is the same one. */
const SAME_SIGNAL_MS = 500

/** Runs the review; answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args)
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const lockfile = parseLockfile(readInput(options.input), options.input)
  const projectFolder = projectFolderOf(options)
  const db = databaseOf(options)
  const stop = stopOnSignals()
  const progress = new Progress(process.stderr, options.json)
  try {
    const result = await review(
      { lockfile, db, again: databaseFlag(options, db), projectFolder },
      stop,
      progress,
    )
    progress.end()
    const lines = options.json
      ? [documentOf(result)]
      : summaryOf(result, lockfile, paintFor(process.stdout), widthOf(process.stdout))
    process.stdout.write(`${lines.join('\n')}\n`)
    return 0
  } catch (error) {
    progress.end()
    if (!stop.aborted || error !== stop.reason) throw error
    process.stderr.write(
      `Stopped. What was decided is kept; this goes on where it was:\n  ${again(options, db)}\n`,
    )
    return 130
  }
}

/** Fires at the first SIGINT or SIGTERM; the second one does not wait for anything. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController()
  let first = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (!stop.signal.aborted) first = performance.now()
      else if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130)
      stop.abort(new Error(`stopped by ${signal}`))
    })
  }
  return stop.signal
}

/** How a command line names the database; a password is left out, to be given by the environment. */
function databaseFlag({ dbFlag }: Options, db: string): string {
  return dbFlag === undefined ? '' : ` ${dbFlag} ${quoted(withoutPassword(db))}`
}

function again(options: Options, db: string): string {
  const { input, code, json } = options
  const reading = code === undefined ? '' : code ? ' --code' : ' --no-code'
  const end = `${databaseFlag(options, db)}${reading}${json ? ' --json' : ''}`
  return `npm run demo -- --input ${quoted(input)}${end}`
}

function readInput(file: string): string {
  try {
    const stats = statSync(file)
    if (!stats.isFile()) throw new UsageError(`${file} is not a file; give the path of a package-lock.json.`)
    // A character has at least one byte, and at most three of them count as one.
    if (stats.size > LOCKFILE_LENGTH_MAX * 3) {
      throw new LockfileError(
        'LOCKFILE_TOO_LARGE',
        `${file} has ${stats.size} bytes: no lock file of one project.`,
      )
    }
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (error instanceof LockfileError || error instanceof UsageError) throw error
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') throw new UsageError(`There is no file ${file}.`)
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}.`)
  }
}

// A reader that has seen enough (`npm run demo | head`) closes the pipe: that is no failure.
process.stdout.on('error', (error: Error & { readonly code?: string }) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
const args = process.argv.slice(2)
let code: number
try {
  code = await main(args)
} catch (error) {
  process.stderr.write(`${failureText(error, args.includes('--json'))}\n`)
  code = exitCodeOf(error)
}
process.exitCode = code

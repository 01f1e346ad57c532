/**
 * The main job: a coterie of agents reviews a lock file.
 * `npm run demo -- [--input FILE] [--db FILE] [--json] [--no-code]`
 *
 * @module
 */

import { parseOptions, USAGE } from './options.ts'
import { printJson, printSummary } from './output.ts'
import { exitCodeOf, messageOf } from './problems.ts'
import { reviewLockfile } from './review.ts'
import { Progress } from './progress.ts'

/** Runs the review; answers the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args)
  if (options.help) {
    process.stdout.write(USAGE)
    return 0
  }
  const stop = new AbortController()
  const onSignal = (): void => stop.abort()
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  const progress = new Progress(process.stderr, options.json)
  try {
    const review = await reviewLockfile(options, stop.signal, progress)
    progress.end()
    if (options.json) printJson(process.stdout, review)
    else printSummary(process.stdout, review)
    return 0
  } catch (error) {
    progress.end()
    if (!stop.signal.aborted) throw error
    process.stderr.write(`\nstopped; what is decided is kept. Go on with:\n  ${options.again}\n`)
    return 130
  } finally {
    process.off('SIGINT', onSignal)
    process.off('SIGTERM', onSignal)
  }
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`)
  process.exitCode = exitCodeOf(error)
}

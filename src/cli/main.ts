/**
 * The command line: `coterie`. Data goes to the standard output, everything else to the standard error.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { addApprovals, addApprove, addReject } from './commands/approvals.ts'
import { addAsk } from './commands/ask.ts'
import { addCancel } from './commands/cancel.ts'
import { addCertificate } from './commands/certificate.ts'
import { addCouncil } from './commands/council.ts'
import { addDead } from './commands/dead.ts'
import { addDecisions } from './commands/decisions.ts'
import { addKeys } from './commands/keys.ts'
import { addLog } from './commands/log.ts'
import { addMigrate } from './commands/migrate.ts'
import { addRun } from './commands/run.ts'
import { addSend } from './commands/send.ts'
import { addStatus } from './commands/status.ts'
import { addTrace } from './commands/trace.ts'
import { addVerify } from './commands/verify.ts'
import { addWhy } from './commands/why.ts'
import { proseWidth } from './context.ts'
import { CoterieError, errorValue } from '../core/errors.ts'
import { placeOf } from './agents.ts'
import { failureLines, failureOf } from './failure.ts'
import { reflow } from './render/wrap.ts'

const EPILOGUE = `
Exit codes:
  0 done   1 failed   2 bad input   3 does not verify   4 not found   5 refused
  6 database   7 keys   8 too late   130 stopped by Ctrl-C a second time

Examples:
  $ coterie run agents.ts                             run a module's agents
  $ coterie ask reviewer check '{"name":"left-pad"}'  ask one of them
  $ coterie why dec_01M82GP0NF                        why was this decided?
`

const VARIABLES = ['COTERIE_DB', 'COTERIE_STORE', 'COTERIE_KEYRING']

function program(): Command {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    readonly version: string
  }
  const root = new Command('coterie')
    .description('Run agents, send them messages, and see why they did what they did.')
    .version(version)
    .addOption(
      new Option('--db <file>', 'the database: a path, or a sqlite: URL')
        .env('COTERIE_DB')
        .default('coterie.db'),
    )
    .addOption(
      new Option('--store <url>', 'the database by its URL: sqlite:FILE or postgres://...').env(
        'COTERIE_STORE',
      ),
    )
    .option('--space <name>', 'the space in the database', 'main')
    .addOption(
      new Option(
        '--keyring <folder>',
        'the folder of the private keys (default: the database with .keys, or coterie.keys for a server)',
      ).env('COTERIE_KEYRING'),
    )
    .option('--json', 'write JSON: one document, or one object a line for lists')
    // By default a column of less than 40 characters is not wrapped: 80 are not enough for that.
    .configureHelp({ showGlobalOptions: true, minWidthToWrap: 20 })
    // Errors are printed in one place, in one form: commander only raises them.
    .configureOutput({
      outputError: () => undefined,
      writeOut: (text) => void process.stdout.write(reflow(text, proseWidth())),
      writeErr: (text) => void process.stderr.write(reflow(text, proseWidth())),
      getOutHelpWidth: proseWidth,
      getErrHelpWidth: proseWidth,
    })
    .exitOverride()
    .showSuggestionAfterError()
    .addHelpText('after', EPILOGUE)
  const adders = [addRun, addSend, addAsk, addStatus, addLog, addTrace, addWhy]
  const more = [addDecisions, addCertificate, addVerify, addKeys, addDead, addCancel, addMigrate, addCouncil]
  const people = [addApprovals, addApprove, addReject]
  for (const add of [...adders, ...people, ...more]) add(root)
  return root
}

/** Runs one command; answers the exit code. */
async function main(argv: readonly string[]): Promise<number> {
  // A variable that is set to nothing counts as not set.
  for (const name of VARIABLES) if (process.env[name] === '') delete process.env[name]
  try {
    await program().parseAsync(argv)
    return Number(process.exitCode ?? 0)
  } catch (error) {
    const failure = failureOf(error)
    if (failure === undefined) return 0
    for (const line of failureLines(failure, argv.includes('--json'))) process.stderr.write(`${line}\n`)
    return failure.exit
  }
}

/** What a module of agents leaves to nobody: it ends the command, as it would end any program. */
function uncaught(error: unknown): never {
  const { exit, value } = failureOf(error) ?? { exit: 1, value: errorValue(error) }
  const place = placeOf(error)
  const message = `Something failed that nobody was waiting for${place}, and ends this process: ${value.message}`
  const lines = failureLines({ exit, value: { ...value, message } }, process.argv.includes('--json'))
  for (const line of lines) process.stderr.write(`${line}\n`)
  // Nobody's module: a fault of this program, which is found by its stack.
  if (place === '' && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
  isDone = true
  process.exit(1)
}

let isDone = false
process.on('uncaughtException', uncaught)
process.on('exit', (code) => {
  if (isDone || code !== 0) return
  const message =
    'The process was ended from within before the command was done: does an agent call process.exit?'
  const value = errorValue(new CoterieError('COTERIE_CLOSED', message))
  for (const line of failureLines({ exit: 1, value }, process.argv.includes('--json'))) {
    process.stderr.write(`${line}\n`)
  }
  process.exitCode = 1
})
// A reader that has seen enough (`coterie log | head`) closes the pipe: that is no failure.
process.stdout.on('error', (error: Error & { readonly code?: string }) => {
  isDone = true
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})
const code = await main(process.argv)
isDone = true
// A module of agents may hold connections and timers open; the command is done all the same.
process.stdout.write('', () => process.exit(code))

import type { Command } from 'commander'
import { jsonLogger } from '../../adapters/node/logger.ts'
import { silentLogger } from '../../ports/logger.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Space } from '../../runtime/space.ts'
import { agentsOf } from '../agents.ts'
import { contextOf, openSpace } from '../context.ts'
import type { CliContext } from '../context.ts'
import { clean } from '../render/text.ts'
import { durationText } from '../render/time.ts'
import { wholeOf } from '../values.ts'

const EXAMPLE = `
The module exports its agents: what agent(...) returns, or an array of them, under any name or as the default.
The database, its space and its keys are made if they are not there. Ctrl-C stops cleanly: what was not
committed is run again by the next worker. Steps under way may end before that, so that what they cost is not
paid again: for --grace-ms at most, or until a second Ctrl-C.

Several may run the same module on one database: the agents are spread over them, as they come and go.

Examples:
  $ coterie run agents.ts --db team.db --verbose
  $ coterie worker agents.ts --store postgres://app@db.example/team
`

const GRACE_MS = 10_000
const GRACE_MS_MAX = 86_400_000
/** A stop that takes longer than this is explained. */
const SILENT_MS = 500
const SAY_AGAIN_MS = 30_000
const LINES_REMEMBERED = 1_000

interface RunFlags {
  readonly untilIdle?: boolean
  readonly verbose?: boolean
  readonly graceMs: number
}

/** `coterie run`. */
export function addRun(root: Command): void {
  const command = root
    .command('run')
    .alias('worker')
    .description('Run the agents of a module until Ctrl-C; start it on as many machines as you like.')
    .argument('<module>', 'a TypeScript or JavaScript module that exports agents')
    .option('--until-idle', 'stop when there is nothing left to do')
    .option('--grace-ms <ms>', 'how long steps under way may go on when it is stopped', wholeOf, GRACE_MS)
    .option('--verbose', 'log to the standard error, one JSON object a line')
    .addHelpText('after', EXAMPLE)
    .action(async (module: string, flags: RunFlags) => {
      const context = contextOf(command)
      const stopped = stopSignal()
      const agents = await agentsOf(module)
      const logger = flags.verbose === true ? jsonLogger(undefined, 'debug') : tellingLogger(context)
      await using space = await openSpace(context, { agents, logger, create: true })
      const names = agents.map(({ name }) => name)
      announce(context, space, names)
      const reason = await Promise.race([stopped, ...(flags.untilIdle === true ? [idle(space)] : [])])
      await closed(context, space, reason === IDLE ? 0 : Math.min(flags.graceMs, GRACE_MS_MAX))
      if (context.json) context.outJson({ event: 'stopped', reason })
      else context.say(`stopped: ${reason}`)
    })
}

/** Warnings and errors as one line each: an agent that stops, a lease that was lost. */
function tellingLogger(context: CliContext): Logger {
  if (context.json) return silentLogger
  const saidAt = new Map<string, number>()
  return {
    log(level, message, fields) {
      if (level !== 'warn' && level !== 'error') return
      const agent = fields?.['agent'] === undefined ? '' : `${String(fields['agent'])}: `
      const line = clean(`${level}: ${agent}${message}`)
      const now = performance.now()
      // A full disk is met four times a second, by each agent.
      if (now - (saidAt.get(line) ?? -Infinity) < SAY_AGAIN_MS) return
      if (saidAt.size > LINES_REMEMBERED) saidAt.clear()
      saidAt.set(line, now)
      context.say(line)
    },
  }
}

function announce(context: CliContext, space: Space, agents: readonly string[]): void {
  if (context.json) context.outJson({ event: 'started', space: space.name, id: space.id, agents })
  else
    context.say(`running ${agents.join(', ')} in the space ${space.name} of ${context.place}; Ctrl-C stops`)
}

const IDLE = 'idle'

async function idle(space: Space): Promise<string> {
  await space.idle()
  return IDLE
}

async function closed(context: CliContext, space: Space, graceMs: number): Promise<void> {
  const waits = `stopping: steps under way have ${durationText(graceMs)} to end; Ctrl-C again does not wait`
  const timer = setTimeout(() => context.say(waits), SILENT_MS)
  await space.close({ graceMs })
  clearTimeout(timer)
}

/** The name of the first signal to stop; the second ends the process at once. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let count = 0
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        count += 1
        if (count > 1) process.exit(130)
        resolve(signal)
      })
    }
  })
}

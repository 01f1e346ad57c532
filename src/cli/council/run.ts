/**
 * `coterie council run`: one replica as a process.
 *
 * @module
 */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { jsonLogger } from '../../adapters/node/logger.ts'
import { CoterieError } from '../../core/errors.ts'
import { agentOfUrl } from '../../council/roster.ts'
import {
  councilSeat,
  openReplica,
  readMemberFolder,
  type CouncilReplica,
  type Judge,
  type ReplicaOptions,
} from '../../open-council.ts'
import type { Logger } from '../../ports/logger.ts'
import { contextOf, openSpace, type CliContext } from '../context.ts'
import { clean } from '../render/text.ts'

const EXAMPLE = `
The module of --judge exports a function as its default: it gets a question ({ decision, question, subject, options })
and answers { choice, reason }. It may take its time and call a model: the protocol never waits for it. Without it,
this replica orders and counts, and its member votes with "coterie council vote", or stays silent.

The replica may be killed at any moment: it goes on from its database. Run one process for each member: a second one on
the same folder does not start, and where it listens elsewhere, the first stops. Do not put an older copy of the
database back: the replica notices, and casts no votes until none that it may have forgotten can matter.

A member whose card names an agent of a space (space:AGENT) runs there: name the database with --db or --store. When an
earlier process of it was killed, it begins when that one's lease has lapsed, after ten seconds.

Examples:
  $ coterie council run ./alice --judge judge.ts
  $ coterie council run ./council/alice --db team.db --judge judge.ts
  $ coterie council run ./alice --listen 0.0.0.0:7300 --verbose
`

interface RunFlags {
  readonly judge?: string
  readonly listen?: string
  readonly verbose?: boolean
}

export function addRun(parent: Command): void {
  const command = parent
    .command('run')
    .description('run one replica until Ctrl-C')
    .argument('<folder>', 'the folder of the member')
    .option('--judge <module>', 'a TypeScript or JavaScript module that forms opinions')
    .option('--listen <host:port>', "where to listen (default: the member's URL)")
    .option('--verbose', 'log to the standard error, one JSON object a line')
    .addHelpText('after', EXAMPLE)
    .action(async (folder: string, flags: RunFlags) => {
      const context = contextOf(command)
      const stopped = stopSignal()
      const { self, roster, url } = readMemberFolder(folder)
      const judge = flags.judge === undefined ? undefined : await judgeOf(flags.judge)
      const logger = flags.verbose === true ? jsonLogger(undefined, 'debug') : tellingLogger(context)
      const options = { folder, logger, ...(judge !== undefined && { judge }) }
      const running = await opened(context, url, options, flags.listen)
      const { replica } = running
      const { height, forgetful, standing } = replica.status()
      const { instance } = roster
      if (context.json) {
        context.outJson({ event: 'started', member: self, instance, url, height, forgetful, standing })
      } else {
        context.say(`${self} of ${instance} is at height ${height}, reached at ${url}; Ctrl-C stops`)
        if (standing === 'joining')
          context.say('it is no member yet: a quorum must agree (coterie council add)')
      }
      let reason: string
      try {
        reason = await Promise.race([stopped, replica.failed])
      } finally {
        await running.close()
      }
      if (context.json) context.outJson({ event: 'stopped', reason })
      else context.say(`stopped: ${reason}`)
    })
}

interface Opened {
  readonly replica: CouncilReplica
  close(): Promise<void>
}

/** The replica where its URL says: behind a port, or in the space that the global options name. */
async function opened(
  context: CliContext,
  url: string,
  options: ReplicaOptions,
  listen: string | undefined,
): Promise<Opened> {
  if (agentOfUrl(url) === undefined) {
    const replica = await openReplica({ ...options, ...(listen !== undefined && { listen }) })
    return { replica, close: () => replica.close() }
  }
  if (listen !== undefined) {
    throw new CoterieError('COTERIE_USAGE', `A replica at ${url} listens nowhere: --listen is for HTTP.`)
  }
  const { folder, ...rest } = options
  const seat = councilSeat(folder, rest)
  const space = await openSpace(context, { agents: [seat.agent], create: true })
  try {
    const replica = await seat.join(space)
    const close = async (): Promise<void> => {
      await replica.close()
      await space.close()
    }
    return { replica, close }
  } catch (error) {
    await space.close()
    throw error
  }
}

async function judgeOf(module: string): Promise<Judge> {
  const file = resolve(module)
  let loaded: Readonly<Record<string, unknown>>
  try {
    loaded = (await import(pathToFileURL(file).href)) as Readonly<Record<string, unknown>>
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CoterieError('COTERIE_INVALID_DEFINITION', `The module ${file} cannot be loaded: ${why}`, {
      cause,
    })
  }
  if (typeof loaded['default'] === 'function') return loaded['default'] as Judge
  throw new CoterieError(
    'COTERIE_INVALID_DEFINITION',
    `The module ${file} exports no function as its default.`,
  )
}

function tellingLogger(context: CliContext): Logger {
  return {
    log(level, message, fields) {
      if (level !== 'warn' && level !== 'error') return
      const rest = Object.entries(fields ?? {}).map(([name, value]) => ` ${name}=${String(value)}`)
      context.say(clean(`${level}: ${message}${rest.join('')}`))
    },
  }
}

/** The name of the first signal to stop; the second ends the process at once. */
function stopSignal(): Promise<string> {
  const { promise, resolve: told } = Promise.withResolvers<string>()
  let count = 0
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      count += 1
      if (count > 1) process.exit(130)
      told(signal)
    })
  }
  return promise
}

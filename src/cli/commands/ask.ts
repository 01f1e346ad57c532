import type { Command } from 'commander'
import { errorValue } from '../../core/errors.ts'
import { parseWith } from '../../core/schema.ts'
import type { Space } from '../../runtime/space.ts'
import { agentsOf, handlerOf } from '../agents.ts'
import { contextOf, openSpace } from '../context.ts'
import type { CliContext } from '../context.ts'
import { jsonText } from '../render/text.ts'
import { payloadOf } from '../values.ts'
import { addSendOptions, outsideOptions } from './send-options.ts'
import type { SendFlags } from './send-options.ts'

const EXAMPLE = `
Somebody must run the agent: "coterie run agents.ts" elsewhere, or --module here, which runs the agents of the
module until the answer is there. Without --timeout-ms a question waits for 30 seconds.

Examples:
  $ coterie ask reviewer review '{"name":"left-pad","version":"1.3.0"}'
  $ coterie ask reviewer review --file package.json --module agents.ts
`

/** `coterie ask`. */
export function addAsk(root: Command): void {
  const command = root.command('ask').description('Ask an agent; print its answer as JSON.')
  addSendOptions(command)
    .addHelpText('after', EXAMPLE)
    .action(async (address: string, handler: string, argument: string | undefined, flags: SendFlags) => {
      const context = contextOf(command)
      const payload = await payloadOf(argument, flags.file)
      const agents = flags.module === undefined ? [] : await agentsOf(flags.module)
      if (flags.module !== undefined) {
        parseWith(handlerOf(agents, address, handler).definition.input, payload, `${address} ${handler}`)
      }
      await using space = await openSpace(context, { agents, create: agents.length > 0 })
      const asked = space.askTo(address, handler, payload, outsideOptions(flags))
      const answer = await asked.catch(async (error: unknown) => {
        if (agents.length === 0 && errorValue(error).code === 'COTERIE_DEADLINE_PASSED')
          await hint(context, space)
        throw error
      })
      context.out(jsonText(answer ?? null, context.json ? undefined : 2))
    })
}

async function hint(context: CliContext, space: Space): Promise<void> {
  const { workers, now } = await space.status()
  if (workers.some(({ until }) => until >= now)) return
  context.say('No worker runs in this space: start one with "coterie run", or name the module with --module.')
}

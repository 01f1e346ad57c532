import type { Command } from 'commander'
import { parseWith } from '../../core/schema.ts'
import { agentsOf, handlerOf } from '../agents.ts'
import { contextOf, withSpace } from '../context.ts'
import { payloadOf } from '../values.ts'
import { addDelayOptions, addSendOptions, outsideOptions } from './send-options.ts'
import type { SendFlags } from './send-options.ts'

const EXAMPLE = `
Prints the message's id once it is durable. Follow it with "coterie why ID".

Example:
  $ coterie send reviewer review '{"name":"left-pad","version":"1.3.0"}' --timeout-ms 60000
`

/** `coterie send`. */
export function addSend(root: Command): void {
  const command = root.command('send').description('Send a message to an agent; print its id.')
  addDelayOptions(addSendOptions(command))
    .addHelpText('after', EXAMPLE)
    .action(async (address: string, handler: string, argument: string | undefined, flags: SendFlags) => {
      const context = contextOf(command)
      const payload = await payloadOf(argument, flags.file)
      if (flags.module !== undefined) {
        const { definition } = handlerOf(await agentsOf(flags.module), address, handler)
        parseWith(definition.input, payload, `${address} ${handler}`)
      }
      const id = await withSpace(context, (space) => {
        return space.sendTo(address, handler, payload, outsideOptions(flags))
      })
      if (context.json) context.outJson({ id })
      else context.out(id)
    })
}

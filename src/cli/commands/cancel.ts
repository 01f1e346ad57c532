import type { Command } from 'commander'
import { contextOf, withSpace } from '../context.ts'
import { counted } from '../render/text.ts'

const EXAMPLE = `
Cancels a message, a turn or a whole trace, with everything that it caused and that has not ended. Prints the ids
that were ended. Turns that run at the moment stop; turns with compensations undo their steps first.

Example:
  $ coterie cancel 01a2050b02a7dbee16842e3fa5c1173b
`

/** `coterie cancel`. */
export function addCancel(root: Command): void {
  const command = root
    .command('cancel')
    .description('Cancel a message, a turn or a trace, and all that it caused.')
    .argument('<id>', 'a message, a turn or a trace (the whole id)')
    .addHelpText('after', EXAMPLE)
    .action(async (id: string) => {
      const context = contextOf(command)
      const ids = await withSpace(context, (space) => space.cancel(id))
      if (context.json) context.outJson({ cancelled: ids })
      else for (const ended of ids) context.out(ended)
      context.say(
        ids.length === 0 ? 'nothing to cancel: it had ended' : `cancelled ${counted(ids.length, 'message')}`,
      )
    })
}

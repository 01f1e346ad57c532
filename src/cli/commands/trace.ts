import type { Command } from 'commander'
import { contextOf, withStore } from '../context.ts'
import { readTrace } from '../queries/trace.ts'
import { traceLines } from '../render/trace.ts'
import { countOf } from '../values.ts'

const LIMIT_DEFAULT = 1_000

const EXAMPLE = `
Each line is a message: who sent what to whom, what became of it, when it was sent (from the beginning of the
trace) and how long it took. The states are those of the store.

Example:
  $ coterie trace msg_01M82GP0N85N4GYAZQ0VD6MD95
`

/** `coterie trace`. */
export function addTrace(root: Command): void {
  const command = root
    .command('trace')
    .description('Show everything that one request caused, as a tree.')
    .argument('<id>', 'a trace, or a message, turn or decision of it')
    .option('--limit <n>', `how many messages (default: ${LIMIT_DEFAULT})`, countOf)
    .addHelpText('after', EXAMPLE)
    .action(async (id: string, flags: { readonly limit?: number }) => {
      const context = contextOf(command)
      const report = await withStore(context, (store) => readTrace(store, id, flags.limit ?? LIMIT_DEFAULT))
      if (context.json) context.outJson(report)
      else
        for (const line of traceLines(report, { style: context.style, width: context.listWidth }))
          context.out(line)
    })
}

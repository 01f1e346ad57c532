import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { contextOf, withStore } from '../context.ts'
import { readRegistry } from '../queries/evidence.ts'
import { readStatus } from '../queries/status.ts'
import { statusLines } from '../render/status.ts'

const EXAMPLE = `
Keyed instances of an agent are counted together; --all lists each of them.

Example:
  $ coterie status --db team.db
`

/** `coterie status`. */
export function addStatus(root: Command): void {
  const command = root
    .command('status')
    .description('Show agents, mailboxes, workers and messages.')
    .option('--all', 'list each keyed instance')
    .addHelpText('after', EXAMPLE)
    .action(async (flags: { readonly all?: boolean }) => {
      const context = contextOf(command)
      const report = await withStore(context, async (store) => {
        return readStatus(store, await readRegistry(store, nodeCrypto), flags.all === true)
      })
      if (context.json) context.outJson(report)
      else for (const line of statusLines(report, context.style, context.listWidth)) context.out(line)
    })
}

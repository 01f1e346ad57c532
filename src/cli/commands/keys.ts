import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import type { Registry } from '../../log/registry.ts'
import { contextOf, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { keyFileOf } from '../key-file.ts'
import type { FileKey } from '../key-file.ts'
import { readRegistry } from '../queries/evidence.ts'
import { tableLines } from '../render/table.ts'
import { jsonText } from '../render/text.ts'
import { writeText } from '../values.ts'

const LIST_EXAMPLE = `
A key signs from its first position on, until it is rotated or revoked. The owner's chain is verified first.

Example:
  $ coterie keys
`

const EXPORT_EXAMPLE = `
Hand the file to those who are to verify certificates and the log: it holds public keys only.

Example:
  $ coterie keys export --out keys.json
`

/** `coterie keys` and `coterie keys export`. */
export function addKeys(root: Command): void {
  const command = root
    .command('keys')
    .description('List the public keys of the space.')
    .addHelpText('after', LIST_EXAMPLE)
  command
    .command('list', { isDefault: true })
    .description('list them (the default)')
    .addHelpText('after', LIST_EXAMPLE)
    .action(async () => {
      const context = contextOf(command)
      const { keys } = keyFileOf(await registryOf(context))
      if (context.json) for (const key of keys) context.outJson(key)
      else for (const line of keyTable(keys)) context.out(line)
    })
  command
    .command('export')
    .description('write the keys file for "verify"')
    .option('--out <file>', 'write it to a file instead of the standard output')
    .addHelpText('after', EXPORT_EXAMPLE)
    .action(async (flags: { readonly out?: string }) => {
      const context = contextOf(command)
      const file = keyFileOf(await registryOf(context))
      const text = jsonText(file, context.json && flags.out === undefined ? undefined : 2)
      if (flags.out === undefined) context.out(text)
      else {
        writeText(flags.out, `${text}\n`)
        context.say(`wrote ${flags.out}`)
      }
    })
}

function registryOf(context: CliContext): Promise<Registry> {
  return withStore(context, (store) => readRegistry(store, nodeCrypto))
}

function keyTable(keys: readonly FileKey[]): readonly string[] {
  return tableLines(
    ['AGENT', 'KEY', 'PUBLIC KEY', 'FROM', 'UNTIL', 'REVOKED'],
    keys.map(({ agent, key, publicKey, from, until, revoked }) => {
      return [agent, key, publicKey, from, until ?? '-', revoked ?? '-']
    }),
  )
}

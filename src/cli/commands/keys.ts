import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { OWNER } from '../../core/address.ts'
import type { Registry } from '../../log/registry.ts'
import { withKeyOffice } from '../../open.ts'
import type { KeyOffice, RevokeOptions } from '../../runtime/key-office.ts'
import { contextOf, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { keyFileOf } from '../key-file.ts'
import type { FileKey } from '../key-file.ts'
import { readRegistry } from '../queries/evidence.ts'
import { fittedLines } from '../render/table.ts'
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

const ROTATE_EXAMPLE = `
Writes a new private key into the keyring folder, lets the owner sign for it, and removes the old private key. What
the old key signed stays valid; what it signs from now on is refused. Running workers on the same folder go on with
the new key; copy it to the folders of the others. "@owner" is the owner of the space.

Examples:
  $ coterie keys rotate reviewer
  $ coterie keys rotate @owner
`

const REVOKE_EXAMPLE = `
For a key that somebody else may have: nothing that it signs from now on counts, and decisions and journals that are
still under way do not rely on it. The agent does nothing more, and its messages wait, until "keys rotate" gives it
another key. A revocation cannot be taken back.

Examples:
  $ coterie keys revoke reviewer --reason "the laptop was stolen"
  $ coterie keys revoke reviewer --key 107b0cf998f890680019892a6c634c23750937c0
`

/** `coterie keys list`, `export`, `rotate` and `revoke`. */
export function addKeys(root: Command): void {
  const command = root
    .command('keys')
    .description('List the public keys of the space; export, rotate or revoke.')
    .addHelpText('after', LIST_EXAMPLE)
  addLooking(command)
  addRotate(command)
  addRevoke(command)
}

function addRotate(parent: Command): void {
  const command = parent
    .command('rotate')
    .description('give an agent a new key')
    .argument('<agent>', 'an agent, or @owner')
    .addHelpText('after', ROTATE_EXAMPLE)
    .action(async (agent: string) => {
      const context = contextOf(command)
      const { key, position } = await withKeys(context, (keys) => keys.rotate(agent))
      if (context.json) context.outJson({ agent, key, position })
      else context.out(`${agent} signs with ${key} from position ${position + Number(agent === OWNER)} on`)
    })
}

function addRevoke(parent: Command): void {
  const command = parent
    .command('revoke')
    .description('let nothing count that a key signs from now on')
    .argument('<agent>', 'an agent, or @owner')
    .option('--key <id>', 'an earlier key of the agent, instead of its newest')
    .option('--reason <text>', 'why; it is written into the log')
    .addHelpText('after', REVOKE_EXAMPLE)
    .action(async (agent: string, flags: RevokeOptions) => {
      const context = contextOf(command)
      const { key, position } = await withKeys(context, (keys) => keys.revoke(agent, flags))
      if (context.json) context.outJson({ agent, key, position })
      else context.out(`${key} of ${agent} is revoked from position ${position} on`)
    })
}

function withKeys<T>({ url, space, keyring }: CliContext, use: (keys: KeyOffice) => Promise<T>): Promise<T> {
  return withKeyOffice(url, { space, ...(keyring !== undefined && { keyring }) }, use)
}

function addLooking(command: Command): void {
  command
    .command('list', { isDefault: true })
    .description('list them (the default)')
    .addHelpText('after', LIST_EXAMPLE)
    .action(async () => {
      const context = contextOf(command)
      const { keys } = keyFileOf(await registryOf(context))
      if (context.json) for (const key of keys) context.outJson(key)
      else for (const line of keyTable(keys, context.listWidth)) context.out(line)
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

function keyTable(keys: readonly FileKey[], width: number): readonly string[] {
  const columns = ['AGENT', 'KEY', 'PUBLIC KEY', 'FROM', 'UNTIL', 'REVOKED']
  return fittedLines(
    columns,
    keys.map(({ agent, key, publicKey, from, until, revoked }) => {
      return [agent, key, publicKey, from, until ?? '-', revoked ?? '-']
    }),
    width,
    columns.indexOf('PUBLIC KEY'),
  )
}

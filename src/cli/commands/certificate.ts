import type { Command } from 'commander'
import { CoterieError } from '../../core/errors.ts'
import { contextOf, withStore } from '../context.ts'
import { lookUp } from '../queries/lookup.ts'
import { writeText } from '../values.ts'

const EXAMPLE = `
The certificate comes as it is stored: canonical JSON (RFC 8785), whose SHA-256 the log holds. Who has it and the
keys of the space can verify it without the database.

Example:
  $ coterie certificate dec_01M82GP0NF --out decision.json
  $ coterie keys export --out keys.json
  $ coterie verify --certificate decision.json --keys keys.json
`

/** `coterie certificate`. */
export function addCertificate(root: Command): void {
  const command = root
    .command('certificate')
    .description("Export a decision's certificate.")
    .argument('<id>', 'a decision')
    .option('--out <file>', 'write it to a file instead of the standard output')
    .addHelpText('after', EXAMPLE)
    .action(async (id: string, flags: { readonly out?: string }) => {
      const context = contextOf(command)
      const certificate = await withStore(context, async (store) => {
        const found = await lookUp(store, id)
        const decision = found.kind === 'decision' ? await store.decision(found.id) : undefined
        if (decision !== undefined) return decision.certificate
        if ('undecided' in found) {
          throw new CoterieError(
            'COTERIE_NOT_FOUND',
            `${found.undecided} is not decided: it has no certificate. See coterie why ${found.id}`,
            { details: { decision: found.undecided, turn: found.id } },
          )
        }
        throw new CoterieError('COTERIE_INVALID_ARGUMENT', `${id} is a ${found.kind}, not a decision.`)
      })
      if (flags.out === undefined) context.out(certificate)
      else writeText(flags.out, certificate)
      if (flags.out !== undefined) context.say(`wrote ${flags.out}`)
    })
}

import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { CoterieError } from '../../core/errors.ts'
import { contextOf, withStore } from '../context.ts'
import { collectEvidence } from '../queries/evidence.ts'
import { DEPTH_DEFAULT, readWhy } from '../queries/why.ts'
import { sentenceFor } from '../render/sentence.ts'
import { whyLines } from '../render/why.ts'
import { countOf } from '../values.ts'

const EXAMPLE = `
A sentence first; then the chain of causes back to where it came from, with the reasoning that each turn logged,
its steps, what it sent and how it ended; for a decision, each ballot with its reason. Every record that is shown
is verified: what does not verify is marked, its contents are left out, and the exit code is 3.

Example:
  $ coterie why dec_01M82GP0NF      an id's beginning will do, of 10 characters
`

/** `coterie why`. */
export function addWhy(root: Command): void {
  const command = root
    .command('why')
    .description('Explain a message, a turn or a decision, with proof.')
    .argument('<id>', 'a message, a turn or a decision')
    .option('--depth <n>', `how many causes to follow (default: ${DEPTH_DEFAULT})`, countOf)
    .addHelpText('after', EXAMPLE)
    .action(async (id: string, flags: { readonly depth?: number }) => {
      const context = contextOf(command)
      const report = await withStore(context, async (store) => {
        return readWhy(await collectEvidence(store, nodeCrypto), id, flags.depth)
      })
      const { asked } = report
      if ('undecided' in asked)
        context.say(`${asked.undecided} is not decided: this is the turn that asks for it\n`)
      const sentence = sentenceFor(report)
      const { v, ...rest } = report
      if (context.json) context.outJson({ v, sentence, ...rest })
      else for (const line of whyLines(report, sentence, context)) context.out(line)
      const [problem] = report.proof.problems
      if (problem === undefined) return
      throw new CoterieError(
        'COTERIE_VERIFICATION_FAILED',
        `The record at position ${problem.position} does not verify: ${problem.problem}.`,
        { details: { problems: report.proof.problems } },
      )
    })
}

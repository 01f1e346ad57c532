/**
 * `coterie verify --against` and `--forks`: two copies of one log, and the evidence that they may give.
 *
 * @module
 */

import { nodeCrypto } from '../adapters/node/crypto.ts'
import { CoterieError } from '../core/errors.ts'
import { parseStrict } from '../core/json.ts'
import { verifyForks } from '../log/fork.ts'
import type { ForkEvidence } from '../log/fork.ts'
import type { LogReport } from '../log/log-verifier.ts'
import type { SpaceStore } from '../ports/store.ts'
import { storeUrl, withoutPassword } from '../core/store-url.ts'
import { withStore } from './context.ts'
import type { CliContext } from './context.ts'
import { allKeys, keyProblem, readKeyFile } from './key-file.ts'
import type { KeyFile } from './key-file.ts'
import { compareLogs } from './queries/compare-logs.ts'
import type { Comparison, FoundFork } from './queries/compare-logs.ts'
import { verifyLog } from './queries/verify-log.ts'
import type { VerifiedLog } from './queries/verify-log.ts'
import { clean, counted, jsonText } from './render/text.ts'
import { readText, writeText } from './values.ts'

const PROGRESS_MS = 1_000

/** The log of a store that verifies, under these keys. Throws COTERIE_VERIFICATION_FAILED. */
export async function checkedLog(
  context: CliContext,
  store: SpaceStore,
  keys: KeyFile | undefined,
): Promise<VerifiedLog> {
  let told = Date.now()
  const progress = (checked: { readonly records: number }): void => {
    if (Date.now() - told < PROGRESS_MS) return
    told = Date.now()
    context.say(`verified ${checked.records} records ...`)
  }
  const pins = keys === undefined ? {} : { space: keys.space, owner: keys.owner }
  const verified = await verifyLog(store, nodeCrypto, { ...pins, progress })
  if (!verified.report.ok) throw faultError(context, verified.report)
  const problem = keys === undefined ? undefined : keyProblem(keys, verified.registry)
  if (problem === undefined) return verified
  throw new CoterieError('COTERIE_VERIFICATION_FAILED', `The log is whole, but ${problem}.`)
}

/** Verifies this log and another copy of it, and compares them. */
export async function verifyAgainst(
  context: CliContext,
  against: string,
  keysFile: string | undefined,
  out: string | undefined,
): Promise<void> {
  const keys = keysFile === undefined ? undefined : readKeyFile(keysFile)
  const other: CliContext = { ...context, url: storeUrl(against), place: withoutPassword(storeUrl(against)) }
  await withStore(context, (here) =>
    withStore(other, async (there) => {
      const ours = await checkedLog(context, here, keys)
      const theirs = await checkedLog(other, there, keys)
      const ends = { here: ours.report.position, there: theirs.report.position }
      const comparison = await compareLogs(here, there, ends)
      if (comparison.parted) throw partedError(context, comparison, here.id, out)
      if (context.json) context.outJson({ v: 1, ok: true, pinned: keys !== undefined, ...ends })
      else context.out(agreement(against, ends))
    }),
  )
}

/** Verifies a document of forks with the keys file alone. */
export function verifyForkFile(context: CliContext, file: string, keysFile: string | undefined): void {
  if (keysFile === undefined) {
    throw new CoterieError('COTERIE_USAGE', 'To verify forks, name the keys of the space: --keys FILE.')
  }
  const keys = readKeyFile(keysFile)
  const verdict = verifyForks(nodeCrypto, parseStrict(readText(file)), keys.space, allKeys(keys))
  if (!verdict.ok) {
    const message = `The forks in ${file} do not verify: ${verdict.problem}.`
    throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, {
      details: { file, problem: verdict.problem },
    })
  }
  const { forks } = verdict.evidence
  const proved = forks.map(([{ author, seq, hash }, other]) => ({ author, seq, hashes: [hash, other.hash] }))
  if (context.json) context.outJson({ v: 1, ok: true, space: keys.space, forks: proved })
  for (const { author, seq, hashes } of context.json ? [] : proved) {
    context.out(
      `"${clean(author)}" signed two different records with number ${seq}: ${hashes.join(' and ')}.`,
    )
  }
}

function faultError(context: CliContext, { fault, faults, checked }: LogReport): CoterieError {
  const who =
    fault === undefined ? 'The log' : `The record at position ${fault.position}, by "${fault.author}",`
  const more = faults > 1 ? ` (the first of ${faults} faults)` : ''
  return new CoterieError(
    'COTERIE_VERIFICATION_FAILED',
    `${who} does not verify: ${fault?.reason ?? 'no reason was given'}${more}.`,
    { details: { ...fault, faults, checked, db: context.url } },
  )
}

function partedError(
  context: CliContext,
  { common, forks }: Comparison,
  space: string,
  out: string | undefined,
): CoterieError {
  const evidence: ForkEvidence = { v: 1, type: 'coterie.forks', space, forks: forks.map(({ fork }) => fork) }
  if (out !== undefined && forks.length > 0) {
    writeText(out, `${jsonText(evidence, 2)}\n`)
    context.say(`wrote ${out}`)
  }
  const found = forks.map(({ author, seq, here, there }) => ({ author, seq, here, there }))
  const message = `The two logs part at position ${common}, though each verifies: ${guilt(forks)}.`
  return new CoterieError('COTERIE_VERIFICATION_FAILED', message, {
    details: { position: common, forks: found },
  })
}

function guilt(forks: readonly FoundFork[]): string {
  const [first] = forks
  if (first === undefined)
    return 'no author signed two records with one number; each went on with other authors, or in another order'
  const { author, seq, here, there } = first
  const more = forks.length === 1 ? '' : `, and so did ${counted(forks.length - 1, 'other author')}`
  const where = `at position ${here} here and ${there} there`
  return `"${author}" signed two different records with number ${seq}, ${where}${more}`
}

function agreement(
  against: string,
  { here, there }: { readonly here: number; readonly there: number },
): string {
  if (here === there) return `Both logs verify and are the same, up to position ${here}.`
  const [longer, shorter] = here > there ? ['This log', against] : [against, 'this log']
  const [end, from] = [Math.max(here, there), Math.min(here, there)]
  return `Both logs verify. ${longer} goes on where ${shorter} ends, at position ${from}, up to position ${end}.`
}

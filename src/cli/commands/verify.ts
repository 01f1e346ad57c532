import { Option } from 'commander'
import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { CoterieError } from '../../core/errors.ts'
import { parseStrict } from '../../core/json.ts'
import type { LogReport } from '../../log/log-verifier.ts'
import { verifyCertificate } from '../../voting/certificate.ts'
import { rosterIn, verifyCouncilCertificate, verifyEvidence } from '../council/verify.ts'
import { contextOf, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { readKeyFile, trustedKeys } from '../key-file.ts'
import type { KeyFile } from '../key-file.ts'
import { clean, counted } from '../render/text.ts'
import { readText } from '../values.ts'
import { checkedLog, verifyAgainst, verifyForkFile } from '../verify-copies.ts'

const EXAMPLE = `
Without options the whole log is verified: every signature, every chain, every message, event, journal and
certificate. Alone, a log vouches only for itself: --keys pins the space, its owner and the agents' keys.
With --certificate nothing but the two files is read: no database is needed. What does not verify: exit code 3.
For a decision of a council, --keys names its membership file (council.json), which also verifies evidence against
its members. With --against, two copies of one log are verified and held against each other. If an author has signed two
different records with one number, --out writes both into a file, which verifies offline with --forks.

Examples:
  $ coterie verify --db team.db --keys keys.json
  $ coterie verify --certificate decision.json --keys keys.json
  $ coterie verify --db team.db --against copy.db --out forks.json
  $ coterie verify --forks forks.json --keys keys.json
  $ coterie verify --certificate decision.json --keys council.json
  $ coterie verify --evidence evidence.json --keys council.json
`

interface VerifyFlags {
  readonly certificate?: readonly string[]
  readonly keys?: string
  readonly against?: string
  readonly out?: string
  readonly forks?: string
  readonly evidence?: string
}

/** `coterie verify`. */
export function addVerify(root: Command): void {
  const command = root
    .command('verify')
    .description('Verify the whole log, two copies of it, or one certificate offline.')
    .addOption(
      new Option('--certificate <file>', 'verify this certificate, with the keys file alone (again for each)')
        .conflicts(['against', 'forks'])
        .argParser(collect),
    )
    .option('--keys <file>', 'the keys to trust, from "coterie keys export"')
    .addOption(new Option('--against <db>', 'compare with another copy of the log').conflicts('forks'))
    .option('--out <file>', 'with --against: write the forks that are found to a file')
    .option('--forks <file>', 'verify such a file, with the keys file alone')
    .addOption(
      new Option('--evidence <file>', 'verify evidence against members of a council').conflicts([
        'certificate',
        'against',
        'forks',
      ]),
    )
    .addHelpText('after', EXAMPLE)
    .action(async (flags: VerifyFlags) => {
      const context = contextOf(command)
      const { certificate, evidence, forks, against, keys, out } = flags
      if (out !== undefined && against === undefined) {
        throw new CoterieError('COTERIE_USAGE', 'With --out, name the other copy of the log: --against DB.')
      }
      if (certificate !== undefined) for (const file of certificate) verifyOffline(context, file, keys)
      else if (evidence !== undefined) verifyEvidence(context, evidence, keys)
      else if (forks !== undefined) verifyForkFile(context, forks, keys)
      else if (against !== undefined) await verifyAgainst(context, against, keys, out)
      else await verifyWholeLog(context, keys)
    })
}

async function verifyWholeLog(context: CliContext, keysFile: string | undefined): Promise<void> {
  const keys = keysFile === undefined ? undefined : readKeyFile(keysFile)
  const { report } = await withStore(context, (store) => checkedLog(context, store, keys))
  if (context.json) context.outJson({ v: 1, pinned: keys !== undefined, ...report })
  else for (const line of reportLines(report, keys !== undefined)) context.out(line)
}

function reportLines(report: LogReport, pinned: boolean): readonly string[] {
  const { checked, space, owner, position } = report
  const parts = [
    counted(checked.records, 'record'),
    counted(checked.messages, 'message'),
    counted(checked.events, 'event'),
    counted(checked.chunks, 'journal chunk'),
    counted(checked.decisions, 'decision'),
  ]
  const lines = [
    `The log verifies up to position ${position}: ${parts.join(', ')}.`,
    `Space ${space}, owner ${owner}.`,
  ]
  if (!report.statesCompared)
    lines.push('It grew meanwhile, so the states of messages were not compared with it.')
  lines.push(
    pinned
      ? 'The space, its owner and the keys are those of the keys file.'
      : 'Nothing was pinned: compare the space and the owner with what you were told, or use --keys.',
  )
  return lines
}

function verifyOffline(context: CliContext, file: string, keysFile: string | undefined): void {
  if (keysFile === undefined) {
    throw new CoterieError('COTERIE_USAGE', 'To verify a certificate, name the keys to trust: --keys FILE.')
  }
  const roster = rosterIn(readText(keysFile), keysFile)
  if (roster !== undefined) return verifyCouncilCertificate(context, file, parse(file), roster)
  const keys = readKeyFile(keysFile)
  const verdict = verifyCertificate(nodeCrypto, parse(file), trustedKeys(keys))
  const explanation = verdict.explanation.map(clean)
  const foreign = verdict.ok && verdict.certificate.proposal.space !== keys.space
  const problem = verdict.ok ? (foreign ? 'it was decided in another space' : undefined) : verdict.problem
  if (problem !== undefined) {
    for (const line of [...explanation, ...revokedAmong(keys, problem)]) context.say(line)
    throw new CoterieError(
      'COTERIE_VERIFICATION_FAILED',
      `The certificate ${file} does not verify: ${problem}.`,
      {
        details: { file, problem, explanation },
      },
    )
  }
  if (!verdict.ok) return
  const { outcome, proposal, decidedAt } = verdict.certificate
  if (context.json) {
    context.outJson({ v: 1, ok: true, decision: proposal.decision, outcome, decidedAt, explanation })
    return
  }
  context.out(`The certificate holds: ${JSON.stringify(outcome)}.`)
  for (const line of explanation) context.out(`  ${line}`)
}

/** Why a key that the file has is not trusted. */
function revokedAmong({ keys }: KeyFile, problem: string): readonly string[] {
  return keys
    .filter(({ key, revoked }) => revoked !== null && problem.includes(key))
    .map(({ key, revoked }) =>
      clean(`${key} was revoked (${String(revoked)}): its ballots do not count, whenever they were signed.`),
    )
}

function parse(file: string): unknown {
  const text = readText(file)
  try {
    return parseStrict(text)
  } catch (cause) {
    throw new CoterieError('COTERIE_INVALID_CERTIFICATE', `${file} is not the JSON of a certificate.`, {
      cause,
      details: { file },
    })
  }
}

/** Takes the values of an option that is given several times. */
function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value]
}

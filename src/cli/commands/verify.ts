import type { Command } from 'commander'
import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { CoterieError } from '../../core/errors.ts'
import { parseStrict } from '../../core/json.ts'
import type { LogReport } from '../../log/log-verifier.ts'
import { verifyCertificate } from '../../voting/certificate.ts'
import { contextOf, withStore } from '../context.ts'
import type { CliContext } from '../context.ts'
import { keyProblem, readKeyFile, trustedKeys } from '../key-file.ts'
import { verifyLog } from '../queries/verify-log.ts'
import type { VerifiedLog } from '../queries/verify-log.ts'
import { clean, counted } from '../render/text.ts'
import { readText } from '../values.ts'

const PROGRESS_MS = 1_000

const EXAMPLE = `
Without options the whole log is verified: every signature, every chain, every message, event, journal and
certificate. Alone, a log vouches only for itself: --keys pins the space, its owner and the agents' keys.
With --certificate nothing but the two files is read: no database is needed. What does not verify: exit code 3.

Examples:
  $ coterie verify --db team.db --keys keys.json
  $ coterie verify --certificate decision.json --keys keys.json
`

interface VerifyFlags {
  readonly certificate?: string
  readonly keys?: string
}

/** `coterie verify`. */
export function addVerify(root: Command): void {
  const command = root
    .command('verify')
    .description('Verify the whole log, or one certificate offline.')
    .option('--certificate <file>', 'verify this certificate, with the keys file alone')
    .option('--keys <file>', 'the keys to trust, from "coterie keys export"')
    .addHelpText('after', EXAMPLE)
    .action(async (flags: VerifyFlags) => {
      const context = contextOf(command)
      if (flags.certificate === undefined) await verifyWholeLog(context, flags.keys)
      else verifyOffline(context, flags.certificate, flags.keys)
    })
}

async function verifyWholeLog(context: CliContext, keysFile: string | undefined): Promise<void> {
  const keys = keysFile === undefined ? undefined : readKeyFile(keysFile)
  let told = Date.now()
  const progress = (checked: { readonly records: number }): void => {
    if (Date.now() - told < PROGRESS_MS) return
    told = Date.now()
    context.say(`verified ${checked.records} records ...`)
  }
  const pins = keys === undefined ? {} : { space: keys.space, owner: keys.owner }
  const { report, registry } = await withStore(context, (store): Promise<VerifiedLog> => {
    return verifyLog(store, nodeCrypto, { ...pins, progress })
  })
  if (!report.ok) throw faultError(report)
  const problem = keys === undefined ? undefined : keyProblem(keys, registry)
  if (problem !== undefined)
    throw new CoterieError('COTERIE_VERIFICATION_FAILED', `The log is whole, but ${problem}.`)
  if (context.json) context.outJson({ v: 1, pinned: keys !== undefined, ...report })
  else for (const line of reportLines(report, keys !== undefined)) context.out(line)
}

function faultError(report: LogReport): CoterieError {
  const { fault, faults, checked } = report
  const who =
    fault === undefined ? 'The log' : `The record at position ${fault.position}, by "${fault.author}",`
  const more = faults > 1 ? ` (the first of ${faults} faults)` : ''
  return new CoterieError(
    'COTERIE_VERIFICATION_FAILED',
    `${who} does not verify: ${fault?.reason ?? 'no reason was given'}${more}.`,
    { details: { ...fault, faults, checked } },
  )
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
  const keys = readKeyFile(keysFile)
  const verdict = verifyCertificate(nodeCrypto, parse(file), trustedKeys(keys))
  const explanation = verdict.explanation.map(clean)
  const foreign = verdict.ok && verdict.certificate.proposal.space !== keys.space
  const problem = verdict.ok ? (foreign ? 'it was decided in another space' : undefined) : verdict.problem
  if (problem !== undefined) {
    for (const line of explanation) context.say(line)
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

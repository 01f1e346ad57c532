/**
 * `coterie verify` for councils: certificates and evidence, with the membership file alone.
 *
 * @module
 */

import { nodeCrypto } from '../../adapters/node/crypto.ts'
import { councilCrypto } from '../../bft/crypto.ts'
import { CoterieError } from '../../core/errors.ts'
import { parseStrict } from '../../core/json.ts'
import { verifyByRoster } from '../../council/verify-by-roster.ts'
import { verifyEvidenceFile } from '../../council/evidence.ts'
import { isRoster, readRoster, type Roster } from '../../council/roster.ts'
import type { CliContext } from '../context.ts'
import { clean } from '../render/text.ts'
import { readText } from '../values.ts'

/** The membership file in a text, or undefined when it is something else. */
export function rosterIn(text: string, file: string): Roster | undefined {
  let value: unknown
  try {
    value = parseStrict(text)
  } catch {
    return undefined
  }
  return isRoster(value) ? readRoster(value, file) : undefined
}

/** Verifies a certificate of a council. Throws COTERIE_VERIFICATION_FAILED. */
export function verifyCouncilCertificate(
  context: CliContext,
  file: string,
  certificate: unknown,
  roster: Roster,
): void {
  const { instance } = roster
  const cryptos = { crypto: nodeCrypto, council: councilCrypto(nodeCrypto) }
  const verdict = verifyByRoster(cryptos, certificate, roster)
  const explanation = verdict.explanation.map(clean)
  if (!verdict.ok) {
    for (const line of explanation) context.say(line)
    throw new CoterieError(
      'COTERIE_VERIFICATION_FAILED',
      `The certificate ${file} does not verify: ${verdict.problem}.`,
      { details: { file, problem: verdict.problem, explanation } },
    )
  }
  const { vote, value, epoch } = verdict.certificate
  if (context.json) {
    const { outcome, proposal, decidedAt } = vote
    const { decision } = proposal
    context.outJson({
      v: 1,
      ok: true,
      decision,
      outcome,
      decidedAt,
      instance,
      epoch,
      height: value.height,
      explanation,
    })
    return
  }
  context.out(`The certificate holds: ${JSON.stringify(vote.outcome)}.`)
  for (const line of explanation) context.out(`  ${line}`)
}

/** Verifies a file of evidence. Throws COTERIE_VERIFICATION_FAILED, COTERIE_USAGE. */
export function verifyEvidence(context: CliContext, file: string, keysFile: string | undefined): void {
  const roster = keysFile === undefined ? undefined : rosterIn(readText(keysFile), keysFile)
  if (roster === undefined) {
    const message = 'To verify evidence, name the membership file of the council: --keys council.json.'
    throw new CoterieError('COTERIE_USAGE', message)
  }
  const verdict = verifyEvidenceFile(councilCrypto(nodeCrypto), roster, parseStrict(readText(file)))
  if (!verdict.ok) {
    const message = `The evidence in ${file} does not verify: ${verdict.problem}.`
    throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, {
      details: { file, problem: verdict.problem },
    })
  }
  const { proven } = verdict
  if (context.json) return context.outJson({ v: 1, ok: true, instance: roster.instance, proven })
  if (proven.length === 0) context.out('The file holds no evidence: nobody is accused.')
  for (const { culprit, offence, height, view } of proven) {
    context.out(
      `${JSON.stringify(culprit)} ${offence}: height ${height}, view ${view}. Its own key signed it.`,
    )
  }
}

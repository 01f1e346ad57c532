/**
 * What the demo has found, in lines; and whether everything held that should.
 *
 * @module
 */

import type { Evidence } from '../../src/bft/evidence.ts'
import type { ProvenOffence } from '../../src/council/evidence.ts'
import type { CouncilStatus, DecisionCertificate } from '../../src/open-council.ts'
import type { Kind } from './lies.ts'

/** The document that `--json` prints. */
export interface Result {
  readonly v: 1
  readonly lockfile: string
  readonly members: readonly string[]
  readonly processes: readonly { readonly member: string; readonly pid: number }[]
  readonly traitor: { readonly member: string; readonly kind: Kind } | null
  readonly killed: { readonly member: string; readonly after: number; readonly pid: number }
  readonly certificates: readonly DecisionCertificate[]
  /** Whether these members have the same decisions. */
  readonly agreed: { readonly members: readonly string[]; readonly same: boolean }
  readonly evidence: readonly { readonly culprit: string; readonly evidence: Evidence }[]
  readonly status: CouncilStatus
  /** What another process said. */
  readonly checked: {
    readonly certificates: number
    readonly certificatesSaid: string
    readonly changedRefused: boolean
    readonly evidence: readonly ProvenOffence[]
    readonly evidenceHolds: boolean
  }
  readonly startMs: number
  readonly decideMs: number
  readonly totalMs: number
}

/** The report, and whether all of it is as it should be. */
export function linesOf(result: Result): { readonly lines: readonly string[]; readonly ok: boolean } {
  const { certificates, agreed, checked, traitor, killed } = result
  const guilty = [...new Set(checked.evidence.map(({ culprit }) => culprit))]
  const provable = traitor !== null && traitor.kind !== 'silent'
  const accusedRightly = guilty.every((one) => one === traitor?.member) && guilty.length > 0 === provable
  const ok =
    agreed.same &&
    checked.certificates === certificates.length &&
    checked.changedRefused &&
    checked.evidenceHolds &&
    accusedRightly
  const lines = [
    '',
    `Decided (3 of 4 must approve; what they do not approve is rejected):`,
    ...certificates.flatMap(decisionLines),
    '',
    `${agreed.members.length} honest replicas have ${agreed.same ? 'the same' : 'DIFFERENT'} ` +
      `${certificates.length} decisions: ${agreed.members.join(', ')}.`,
    `${killed.member} was killed with kill -9 after ${killed.after} decisions, started again from its own file,`,
    'and caught up.',
    '',
    ...traitorLines(result, guilty),
    '',
    `Another process, with the public keys alone: ${checked.certificates} of ${certificates.length} ` +
      `certificates verify${checked.certificates === certificates.length ? '' : ` (${checked.certificatesSaid})`};`,
    `  one with its outcome changed is ${checked.changedRefused ? 'refused' : 'ACCEPTED'}.`,
    `Started in ${seconds(result.startMs)}, decided in ${seconds(result.decideMs)}, all in ${seconds(result.totalMs)}.`,
    'All four replicas ran on this machine under one owner: that shows the protocol at work, and tolerates',
    'no real liar.',
    ok ? 'Everything held.' : 'SOMETHING DID NOT HOLD.',
  ]
  return { lines, ok }
}

function decisionLines({ vote, value, finalization, members }: DecisionCertificate): readonly string[] {
  const { proposal, ballots, outcome, tally } = vote
  const votes = ballots.map(({ ballot }) => `${ballot.member} ${String(ballot.choice)}`)
  const voided = tally.void.map((member) => `${member} void`)
  const signers = finalization.signers.map((place) => members[place]?.id ?? '?')
  const speaker = ballots.find(({ ballot }) => ballot.choice === outcome)
  const reason = speaker === undefined ? 'too few approve' : speaker.ballot.reason
  return [
    `  ${outcome.padEnd(8)} ${JSON.stringify(proposal.subject)}`,
    `           ${[...votes, ...voided].join(', ')}`,
    `           ${speaker === undefined ? '' : `${speaker.ballot.member}: `}${reason}`,
    `           height ${value.height}, finalised by ${signers.join(', ')}`,
  ]
}

function traitorLines(result: Result, guilty: readonly string[]): readonly string[] {
  const { traitor, checked, status } = result
  if (traitor === null) return ['Nobody lied, and nobody is accused.']
  const { member, kind } = traitor
  const proven = Object.entries(
    Object.groupBy(checked.evidence, ({ culprit, offence }) => `${culprit} ${offence}`),
  )
  const rejected = status.peers.find(({ id }) => id === member)?.rejected ?? 0
  const lines = [`The traitor is ${member} (${kind}). Proof against it, verified by another process:`]
  for (const [what, pieces = []] of proven) {
    const first = pieces[0]
    lines.push(
      `  ${what}, ${pieces.length} times; first at height ${first?.height ?? 0}, view ${first?.view ?? 0}`,
    )
  }
  if (kind === 'silent') {
    lines.push(
      '  none, and there cannot be any: a key that signs nothing proves nothing. The others passed its turns over;',
      `  their complaints about slow leaders have suspended: ${status.suspended.join(', ') || 'nobody yet'}.`,
    )
  } else if (!checked.evidenceHolds) lines.push('  THE EVIDENCE DOES NOT VERIFY.')
  if (guilty.some((one) => one !== member)) lines.push('  AN HONEST MEMBER IS ACCUSED.')
  if (rejected > 0) lines.push(`  ${rejected} messages of it were refused by their form or their sender.`)
  if (kind === 'forge')
    lines.push('  A signature in another name proves nothing against anybody, and was only ignored.')
  return lines
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`
}

/**
 * What the command line asks a running replica: status, propose, vote, evidence.
 *
 * @module
 */

import { Option, type Command } from 'commander'
import { CoterieError } from '../../core/errors.ts'
import type { Roster } from '../../council/roster.ts'
import type { EvidenceFile } from '../../council/evidence.ts'
import { readMemberFolder, type CouncilStatus } from '../../open-council.ts'
import type { DecisionCertificate } from '../../open-council.ts'
import { choiceText, type SignedBallot } from '../../voting/ballot.ts'
import { majority, supermajority, threshold, twoThirds, unanimity, type Rule } from '../../voting/rule.ts'
import { contextOf, type CliContext } from '../context.ts'
import { tableLines } from '../render/table.ts'
import { clean, jsonText } from '../render/text.ts'
import { countOf, payloadOf, writeText } from '../values.ts'
import { askMember } from './reach.ts'

const ANSWER_MS = 10_000
const CLOSING_MS = 30_000

const STATUS_EXAMPLE = `
Asks the replica that runs in the folder: the height it works on, the view and its leader, the epoch and its members,
which peers it is connected to, and against whom it has evidence.

Example:
  $ coterie council status ./alice --json
`

const PROPOSE_EXAMPLE = `
Puts a question to the vote of the council's members and waits for the certificate. What was asked goes on when this
command is stopped. The certificate verifies offline: coterie verify --certificate FILE --keys council.json

A rule is majority (more than half of all), two-thirds, unanimity, or a share such as 3/4 (at least so much of all).

Examples:
  $ coterie council propose ./alice "May we deploy 1.4.0?" --out decision.json
  $ coterie council propose ./alice "Which region?" --option eu --option us --rule 3/4 --timeout 600
`

const VOTE_EXAMPLE = `
Signs a ballot with this member's key and hands it in. A member has one ballot for a decision: who has voted already
gets the ballot that it signed then. "coterie council status" names the open votes.

Example:
  $ coterie council vote ./bob alice.17 approve --reason "read it twice"
`

const EVIDENCE_EXAMPLE = `
Proof that members broke the rules, as this replica has found it: two votes that no honest member signs both, or a vote
for what nothing justified. Anybody can check it: coterie verify --evidence FILE --keys council.json

Example:
  $ coterie council evidence ./alice --out evidence.json
`

interface ProposeFlags {
  readonly option?: readonly string[]
  readonly rule: string
  readonly subject?: string
  readonly subjectFile?: string
  readonly timeout: number
  readonly out?: string
}

export function addStatus(parent: Command): void {
  const command = parent
    .command('status')
    .description('height, view, leader, peers and evidence of a running replica')
    .argument('<folder>', 'the folder of the member')
    .addHelpText('after', STATUS_EXAMPLE)
    .action(async (folder: string) => {
      const context = contextOf(command)
      const place = readMemberFolder(folder)
      const status = (await askMember(context, place, 'status', {}, ANSWER_MS)) as CouncilStatus
      if (context.json) context.outJson({ v: 1, ...status })
      else for (const line of statusLines(status)) context.out(line)
    })
}

export function addPropose(parent: Command): void {
  const command = parent
    .command('propose')
    .description('put a question to the vote, and wait for the certificate')
    .argument('<folder>', 'the folder of the member that asks')
    .argument('<question>', 'what is asked')
    .option('--option <text>', 'an answer (again for each; default: approve, reject)', collect)
    .option('--rule <rule>', 'how the ballots are counted', 'majority')
    .addOption(new Option('--subject <json>', 'what the decision is about').conflicts('subjectFile'))
    .option('--subject-file <file>', 'the same, from a file')
    .option('--timeout <seconds>', 'how long the members have to answer', countOf, 60)
    .option('--out <file>', 'write the certificate to a file')
    .addHelpText('after', PROPOSE_EXAMPLE)
    .action(async (folder: string, question: string, flags: ProposeFlags) => {
      const context = contextOf(command)
      const place = readMemberFolder(folder)
      const { option, rule, subject, subjectFile, timeout, out } = flags
      const hasSubject = subject !== undefined || subjectFile !== undefined
      const asked = {
        question,
        rule: ruleOf(rule),
        timeoutMs: timeout * 1_000,
        ...(option !== undefined && { options: option }),
        ...(hasSubject && { subject: await payloadOf(subject, subjectFile) }),
      }
      const opened = await askMember(context, place, 'open', asked, ANSWER_MS)
      const { decision } = opened as { readonly decision: string }
      context.say(`asked as ${clean(decision)}; waiting for the council`)
      const waitMs = timeout * 1_000 + CLOSING_MS
      const found = await askMember(
        context,
        place,
        'wait',
        { decision, timeoutMs: waitMs },
        waitMs + ANSWER_MS,
      )
      tellCertificate(context, found as DecisionCertificate, out)
    })
}

export function addVote(parent: Command): void {
  const command = parent
    .command('vote')
    .description("hand in this member's ballot")
    .argument('<folder>', 'the folder of the member that votes')
    .argument('<decision>', 'the name of the decision, as alice.17')
    .argument('<choice>', 'one of the options, or abstain')
    .option('--reason <text>', 'why', '')
    .addHelpText('after', VOTE_EXAMPLE)
    .action(async (folder: string, decision: string, choice: string, { reason }: { reason: string }) => {
      const context = contextOf(command)
      const params = { decision, vote: { choice, reason } }
      const place = readMemberFolder(folder)
      const signed = (await askMember(context, place, 'vote', params, ANSWER_MS)) as SignedBallot
      const stands = choiceText(signed.ballot.choice)
      if (context.json) context.outJson(signed)
      else if (stands === choice) context.out(`The ballot for ${clean(decision)} is signed and on its way.`)
      else {
        const name = clean(decision)
        context.out(`${place.self} has voted already in ${name}: "${clean(stands)}". That ballot stands.`)
      }
    })
}

export function addEvidence(parent: Command): void {
  const command = parent
    .command('evidence')
    .description('proof that members broke the rules')
    .argument('<folder>', 'the folder of the member')
    .option('--out <file>', 'write it to a file')
    .addHelpText('after', EVIDENCE_EXAMPLE)
    .action(async (folder: string, { out }: { out?: string }) => {
      const context = contextOf(command)
      const place = readMemberFolder(folder)
      const found = (await askMember(context, place, 'evidence', {}, ANSWER_MS)) as readonly {
        readonly culprit: string
        readonly evidence: EvidenceFile['evidence'][number]
      }[]
      const evidence = found.map((one) => one.evidence)
      const { changes } = (await askMember(context, place, 'roster', {}, ANSWER_MS)) as Roster
      const file: EvidenceFile = {
        v: 1,
        type: 'coterie.council-evidence',
        instance: place.roster.instance,
        evidence,
        ...(changes !== undefined && { changes }),
      }
      if (out === undefined) return context.out(jsonText(file, context.json ? undefined : 2))
      writeText(out, `${jsonText(file, 2)}\n`)
      context.say(`wrote ${out}: ${evidence.length} pieces`)
    })
}

function tellCertificate(
  context: CliContext,
  certificate: DecisionCertificate,
  out: string | undefined,
): void {
  if (out !== undefined) writeText(out, `${jsonText(certificate, 2)}\n`)
  const { vote, value, finalization } = certificate
  if (context.json) return context.outJson(certificate)
  const { decision } = vote.proposal
  context.out(`${JSON.stringify(vote.outcome)}: ${clean(vote.proposal.question)}`)
  for (const { ballot } of vote.ballots) {
    context.out(`  ${clean(ballot.member)}: ${clean(String(ballot.choice))}, ${clean(ballot.reason)}`)
  }
  const names = finalization.signers.map((place) => certificate.members[place]?.id ?? '')
  context.out(`  ${clean(decision)}, height ${value.height}, finalised by ${names.join(', ')}`)
  if (out !== undefined) context.say(`wrote ${out}`)
}

function statusLines(status: CouncilStatus): readonly string[] {
  const { instance, member, height, view, leader, epoch, names, mayLie, quorum, waiting, open } = status
  const lines = [
    `${member} of ${instance}: height ${height}, view ${view}, led by ${leader}`,
    `epoch ${epoch}: ${names.join(', ')}; ${quorum} of weight decide, ${mayLie} may lie`,
    `${open.length} votes open${open.length === 0 ? '' : ` (${open.join(', ')})`}, ${waiting} own operations wait`,
  ]
  if (status.standing === 'joining')
    lines.push(
      `${member} is no member yet: a quorum must agree (coterie council add), and it has to catch up.`,
    )
  if (status.standing === 'removed')
    lines.push(`${member} was removed with height ${status.removedAt}: it votes no more.`)
  if (status.forgetful) lines.push('It may have forgotten votes, and casts none until that cannot matter.')
  if (status.suspended.length > 0)
    lines.push(`Left out as leaders for a while, because they were slow: ${status.suspended.join(', ')}.`)
  if (status.halted !== null) lines.push('It has halted.')
  const rows = status.peers.map(({ id, url, isConnected, dropped, rejected, error }) => {
    return [id, url, isConnected ? 'connected' : 'away', String(dropped), String(rejected), error ?? '']
  })
  lines.push('', ...tableLines(['peer', 'url', 'state', 'dropped', 'rejected', 'error'], rows))
  for (const { culprit, pieces } of status.evidence) {
    lines.push(`There is proof against ${culprit}: ${pieces} pieces (coterie council evidence).`)
  }
  return lines.map(clean)
}

function ruleOf(text: string): Rule {
  const named: Readonly<Record<string, () => Rule>> = { majority, 'two-thirds': twoThirds, unanimity }
  const rule = Object.hasOwn(named, text) ? named[text] : undefined
  if (rule !== undefined) return rule()
  const [, numerator, denominator] = /^(\d{1,6})\/(\d{1,6})$/.exec(text) ?? []
  if (numerator === undefined || denominator === undefined) {
    const message = `${JSON.stringify(text)} is no rule: write majority, two-thirds, unanimity, or a share such as 3/4.`
    throw new CoterieError('COTERIE_USAGE', message)
  }
  const [part, whole] = [Number(numerator), Number(denominator)]
  return part * 2 > whole ? supermajority(part, whole) : threshold(part, whole)
}

function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value]
}

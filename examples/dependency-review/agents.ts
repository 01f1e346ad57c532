/**
 * The agents of the review: a coordinator, three team leads, ten reviewers.
 *
 * The coordinator and the leads wait for others, and a mailbox is held while its turn waits: they are keyed
 * by package, so that packages are reviewed side by side. A reviewer never waits; it is one mailbox, whose turns
 * follow each other without waiting for the disk. (Keyed reviewers took three times the commits.)
 *
 * More processes may help: `npm run coterie -- run examples/dependency-review/agents.ts --db FILE`.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { agent, majority, on, twoThirds, vote } from '../../src/index.ts'
import type { AnyAgent, Decision, Turn } from '../../src/index.ts'
import { checks } from './analysis/checks.ts'
import { compareRisks, worstFinding } from './analysis/finding.ts'
import type { CheckName, Finding } from './analysis/finding.ts'
import { isRisky, knownIn, opinion } from './analysis/opinion.ts'
import type { Round } from './analysis/opinion.ts'
import { roster } from './analysis/roster.ts'
import type { Reviewer, TeamName } from './analysis/roster.ts'
import { assignment, contextOf, packageId, report, subject, verdict } from './messages.ts'
import type { Assignment, Subject, Verdict } from './messages.ts'

/** For so long a review that was interrupted can be taken up where it was. */
export const REVIEW_KEPT_MS = 7 * 24 * 60 * 60_000

/** The checks that read installed files. What they saw is recorded in a step, and not looked at again. */
const READS_FILES: ReadonlySet<CheckName> = new Set(['attribution', 'code', 'install-scripts', 'licences'])

const reviewers = roster.map((reviewer) => ({ ...reviewer, agent: makeReviewer(reviewer) }))

function makeReviewer({ role, check }: Reviewer) {
  return agent(role, {
    inspect: on({ input: assignment, output: report }, async (turn, task) => {
      const look = (): Finding[] => checks[check](task.pkg, contextOf(task))
      const reads = task.projectFolder !== null && READS_FILES.has(check)
      const findings = reads ? await turn.step('look at the installed files', look) : look()
      turn.reason(`${packageId(task)}: ${findings.length === 0 ? 'found nothing' : found(findings)}`)
      return findings
    }),
    judge: vote((_turn, question) => {
      const { round, findings } = subject.parse(question.subject)
      return opinion(role, knownIn(round, role, findings), round)
    }),
  })
}

const leads = (['security', 'legal', 'quality'] as const).map(makeLead)

function makeLead(team: TeamName) {
  const members = reviewers.filter((reviewer) => reviewer.team === team)
  return agent(`${team}-lead`, {
    assess: on({ input: assignment, output: report }, async (turn, task) => {
      turn.reason(`asks ${members.map(({ role }) => role).join(', ')} about ${packageId(task)}`)
      const answers = await Promise.all(members.map((member) => turn.ask(member.agent.inspect, task)))
      const findings = answers.flat()
      turn.reason(findings.length === 0 ? 'the team found nothing' : told(findings))
      return findings
    }),
  })
}

export const coordinator = agent('coordinator', {
  review: on({ input: assignment, output: verdict }, async (turn, task): Promise<Verdict> => {
    const name = packageId(task)
    turn.reason(`asks the ${leads.length} teams about ${name}`)
    const reports = await Promise.all(
      leads.map((lead) => turn.ask(lead.assess, task, { key: instanceKey(task) })),
    )
    const findings = worstOfEach(reports.flat())
    turn.reason(`puts ${name} to a vote of all reviewers, by majority: ${judged(findings)}`)
    const first = await decide(turn, name, 'first', findings)
    const votes = counts(first)
    // A majority against is the end; a majority for is, unless the findings weigh too much for it.
    if (first.outcome === 'reject') {
      turn.reason(`rejected in the first round (${votes})`)
      return verdictOf(name, 'rejected', first, findings)
    }
    if (first.outcome === 'approve' && !isRisky(findings)) {
      turn.reason(`approved in the first round (${votes})`)
      return verdictOf(name, 'approved', first, findings)
    }
    const why = first.outcome === 'approve' ? 'the findings are risky' : 'there is no majority'
    turn.reason(`escalates ${name} (${votes}): ${why}; two thirds of all reviewers have to approve`)
    const second = await decide(turn, name, 'second', findings)
    // What two thirds do not approve is not approved.
    const outcome = second.outcome === 'approve' ? 'escalated-approved' : 'escalated-rejected'
    turn.reason(`${outcome.slice('escalated-'.length)} in the second round (${counts(second)})`)
    return verdictOf(name, outcome, second, findings)
  }),
})

/** All of them. */
export const agents: readonly AnyAgent[] = [
  coordinator,
  ...leads,
  ...reviewers.map((reviewer) => reviewer.agent),
]

/** The instance of the coordinator and of each lead: called like the package, if an instance can be. */
export function instanceKey(task: Pick<Assignment, 'pkg'>): string {
  const name = packageId(task)
  if (/^[\x21-\x7e]{1,160}$/.test(name)) return name
  const shown = name.slice(0, 120).replace(/[^\x21-\x7e]/g, '_')
  return `${shown}~${createHash('sha256').update(name).digest('hex').slice(0, 16)}`
}

function decide(
  turn: Turn<Verdict>,
  name: string,
  round: Round,
  findings: readonly Finding[],
): Promise<Decision> {
  const matter: Subject = { package: name, round, findings: [...findings] }
  return turn.decide({
    question: `May ${name} be installed?`,
    subject: matter,
    electorate: reviewers.map((reviewer) => reviewer.agent.judge),
    rule: round === 'first' ? majority() : twoThirds(),
    // The report names every reviewer's reason, those that changed nothing too.
    everyBallot: true,
    // Nobody is too late because this program was interrupted: a vote lasts as long as the review.
    timeoutMs: REVIEW_KEPT_MS,
  })
}

function verdictOf(
  name: string,
  outcome: Verdict['outcome'],
  { id, certificate }: Decision,
  findings: readonly Finding[],
): Verdict {
  const ballots = new Map(certificate.ballots.map(({ ballot }) => [ballot.member, ballot]))
  return {
    package: name,
    outcome,
    tally: { ...certificate.tally.counts },
    needed: certificate.tally.needed,
    certificate: id,
    reasons: roster.flatMap(({ role }) => {
      const ballot = ballots.get(role)
      return ballot === undefined ? [] : [{ by: role, choice: String(ballot.choice), reason: ballot.reason }]
    }),
    findings: [...findings],
  }
}

/** The worst finding of each check, which is all that a vote depends on. */
function worstOfEach(findings: readonly Finding[]): Finding[] {
  return roster.flatMap(({ check }) => worstFinding(findings.filter((one) => one.check === check)) ?? [])
}

function judged(findings: readonly Finding[]): string {
  const weighty = findings.filter(({ risk }) => compareRisks(risk, 'info') > 0)
  return weighty.length === 0 ? 'nothing of weight was found' : told(weighty)
}

/** What others found, and who. */
function told(findings: readonly Finding[]): string {
  return findings.map(({ check, risk, summary }) => `${check} says that it ${summary} (${risk})`).join('; ')
}

/** What a reviewer found itself, and where it sees that. */
function found(findings: readonly Finding[]): string {
  return findings
    .map(({ risk, summary, evidence }) => {
      return `${risk}: it ${summary}${evidence === undefined ? '' : ` (${evidence})`}`
    })
    .join('; ')
}

function counts({ certificate }: Decision): string {
  const { tally } = certificate
  return `${tally.counts['approve'] ?? 0} of ${tally.total} approve, ${tally.counts['reject'] ?? 0} reject`
}

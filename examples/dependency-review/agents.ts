/**
 * The agents of the review: a coordinator, three team leads, ten reviewers.
 *
 * The coordinator and the leads are keyed by package, so that packages are reviewed side by side; each reviewer is
 * one mailbox that works through what it is asked. Run them in a process of their own with
 * `npm run coterie -- run examples/dependency-review/agents.ts --db FILE`.
 *
 * @module
 */

import { agent, majority, on, twoThirds, vote } from '../../src/index.ts'
import type { AnyAgent, Decision, Turn } from '../../src/index.ts'
import { checks } from './analysis/checks.ts'
import type { CheckName, Finding } from './analysis/finding.ts'
import { isRisky, opinion } from './analysis/opinion.ts'
import { roster, reviewerOf } from './analysis/roster.ts'
import type { Reviewer, TeamName } from './analysis/roster.ts'
import { assignment, contextOf, report, verdict } from './messages.ts'
import type { Assignment, Subject, Verdict } from './messages.ts'

/** How long one package may take, whatever goes wrong. */
export const REVIEW_TIMEOUT_MS = 10 * 60_000
const VOTE_TIMEOUT_MS = 5 * 60_000

/** The checks that read the installed files: what they saw is recorded, and not looked at again. */
const READS_FILES: ReadonlySet<CheckName> = new Set(['code', 'install-scripts', 'licences'])

const reviewers = roster.map((reviewer) => ({ ...reviewer, agent: makeReviewer(reviewer) }))

function makeReviewer({ role, check }: Reviewer) {
  return agent(role, {
    inspect: on({ input: assignment, output: report }, async (turn, task) => {
      const look = (): Finding[] => checks[check](task.pkg, contextOf(task))
      const reads = task.projectFolder !== null && READS_FILES.has(check)
      const findings = reads ? await turn.step('look at the installed files', look) : look()
      turn.reason(
        findings.length === 0 ? 'found nothing' : findings.map((f) => `${f.risk}: ${f.summary}`).join('; '),
      )
      return findings
    }),
    judge: vote((_turn, { subject }) => {
      const { round, findings } = subject as Subject
      const team = reviewerOf(role).team
      const known = round === 'second' ? findings : findings.filter((f) => reviewerOf(f.check).team === team)
      return opinion(role, known, round)
    }),
  })
}

const leads = {
  security: makeLead('security'),
  legal: makeLead('legal'),
  quality: makeLead('quality'),
}

function makeLead(team: TeamName) {
  const members = reviewers.filter((reviewer) => reviewer.team === team)
  return agent(`${team}-lead`, {
    assess: on({ input: assignment, output: report }, async (turn, task) => {
      const answers = await Promise.all(members.map((member) => turn.ask(member.agent.inspect, task)))
      const findings = answers.flat()
      turn.reason(`${members.length} reviewers of ${team} found ${findings.length === 0 ? 'nothing' : count(findings)}`)
      return findings
    }),
  })
}

export const coordinator = agent('coordinator', {
  review: on({ input: assignment, output: verdict }, async (turn, task): Promise<Verdict> => {
    const name = packageId(task)
    const reports = await Promise.all(
      Object.values(leads).map((lead) => turn.ask(lead.assess, task, { key: name })),
    )
    const findings = reports.flat()
    const risky = isRisky(findings)
    const first = await decide(turn, name, 'first', findings)
    if (!risky && first.outcome === 'approve') {
      turn.reason(`approved in the first round: ${findings.length === 0 ? 'nothing was found' : count(findings)}`)
      return verdictOf(name, 'approved', first)
    }
    if (!risky && first.outcome === 'reject') {
      turn.reason('rejected in the first round')
      return verdictOf(name, 'rejected', first)
    }
    turn.reason(`escalated, because ${risky ? `it is risky: ${count(findings)}` : 'the first round decided nothing'}`)
    const second = await decide(turn, name, 'second', findings)
    // What two thirds do not approve is not approved.
    const outcome = second.outcome === 'approve' ? 'escalated-approved' : 'escalated-rejected'
    turn.reason(`${outcome} in the second round`)
    return verdictOf(name, outcome, second)
  }),
})

/** All of them: what `coterie run` starts. */
export const agents: readonly AnyAgent[] = [
  coordinator,
  ...Object.values(leads),
  ...reviewers.map((reviewer) => reviewer.agent),
]

/** The name under which a package is decided. */
export function packageId(task: Pick<Assignment, 'pkg'>): string {
  return `${task.pkg.name}@${task.pkg.version}`
}

function decide(turn: Turn<Verdict>, name: string, round: Subject['round'], findings: readonly Finding[]): Promise<Decision> {
  return turn.decide({
    question: `May ${name} be installed?`,
    subject: { package: name, round, findings: [...findings] },
    electorate: reviewers.map((reviewer) => reviewer.agent.judge),
    rule: round === 'first' ? majority() : twoThirds(),
    timeoutMs: VOTE_TIMEOUT_MS,
  })
}

function verdictOf(name: string, outcome: Verdict['outcome'], { id, certificate }: Decision): Verdict {
  return {
    package: name,
    outcome,
    tally: { ...certificate.tally.counts },
    certificate: id,
    reasons: certificate.ballots.map(({ ballot }) => ({
      by: ballot.member,
      choice: ballot.choice,
      reason: ballot.reason,
    })),
  }
}

function count(findings: readonly Finding[]): string {
  const risks = (['severe', 'risky', 'notable', 'info'] as const)
    .map((risk) => [risk, findings.filter((f) => f.risk === risk).length] as const)
    .filter(([, n]) => n > 0)
  return risks.map(([risk, n]) => `${n} ${risk}`).join(', ')
}

import { type CheckName, compareRisks, type Finding, worstFinding } from './finding.ts'
import { reviewerOf } from './roster.ts'

/** What a reviewer votes, and why, in words that follow the choice. */
export type Opinion = { readonly choice: 'approve' | 'reject' | 'abstain'; readonly reason: string }

/**
 * `first`: all reviewers vote, each on what its own team found; a majority settles it. `second`: all reviewers
 * vote again, each on what all teams found; the package needs two thirds of them.
 */
export type Round = 'first' | 'second'

/** What one check weighs in the second round, by the worst it found. */
const POINTS = { info: 0, notable: 1, risky: 3, severe: 9 } as const
/** What a reviewer adds where the risk is its own finding: it has looked, and answers for it. */
const OWN_RISK_POINTS = 2
/** Reached by a severe finding, two risky ones, a risky one with two notable ones, or five notable ones. */
const REJECT_POINTS = 5
/** Reached by a risky finding, or by notable ones of three checks. */
const ESCALATE_POINTS = 3

/** What a reviewer goes by in a round: what its own team found, then what all found. */
export function knownIn(round: Round, role: CheckName, findings: readonly Finding[]): readonly Finding[] {
  if (round === 'second') return findings
  const { team } = reviewerOf(role)
  return findings.filter((one) => reviewerOf(one.check).team === team)
}

/** Whether the findings of all checks are more than a majority may settle. */
export function isRisky(findings: readonly Finding[]): boolean {
  return pointsOf(findings) >= ESCALATE_POINTS
}

/**
 * How the reviewer of this role votes. In the second round a single risky finding is outvoted: its
 * reviewer rejects, the others approve. Anything that adds up to more is rejected by all. So each second
 * round ends with at least nine of ten votes on one side, and one vote that says why not, if any.
 */
export function opinion(role: CheckName, findings: readonly Finding[], round: Round): Opinion {
  return round === 'first' ? firstOpinion(role, findings) : secondOpinion(role, findings)
}

function firstOpinion(role: CheckName, findings: readonly Finding[]): Opinion {
  const own = worstFinding(findings.filter((one) => one.check === role))
  if (own !== undefined && compareRisks(own.risk, 'notable') > 0) return reject(own)
  if (own !== undefined) return { choice: 'approve', reason: `noting that it ${describe(own)}` }
  const { team } = reviewerOf(role)
  const ofTeam = worstFinding(findings.filter((one) => reviewerOf(one.check).team === team))
  if (ofTeam?.risk === 'severe') return reject(ofTeam)
  const any = worstFinding(findings)
  if (any !== undefined && compareRisks(any.risk, 'notable') > 0) {
    const reason = `found nothing, but according to ${any.check} it ${describe(any)}`
    return { choice: 'abstain', reason }
  }
  return { choice: 'approve', reason: 'found nothing' }
}

function secondOpinion(role: CheckName, findings: readonly Finding[]): Opinion {
  const own = worstFinding(findings.filter((one) => one.check === role))
  const ownPoints = own?.risk === 'risky' || own?.risk === 'severe' ? OWN_RISK_POINTS : 0
  const points = pointsOf(findings) + ownPoints
  const worst = worstFinding(findings)
  if (worst === undefined) return { choice: 'approve', reason: 'nobody found anything' }
  if (points < REJECT_POINTS) {
    return { choice: 'approve', reason: `knowing that it ${describe(worst)}` }
  }
  if (ownPoints > 0 && own !== undefined) return reject(own)
  const checks = new Set(findings.filter((one) => POINTS[one.risk] > 0).map((one) => one.check))
  if (worst.risk === 'severe' || checks.size === 1) return reject(worst)
  return {
    choice: 'reject',
    reason: `${[...checks].join(', ')} together are too much: it ${describe(worst)}`,
  }
}

/** Each check counts once, with the worst it found, so that a talkative check weighs no more. */
function pointsOf(findings: readonly Finding[]): number {
  const perCheck = new Map<CheckName, number>()
  for (const { check, risk } of findings)
    perCheck.set(check, Math.max(perCheck.get(check) ?? 0, POINTS[risk]))
  return [...perCheck.values()].reduce((sum, points) => sum + points, 0)
}

function reject(because: Finding): Opinion {
  return { choice: 'reject', reason: `because it ${describe(because)}` }
}

function describe({ summary, evidence }: Finding): string {
  return evidence === undefined ? summary : `${summary} (${evidence})`
}

import { choicesOf, type SignedBallot } from './ballot.ts'
import type { Certificate } from './certificate.ts'
import type { Why } from './outcome.ts'
import { ABSTAIN, NO_OUTCOME, type Proposal } from './proposal.ts'
import { describeRule, tiePolicy } from './rule.ts'

/**
 * A certificate that holds, in sentences. Texts from outside are quoted as JSON, so that they can
 * neither break a line nor drive a terminal. `counted` are the ballots that count.
 */
export function explainTally(certificate: Certificate, counted: readonly SignedBallot[]): string[] {
  const { proposal, tally } = certificate
  const rule = `${describeRule(proposal.rule)} of ${tally.total}`
  const sentences = [
    `${JSON.stringify(proposal.space)} decided ${JSON.stringify(proposal.decision)}: ` +
      `${JSON.stringify(proposal.question)}.`,
    ...(proposal.after === undefined
      ? []
      : [`It was put to others before, in ${JSON.stringify(proposal.after)}, without an outcome.`]),
    `An option needs ${tally.needed} votes (${rule}).`,
    ...safeguards(proposal),
  ]
  for (const choice of [...proposal.options, ABSTAIN]) {
    const voters = counted.filter((signed) => isFor(proposal, signed, choice))
    const list = voters.map(({ ballot }) => JSON.stringify(ballot.member)).toSorted()
    const names = list.length === 0 ? '' : ` (${list.join(', ')})`
    sentences.push(`${JSON.stringify(choice)}: ${tally.counts[choice] ?? 0}${names}.`)
  }
  sentences.push(`Silent: ${tally.counts['silent'] ?? 0}.`)
  for (const [i, { counts, eliminated }] of (tally.rounds ?? []).entries()) {
    const votes = Object.entries(counts).map(([option, count]) => `${JSON.stringify(option)} ${count}`)
    const gone = eliminated.map((option) => JSON.stringify(option)).join(', ')
    sentences.push(`Round ${i + 1}: ${votes.join(', ')}${gone === '' ? '' : `; ${gone} out`}.`)
  }
  const { commitments = [] } = certificate
  if (proposal.sealed !== undefined) {
    const members = new Set(commitments.map(({ commitment }) => commitment.member)).size
    sentences.push(
      `The ballots were sealed: ${members} members had committed themselves before the first was seen.`,
    )
  }
  for (const member of tally.void) {
    sentences.push(`${JSON.stringify(member)} signed two different ballots: neither counts.`)
  }
  for (const member of tally.withheld ?? []) {
    sentences.push(`${JSON.stringify(member)} committed itself, and did not show the ballot.`)
  }
  for (const { member, problem } of tally.refused) {
    sentences.push(`${JSON.stringify(member)} signed a ballot that does not count: ${problem}.`)
  }
  const keys = new Set(proposal.electorate.map(({ publicKey }) => publicKey)).size
  const members = proposal.electorate.length
  if (keys < members) sentences.push(`The ${members} members share ${keys} keys.`)
  sentences.push(...conclusion(certificate))
  return sentences
}

function safeguards({ rule, electorate }: Proposal): string[] {
  const { quorum, veto, families } = rule
  const weights = electorate.filter(({ weight = 1 }) => weight !== 1)
  const tie = tiePolicy(rule)
  return [
    ...(weights.length === 0
      ? []
      : [
          `Weights: ${electorate.map((one) => `${JSON.stringify(one.member)} ${one.weight ?? 1}`).join(', ')}.`,
        ]),
    ...(quorum === undefined
      ? []
      : [`At least ${quorum.numerator}/${quorum.denominator} of all weight must take part.`]),
    ...(veto === undefined ? [] : [`Any of ${veto.map((one) => JSON.stringify(one)).join(', ')} can veto.`]),
    ...(families === undefined ? [] : [`The votes must come from ${families} model families or more.`]),
    ...(tie === 'none'
      ? []
      : [`A tie: ${tie === 'first' ? 'the option listed first' : `${JSON.stringify(tie.member)} decides`}.`]),
  ]
}

const WHY_NONE: Readonly<Record<Why, string>> = {
  tie: 'The vote is tied, and nothing breaks the tie.',
  quorum: 'Too few took part.',
  veto: 'A member with a veto chose something else.',
  'veto-silent': 'A member with a veto has not answered.',
  families: 'The votes come from too few model families.',
}

function conclusion({ proposal, tally }: Certificate): string[] {
  const { outcome, why, otherwise } = tally
  const none = why === undefined ? 'No option has enough votes.' : WHY_NONE[why]
  if (otherwise === true) return [none, `So it is what was to hold otherwise: ${JSON.stringify(outcome)}.`]
  if (outcome === NO_OUTCOME) return [none]
  const option = JSON.stringify(outcome)
  if (why !== 'tie') return [`${option} has enough votes.`]
  const tie = tiePolicy(proposal.rule)
  const by =
    typeof tie === 'object' ? `by the casting vote of ${JSON.stringify(tie.member)}` : 'as the rule says'
  return [`The vote is tied, and ${option} wins ${by}.`]
}

function isFor(proposal: Proposal, { ballot }: SignedBallot, choice: string): boolean {
  const choices = choicesOf(proposal, ballot.choice) ?? []
  if (choice === ABSTAIN) return choices.length === 0
  return proposal.rule.type === 'ranked' ? choices[0] === choice : choices.includes(choice)
}

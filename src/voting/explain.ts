import type { Certificate } from './certificate.ts'
import { ABSTAIN, NO_OUTCOME } from './proposal.ts'
import { describeRule } from './rule.ts'

/**
 * A certificate that holds, in sentences. Texts from outside are quoted as JSON, so that they can
 * neither break a line nor drive a terminal. `hash` is that of the proposal.
 */
export function explainTally(certificate: Certificate, hash: string): string[] {
  const { proposal, tally } = certificate
  const rule = `${describeRule(proposal.rule)} of ${tally.total}`
  const sentences = [
    `${JSON.stringify(proposal.space)} decided ${JSON.stringify(proposal.decision)}: ` +
      `${JSON.stringify(proposal.question)}.`,
    `An option needs ${tally.needed} votes (${rule}).`,
  ]
  for (const choice of [...proposal.options, ABSTAIN]) {
    const voters = votersOf(certificate, hash, choice)
    const names = voters.length === 0 ? '' : ` (${voters.map((name) => JSON.stringify(name)).join(', ')})`
    sentences.push(`${JSON.stringify(choice)}: ${tally.counts[choice] ?? 0}${names}.`)
  }
  sentences.push(`Silent: ${tally.counts['silent'] ?? 0}.`)
  for (const member of tally.void) {
    sentences.push(`${JSON.stringify(member)} signed two different ballots: neither counts.`)
  }
  for (const { member, problem } of tally.refused) {
    sentences.push(`${JSON.stringify(member)} signed a ballot that does not count: ${problem}.`)
  }
  const keys = new Set(proposal.electorate.map(({ publicKey }) => publicKey)).size
  if (keys < tally.total) sentences.push(`The ${tally.total} members share ${keys} keys.`)
  sentences.push(
    tally.outcome === NO_OUTCOME
      ? 'No option has enough votes.'
      : `${JSON.stringify(tally.outcome)} has enough votes.`,
  )
  return sentences
}

// A ballot for another proposal of the same decision may be there as evidence; it is no vote.
function votersOf(certificate: Certificate, hash: string, choice: string): string[] {
  return certificate.ballots
    .filter(({ ballot }) => ballot.choice === choice && ballot.proposal === hash)
    .map(({ ballot }) => ballot.member)
    .filter((member) => !certificate.tally.void.includes(member))
}

/**
 * A vote from within a turn: the proposal goes to every member as a question, the ballots come back signed, and a
 * pure function counts them.
 *
 * @module
 */

import { addressOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import type { SignedBallot } from '../voting/ballot.ts'
import { makeCertificate } from '../voting/certificate.ts'
import { Poll } from '../voting/poll.ts'
import { proposalProblem } from '../voting/proposal.ts'
import type { Member, Proposal } from '../voting/proposal.ts'
import type { HandlerRef } from '../turn/definition.ts'
import type { DecideOptions, Decision, Voter } from '../turn/turn.ts'
import { newDecisionId } from './context.ts'
import { revocationOf } from './directory.ts'
import { keyRevoked, memberRevoked } from './refusals.ts'
import type { TurnEngine } from './turn-engine.ts'
import type { TurnHandle } from './turn-handle.ts'

type Ballots = HandlerRef<Proposal, SignedBallot>
type VoterOf = {
  readonly ref: Ballots
  readonly key: string | undefined
  readonly weight: number | undefined
}

/** Asks everybody, counts, and keeps the certificate with the segment. */
export async function runDecision(
  engine: TurnEngine,
  turn: TurnHandle,
  options: DecideOptions,
): Promise<Decision> {
  const { context } = engine.host
  const voters = options.electorate.map(voterOf)
  const call = engine.journal.calls
  const { id, members } = turn.decision(
    () => newDecisionId(context),
    () => voters.map((voter) => memberOf(engine, voter)),
  )
  const fail = (error: CoterieError): CoterieError => {
    engine.failures.set(error, call)
    return error
  }
  const now = turn.now()
  const wanted = now + (options.timeoutMs ?? context.limits.askTimeoutMs)
  const deadline = Math.min(wanted, turn.deadline ?? wanted)
  const proposal: Proposal = {
    v: 1,
    space: context.store.id,
    decision: id,
    question: options.question,
    ...(options.subject !== undefined && { subject: options.subject }),
    options: options.options ?? ['approve', 'reject'],
    rule: options.rule,
    electorate: members,
    deadline,
    ...(options.otherwise !== undefined && { otherwise: options.otherwise }),
  }
  const problem = proposalProblem(proposal)
  if (problem !== undefined)
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `This cannot be put to a vote: ${problem}.`)
  const ballots = await gather(engine, turn, proposal, voters, options.everyBallot === true)
  const decidedAt = turn.now()
  // A turn that is run again comes past decisions that were committed with the call of `now` just above.
  const isKept = engine.journal.isCommitted(engine.journal.calls - 1)
  const revoked = members.find(({ key }) => revocationOf(engine.host.directory.registry, key) !== '')
  if (!isKept && revoked !== undefined) throw fail(memberRevoked(id, revoked.member))
  const certificate = makeCertificate(context.crypto, proposal, ballots, decidedAt)
  const text = canonicalize(certificate)
  if (!isKept) {
    const hash = context.crypto.sha256(text)
    engine.effects.decisions.push({ id, hash, certificate: text, keys: members, fail })
  }
  return { id, outcome: certificate.outcome, certificate }
}

/**
 * Asks every member, and answers the ballots that are there when the vote closes: when all have answered, or nothing
 * that is missing can change the outcome. What arrives afterwards is not looked at. The set is the same when the turn
 * is run again: answers are given back in the order in which they came, and what closes the vote is one of them.
 */
function gather(
  engine: TurnEngine,
  turn: TurnHandle,
  proposal: Proposal,
  voters: readonly VoterOf[],
  everyBallot: boolean,
): Promise<readonly SignedBallot[]> {
  const { crypto } = engine.host.context
  const poll = new Poll(crypto, proposal)
  return new Promise((resolve, reject) => {
    for (const [i, { ref, key }] of voters.entries()) {
      const { deadline } = proposal
      const asked = turn.askSettled(ref, proposal, {
        ...(deadline !== null && { deadline }),
        ...(key !== undefined && { key }),
      })
      asked.then((answer) => {
        if (poll.closed) return
        const member = proposal.electorate[i]?.member ?? ''
        const problem = poll.answer(member, answer.ok ? answer.value : undefined)
        if (problem !== undefined && engine.replayed)
          engine.effects.reasons.push(`refuses the ballot of ${member}: ${problem}`)
        if (poll.complete || (!everyBallot && poll.certain)) resolve(poll.close())
      }, reject)
    }
  })
}

function voterOf(voter: Voter | Ballots): VoterOf {
  return 'ref' in voter
    ? { ref: voter.ref, key: voter.key, weight: voter.weight }
    : { ref: voter, key: undefined, weight: undefined }
}

function memberOf(engine: TurnEngine, { ref, key, weight }: VoterOf): Member {
  const { agent } = ref
  const { registry } = engine.host.directory
  const entry = registry.agent(agent)
  if (entry === undefined) {
    throw new CoterieError(
      'COTERIE_UNKNOWN_RECIPIENT',
      `The electorate names "${agent}", which this space does not know.`,
      { details: { agent } },
    )
  }
  if (registry.keyOf(agent) === undefined) throw keyRevoked(agent, revocationOf(registry, entry.key))
  const { key: keyId, publicKey } = entry
  const member = addressOf(agent, key)
  return { member, key: keyId, publicKey, ...(weight !== undefined && { weight }) }
}

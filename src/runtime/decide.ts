/**
 * A vote from within a turn: the proposal goes to every member as a question, the ballots come back signed, and a
 * pure function counts them.
 *
 * @module
 */

import { addressOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import { makeCertificate } from '../voting/certificate.ts'
import { NO_OUTCOME } from '../voting/proposal.ts'
import type { Member, Proposal } from '../voting/proposal.ts'
import type { DecideOptions, Decision, PersonRef, Voter } from '../turn/turn.ts'
import { newDecisionId } from './context.ts'
import { frozenProposal } from '../turn/vote.ts'
import { gatherOpen, gatherSealed } from './gather.ts'
import type { Ballots, VoterOf } from './gather.ts'
import { revocationOf } from './directory.ts'
import { keyRevoked, memberRevoked } from './refusals.ts'
import type { TurnEngine } from './turn-engine.ts'
import type { TurnHandle } from './turn-handle.ts'

/** Puts the matter to the electorate, and for want of an outcome to those that it is escalated to. */
export async function runDecision(
  engine: TurnEngine,
  turn: TurnHandle,
  options: DecideOptions,
): Promise<Decision> {
  const { escalate = [], otherwise, ...first } = options
  for (const tier of [first, ...escalate]) checkTime('timeout', tier.timeoutMs)
  if (typeof options.sealed === 'object') checkTime('commitMs', options.sealed.commitMs)
  let decision: Decision | undefined
  for (const [i, tier] of [first, ...escalate].entries()) {
    const last = i === escalate.length && otherwise !== undefined ? { otherwise } : {}
    decision = await decideOnce(engine, turn, { ...first, ...tier, ...last }, decision?.id)
    if (decision.outcome !== NO_OUTCOME) break
  }
  if (decision === undefined) throw new Error('unreachable: there is a first electorate')
  return decision
}

function checkTime(what: string, ms: number | undefined): void {
  if (ms === undefined || (Number.isSafeInteger(ms) && ms > 0)) return
  throw new CoterieError(
    'COTERIE_INVALID_ARGUMENT',
    `The ${what} of a decision is a whole number of milliseconds above 0, not ${ms}.`,
  )
}

/** Asks everybody, counts, and keeps the certificate with the segment. */
async function decideOnce(
  engine: TurnEngine,
  turn: TurnHandle,
  options: DecideOptions,
  after: string | undefined,
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
  const unsaid = options.deadline === undefined ? context.limits.askTimeoutMs : Infinity
  const wanted = Math.min(options.deadline ?? Infinity, now + (options.timeoutMs ?? unsaid))
  const deadline = Math.min(wanted, turn.deadline ?? wanted)
  const proposal = frozenProposal({
    v: 1,
    space: context.store.id,
    decision: id,
    question: options.question,
    ...(options.subject !== undefined && { subject: options.subject }),
    options: options.options ?? ['approve', 'reject'],
    rule: options.rule,
    electorate: members,
    deadline,
    ...sealedUntil(options, now, deadline),
    ...(options.otherwise !== undefined && { otherwise: options.otherwise }),
    ...(after !== undefined && { after }),
  })
  const crypto = remembering(context.crypto)
  const asking = { engine, turn, proposal, voters, crypto }
  const { ballots, commitments } =
    proposal.sealed === undefined
      ? await gatherOpen(asking, options.everyBallot === true)
      : await gatherSealed(asking, proposal.sealed.commitBy)
  const decidedAt = turn.now()
  // A turn that is run again comes past decisions that were committed with the call of `now` just above.
  const isKept = engine.journal.isCommitted(engine.journal.calls - 1)
  const revoked = members.find(({ key }) => revocationOf(engine.host.directory.registry, key) !== '')
  if (!isKept && revoked !== undefined) throw fail(memberRevoked(id, revoked.member))
  const certificate = makeCertificate(crypto, proposal, ballots, decidedAt, commitments)
  const text = canonicalize(certificate)
  if (!isKept) {
    const hash = context.crypto.sha256(text)
    engine.effects.decisions.push({ id, hash, certificate: text, keys: members, fail })
  }
  return { id, outcome: certificate.outcome, certificate }
}

/** The same cryptography; what was verified once is not verified again for the certificate. */
function remembering(crypto: Crypto): Crypto {
  const valid = new Set<string>()
  return {
    ...crypto,
    verify(publicKey, data, signature) {
      const what = `${publicKey} ${signature} ${crypto.sha256(data)}`
      if (valid.has(what)) return true
      const holds = crypto.verify(publicKey, data, signature)
      if (holds) valid.add(what)
      return holds
    },
  }
}

function sealedUntil({ sealed }: DecideOptions, now: number, deadline: number): Pick<Proposal, 'sealed'> {
  if (sealed === undefined || sealed === false) return {}
  const half = now + Math.max(1, Math.floor((deadline - now) / 2))
  return { sealed: { commitBy: Math.min(deadline, sealed === true ? half : now + sealed.commitMs) } }
}

/** One who is named in an electorate, whichever way. */
export function voterOf(voter: Voter | Ballots | PersonRef): VoterOf {
  if ('person' in voter) return { ref: voter.person, key: undefined, weight: undefined }
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

/**
 * Asking the members of an electorate: for their ballots, or in a sealed vote first for their commitments.
 *
 * What is gathered is the same when the turn is run again: answers are given back in the order in which they came, and
 * whatever closes the vote is one of them.
 *
 * @module
 */

import type { Crypto } from '../ports/crypto.ts'
import type { HandlerRef } from '../turn/definition.ts'
import type { Settled } from '../turn/turn.ts'
import type { RevealRequest } from '../turn/vote.ts'
import type { SignedBallot } from '../voting/ballot.ts'
import { Poll } from '../voting/poll.ts'
import { proposalHash } from '../voting/proposal.ts'
import type { Proposal } from '../voting/proposal.ts'
import { closeCommitments, isSignedCommitment, judgeCommitment } from '../voting/sealed.ts'
import type { SignedCommitment } from '../voting/sealed.ts'
import type { TurnEngine } from './turn-engine.ts'
import type { TurnHandle } from './turn-handle.ts'

/** A handler made by `vote`. */
export type Ballots = HandlerRef<Proposal, SignedBallot>

/** One who is asked. */
export interface VoterOf {
  readonly ref: Ballots
  readonly key: string | undefined
  readonly weight: number | undefined
}

/** Who asks whom what. The voters are in the order of the electorate. */
export interface Asking {
  readonly engine: TurnEngine
  readonly turn: TurnHandle
  readonly proposal: Proposal
  readonly voters: readonly VoterOf[]
  readonly crypto: Crypto
}

/** What a certificate is made of. */
export interface Gathered {
  readonly ballots: readonly SignedBallot[]
  readonly commitments: readonly SignedCommitment[]
}

/**
 * Asks every member, and answers the ballots that are there when the vote closes: when all have answered, or nothing
 * that is missing can change the outcome. Who has not answered by then is not waited for: its work is cancelled.
 */
export function gatherOpen(asking: Asking, everyBallot: boolean): Promise<Gathered> {
  const { crypto, engine, proposal, voters } = asking
  const poll = new Poll(crypto, proposal)
  const calls: number[] = []
  return new Promise((resolve, reject) => {
    for (const [i, voter] of voters.entries()) {
      calls.push(engine.journal.calls)
      askFor(asking, voter, proposal, proposal.deadline).then((answer) => {
        if (poll.closed) return
        take(asking, poll, i, answer)
        if (poll.complete || (!everyBallot && poll.certain)) {
          resolve({ ballots: poll.close(), commitments: [] })
          for (const call of calls) engine.giveUp(call)
        }
      }, reject)
    }
  })
}

/**
 * Asks every member to commit itself, closes the commitments, and asks those who did to show their ballots. It waits
 * for all of them: whoever was not waited for would seem to have withheld its ballot.
 */
export async function gatherSealed(asking: Asking, commitBy: number): Promise<Gathered> {
  const { crypto, proposal, voters } = asking
  const hash = proposalHash(crypto, proposal)
  const answers = await Promise.all(voters.map((voter) => askFor(asking, voter, proposal, commitBy)))
  const commitments: SignedCommitment[] = []
  for (const [i, answer] of answers.entries()) {
    noteRotated(asking, i, answer)
    if (!answer.ok) continue
    const problem = judgeCommitment(crypto, proposal, hash, answer.value)
    if (problem !== undefined) refuse(asking, i, `commitment: ${problem}`)
    else if (isSignedCommitment(answer.value)) commitments.push(answer.value)
  }
  const closed = closeCommitments(crypto, proposal, hash, commitments)
  const poll = new Poll(crypto, proposal, closed)
  const request: RevealRequest = { proposal, close: closed.hash }
  await Promise.all(
    voters.map(async (voter, i) => {
      if (!closed.hashes.has(proposal.electorate[i]?.member ?? '')) return
      take(asking, poll, i, await askFor(asking, voter, request, proposal.deadline))
    }),
  )
  return { ballots: poll.close(), commitments: closed.commitments }
}

function askFor(
  { turn }: Asking,
  { ref, key }: VoterOf,
  payload: Proposal | RevealRequest,
  deadline: number | null,
): Promise<Settled<unknown>> {
  const options = { ...(deadline !== null && { deadline }), ...(key !== undefined && { key }) }
  return turn.askSettled(ref, payload, options)
}

function take(asking: Asking, poll: Poll, i: number, answer: Settled<unknown>): void {
  const member = asking.proposal.electorate[i]?.member ?? ''
  noteRotated(asking, i, answer)
  const problem = poll.answer(member, answer.ok ? answer.value : undefined)
  if (problem !== undefined) refuse(asking, i, `ballot: ${problem}`)
}

/** A member that could not vote for a reason that asking anew removes is named in the log. */
function noteRotated({ engine, proposal }: Asking, i: number, answer: Settled<unknown>): void {
  if (answer.ok || answer.error.code !== 'COTERIE_KEY_ROTATED' || !engine.replayed) return
  const member = proposal.electorate[i]?.member ?? ''
  engine.effects.reasons.push(
    `${member} did not vote: its key was rotated after it was asked; a new decision names its new key`,
  )
}

/** What is not kept in the certificate is named in the log. */
function refuse({ engine, proposal }: Asking, i: number, why: string): void {
  const member = proposal.electorate[i]?.member ?? ''
  if (engine.replayed) engine.effects.reasons.push(`refuses what ${member} answered, a ${why}`)
}

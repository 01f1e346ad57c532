/**
 * Voting members: handlers that take a proposal and answer with a signed ballot.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import { DEFAULT_RETRY } from '../core/retry.ts'
import type { StandardSchema } from '../core/schema.ts'
import type { Ballot, SignedBallot } from '../voting/ballot.ts'
import { ABSTAIN, proposalProblem } from '../voting/proposal.ts'
import type { Proposal } from '../voting/proposal.ts'
import type { Handler } from './definition.ts'
import type { Question, Turn, Vote } from './turn.ts'

const proposalSchema: StandardSchema<Proposal> = {
  '~standard': {
    version: 1,
    vendor: 'coterie',
    validate: (value) => {
      const problem = proposalProblem(value)
      return problem === undefined ? { value: value as Proposal } : { issues: [{ message: problem }] }
    },
  },
}

/**
 * A voting handler. The function judges; the runtime signs the ballot with the agent's key, bound to the exact
 * proposal. Answer with one of the options or `abstain`; anything else fails the turn.
 *
 * @example
 * ```ts
 * import { agent, vote } from 'coterie'
 * const cautious = agent('cautious', {
 *   judge: vote((_turn, { subject }) =>
 *     JSON.stringify(subject).includes('eval')
 *       ? { choice: 'reject', reason: 'evaluates text' }
 *       : { choice: 'approve', reason: 'nothing unusual' },
 *   ),
 * })
 * ```
 */
export function vote(
  judge: (turn: Turn, question: Question) => Vote | Promise<Vote>,
): Handler<Proposal, SignedBallot> {
  return Object.freeze({
    input: proposalSchema,
    output: undefined,
    topic: null,
    retry: DEFAULT_RETRY,
    failure: 'retry',
    stale: 'retry',
    ballot: true,
    run: (turn: Turn, proposal: never) => {
      const { question, subject, options }: Proposal = proposal
      return judge(turn, { question, subject: subject ?? null, options })
    },
  })
}

/**
 * The ballot that a member is about to sign. Throws COTERIE_INVALID_REPLY when the vote is none of the options, and
 * COTERIE_VERIFICATION_FAILED when the proposal does not name this member with this key: an agent signs nothing
 * that it was not asked.
 */
export function ballotFor(
  proposal: Proposal,
  proposalSha256: string,
  self: {
    readonly space: string
    readonly address: string
    readonly key: string
    readonly publicKey: string
  },
  vote: unknown,
): Ballot {
  const member = proposal.electorate.find((m) => m.member === self.address)
  if (proposal.space !== self.space || member?.key !== self.key || member.publicKey !== self.publicKey) {
    throw new CoterieError(
      'COTERIE_VERIFICATION_FAILED',
      `${self.address} is asked to vote in decision ${proposal.decision}, which does not list it with its key.`,
    )
  }
  const { choice, reason } = (typeof vote === 'object' && vote !== null ? vote : {}) as Partial<Vote>
  if (typeof choice !== 'string' || (choice !== ABSTAIN && !proposal.options.includes(choice))) {
    throw new CoterieError(
      'COTERIE_INVALID_REPLY',
      `${self.address} voted ${JSON.stringify(choice)}; the options are ${[...proposal.options, ABSTAIN].join(', ')}.`,
    )
  }
  return {
    v: 1,
    space: proposal.space,
    decision: proposal.decision,
    proposal: proposalSha256,
    member: self.address,
    key: self.key,
    choice,
    reason: typeof reason === 'string' ? reason : '',
  }
}

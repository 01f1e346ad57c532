/**
 * Voting members: handlers that take a proposal and answer with a signed ballot.
 *
 * @module
 */

import { clipText } from '../core/clip.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize } from '../core/json.ts'
import { DEFAULT_RETRY } from '../core/retry.ts'
import type { StandardSchema } from '../core/schema.ts'
import { choicesOf, type Ballot, type SignedBallot } from '../voting/ballot.ts'
import { ABSTAIN, isLabel, PROSE_LENGTH_MAX, proposalProblem } from '../voting/proposal.ts'
import type { Proposal } from '../voting/proposal.ts'
import { hasExactly } from '../voting/shape.ts'
import { takesList } from '../voting/rule.ts'
import type { Handler } from './definition.ts'
import type { Question, Turn, Vote } from './turn.ts'

/** What a member of a sealed vote is asked once the commitments are closed. */
export type RevealRequest = {
  readonly proposal: Proposal
  /** The hash of all commitments. */
  readonly close: string
}

// A proposal goes to each member with the whole electorate in it: looking through it once for each of them would cost
// the square of their number. What is in here was looked through, and is frozen.
const known = new WeakSet<object>()

/**
 * A frozen copy of a proposal, which is not looked through again while it is sent about. Whoever made it may go on with
 * its parts as it likes. Throws COTERIE_INVALID_ARGUMENT when it is none.
 */
export function frozenProposal(made: Proposal): Proposal {
  const problem = proposalProblem(made)
  if (problem !== undefined)
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `This cannot be put to a vote: ${problem}.`)
  const proposal = JSON.parse(canonicalize(made)) as Proposal
  freeze(proposal)
  known.add(proposal)
  return proposal
}

function freeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return
  Object.freeze(value)
  for (const part of Object.values(value)) freeze(part)
}

const proposalSchema: StandardSchema<Proposal> = {
  '~standard': {
    version: 1,
    vendor: 'coterie',
    validate: (value) => {
      const asked: unknown = isReveal(value) ? value.proposal : value
      const problem = known.has(asked as object) ? undefined : proposalProblem(asked)
      return problem === undefined ? { value: value as Proposal } : { issues: [{ message: problem }] }
    },
  },
}

/** The proposal that a member is asked about. */
export function proposalIn(input: Proposal | RevealRequest): Proposal {
  return 'close' in input ? input.proposal : input
}

/** How a member is to answer. */
export function chooseOf({ rule }: Proposal): Question['choose'] {
  return CHOOSE[rule.type] ?? 'one'
}

function isReveal(value: unknown): value is RevealRequest {
  return hasExactly(value, ['proposal', 'close']) && /^[0-9a-f]{64}$/.test(String(value.close))
}

const CHOOSE: Readonly<Record<string, Question['choose']>> = { approval: 'any', ranked: 'ranking' }

/**
 * A voting handler. The function judges; the runtime signs the ballot with the agent's key, bound to the exact
 * proposal. Answer with one of the options or `abstain`; anything else fails the turn at once, without another
 * attempt, and counts as silence. An error that the function throws is tried again, as in any handler.
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
      return judge(turn, { question, subject: subject ?? null, options, choose: chooseOf(proposal) })
    },
  })
}

/**
 * The ballot that a member is about to sign. Throws COTERIE_INVALID_REPLY when the vote is none of the options,
 * COTERIE_VERIFICATION_FAILED when the proposal does not name this member, and COTERIE_KEY_ROTATED when it names
 * another key than the member has now: an agent signs nothing that it was not asked.
 */
export function ballotFor(
  proposal: Proposal,
  proposalSha256: string,
  self: {
    readonly space: string
    readonly address: string
    readonly key: string
    readonly publicKey: string
    readonly reasonChars: number
    readonly now: number
  },
  vote: unknown,
): Ballot {
  const member = proposal.electorate.find((m) => m.member === self.address)
  if (proposal.space !== self.space || member === undefined) {
    throw new CoterieError(
      'COTERIE_VERIFICATION_FAILED',
      `${self.address} is asked to vote in decision ${proposal.decision}, which does not list it.`,
    )
  }
  if (member.key !== self.key || member.publicKey !== self.publicKey) {
    throw new CoterieError(
      'COTERIE_KEY_ROTATED',
      `${self.address} cannot vote in decision ${proposal.decision}: it names another key of it than the one that ` +
        'it has now, so the key was rotated since. A new decision names the new key.',
      { details: { decision: proposal.decision, member: self.address } },
    )
  }
  const { choice, reason, family } = readVote(proposal, self.address, vote)
  return {
    v: 1,
    space: proposal.space,
    decision: proposal.decision,
    proposal: proposalSha256,
    member: self.address,
    key: self.key,
    choice,
    reason: clipText(reason, Math.min(self.reasonChars, PROSE_LENGTH_MAX - 3)),
    at: self.now,
    ...(family !== undefined && { family }),
  }
}

/**
 * What a handler returned, as a vote. Whatever is wrong with it will be wrong with it the next time too, so it is a
 * definite failure: the member has no ballot, and nobody waits for further attempts.
 */
function readVote(proposal: Proposal, member: string, vote: unknown): Vote {
  const options = [...proposal.options, ABSTAIN]
  try {
    const { choice, reason, family } = (typeof vote === 'object' && vote !== null ? vote : {}) as {
      readonly [part in keyof Vote]?: unknown
    }
    const isReason = reason === undefined || reason === null || typeof reason === 'string'
    const chosen = normalised(proposal, choice)
    if (family !== undefined && !isLabel(family))
      throw noBallot(`${member} names a family that is no short text.`)
    if (choicesOf(proposal, chosen) !== undefined && isReason)
      return {
        choice: chosen as Vote['choice'],
        reason: reason ?? '',
        ...(family !== undefined && { family }),
      }
    const said = isReason ? shown(choice) : `${shown(choice)} with a reason that is no text`
    throw noBallot(`${member} voted ${said}; the options are ${options.join(', ')}.`)
  } catch (cause) {
    if (cause instanceof CoterieError) throw cause
    throw noBallot(`What ${member} returned cannot be read as a vote.`, cause)
  }
}

/** Approved options in the order of the proposal, and a single one as a list of one. */
function normalised({ options, rule }: Proposal, choice: unknown): unknown {
  if (!takesList(rule) || choice === ABSTAIN) return choice
  const list: readonly unknown[] = Array.isArray(choice) ? [...choice] : [choice]
  if (list.length === 0) return ABSTAIN
  const isKnown = list.every((one) => options.some((option) => option === one))
  if (rule.type === 'ranked' || !isKnown) return list
  return options.filter((option) => list.includes(option))
}

function shown(choice: unknown): string {
  return typeof choice === 'string'
    ? JSON.stringify(clipText(choice, 100))
    : `a value of type ${typeof choice}`
}

function noBallot(message: string, cause?: unknown): CoterieError {
  return new CoterieError('COTERIE_INVALID_REPLY', message, cause === undefined ? {} : { cause })
}

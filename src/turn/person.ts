/**
 * People as members of an electorate.
 *
 * @module
 */

import type { SignedBallot } from '../voting/ballot.ts'
import type { Proposal } from '../voting/proposal.ts'
import { defineAgent, PERSON, type Agent, type AnyAgent, type Handler } from './definition.ts'
import { vote } from './vote.ts'

/** A person: an agent whose mailbox waits for a human. Name it in an electorate as it is. */
export type Person = Agent<{ readonly person: Handler<Proposal, SignedBallot> }>

/**
 * A person who votes: with a key of its own in the keyring, like any agent. No worker runs it. What it is asked waits,
 * durably, until somebody answers with `coterie approve`, `coterie reject` or `space.answer`, or the deadline passes.
 * Throws COTERIE_INVALID_DEFINITION.
 *
 * @example
 * ```ts
 * import { agent, majority, on, person } from 'coterie'
 * import { z } from 'zod'
 * const alice = person('alice')
 * const clerk = agent('clerk', {
 *   refund: on({ input: z.object({ cents: z.int() }) }, (turn, refund) =>
 *     turn.decide({
 *       question: 'Refund?',
 *       subject: refund,
 *       electorate: [alice],
 *       rule: majority(),
 *       timeoutMs: 3_600_000,
 *     }),
 *   ),
 * })
 * ```
 */
export function person(name: string): Person {
  return defineAgent(name, { [PERSON]: PERSON_HANDLER })
}

/** True for what `person` makes. */
export function isPerson(agent: AnyAgent): boolean {
  return Object.hasOwn(agent.handlers, PERSON)
}

/** The handler of every person. It answers nothing by itself: a person does. */
export const PERSON_HANDLER: Handler<Proposal, SignedBallot> = vote(() => ({ choice: 'abstain', reason: '' }))

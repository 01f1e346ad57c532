/**
 * A vote under way: the answers of the members as they come, and when it may close.
 *
 * @module
 */

import type { Crypto } from '../ports/crypto.ts'
import {
  choicesOf,
  isSignedBallot,
  judgeBallot,
  type BallotProblem,
  type Matter,
  type SignedBallot,
} from './ballot.ts'
import { isCertain } from './certain.ts'
import { proposalHash, type Member, type Proposal } from './proposal.ts'
import type { Cast } from './run-off.ts'
import { closeCommitments, type Closed } from './sealed.ts'

/** One poll; feed it each member's answer once. */
export class Poll {
  readonly #crypto: Crypto
  readonly #proposal: Proposal
  readonly #matter: Matter
  readonly #missing: Map<string, Member>
  readonly #casts: Cast[] = []
  readonly #ballots: SignedBallot[] = []
  #closed = false

  constructor(crypto: Crypto, proposal: Proposal, closed?: Closed) {
    this.#crypto = crypto
    this.#proposal = proposal
    const hash = proposalHash(crypto, proposal)
    this.#matter = { proposal, hash, closed: closed ?? closeCommitments(crypto, proposal, hash, []) }
    this.#missing = new Map(proposal.electorate.map((member) => [member.member, member]))
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Every member has answered, or failed to. */
  get complete(): boolean {
    return this.#missing.size === 0
  }

  /** Nothing that is missing can change the outcome. */
  get certain(): boolean {
    const missing = [...this.#missing.values()].map(({ member, weight = 1 }) => ({ member, weight }))
    return isCertain(this.#proposal, this.#casts, missing)
  }

  /**
   * Takes what one member answered, undefined when it failed to. Says why it does not count, for the log; a ballot
   * that is evidence against its signer is kept all the same.
   */
  answer(member: string, answer: unknown): BallotProblem | undefined {
    const asked = this.#missing.get(member)
    this.#missing.delete(member)
    if (answer === undefined || asked === undefined) return undefined
    const problem = judgeBallot(this.#crypto, this.#matter, answer)
    if (isSignedBallot(answer)) this.#ballots.push(answer)
    if (problem !== undefined || !isSignedBallot(answer)) return problem
    if (answer.ballot.member !== member) return undefined
    const { choice, family } = answer.ballot
    const choices = choicesOf(this.#proposal, choice) ?? []
    const { weight = 1 } = asked
    this.#casts.push({ member, weight, choices, ...(family !== undefined && { family }) })
    return undefined
  }

  /** The ballots so far; later answers are not looked at. */
  close(): readonly SignedBallot[] {
    this.#closed = true
    return [...this.#ballots]
  }
}

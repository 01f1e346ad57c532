/**
 * What a replica knows of one view of the present height.
 *
 * @module
 */

import { makeCertificate, type Certificate, type QuorumVote } from './certificate.ts'
import type { Membership } from './membership.ts'
import type { Justification, Operation, Proposal } from './proposal.ts'
import type { Propose, Signed } from './statements.ts'

interface Unjustified {
  readonly value: string
  readonly justification: Justification
}

type Slots = (Signed<QuorumVote> | undefined)[]

/** What this replica has said in the view, signed or about to be. */
export interface OwnVotes {
  propose?: string
  notarize?: string
  finalize?: string
  nullify?: boolean
}

/** The votes, certificates and proposals of one view. */
export class Round {
  readonly view: number
  readonly own: OwnVotes = {}
  /** Valid proposals by digest: the leader's first, and what a quorum has asked for. */
  readonly proposals: Map<string, Proposal> = new Map()
  /** What the leader said first, and what it said against it. */
  first: Signed<Propose> | undefined
  equivocated = false
  /** Proposals of the leader that nothing justifies, for evidence against those who vote for them. */
  readonly unjustified: Map<string, Unjustified> = new Map()
  /** The leader's proposal cannot be voted for. */
  isRejected = false
  /** The leader leaves out what it should have known. */
  omits: Operation | undefined
  /** Members that contradicted themselves in this view. One proof convicts: no further one is looked for. */
  readonly convicted: Set<number> = new Set()
  /** The leader itself gave the view up. */
  hasResigned = false
  notarization: Certificate | undefined
  nullification: Certificate | undefined
  finalization: Certificate | undefined
  readonly #notarize: Slots = []
  readonly #finalize: Slots = []
  readonly #nullify: Slots = []

  constructor(view: number) {
    this.view = view
  }

  /** The vote of a kind that a member has cast here. */
  voteOf(type: QuorumVote['type'], sender: number): Signed<QuorumVote> | undefined {
    return this.#slots(type)[sender]
  }

  /** All votes of a member. */
  votesOf(sender: number): readonly Signed<QuorumVote>[] {
    return [this.#notarize[sender], this.#finalize[sender], this.#nullify[sender]].filter(
      (vote) => vote !== undefined,
    )
  }

  /** Takes a verified vote. The first of each kind and sender counts. */
  add(vote: Signed<QuorumVote>): void {
    const slots = this.#slots(vote.type)
    slots[vote.sender] ??= vote
  }

  /** The certificate that the votes equal to this one make, when they are a quorum. */
  certify(membership: Membership, vote: QuorumVote): Certificate | undefined {
    const slots = this.#slots(vote.type)
    const digest = digestOf(vote)
    let weight = 0
    for (let at = 0; at < slots.length; at++) {
      const other = slots[at]
      if (other !== undefined && digestOf(other) === digest) weight += membership.members[at]?.weight ?? 0
    }
    if (weight < membership.quorumWeight) return undefined
    const equal = slots.filter((other) => other !== undefined && digestOf(other) === digest)
    return makeCertificate(equal as Signed<QuorumVote>[])
  }

  /** How many votes and proposals it holds. */
  get size(): number {
    const votes = [this.#notarize, this.#finalize, this.#nullify].flat().filter((vote) => vote !== undefined)
    return votes.length + this.proposals.size + this.unjustified.size
  }

  #slots(type: QuorumVote['type']): Slots {
    if (type === 'notarize') return this.#notarize
    return type === 'finalize' ? this.#finalize : this.#nullify
  }
}

function digestOf(vote: QuorumVote): string {
  // A proposal has one value, but a liar may sign it with another: the votes of a certificate are equal in both.
  return vote.type === 'nullify' ? '' : `${vote.proposal} ${vote.value}`
}

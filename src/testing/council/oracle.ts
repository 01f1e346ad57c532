/**
 * Judges a run from outside. It counts quorums, follows the membership and folds the operations by its own code, and
 * asks the production code nothing but whether a signature is one.
 *
 * @module
 */

import { canonicalize } from '../../core/json.ts'
import type { Certificate } from '../../bft/certificate.ts'
import type { Decision } from '../../bft/decision.ts'
import type { Evidence } from '../../bft/evidence.ts'
import type { Effect } from '../../bft/messages.ts'
import type { Statement, Signed, Vote } from '../../bft/statements.ts'
import type { Violation } from '../simulation/violation.ts'
import type { SimulatedNode } from './node.ts'
import type { Seals } from './seals.ts'

interface Voter {
  readonly id: string
  readonly publicKey: string
  readonly weight: number
}

interface Epoch {
  readonly number: number
  readonly voters: readonly Voter[]
  readonly total: number
  readonly faulty: number
  digest: string | undefined
}

const BUFFERED_PER_MEMBER_MAX = 1_500

/** Everything that was seen of a council, and what was wrong with it. */
export class Oracle {
  readonly violations: Violation[] = []
  /** By height, from 1: what honest members have decided. */
  readonly decided: Decision[] = []
  /** The members that evidence was found against. */
  readonly accused: Set<string> = new Set()
  forked = false
  readonly #seals: Seals
  readonly #liars: ReadonlySet<string>
  readonly #mayFork: boolean
  readonly #said = new Map<string, string>()
  readonly #notarized = new Map<string, string>()
  readonly #nullified = new Set<string>()
  readonly #finalized = new Set<string>()
  readonly #roots = new Map<number, string>()
  readonly #applied = new Map<string, number>()
  readonly #epochs: Epoch[]
  /** The epoch of each height, from 1. */
  readonly #epochAt: Epoch[] = []
  #fold: readonly [number, number] = [0, 0]

  constructor(seals: Seals, voters: readonly Voter[], liars: ReadonlySet<string>, mayFork: boolean) {
    this.#seals = seals
    this.#liars = liars
    this.#mayFork = mayFork
    this.#epochs = [epochOf(0, voters)]
  }

  /** The ids of those who vote at the next height. */
  get voters(): readonly string[] {
    return this.#epochs.at(-1)?.voters.map(({ id }) => id) ?? []
  }

  /** What the operations decided so far add up to. */
  get fold(): readonly [number, number] {
    return this.#fold
  }

  /** The last applied sequence of an author. */
  applied(author: string): number {
    return this.#applied.get(author) ?? 0
  }

  /** S6: an honest member has signed a vote, in this life or an earlier one. */
  vote(node: SimulatedNode, vote: Signed<Vote>): void {
    if (node.isLiar) return
    const { type, height, view } = vote
    const place = `${node.id} ${height} ${view}`
    const digest = type === 'nullify' ? '' : vote.proposal
    const earlier = this.#said.get(`${place} ${type}`)
    if (earlier !== undefined && earlier !== digest)
      this.#break('S6', `${place}: two different votes to ${type}`)
    this.#said.set(`${place} ${type}`, digest)
    if (type === 'propose') return
    if (this.#said.has(`${place} finalize`) && this.#said.has(`${place} nullify`)) {
      this.#break('S6', `${place}: finalised and nullified`)
    }
  }

  /** Something that a replica wants done: what it holds for true is looked at, what it decides is judged. */
  effect(node: SimulatedNode, effect: Effect): void {
    if (effect.type === 'evidence') this.#evidence(effect.evidence)
    if (node.isLiar) return
    if (effect.type === 'append' && effect.entry.type === 'certificate')
      this.#certificate(effect.entry.certificate)
    if (effect.type === 'decided') this.#decision(node, effect.decision)
    if (effect.type === 'halt') {
      if (effect.reason === 'diverged') this.#break('S2', `${node.id} does not compute what the others do`)
      this.forked = true
      if (!this.#mayFork) this.#break('S1', `${node.id} halts because of a fork`)
    }
  }

  /** S13 and S2, at any time: what a replica holds is bounded, and its state is that of the others. */
  look(node: SimulatedNode): void {
    const { replica } = node
    if (replica === undefined || node.isLiar) return
    const members = replica.ledger.membership.members.length
    let held = replica.future.size + replica.pool.size + replica.recent.length + replica.claims.size
    for (const votes of replica.complaints.values()) held += votes.length
    for (const round of replica.rounds.values()) held += round.size
    if (held > members * BUFFERED_PER_MEMBER_MAX) this.#break('S13', `${node.id} holds ${held} things`)
    const { height, stateRoot } = replica.ledger
    const root = this.#roots.get(height)
    if (root === undefined) this.#roots.set(height, stateRoot)
    else if (root !== stateRoot && !this.#mayFork)
      this.#break('S2', `${node.id} has another state after ${height}`)
  }

  /** Notes what was not as promised; the same only once. */
  #break(rule: string, detail: string): void {
    if (
      this.violations.length < 20 &&
      !this.violations.some((one) => one.rule === rule && one.detail === detail)
    ) {
      this.violations.push({ rule, detail })
    }
  }

  /** A promise about the whole run was broken. */
  fail(rule: string, detail: string): void {
    this.#break(rule, detail)
  }

  #certificate(certificate: Certificate): void {
    const { type, height, view, proposal } = certificate
    const place = `${height} ${view}`
    this.#checkQuorum(certificate)
    if (this.#mayFork) return
    if (type === 'notarization') {
      const earlier = this.#notarized.get(place)
      if (earlier !== undefined && earlier !== proposal) this.#break('S4', `two notarisations in ${place}`)
      this.#notarized.set(place, proposal)
    } else if (type === 'nullification') this.#nullified.add(place)
    else this.#finalized.add(place)
    if (this.#nullified.has(place) && this.#finalized.has(place)) {
      this.#break('S5', `${place} is nullified and finalised`)
    }
  }

  /** S7: enough different members of the epoch have signed it. */
  #checkQuorum(certificate: Certificate): void {
    const { type, height, view, signers, signatures, epoch: number } = certificate
    const epoch = this.#epochs[number]
    const what = `${type} of ${height} ${view}`
    if (epoch === undefined) return this.#break('S7', `${what}: no epoch ${number}`)
    epoch.digest ??= certificate.membership
    if (epoch.digest !== certificate.membership) this.#break('S7', `${what}: of other members`)
    let weight = 0
    for (const [at, signer] of signers.entries()) {
      if (signers.indexOf(signer) !== at) this.#break('S7', `${what}: ${signer} counts twice`)
      const voter = epoch.voters[signer]
      if (voter === undefined) return this.#break('S7', `${what}: nobody has the place ${signer}`)
      const statement = statementIn(certificate, signer)
      if (!this.#seals.verify(voter.publicKey, statement, signatures[at] ?? '')) {
        this.#break('S7', `${what}: ${voter.id} has not signed it`)
      }
      weight += voter.weight
    }
    if (2 * weight <= epoch.total + epoch.faulty)
      this.#break('S7', `${what}: ${weight} of ${epoch.total} is no quorum`)
  }

  #decision(node: SimulatedNode, decision: Decision): void {
    const { value, finalization } = decision
    const { height } = value
    this.#checkQuorum(finalization)
    this.look(node)
    const first = this.decided[height - 1]
    if (first !== undefined) {
      const isSame = first.value === value || canonicalize(first.value) === canonicalize(value)
      if (isSame) return
      this.forked = true
      if (!this.#mayFork) this.#break('S1', `${node.id} decides something else at ${height}`)
      return
    }
    if (height !== this.decided.length + 1)
      return this.#break('S2', `${node.id} decides ${height} out of order`)
    this.decided.push(decision)
    const epoch = this.#epochs.at(-1)
    if (epoch === undefined) return
    this.#epochAt[height] = epoch
    if (finalization.epoch !== epoch.number)
      this.#break('S10', `${height} is decided by epoch ${finalization.epoch}`)
    const before = this.decided[height - 2]
    if (before !== undefined && before.finalization.value !== value.previous) {
      this.forked = true
      if (!this.#mayFork) this.#break('S2', `${height} is not chained`)
    }
    // Beyond a fork there are several truths, and all that is left to ask is who made it.
    if (this.forked) return
    this.#justified(decision)
    for (const operation of value.operations) this.#operation(epoch, height, operation)
  }

  /** S3: each earlier view was given up, or had notarised this very value. */
  #justified({ value, finalization, justification }: Decision): void {
    const { view } = finalization
    for (let at = 0; at < view; at++) {
      const certificate = justification[at]
      if (certificate?.view !== at || certificate.height !== value.height) {
        return this.#break('S3', `${value.height} ${view}: nothing justifies passing over ${at}`)
      }
      this.#checkQuorum(certificate)
      const isCarried = certificate.type === 'notarization' && certificate.value === finalization.value
      if (certificate.type !== 'nullification' && !isCarried)
        this.#break('S3', `${value.height} ${view}: carried wrongly`)
    }
    if (justification.length !== view) this.#break('S3', `${value.height} ${view}: justified too much`)
  }

  /** S3, S8, S10: an operation was signed by a member of the epoch, and is applied once, in its order and time. */
  #operation(epoch: Epoch, height: number, operation: Decision['value']['operations'][number]): void {
    const { author, sequence, expires, body } = operation
    const voter = epoch.voters.find(({ id }) => id === author)
    if (voter === undefined) return this.#break('S10', `${author}, who is no member, acts at ${height}`)
    if (!this.#seals.verify(voter.publicKey, operation, operation.signature))
      this.#break('S3', `${author} has not signed`)
    if (expires !== 0 && height > expires)
      this.#break('S10', `${author} ${sequence} is applied after its time`)
    if (sequence !== this.applied(author) + 1)
      this.#break('S8', `${author} ${sequence} is applied twice or too early`)
    this.#applied.set(author, sequence)
    if (body.kind === 'change') {
      const left = epoch.voters.filter(({ id }) => !body.change.remove.includes(id))
      const voters = [...left, ...body.change.add].toSorted((a, b) => (a.id < b.id ? -1 : 1))
      this.#epochs.push(epochOf(epoch.number + 1, voters))
      return
    }
    const [count, sum] = this.#fold
    this.#fold = [count + 1, (sum * 31 + sequence * 7 + author.length) % 1_000_003]
  }

  /** S9: evidence names liars only. */
  #evidence(evidence: Evidence): void {
    const votes = evidence.type === 'contradiction' ? [evidence.first, evidence.second] : [evidence.vote]
    for (const vote of votes) {
      const voter = this.#epochs[vote.epoch]?.voters[vote.sender]
      if (voter === undefined) return this.#break('S9', 'evidence names nobody')
      if (!this.#seals.verify(voter.publicKey, vote, vote.signature))
        this.#break('S9', `${voter.id} has not signed the evidence`)
      if (!this.#liars.has(voter.id)) this.#break('S9', `evidence names ${voter.id}, who is honest`)
      this.accused.add(voter.id)
    }
  }

  /** S11: when it forked, more weight than may lie stands accused. */
  checkAccused(): void {
    const epoch = this.#epochs[0]
    const weight = epoch?.voters
      .filter(({ id }) => this.accused.has(id))
      .reduce((sum, one) => sum + one.weight, 0)
    if (epoch !== undefined && (weight ?? 0) <= epoch.faulty) {
      this.#break('S11', `a fork, and evidence against a weight of ${weight} only`)
    }
  }
}

function epochOf(number: number, voters: readonly Voter[]): Epoch {
  const total = voters.reduce((sum, { weight }) => sum + weight, 0)
  let faulty = 0
  while (3 * (faulty + 1) < total) faulty += 1
  return { number, voters, total, faulty, digest: undefined }
}

function statementIn(certificate: Certificate, sender: number): Statement {
  const { type, instance, epoch, membership, height, view, proposal, value } = certificate
  const place = { instance, epoch, membership, height, view, sender }
  if (type === 'nullification') return { type: 'nullify', ...place }
  return { type: type === 'notarization' ? 'notarize' : 'finalize', ...place, proposal, value }
}

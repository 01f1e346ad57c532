/** A small council with ideal signatures, for tests that look at one rule. */
import { makeCertificate, type Certificate, type QuorumVote } from '../../src/bft/certificate.ts'
import type { Decision } from '../../src/bft/decision.ts'
import { genesisLedger, type Ledger } from '../../src/bft/ledger.ts'
import { restore, start, step } from '../../src/bft/machine.ts'
import { makeMembership, type Membership } from '../../src/bft/membership.ts'
import type { Effect, Event, LogEntry, Message } from '../../src/bft/messages.ts'
import {
  proposalDigest,
  valueDigest,
  type Justification,
  type Operation,
  type Proposal,
  type Value,
} from '../../src/bft/proposal.ts'
import { VoteSigner } from '../../src/bft/signer.ts'
import type { Replica, ReplicaRules } from '../../src/bft/state.ts'
import type { OperationBody, Place, Signed, Statement } from '../../src/bft/statements.ts'
import { idealSeals, realSeals, type SealKey, type Seals } from '../../src/testing/council/seals.ts'
import { SUM } from '../../src/testing/council/simulate.ts'
import { Prng } from '../../src/testing/simulation/prng.ts'

export const INSTANCE = 'test council'

/** Keys and membership of a council, and whatever its members may sign. */
export class Kit {
  readonly seals: Seals
  readonly keys: readonly SealKey[]
  readonly membership: Membership
  readonly instance: string

  constructor(size = 4, options: { real?: boolean; weights?: readonly number[]; instance?: string } = {}) {
    this.instance = options.instance ?? INSTANCE
    this.seals = options.real === true ? realSeals() : idealSeals()
    const prng = new Prng(size, 'kit')
    this.keys = Array.from({ length: size }, () => this.seals.makeKey(prng))
    const members = this.keys.map(({ publicKey }, place) => {
      return { id: `m${String(place).padStart(2, '0')}`, publicKey, weight: options.weights?.[place] ?? 1 }
    })
    this.membership = makeMembership(this.seals, 0, members)
  }

  id(place: number): string {
    return this.membership.members[place]?.id ?? ''
  }

  place(sender: number, view = 0, height = 1): Place {
    const { epoch, digest } = this.membership
    return { instance: this.instance, epoch, membership: digest, height, view, sender }
  }

  sign<T extends Statement>(place: number, statement: T): Signed<T> {
    return { ...statement, signature: this.keys[place]?.sign(statement) ?? '' }
  }

  notarize(sender: number, proposal: string, value: string, view = 0, height = 1): Signed<QuorumVote> {
    return this.sign(sender, { type: 'notarize', ...this.place(sender, view, height), proposal, value })
  }

  finalize(sender: number, proposal: string, value: string, view = 0, height = 1): Signed<QuorumVote> {
    return this.sign(sender, { type: 'finalize', ...this.place(sender, view, height), proposal, value })
  }

  nullify(sender: number, view = 0, height = 1): Signed<QuorumVote> {
    return this.sign(sender, { type: 'nullify', ...this.place(sender, view, height) })
  }

  certificate(votes: readonly Signed<QuorumVote>[]): Certificate {
    const certificate = makeCertificate(votes)
    if (certificate === undefined) throw new TypeError('a certificate needs votes')
    return certificate
  }

  nullification(view: number, signers: readonly number[] = [0, 1, 2], height = 1): Certificate {
    return this.certificate(signers.map((sender) => this.nullify(sender, view, height)))
  }

  notarization(proposal: Proposal, signers: readonly number[] = [0, 1, 2]): Certificate {
    const { view, height, proposal: digest } = proposal.statement
    const value = valueDigest(this.seals, proposal.value)
    return this.certificate(signers.map((sender) => this.notarize(sender, digest, value, view, height)))
  }

  finalization(proposal: Proposal, signers: readonly number[] = [0, 1, 2]): Certificate {
    const { view, height, proposal: digest } = proposal.statement
    const value = valueDigest(this.seals, proposal.value)
    return this.certificate(signers.map((sender) => this.finalize(sender, digest, value, view, height)))
  }

  operation(author: number, sequence: number, body?: OperationBody, expires = 0): Operation {
    return this.sign(author, {
      type: 'operation',
      instance: this.instance,
      author: this.id(author),
      sequence,
      expires,
      body: body ?? { kind: 'application', payload: sequence },
    })
  }

  rules(self: number): ReplicaRules {
    return {
      crypto: this.seals,
      instance: this.instance,
      application: SUM,
      self: this.id(self),
      deltaMs: 100,
      deltaMsMin: 50,
      deltaMsMax: 5_000,
      batchOperations: 10,
    }
  }

  ledger(): Ledger {
    return genesisLedger(this.rules(0), this.membership)
  }

  value(operations: readonly Operation[], ledger: Ledger = this.ledger()): Value {
    const { height, previous, stateRoot } = ledger
    return { height: height + 1, previous, stateRoot, operations, complaints: [] }
  }

  proposal(sender: number, view: number, value: Value, justification: Justification = []): Proposal {
    const place = this.place(sender, view, value.height)
    const digest = proposalDigest(this.seals, place, valueDigest(this.seals, value), justification)
    const statement = this.sign(sender, { type: 'propose', ...place, proposal: digest } as const)
    return { statement, value, justification, previous: null }
  }

  decision(proposal: Proposal, signers: readonly number[] = [0, 1, 2]): Decision {
    const { value, justification } = proposal
    return { value, justification, finalization: this.finalization(proposal, signers) }
  }
}

/** One machine with its signer and its log, and all that it has wanted done. */
export class Rig {
  readonly kit: Kit
  readonly self: number
  readonly log: LogEntry[] = []
  readonly effects: Effect[] = []
  replica: Replica
  now = 0
  #signer: VoteSigner

  constructor(kit: Kit, self: number, log: readonly LogEntry[] = [], amnesia?: string) {
    this.kit = kit
    this.self = self
    this.log.push(...log)
    const restored = restore(kit.rules(self), kit.membership, log, amnesia)
    this.replica = restored.replica
    this.#signer = new VoteSigner((statement) => kit.keys[self]?.sign(statement) ?? '', restored.register)
    this.#perform(start(this.replica, 0))
  }

  /** Gives the machine messages, as if from the first other member. */
  get(...messages: readonly Message[]): void {
    for (const message of messages)
      this.#event({ type: 'message', from: this.kit.id((this.self + 1) % 4), message, now: this.now })
  }

  votes(...votes: readonly Signed<QuorumVote>[]): void {
    this.get(...votes.map((vote): Message => ({ type: 'vote', vote })))
  }

  propose(proposal: Proposal): void {
    this.get({ type: 'proposal', proposal })
  }

  submit(operation: Operation): void {
    this.#event({ type: 'submit', operation, now: this.now })
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.now += ms
    this.#event({ type: 'wake', now: this.now })
  }

  /** The votes that the machine has had signed, as `notarize 1 0`. */
  get said(): readonly string[] {
    return this.log.flatMap((entry) =>
      entry.type === 'voted' ? [`${entry.entry.type} ${entry.entry.height} ${entry.entry.view}`] : [],
    )
  }

  /** What the machine has sent of one type. */
  sent<T extends Message['type']>(type: T): readonly Extract<Message, { type: T }>[] {
    return this.effects.flatMap((effect) =>
      effect.type === 'send' && effect.message.type === type
        ? [effect.message as Extract<Message, { type: T }>]
        : [],
    )
  }

  /** The effects of one type. */
  of<T extends Effect['type']>(type: T): readonly Extract<Effect, { type: T }>[] {
    return this.effects.filter((effect): effect is Extract<Effect, { type: T }> => effect.type === type)
  }

  #event(event: Event): void {
    this.#perform(step(this.replica, event))
  }

  #perform(effects: readonly Effect[]): void {
    this.effects.push(...effects)
    for (const effect of effects) {
      if (effect.type === 'append') this.log.push(effect.entry)
      if (effect.type === 'decided') this.#signer.decided(effect.value.height)
      if (effect.type !== 'vote') continue
      const entry = this.#signer.prepare(effect.vote)
      if (entry === 'refused') continue
      if (entry !== 'durable') this.log.push({ type: 'voted', entry })
      this.#signer.durable()
      const vote = { ...effect.vote, signature: this.#signer.sign(effect.vote) }
      this.#event({ type: 'signed', vote, now: this.now })
    }
  }
}

import { restore, start, step } from '../../bft/machine.ts'
import type { Membership } from '../../bft/membership.ts'
import type { Effect, Event, Message } from '../../bft/messages.ts'
import { VoteSigner } from '../../bft/signer.ts'
import type { Replica, ReplicaRules } from '../../bft/state.ts'
import type { Signed, Statement, Vote } from '../../bft/statements.ts'
import { Disk } from './disk.ts'
import type { SealKey } from './seals.ts'

/** What a simulated replica needs of the world around it. */
export interface NodeWorld {
  /** Sends to a member; to everybody else in the council when none is named. */
  send(from: SimulatedNode, message: Message, to: string | null): void
  wake(node: SimulatedNode, at: number): void
  /** Calls `node.flush` at that time. */
  flushLater(node: SimulatedNode, at: number): void
  /** Told of everything that the oracle wants to know. */
  onEffect(node: SimulatedNode, effect: Effect): void
  onVote(node: SimulatedNode, vote: Signed<Vote>): void
  /** A flush or a send is about to be done. True when the process dies at it. */
  diesAt(node: SimulatedNode): boolean
}

/** One process of a council: the machine, its signer and its disk. */
export class SimulatedNode {
  readonly id: string
  readonly isLiar: boolean
  readonly disk: Disk = new Disk()
  replica: Replica | undefined
  /** It stands still until then. */
  pausedUntil = 0
  /** Its clock: virtual time times the speed, and what it has jumped. */
  readonly clockSpeed: number
  clockOffMs = 0
  /** It may have forgotten votes, and has not got over it yet. */
  isAmnesiac = false
  starts = 0
  readonly #rules: ReplicaRules
  readonly #genesis: Membership
  readonly #key: SealKey
  readonly #world: NodeWorld
  #signer: VoteSigner | undefined
  /** What waits for a flush that takes its time: votes to be signed, and heights that are decided. */
  #stalled: Vote[] = []
  #decided = 0
  #isFlushing = false

  constructor(
    rules: ReplicaRules,
    genesis: Membership,
    key: SealKey,
    world: NodeWorld,
    traits: { readonly isLiar: boolean; readonly clockSpeed: number },
  ) {
    this.id = rules.self
    this.#rules = rules
    this.#genesis = genesis
    this.#key = key
    this.#world = world
    this.isLiar = traits.isLiar
    this.clockSpeed = traits.clockSpeed
  }

  localTime(now: number): number {
    return now * this.clockSpeed + this.clockOffMs
  }

  /** Starts the process from its disk. */
  start(now: number): void {
    this.starts += 1
    const amnesia = this.isAmnesiac ? `${this.id} ${this.starts}` : undefined
    const { replica, register } = restore(this.#rules, this.#genesis, this.disk.read(), amnesia)
    this.replica = replica
    this.#signer = new VoteSigner((statement) => this.#key.sign(statement), register)
    this.#run(start(replica, this.localTime(now)), now)
  }

  /** The process dies; the disk keeps what was flushed, and some of the rest. */
  crash(survivesPercent: number, forgets: number): void {
    this.replica = undefined
    this.#signer = undefined
    this.#stalled = []
    this.#decided = 0
    this.disk.crash(Math.floor((this.disk.pendingCount * survivesPercent) / 100))
    if (forgets === 0) return
    this.disk.forget(forgets)
    this.isAmnesiac = true
  }

  /** Something happens to the process, if it lives. */
  handle(now: number, event: (local: number) => Event): void {
    if (this.replica !== undefined) this.#run(step(this.replica, event(this.localTime(now))), now)
  }

  /** The disk is ready, if it is: what was written is durable, and the votes that wait for it are signed. */
  flush(now: number): void {
    this.#isFlushing = false
    const signer = this.#signer
    if (this.replica === undefined || signer === undefined) return
    const readyAt = Math.max(this.disk.fullUntil, this.pausedUntil)
    if (readyAt > now) return this.#flushLater(readyAt)
    if (this.#world.diesAt(this)) return
    this.disk.sync()
    signer.durable()
    if (this.#world.diesAt(this)) return
    const votes = this.#stalled.splice(0).map((vote) => this.#signed(signer, vote))
    signer.decided(this.#decided)
    this.#run(
      [],
      now,
      votes.map((vote): Event => ({ type: 'signed', vote, now: this.localTime(now) })),
    )
  }

  sign<T extends Statement>(statement: T): T & { readonly signature: string } {
    return { ...statement, signature: this.#key.sign(statement) }
  }

  #run(first: readonly Effect[], now: number, waiting: Event[] = []): void {
    let effects = first
    for (;;) {
      for (const effect of effects) {
        this.#perform(effect, now, waiting)
        // A crash in the middle: the rest of the effects never happens.
        if (this.replica === undefined) return
      }
      const event = waiting.shift()
      if (event === undefined) break
      effects = step(this.replica as Replica, event)
    }
    const until = this.replica?.amnesia?.until
    if (until !== undefined && (this.replica?.height ?? 0) > until) this.isAmnesiac = false
  }

  #perform(effect: Effect, now: number, waiting: Event[]): void {
    const local = this.localTime(now)
    this.#world.onEffect(this, effect)
    switch (effect.type) {
      case 'append':
        this.disk.append(effect.entry)
        return
      case 'vote': {
        const vote = this.#vote(effect.vote, now)
        if (vote !== undefined) waiting.push({ type: 'signed', vote, now: local })
        return
      }
      case 'say': {
        const signature = this.#key.sign(effect.statement)
        const message = messageOf(effect, signature)
        if (effect.statement.type === 'complaint') {
          waiting.push({ type: 'message', from: this.id, message, now: local })
        }
        this.#world.send(this, message, effect.to)
        return
      }
      case 'send':
        this.#world.send(this, effect.message, effect.to)
        return
      case 'serve': {
        const decisions = this.disk.decisions(effect.first, effect.last)
        const message: Message = { type: 'reply', decisions, certificates: [], proposals: [] }
        if (decisions.length > 0) this.#world.send(this, message, effect.to)
        return
      }
      case 'decided':
        this.#decided = effect.decision.value.height
        if (this.#waits(now) || this.#world.diesAt(this) || this.#signer === undefined) return
        return this.#settle(this.#signer)
      case 'wake':
        this.#world.wake(this, effect.at)
        return
      case 'halt':
        if (!this.#waits(now)) this.disk.sync()
        return
      case 'evidence':
    }
  }

  /** Notes a vote, makes the note durable, and signs it; undefined when it is refused, or the process dies of it. */
  #vote(vote: Vote, now: number): Signed<Vote> | undefined {
    const signer = this.#signer
    const entry = signer?.prepare(vote)
    if (signer === undefined || entry === undefined || entry === 'refused') return undefined
    if (entry !== 'durable') {
      this.disk.append({ type: 'voted', entry })
      if (this.#waits(now)) {
        this.#stalled.push(vote)
        return undefined
      }
      if (this.#world.diesAt(this)) return undefined
      this.#settle(signer)
      if (this.#world.diesAt(this)) return undefined
    }
    return this.#signed(signer, vote)
  }

  #signed(signer: VoteSigner, vote: Vote): Signed<Vote> {
    const signed = { ...vote, signature: signer.sign(vote) }
    this.#world.onVote(this, signed)
    return signed
  }

  /** Whether a flush is not done at once: then it is done later. */
  #waits(now: number): boolean {
    const at = this.disk.flushedAt(now)
    if (at <= now && !this.#isFlushing) return false
    this.#flushLater(at)
    return true
  }

  #flushLater(at: number): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#world.flushLater(this, at)
  }

  #settle(signer: VoteSigner): void {
    this.disk.sync()
    signer.durable()
    signer.decided(this.#decided)
  }
}

function messageOf(effect: Extract<Effect, { type: 'say' }>, signature: string): Message {
  const { statement, proof } = effect
  switch (statement.type) {
    case 'complaint':
      return { type: 'complaint', complaint: { ...statement, signature } }
    case 'status':
      return { type: 'status', status: { ...statement, signature }, proof }
    case 'fetch':
      return { type: 'fetch', fetch: { ...statement, signature } }
  }
}

import { canonicalize } from '../../core/json.ts'
import type { Effect, Message } from '../../bft/messages.ts'
import { leaderOf } from '../../bft/rotation.ts'
import { parseMessage } from '../../bft/shape.ts'
import type { Signed, Vote } from '../../bft/statements.ts'
import type { Prng } from '../simulation/prng.ts'
import { Heap, type Planned } from './heap.ts'
import type { NodeWorld, SimulatedNode } from './node.ts'
import type { Oracle } from './oracle.ts'
import type { Fault, Script } from './script.ts'
import type { Seals } from './seals.ts'
import { lie, type Conspiracy, type LiarView, type StrategyName } from './strategies.ts'

type Cut = Extract<Fault, { kind: 'partition' | 'isolate-leader' }>

type SlowLink = Extract<Fault, { kind: 'slow-link' }>

/** The way out of one member: when it is free again. */
interface NarrowLink {
  readonly untilMs: number
  readonly messageMs: number
  freeAt: number
}

interface Delivery extends Planned {
  order: number
  readonly node: SimulatedNode | undefined
  readonly from: string
  readonly message: Message | undefined
  readonly text: string | undefined
  readonly act: (() => void) | undefined
}

interface Lying {
  readonly strategies: readonly StrategyName[]
  readonly prng: Prng
}

const OVERHEARD_MAX = 64
const HEAVY_TAIL_MS = 2_000

/** Time and the network of a simulated council. */
export class Network implements NodeWorld {
  readonly prng: Prng
  now = 0
  steps = 0
  deliveries = 0
  viewsMax = 0
  /** Messages that liars have changed. */
  lies = 0
  /** When each height was first decided, from 1. */
  readonly decidedAt: number[] = []
  hash = 0
  readonly #script: Script
  readonly #seals: Seals
  readonly #oracle: Oracle
  readonly #tell: ((line: string) => void) | undefined
  readonly #heap = new Heap<Delivery>()
  readonly #byId = new Map<string, SimulatedNode[]>()
  readonly #lying = new Map<SimulatedNode, Lying>()
  readonly #reach = new Map<SimulatedNode, ReadonlySet<string>>()
  readonly #conspiracy: Conspiracy = { rivals: new Map(), overheard: [] }
  readonly #doomed = new Map<SimulatedNode, { left: number; readonly die: () => void }>()
  readonly #narrow = new Map<number, NarrowLink>()
  #slow: SlowLink[] = []
  #cuts: Cut[] = []
  #isHealed = false
  #order = 0

  constructor(
    script: Script,
    prng: Prng,
    seals: Seals,
    oracle: Oracle,
    tell: ((line: string) => void) | undefined,
  ) {
    this.#script = script
    this.prng = prng
    this.#seals = seals
    this.#oracle = oracle
    this.#tell = tell
  }

  connect(nodes: readonly SimulatedNode[]): void {
    for (const node of nodes) this.#byId.set(node.id, [...(this.#byId.get(node.id) ?? []), node])
  }

  /** Makes a node lie. */
  corrupt(node: SimulatedNode, strategies: readonly StrategyName[], prng: Prng): void {
    this.#lying.set(node, { strategies, prng })
  }

  /** Lets an instance talk with some members only, as twins do. */
  limit(node: SimulatedNode, prng: Prng): void {
    this.#reach.set(
      node,
      new Set(
        Array.from(this.#script.clocks, (_, at) => `m${String(at).padStart(2, '0')}`).filter(() =>
          prng.chance(0.6),
        ),
      ),
    )
  }

  plan(at: number, act: () => void): void {
    this.#push({ at, order: 0, node: undefined, from: '', message: undefined, text: undefined, act })
  }

  cut(cut: Cut): void {
    this.#cuts.push(cut)
  }

  slow(link: SlowLink): void {
    this.#slow.push(link)
  }

  narrow({ member, untilMs, messageMs }: Extract<Fault, { kind: 'narrow-link' }>): void {
    this.#narrow.set(member, { untilMs, messageMs, freeAt: this.now })
  }

  heal(): void {
    this.#isHealed = true
    this.#cuts = []
    this.#doomed.clear()
  }

  /** Lets a process die at one of its next flushes or sends. */
  doom(node: SimulatedNode, operations: number, die: () => void): void {
    this.#doomed.set(node, { left: operations, die })
  }

  diesAt(node: SimulatedNode): boolean {
    const doom = this.#doomed.get(node)
    if (doom === undefined) return false
    doom.left -= 1
    if (doom.left >= 0) return false
    this.#doomed.delete(node)
    this.#say(`${node.id} dies`)
    doom.die()
    return true
  }

  /** Lets things happen up to a time. */
  runUntil(at: number, stepsMax: number): void {
    for (;;) {
      const next = this.#heap.pop()
      if (next === undefined) break
      if (next.at > at || this.steps >= stepsMax) {
        this.#heap.push(next)
        break
      }
      this.now = next.at
      this.steps += 1
      this.#happen(next)
    }
    this.now = Math.max(this.now, at)
  }

  send(from: SimulatedNode, message: Message, to: string | null): void {
    if (this.diesAt(from)) return
    this.#overhear(message)
    const members = from.replica?.ledger.membership.members ?? []
    for (const [place, { id }] of members.entries()) {
      if (id === from.id || (to !== null && id !== to)) continue
      const lying = this.#lying.get(from)
      if (lying === undefined || lying.strategies.length === 0) this.#travel(from, id, message, 0)
      else this.#lieTo(from, lying, message, id, place)
    }
  }

  flushLater(node: SimulatedNode, at: number): void {
    this.plan(at, () => node.flush(this.now))
  }

  wake(node: SimulatedNode, at: number): void {
    const local = at === Number.POSITIVE_INFINITY ? undefined : (at - node.clockOffMs) / node.clockSpeed
    if (local === undefined) return
    this.#push({
      at: Math.max(local, this.now),
      order: 0,
      node,
      from: '',
      message: undefined,
      text: undefined,
      act: undefined,
    })
  }

  onEffect(node: SimulatedNode, effect: Effect): void {
    if (effect.type === 'send' || effect.type === 'say' || effect.type === 'wake' || effect.type === 'vote')
      return
    if (this.#tell !== undefined && effect.type !== 'append') this.#say(`${node.id} ${effectText(effect)}`)
    this.#oracle.effect(node, effect)
    if (this.decidedAt.length < this.#oracle.decided.length) this.decidedAt.push(this.now)
  }

  onVote(node: SimulatedNode, vote: Signed<Vote>): void {
    if (this.#tell !== undefined) {
      this.#say(
        `${node.id} signs ${vote.type} ${vote.height} ${vote.view} ${vote.type === 'nullify' ? '' : vote.proposal}`,
      )
    }
    if (!node.isLiar && vote.view > this.viewsMax) this.viewsMax = vote.view
    this.#oracle.vote(node, vote)
  }

  #happen(next: Delivery): void {
    const { node, message, text } = next
    if (next.act !== undefined) return next.act()
    if (node === undefined) return
    if (node.pausedUntil > this.now) {
      this.#push({ ...next, at: node.pausedUntil })
      return
    }
    this.#note(node, message)
    if (message === undefined && text === undefined) {
      node.handle(this.now, (now) => ({ type: 'wake', now }))
      return
    }
    this.deliveries += 1
    const read = text === undefined ? message : parseMessage(text)
    if (read !== undefined) {
      node.handle(this.now, (now) => ({ type: 'message', from: next.from, message: read, now }))
    }
    if (this.deliveries % 64 === 0) this.#oracle.look(node)
  }

  #lieTo(from: SimulatedNode, lying: Lying, message: Message, id: string, place: number): void {
    if (from.replica === undefined) return
    const liar: LiarView = {
      replica: from.replica,
      seals: this.#seals,
      prng: lying.prng,
      conspiracy: this.#conspiracy,
      sign: (statement) => from.sign(statement),
    }
    const outgoing = lie(lying.strategies, liar, message, place)
    if (outgoing.length !== 1 || outgoing[0]?.message !== message || outgoing[0].delayMs > 0) this.lies += 1
    for (const { message: other, delayMs } of outgoing) {
      this.#travel(from, id, other, delayMs)
    }
  }

  #travel(from: SimulatedNode, to: string, message: Message, delayMs: number): void {
    const { prng } = this
    const { links, isReal } = this.#script
    for (const node of this.#byId.get(to) ?? []) {
      if (this.#reach.get(from)?.has(to) === false || this.#reach.get(node)?.has(from.id) === false) continue
      let at = this.now + delayMs + links.msMin + prng.number() * (links.msMax - links.msMin)
      let sent: Message | undefined = message
      if (!this.#isHealed) {
        const held = this.#heldUntil(from, node)
        if (held === 0 || prng.chance(links.drop)) continue
        if (held > 0) at = held
        at += this.#linkMs(from, node)
        if (links.heavyTail > 0 && prng.chance(links.heavyTail)) at += prng.number() * HEAVY_TAIL_MS
        if (links.corrupt > 0 && prng.chance(links.corrupt)) sent = bend(message, prng)
        if (links.duplicate > 0 && prng.chance(links.duplicate))
          this.#arrive(at + prng.number() * 50, node, from.id, sent, isReal)
      }
      this.#arrive(at, node, from.id, sent, isReal)
    }
  }

  #arrive(at: number, node: SimulatedNode, from: string, message: Message, isReal: boolean): void {
    const text = isReal ? textOf(message) : undefined
    this.#push({ at, order: 0, node, from, message: isReal ? undefined : message, text, act: undefined })
  }

  /** How much longer a message takes on a slow link, and behind others on a narrow one. */
  #linkMs(from: SimulatedNode, to: SimulatedNode): number {
    const [one, other] = [placeOf(from), placeOf(to)]
    let ms = 0
    for (const link of this.#slow) {
      const isIt = (link.from === one && link.to === other) || (link.from === other && link.to === one)
      if (isIt && link.untilMs > this.now) ms += link.ms
    }
    const narrow = this.#narrow.get(one)
    if (narrow === undefined || narrow.untilMs <= this.now) return ms
    narrow.freeAt = Math.max(narrow.freeAt, this.now) + narrow.messageMs
    return ms + narrow.freeAt - this.now
  }

  /** -1: it passes; 0: it is lost; otherwise the time at which it comes through. */
  #heldUntil(from: SimulatedNode, to: SimulatedNode): number {
    for (const cut of this.#cuts) {
      if (cut.untilMs <= this.now) continue
      if (cut.kind === 'isolate-leader') {
        if (isLeader(from) || isLeader(to)) return 0
        continue
      }
      if (cut.flapMs > 0 && Math.floor(this.now / cut.flapMs) % 2 === 1) continue
      const [one, other] = [placeOf(from), placeOf(to)]
      const isCut =
        (cut.from.includes(one) && cut.to.includes(other)) ||
        (!cut.isOneWay && cut.from.includes(other) && cut.to.includes(one))
      if (isCut) return cut.isHeld ? cut.untilMs : 0
    }
    return -1
  }

  #overhear(message: Message): void {
    const { overheard } = this.#conspiracy
    if (this.#lying.size === 0 || message.type !== 'vote') return
    if (overheard.length < OVERHEARD_MAX) overheard.push(message)
    else overheard[this.steps % OVERHEARD_MAX] = message
  }

  #push(delivery: Delivery): void {
    this.#order += 1
    delivery.order = this.#order
    this.#heap.push(delivery)
  }

  #note(node: SimulatedNode, message: Message | undefined): void {
    const kind = message === undefined ? 0 : message.type.length
    this.hash = (Math.imul(this.hash, 31) + Math.floor(this.now * 16) + kind * 7 + placeOf(node) * 131) | 0
    if (this.#tell !== undefined && message !== undefined && this.#script.members < 6) {
      this.#say(`${node.id} gets ${message.type}`)
    }
  }

  #say(line: string): void {
    this.#tell?.(`${this.now.toFixed(1)} ${line}`)
  }
}

function placeOf({ id }: SimulatedNode): number {
  return Number.parseInt(id.slice(1), 10) || 0
}

function isLeader({ replica }: SimulatedNode): boolean {
  return (
    replica !== undefined && leaderOf(replica.ledger.leaders, replica.height, replica.view) === replica.self
  )
}

function textOf(message: Message): string | undefined {
  try {
    return canonicalize(message)
  } catch {
    return 'no canonical form'
  }
}

/** A message with something changed on its way. */
function bend(message: Message, prng: Prng): Message {
  switch (message.type) {
    case 'vote':
      return prng.chance(0.5)
        ? { ...message, vote: { ...message.vote, height: message.vote.height + 1 } }
        : { ...message, vote: { ...message.vote, signature: 'A'.repeat(86) } }
    case 'certificate':
      return { ...message, certificate: { ...message.certificate, view: message.certificate.view + 1 } }
    case 'proposal':
      return { ...message, proposal: { ...message.proposal, justification: [] } }
    case 'operation':
      return { ...message, operation: { ...message.operation, sequence: message.operation.sequence + 1 } }
    case 'status':
      return { ...message, status: { ...message.status, height: message.status.height + 5 } }
    case 'complaint':
    case 'fetch':
    case 'reply':
      return message
  }
}

function effectText(effect: Effect): string {
  if (effect.type === 'decided')
    return `decides ${effect.value.height} in view ${effect.decision.finalization.view}`
  if (effect.type === 'evidence') return `has evidence: ${effect.evidence.type}`
  return effect.type === 'halt' ? `halts: ${effect.reason}` : effect.type
}

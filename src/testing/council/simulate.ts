/**
 * One simulated run of a council: real machines, signers and logs under a virtual clock, with liars, faults and an
 * oracle, all decided by one number.
 *
 * @module
 */

import type { Application } from '../../bft/ledger.ts'
import { approvalOf } from '../../bft/operations.ts'
import { makeMembership, type Member, type Membership } from '../../bft/membership.ts'
import type { Operation } from '../../bft/proposal.ts'
import type { ReplicaRules } from '../../bft/state.ts'
import type { OperationText } from '../../bft/statements.ts'
import { Prng } from '../simulation/prng.ts'
import type { Violation } from '../simulation/violation.ts'
import { Network } from './network.ts'
import { SimulatedNode } from './node.ts'
import { Oracle } from './oracle.ts'
import { faultyOf, scriptOf, type Fault, type Script } from './script.ts'
import { idealSeals, realSeals, type SealKey, type Seals } from './seals.ts'

/** What a run may be told besides its seed. */
export interface CouncilOptions {
  /** Told line by line what happens. */
  readonly tell?: ((line: string) => void) | undefined
  /** How many members lie; more than may lie makes a run that may fork, but must name the guilty. */
  readonly liars?: number
  /** Operations in one value. */
  readonly batchOperations?: number
}

/** What came of a run. */
export interface CouncilResult {
  readonly script: Script
  /** A hash over everything that happened: the same seed gives the same one. */
  readonly hash: string
  readonly violations: readonly Violation[]
  readonly forked: boolean
  readonly accused: readonly string[]
  /** When each height was first decided, in virtual milliseconds. */
  readonly decidedAt: readonly number[]
  /** The leader's turns that each height took. */
  readonly turns: readonly number[]
  readonly counts: {
    readonly deliveries: number
    readonly heights: number
    readonly viewsMax: number
    readonly faults: number
    readonly lies: number
    readonly virtualMs: number
  }
}

const INSTANCE = 'simulated council'
/** After the network has healed, everything must be decided within this, in virtual milliseconds. */
const REST_MS = 120_000
const IDLE_MS = 1_500
const RETRY_MS = 1_500
const STEPS_MAX = 400_000

/** A pure fold that the oracle can do as well. Some payloads are refused. */
export const SUM: Application = {
  initial: [0, 0],
  apply(state, { author, sequence, body }) {
    if (body.kind === 'application' && body.payload === 'refused') return undefined
    const [count = 0, sum = 0] = state as readonly number[]
    return [count + 1, (sum * 31 + sequence * 7 + author.length) % 1_000_003]
  },
}

/** Runs a seed to its end and judges it. */
export function simulateCouncil(seed: number, options: CouncilOptions = {}): CouncilResult {
  return runScript(scriptOf(seed, options.liars), options)
}

/** Runs a script to its end and judges it. */
export function runScript(script: Script, options: CouncilOptions = {}): CouncilResult {
  return new Council(script, options).run()
}

class Council {
  readonly #script: Script
  readonly #options: CouncilOptions
  readonly #seals: Seals
  readonly #oracle: Oracle
  readonly #network: Network
  readonly #nodes: SimulatedNode[] = []
  readonly #members: readonly Member[]
  readonly #keys = new Map<string, SealKey>()
  readonly #genesis: Membership
  /** Operations of honest members that are not decided yet, by author. */
  readonly #wanted = new Map<string, Operation[]>()
  readonly #sequences = new Map<string, number>()
  /** Members that lie, or have lost votes: together never more than may lie, unless the run says so. */
  readonly #unreliable: Set<string>
  #faults = 0

  constructor(script: Script, options: CouncilOptions) {
    this.#script = script
    this.#options = options
    this.#seals = script.isReal ? realSeals() : idealSeals()
    const prng = new Prng(script.seed, 'council run')
    const liars = new Set(script.liars.map(({ member }) => idOf(member)))
    this.#unreliable = new Set(liars)
    this.#members = this.#makeMembers(prng, liars)
    this.#genesis = makeMembership(this.#seals, 0, this.#members)
    const mayFork = script.liars.length > faultyOf(script.members)
    this.#oracle = new Oracle(this.#seals, this.#members, liars, mayFork)
    this.#network = new Network(script, prng.fork('network'), this.#seals, this.#oracle, options.tell)
    this.#makeNodes(prng)
    this.#network.connect(this.#nodes)
  }

  run(): CouncilResult {
    const script = this.#script
    const network = this.#network
    for (const node of this.#nodes) network.plan(0, () => node.start(network.now))
    for (const fault of script.faults) network.plan(fault.at, () => this.#strike(fault))
    for (const { at, member } of script.submissions) network.plan(at, () => this.#submit(idOf(member)))
    if (script.changes) network.plan(script.healMs / 2, () => this.#changeMembers())
    network.plan(script.healMs, () => this.#heal())
    this.#drive()
    const { deliveries, now, hash, lies, viewsMax, decidedAt } = network
    return {
      script,
      hash: (hash >>> 0).toString(16).padStart(8, '0'),
      violations: this.#oracle.violations,
      forked: this.#oracle.forked,
      accused: [...this.#oracle.accused].toSorted(),
      decidedAt,
      turns: this.#oracle.decided.map(({ finalization }) => finalization.view + 1),
      counts: {
        deliveries,
        heights: this.#oracle.decided.length,
        viewsMax,
        faults: this.#faults,
        lies,
        virtualMs: Math.round(now),
      },
    }
  }

  #drive(): void {
    const { healMs, faults } = this.#script
    const network = this.#network
    const oracle = this.#oracle
    // A pause may outlast the healing of the network.
    const calmMs = Math.max(healMs, ...faults.map((fault) => (fault.kind === 'pause' ? fault.untilMs : 0)))
    const mayFork = this.#script.liars.length > faultyOf(this.#script.members)
    network.runUntil(calmMs, STEPS_MAX)
    if (mayFork) {
      network.runUntil(calmMs + 8_000, STEPS_MAX)
      if (oracle.forked) oracle.checkAccused()
      return
    }
    const viewsAtHeal = network.viewsMax
    const endMs = calmMs + REST_MS
    while (!this.#isSettled() && network.now < endMs && network.steps < STEPS_MAX) {
      network.runUntil(Math.min(network.now + 50, endMs), STEPS_MAX)
      if (oracle.violations.length > 0) return
    }
    if (!this.#isSettled()) return oracle.fail('L1', this.#unsettled())
    const viewsMax = viewsAtHeal + 3 * this.#script.members + 6
    if (network.viewsMax > viewsMax)
      oracle.fail('L4', `${network.viewsMax} views, ${viewsAtHeal} when it healed`)
    this.#checkIdle()
  }

  /** L5: when there is nothing to do, nothing is done. */
  #checkIdle(): void {
    const network = this.#network
    network.runUntil(network.now + IDLE_MS, STEPS_MAX)
    // Operations of liars may still be under way.
    const isIdle = (): boolean => this.#honest().every(({ replica }) => replica?.pool.size === 0)
    if (!isIdle()) return
    const before = this.#honest().map(({ replica }) => ({ height: replica?.height, view: replica?.view }))
    network.runUntil(network.now + IDLE_MS, STEPS_MAX)
    if (!isIdle()) return
    for (const [at, node] of this.#honest().entries()) {
      const { replica } = node
      this.#oracle.look(node)
      // Who was behind may still come to the height of the others.
      if (replica?.height !== before[at]?.height || replica?.view === before[at]?.view) continue
      this.#oracle.fail('L5', `${node.id} goes to view ${replica?.view} while idle`)
    }
  }

  #isSettled(): boolean {
    const height = this.#oracle.decided.length
    for (const node of this.#honest()) {
      if (node.replica === undefined || node.replica.ledger.height !== height) return false
      const [count, sum] = node.replica.ledger.application as readonly number[]
      const [expectedCount, expectedSum] = this.#oracle.fold
      if (count !== expectedCount || sum !== expectedSum)
        this.#oracle.fail('S2', `${node.id} has folded something else`)
    }
    for (const [author, operations] of this.#wanted) {
      const last = operations.at(-1)?.sequence ?? 0
      if (this.#oracle.voters.includes(author) && this.#oracle.applied(author) < last) return false
    }
    return true
  }

  #unsettled(): string {
    const heights = this.#honest().map(
      ({ id, replica }) => `${id}: ${replica?.height} in view ${replica?.view}`,
    )
    return `not all is decided ${REST_MS} ms after healing: ${heights.join(', ')}`
  }

  /** Honest members of the present epoch. */
  #honest(): readonly SimulatedNode[] {
    const { voters } = this.#oracle
    return this.#nodes.filter(({ id, isLiar }) => !isLiar && voters.includes(id))
  }

  #strike(fault: Fault): void {
    this.#faults += 1
    const network = this.#network
    switch (fault.kind) {
      case 'crash':
        for (const node of this.#nodes.filter(({ id }) => id === idOf(fault.member))) {
          const forgets = this.#mayForget(node) ? fault.forgets : 0
          network.doom(node, fault.operations, () => {
            if (node.replica === undefined) return
            node.crash(fault.survives, forgets)
            network.plan(network.now + fault.downMs, () => this.#restart(node))
          })
        }
        return
      case 'partition':
      case 'isolate-leader':
        return network.cut(fault)
      case 'pause':
        for (const node of this.#nodes.filter(({ id }) => id === idOf(fault.member)))
          node.pausedUntil = fault.untilMs
        return
      case 'disk-full':
        for (const { disk } of this.#nodes.filter(({ id }) => id === idOf(fault.member)))
          disk.fullUntil = Math.max(disk.fullUntil, fault.untilMs)
        return
      case 'disk-slow':
        for (const { disk } of this.#nodes.filter(({ id }) => id === idOf(fault.member))) {
          disk.slowUntil = fault.untilMs
          disk.flushMs = fault.flushMs
        }
        return
      case 'jump':
        for (const node of this.#nodes.filter(({ id }) => id === idOf(fault.member)))
          node.clockOffMs += fault.ms
    }
  }

  #mayForget(node: SimulatedNode): boolean {
    if (this.#unreliable.has(node.id)) return true
    if (this.#unreliable.size >= faultyOf(this.#script.members)) return false
    this.#unreliable.add(node.id)
    return true
  }

  #restart(node: SimulatedNode): void {
    if (node.replica !== undefined) return
    node.start(this.#network.now)
    this.#resubmit(node)
  }

  #heal(): void {
    const network = this.#network
    network.heal()
    for (const node of this.#nodes) this.#restart(node)
    this.#retry()
  }

  /** Clients hand in again what was not decided. */
  #retry(): void {
    for (const node of this.#honest()) this.#resubmit(node)
    this.#network.plan(this.#network.now + RETRY_MS, () => this.#retry())
  }

  #resubmit(node: SimulatedNode): void {
    const applied = this.#oracle.applied(node.id)
    for (const operation of this.#wanted.get(node.id) ?? []) {
      if (operation.sequence > applied)
        node.handle(this.#network.now, (now) => ({ type: 'submit', operation, now }))
    }
  }

  #submit(author: string): void {
    const { prng } = this.#network
    this.#handIn(author, { kind: 'application', payload: prng.between(0, 1_000) })
  }

  #handIn(author: string, body: OperationText['body']): void {
    const node = this.#nodes.find(({ id }) => id === author)
    if (node === undefined) return
    const sequence = (this.#sequences.get(author) ?? 0) + 1
    this.#sequences.set(author, sequence)
    const operation = node.sign({
      type: 'operation',
      instance: INSTANCE,
      author,
      sequence,
      expires: 0,
      body,
    } as const)
    if (!node.isLiar) this.#wanted.set(author, [...(this.#wanted.get(author) ?? []), operation])
    node.handle(this.#network.now, (now) => ({ type: 'submit', operation, now }))
  }

  /** One member leaves and a new one comes: a quorum agrees. */
  #changeMembers(): void {
    const { members } = this.#genesis
    // No more weight may change at once than may lie, and one leaves and one comes.
    const leaver = members.findLast(({ weight }) => 2 * weight <= this.#genesis.faultyWeight)
    const author = members.find(({ id }) => !this.#unreliable.has(id) && id !== leaver?.id)
    const key = this.#keys.get(NEWCOMER)
    if (leaver === undefined || author === undefined || key === undefined) return
    const change = {
      add: [{ id: NEWCOMER, publicKey: key.publicKey, weight: leaver.weight, url: '' }],
      remove: [leaver.id],
    }
    const signers = members.map((_, place) => place)
    const signatures = members.map(({ id }, place) => {
      return this.#keys.get(id)?.sign(approvalOf(this.#seals, this.#genesis, INSTANCE, change, place)) ?? ''
    })
    this.#handIn(author.id, { kind: 'change', change, signers, signatures })
  }

  #makeMembers(prng: Prng, liars: ReadonlySet<string>): readonly Member[] {
    const { members, isWeighted, changes } = this.#script
    if (changes) this.#keys.set(NEWCOMER, this.#seals.makeKey(prng))
    return Array.from({ length: members }, (_, place) => {
      const id = idOf(place)
      const key = this.#seals.makeKey(prng)
      this.#keys.set(id, key)
      return { id, publicKey: key.publicKey, weight: isWeighted && !liars.has(id) ? prng.between(1, 2) : 1 }
    })
  }

  #makeNodes(prng: Prng): void {
    const { liars, clocks, deltaMs } = this.#script
    for (const [id, key] of this.#keys) {
      const liar = liars.find(({ member }) => idOf(member) === id)
      const rules: ReplicaRules = {
        crypto: this.#seals,
        instance: INSTANCE,
        application: SUM,
        self: id,
        deltaMs,
        deltaMsMin: 20,
        deltaMsMax: 5_000,
        batchOperations: this.#options.batchOperations ?? 20,
      }
      const place = this.#members.findIndex((member) => member.id === id)
      const traits = { isLiar: liar !== undefined, clockSpeed: clocks[place] ?? 1 }
      const instances = liar?.isTwin === true ? 2 : 1
      for (let at = 0; at < instances; at++) {
        const node = new SimulatedNode(rules, this.#genesis, key, this.#network, traits)
        if (liar?.isForgetful === true) node.disk.lies = true
        this.#nodes.push(node)
        if (liar !== undefined) this.#network.corrupt(node, liar.strategies, prng.fork(id))
        if (instances > 1) this.#network.limit(node, prng.fork(`${id} ${at}`))
      }
    }
  }
}

const NEWCOMER = 'newcomer'

/** The id of a member by its place in the script. Ids sort like places. */
function idOf(place: number): string {
  return `m${String(place).padStart(2, '0')}`
}

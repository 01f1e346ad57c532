/**
 * A member's part in changing the members: it agrees to a change when its owner says so, and hands a change in to which
 * a quorum has agreed.
 *
 * @module
 */

import type { CouncilCrypto } from '../../bft/crypto.ts'
import { indexOf, weightOf, type Membership } from '../../bft/membership.ts'
import { approvalOf, changedMembers, changeProblem } from '../../bft/operations.ts'
import type { Change, NewMember, OperationBody, Statement } from '../../bft/statements.ts'
import {
  CHANGES_PER_MEMBER_MAX,
  CLOSE_HEIGHTS_MAX,
  proposedChanges,
  type CouncilState,
  type ProposedChange,
} from '../../council/application.ts'
import { agentOfUrl, isMemberUrl } from '../../council/roster.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilDriver } from './driver.ts'
import type { ReplicaEpochs } from './epochs.ts'
import type { OwnOperations } from './own-operations.ts'

/** A change is handed in by the member who asked for it; after so long, by anyone who agreed. */
const PATIENCE_MS = 1_000

/** A change of the members that waits for agreement. */
export interface ChangeStatus {
  readonly digest: string
  readonly change: Change
  /** Who asked for it. */
  readonly author: string
  /** Who has agreed, by id. */
  readonly agreed: readonly string[]
  /** What they weigh, and what it takes. */
  readonly weight: number
  readonly needed: number
}

/** What became of a change. */
export type AgreeResult = {
  readonly digest: string
  /** `decided`: the members have changed. `waiting`: more must agree. `void`: the members have changed otherwise. */
  readonly outcome: 'decided' | 'waiting' | 'void'
  readonly epoch: number
  readonly status: ChangeStatus | null
}

interface Waiter {
  readonly digest: string
  /** The epoch in which the member agreed. */
  readonly epoch: number
  resolve(result: AgreeResult): void
}

/** What it is made of. */
export interface ChangesParts {
  readonly self: string
  readonly instance: string
  readonly crypto: CouncilCrypto
  readonly seal: (statement: Statement) => string
  readonly clock: Clock
  readonly driver: CouncilDriver
  readonly operations: OwnOperations
  readonly epochs: ReplicaEpochs
}

/** The member's part. */
export class MemberChanges {
  readonly #parts: ChangesParts
  readonly #readySince = new Map<string, number>()
  readonly #waiters = new Set<Waiter>()
  #state: CouncilState
  #forgetTimer: (() => void) | undefined
  #isStopped = false

  constructor(parts: ChangesParts, state: CouncilState) {
    this.#parts = parts
    this.#state = state
  }

  /** Changes that wait for agreement. */
  all(): readonly ChangeStatus[] {
    const { epoch } = this.#parts.epochs.current
    return Object.entries(proposedChanges(this.#state, epoch)).map(([digest, one]) =>
      this.#status(digest, one),
    )
  }

  /**
   * Agrees to a change of the present members, in the name of this one: a signature that cannot be taken back, and that
   * counts until the members change. Throws COTERIE_INVALID_ARGUMENT and COTERIE_LIMIT_EXCEEDED.
   */
  agree(change: Change): string {
    const { self, instance, crypto, seal, operations, epochs } = this.#parts
    const membership = epochs.current
    const problem = this.#problem(membership, change)
    if (problem !== undefined) {
      const message = `The members of ${instance} cannot be changed like this: ${problem}.`
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', message)
    }
    const agreement = approvalOf(crypto, membership, instance, change, indexOf(membership, self))
    const digest = agreement.change
    const own = Object.values(proposedChanges(this.#state, membership.epoch)).filter(({ agreed }) =>
      Object.hasOwn(agreed, self),
    )
    const known = proposedChanges(this.#state, membership.epoch)[digest]
    if (known !== undefined && Object.hasOwn(known.agreed, self)) return digest
    if (own.length >= CHANGES_PER_MEMBER_MAX) {
      const message = `${self} has agreed to ${own.length} changes of these members, and can to no more.`
      const details = { limit: 'CHANGES_PER_MEMBER_MAX', value: CHANGES_PER_MEMBER_MAX }
      throw new CoterieError('COTERIE_LIMIT_EXCEEDED', message, { details })
    }
    operations.submit({ type: 'agree', change, signature: seal(agreement) })
    return digest
  }

  /** What has become of a change that this member agreed to: when it is decided, or waits for others, or in time. */
  async outcome(digest: string, timeoutMs: number): Promise<AgreeResult> {
    const { clock, epochs } = this.#parts
    const { promise, resolve } = Promise.withResolvers<AgreeResult>()
    const waiter = { digest, epoch: epochs.current.epoch, resolve }
    this.#waiters.add(waiter)
    const forget = clock.setTimer(timeoutMs, () => resolve(this.#result(waiter)))
    this.#tell()
    try {
      return await promise
    } finally {
      forget()
      this.#waiters.delete(waiter)
    }
  }

  /** Looks at the changes of a new state. */
  look(state: CouncilState = this.#state): void {
    this.#state = state
    if (this.#isStopped) return
    this.#forgetTimer?.()
    this.#forgetTimer = undefined
    this.#tell()
    const { epoch } = this.#parts.epochs.current
    const ready = Object.entries(proposedChanges(state, epoch)).filter(([digest, one]) => {
      const { weight, needed } = this.#status(digest, one)
      return weight >= needed
    })
    for (const digest of this.#readySince.keys()) {
      if (!ready.some(([other]) => other === digest)) this.#readySince.delete(digest)
    }
    for (const [digest, one] of ready) this.#consider(digest, one)
    if (ready.length > 0) this.#forgetTimer = this.#parts.clock.setTimer(PATIENCE_MS / 4, () => this.look())
  }

  stop(): void {
    this.#isStopped = true
    this.#forgetTimer?.()
    for (const waiter of this.#waiters) waiter.resolve(this.#result(waiter))
  }

  #consider(digest: string, { change, agreed, author }: ProposedChange): void {
    const { self, instance, crypto, clock, driver, operations, epochs } = this.#parts
    const now = clock.monotonic()
    const since = this.#readySince.get(digest) ?? now
    this.#readySince.set(digest, since)
    if (driver.isForgetful || epochs.standingOf(self) !== 'member') return
    if (author !== self && now - since < PATIENCE_MS) return
    if (operations.all().some(({ body }) => body.kind === 'change')) return
    const membership = epochs.current
    const signers = Object.keys(agreed)
      .map((id) => indexOf(membership, id))
      .sort((a, b) => a - b)
    const signatures = signers.map((place) => agreed[membership.members[place]?.id ?? ''] ?? '')
    const body: Extract<OperationBody, { kind: 'change' }> = { kind: 'change', change, signers, signatures }
    const { retired } = driver.replica.ledger
    if (typeof changedMembers(crypto, membership, instance, body, retired) === 'string') return
    operations.submitChange(body, driver.replica.height + CLOSE_HEIGHTS_MAX - 1)
  }

  #tell(): void {
    for (const waiter of this.#waiters) {
      const result = this.#result(waiter)
      const { outcome, status } = result
      const isOrdered = status?.agreed.includes(this.#parts.self) === true && status.weight < status.needed
      if (outcome !== 'waiting' || isOrdered) waiter.resolve(result)
    }
  }

  #result({ digest, epoch }: Waiter): AgreeResult {
    const { epochs, crypto } = this.#parts
    const now = epochs.current.epoch
    if (now > epoch) {
      const change = epochs.changeAfter(epoch)
      const isIt = change !== undefined && crypto.digest('change', change) === digest
      return { digest, outcome: isIt ? 'decided' : 'void', epoch: now, status: null }
    }
    const status = this.all().find((one) => one.digest === digest) ?? null
    return { digest, outcome: 'waiting', epoch: now, status }
  }

  #status(digest: string, { change, author, agreed }: ProposedChange): ChangeStatus {
    const membership = this.#parts.epochs.current
    const ids = Object.keys(agreed).sort()
    const places = ids.map((id) => indexOf(membership, id))
    return {
      digest,
      change,
      author,
      agreed: ids,
      weight: weightOf(membership, places),
      needed: membership.quorumWeight,
    }
  }

  #problem(membership: Membership, change: Change): string | undefined {
    const { driver, epochs } = this.#parts
    return (
      change.add.map((member) => newMemberProblem(epochs, member)).find((one) => one !== undefined) ??
      changeProblem(membership, change, driver.replica.ledger.retired)
    )
  }
}

/** Why somebody cannot be a member, beyond what the rules of the council say, as a phrase. */
function newMemberProblem(epochs: ReplicaEpochs, { id, url }: NewMember): string | undefined {
  // Old certificates name members by their ids: a name means one owner for ever.
  if (epochs.isKnown(id)) return `there is, or was, a member called ${JSON.stringify(id)}: take another name`
  if (!isMemberUrl(url)) return `${JSON.stringify(url)} is no address of a replica`
  const { members } = epochs
  if (members.some((member) => member.url === url)) return `another member is reached at ${url}`
  const inSpace = (one: string): boolean => agentOfUrl(one) !== undefined
  const isOther = members.some((member) => inSpace(member.url) !== inSpace(url))
  return isOther ? 'some members would be in a space, and others not' : undefined
}

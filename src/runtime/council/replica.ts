/**
 * One replica of a council: the machine with its driver, and this member's part in the votes.
 *
 * @module
 */

import type { CouncilCrypto } from '../../bft/crypto.ts'
import type { Decision } from '../../bft/decision.ts'
import type { Evidence } from '../../bft/evidence.ts'
import { indexOf, type Membership } from '../../bft/membership.ts'
import { changedMembers } from '../../bft/operations.ts'
import type { Operation } from '../../bft/proposal.ts'
import type { ReplicaRules } from '../../bft/state.ts'
import { statementBytes, type Change, type Statement } from '../../bft/statements.ts'
import { leaderAt } from '../../bft/state.ts'
import { certificateOf, councilApplication, voteIn, type CouncilState } from '../../council/application.ts'
import { keyIdOf, makeDecisionCertificate, type DecisionCertificate } from '../../council/certificate.ts'
import { decisionIdOf, readPayload } from '../../council/operations.ts'
import { membershipOf, type Roster } from '../../council/roster.ts'
import { CoterieError } from '../../core/errors.ts'
import { canonicalize } from '../../core/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilLog, CouncilTransport } from '../../ports/council.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import type { Vote } from '../../turn/turn.ts'
import type { SignedBallot } from '../../voting/ballot.ts'
import { proposalProblem, type Member, type Proposal } from '../../voting/proposal.ts'
import { majority } from '../../voting/rule.ts'
import { toHex } from '../../core/bytes.ts'
import { MemberChanges, type AgreeResult } from './changes.ts'
import { CouncilDriver } from './driver.ts'
import { ReplicaEpochs, type DecidedChange, type Standing } from './epochs.ts'
import { DEFAULT_OPTIONS } from './matter.ts'
import { CouncilMember, type Judge } from './member.ts'
import { OwnOperations } from './own-operations.ts'
import type { CouncilQuestion } from './question.ts'
import { rememberingCouncilCrypto, rememberingCrypto } from './remembering-crypto.ts'
import { closedError, foreignKey, haltedError, notReady, removedError } from './replica-errors.ts'
import type { CouncilMembers, CouncilStatus } from './status.ts'
import { culpritOf } from './wire.ts'

/** What a replica is made of. */
export interface ReplicaParts {
  readonly roster: Roster
  /** The id of this member. */
  readonly self: string
  readonly key: KeyPair
  readonly crypto: Crypto
  readonly log: CouncilLog
  readonly transport: CouncilTransport
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly judge?: Judge | undefined
  /** The first estimate of how long a message takes, in milliseconds; it is measured from then on. */
  readonly deltaMs?: number
  /** Operations in one value. */
  readonly batchOperations?: number
  /** How often it gives a sign of life when there is nothing to decide, at most; by default every two seconds. */
  readonly statusMs?: number
}

/** How long members have to answer a question that says nothing else. */
export const VOTE_TIMEOUT_MS = 60_000
/** After the deadline of a vote, the council needs this long at most to agree that it has passed. */
const CLOSING_MS = 30_000
const DELTA_MS = 250
const DELTA_MS_MIN = 50
const DELTA_MS_MAX = 5_000
const BATCH_OPERATIONS = 100
/** Callers that may wait for certificates at the same time. */
const WAITERS_MAX = 10_000

interface Waiter {
  resolve(certificate: DecisionCertificate): void
  reject(error: unknown): void
}

/** The replica. */
export class CouncilReplica {
  readonly #parts: ReplicaParts
  readonly #crypto: Crypto
  readonly #council: CouncilCrypto
  readonly #rules: ReplicaRules
  readonly #driver: CouncilDriver
  readonly #operations: OwnOperations
  readonly #member: CouncilMember
  readonly #waiters = new Map<string, Set<Waiter>>()
  readonly #failed = Promise.withResolvers<never>()
  /** As of the height that `#state` is before. The machine may be further by now. */
  readonly #epochs: ReplicaEpochs
  readonly #changes: MemberChanges
  #state: CouncilState
  #isClosed = false

  constructor(parts: ReplicaParts) {
    const { roster, self, key, log, transport, clock, logger, random } = parts
    this.#parts = parts
    this.#crypto = rememberingCrypto(parts.crypto, key)
    this.#council = rememberingCouncilCrypto(this.#crypto)
    const genesis = membershipOf(this.#council, roster)
    const known = genesis.members[indexOf(genesis, self)]
    // One who comes later is in the file when the council knew it already.
    if (known !== undefined && known.publicKey !== key.publicKey) throw foreignKey(self)
    const epochs = new ReplicaEpochs(this.#council, roster)
    this.#epochs = epochs
    this.#rules = {
      crypto: this.#council,
      instance: roster.instance,
      application: councilApplication(this.#crypto),
      self,
      deltaMs: parts.deltaMs ?? DELTA_MS,
      deltaMsMin: DELTA_MS_MIN,
      deltaMsMax: DELTA_MS_MAX,
      batchOperations: parts.batchOperations ?? BATCH_OPERATIONS,
      acquaintance: (id) => epochs.acquaintance(id),
      ...(parts.statusMs !== undefined && { statusMs: parts.statusMs }),
    }
    const seal = (statement: Statement): string =>
      this.#crypto.sign(key.privateKey, statementBytes(statement))
    const sha256 = (text: string): string => parts.crypto.sha256(text)
    const nonce = toHex(random.bytes(16))
    // A rejection that nobody waits for is told by the logger.
    this.#failed.promise.catch(() => undefined)
    this.#driver = new CouncilDriver(
      { rules: this.#rules, genesis, seal, log, transport, clock, logger, sha256, nonce },
      {
        decided: (decision) => this.#decided(decision),
        culprit: (evidence) => culpritOf((epoch) => epochs.at(epoch), evidence),
        evidence: () => undefined,
        halted: (reason) => this.#stopFor(haltedError(reason)),
        failed: (error) => this.#stopFor(error),
      },
    )
    const { halted } = this.#driver.replica
    if (halted !== undefined) throw haltedError(halted.reason)
    const operations = new OwnOperations(this.#driver, { instance: roster.instance, self }, seal)
    this.#operations = operations
    this.#state = this.#driver.replica.ledger.application as CouncilState
    const driver = this.#driver
    for (const { value, finalization } of driver.changes) epochs.decided(value, finalization)
    this.#changes = new MemberChanges(
      {
        ...{ self, seal, clock, driver, operations, epochs },
        instance: roster.instance,
        crypto: this.#council,
      },
      this.#state,
    )
    const judge = parts.judge
    this.#member = new CouncilMember(
      { self, key, crypto: this.#crypto, clock, log, logger, driver, operations, judge },
      this.#state,
    )
  }

  /** Joins the others. */
  async start(): Promise<void> {
    const { transport, self, log } = this.#parts
    transport.meet(this.#epochs.contacts(self))
    if (this.standing === 'removed') this.#tellRemoval()
    await this.#driver.start()
    this.#operations.resume(log.history.operations)
    this.#fill()
    this.#member.look()
    this.#changes.look()
  }

  /** What this member is to the council. */
  get standing(): Standing {
    return this.#epochs.standingOf(this.#rules.self)
  }

  /** Rejects when the replica stops by itself: it has halted, was taken over, or cannot write. Never resolves. */
  get failed(): Promise<never> {
    return this.#failed.promise
  }

  /**
   * Puts a question to the vote; answers its certificate. Nothing is lost when this process is killed meanwhile: the
   * vote goes on. Throws COTERIE_INVALID_ARGUMENT, COTERIE_LIMIT_EXCEEDED, and what `waitFor` throws.
   */
  async propose(question: CouncilQuestion): Promise<DecisionCertificate> {
    const { decision, deadline } = this.open(question)
    return this.waitFor(decision, deadline - this.#parts.clock.now() + CLOSING_MS)
  }

  /** Puts a question to the vote, and answers its name at once. */
  open(question: CouncilQuestion): { readonly decision: string; readonly deadline: number } {
    this.#checkMember()
    if (this.#driver.isForgetful) throw notReady('it may have forgotten votes, and has to catch up first')
    const sequence = this.#operations.nextSequence()
    const { self, roster, clock } = this.#parts
    const decision = decisionIdOf(self, sequence)
    const deadline = clock.now() + Math.trunc(question.timeoutMs ?? VOTE_TIMEOUT_MS)
    const proposal: Proposal = {
      v: 1,
      space: roster.instance,
      decision,
      question: question.question,
      ...(question.subject !== undefined && { subject: question.subject }),
      options: question.options ?? DEFAULT_OPTIONS,
      rule: question.rule ?? majority(),
      electorate: question.electorate ?? this.electorate(),
      deadline,
      ...(question.otherwise !== undefined && { otherwise: question.otherwise }),
    }
    const problem = question.question === '' ? 'the question is empty' : proposalProblem(proposal)
    const payload = { type: 'open', proposal } as const
    if (problem !== undefined || readPayload(payload) === undefined) {
      const why = problem ?? 'it is too long'
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', `This cannot be put to the council: ${why}.`)
    }
    this.#operations.submit(payload)
    return { decision, deadline }
  }

  /** Resolves when everything that was handed in before is durable here. */
  async durable(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#driver.keep({}, resolve)
    await Promise.race([promise, this.#failed.promise])
  }

  /** The members of the present epoch. */
  get membership(): Membership {
    return this.#driver.replica.ledger.membership
  }

  /** The members of the council as an electorate. */
  electorate(): readonly Member[] {
    return this.membership.members.map(({ id, publicKey }) => {
      return { member: id, key: keyIdOf(this.#crypto, publicKey), publicKey }
    })
  }

  /**
   * The certificate of a vote, as soon as there is one. Throws COTERIE_DEADLINE_PASSED when there is none in time (the
   * vote may still be certified later), and what has made this replica stop.
   */
  async waitFor(decision: string, timeoutMs: number): Promise<DecisionCertificate> {
    this.#checkLive()
    const known = this.certificate(decision)
    if (known !== undefined) return known
    if (this.standing === 'removed') throw this.#removedError()
    const waiting = [...this.#waiters.values()].reduce((sum, { size }) => sum + size, 0)
    if (waiting >= WAITERS_MAX) {
      throw new CoterieError('COTERIE_LIMIT_EXCEEDED', 'Too many callers wait for certificates here.', {
        retryable: true,
        details: { limit: 'WAITERS_MAX', value: WAITERS_MAX },
      })
    }
    const { promise, resolve, reject } = Promise.withResolvers<DecisionCertificate>()
    const waiter = { resolve, reject }
    const waiters = this.#waiters.get(decision) ?? new Set()
    this.#waiters.set(decision, waiters.add(waiter))
    const forget = this.#parts.clock.setTimer(timeoutMs, () => {
      const message = `The council has not certified ${JSON.stringify(decision)} in time; it may yet do so.`
      reject(new CoterieError('COTERIE_DEADLINE_PASSED', message, { details: { decision } }))
    })
    try {
      return await promise
    } finally {
      forget()
      waiters.delete(waiter)
      if (waiters.size === 0) this.#waiters.delete(decision)
    }
  }

  /** Hands in this member's own opinion. See `CouncilMember.vote`. */
  vote(decision: string, vote: Vote): SignedBallot {
    this.#checkMember()
    if (this.#driver.isForgetful) throw notReady('it may have forgotten ballots, and has to catch up first')
    return this.#member.vote(decision, vote)
  }

  /** Hands in ballots that others have signed. */
  handIn(decision: string, ballots: readonly SignedBallot[]): void {
    this.#checkMember()
    const payload = { type: 'ballot', decision, ballots, at: this.#parts.clock.now() } as const
    if (readPayload(payload) === undefined) {
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'These are no signed ballots, or too many at once.')
    }
    this.#operations.submit(payload)
  }

  /** The certificate of a vote, when it is known here. */
  certificate(decision: string): DecisionCertificate | undefined {
    const text = this.#parts.log.certificate(decision)
    return text === undefined ? undefined : this.#whole(JSON.parse(text) as DecisionCertificate)
  }

  /** The members, and the changes of them that wait for agreement. */
  members(): CouncilMembers {
    const { current, members } = this.#epochs
    const { instance } = this.#rules
    const { height } = this.#driver.replica
    return { instance, epoch: current.epoch, height, members, changes: this.#changes.all() }
  }

  /** The membership file, with the changes since, and their proofs. */
  roster(): Roster {
    return this.#epochs.roster
  }

  /**
   * Agrees, in the name of this member, to a change of the members: what its owner has decided. When a quorum has, the
   * members change. The agreement cannot be taken back in this epoch. It answers when the change is decided, when it
   * waits for others, or when the time is over. Throws COTERIE_INVALID_ARGUMENT when the rules do not allow it.
   */
  async agree(change: Change, timeoutMs: number): Promise<AgreeResult> {
    this.#checkMember()
    if (this.#driver.isForgetful) throw notReady('it may have forgotten votes, and has to catch up first')
    const digest = this.#changes.agree(change)
    await this.durable()
    return this.#changes.outcome(digest, timeoutMs)
  }

  /** The proposal of a vote that is not certified. */
  proposal(decision: string): Proposal | undefined {
    return voteIn(this.#state, decision)?.proposal
  }

  /** The newest certificates. */
  certificates(limit: number): readonly DecisionCertificate[] {
    const texts = this.#parts.log.certificates(limit)
    return texts.map((text) => this.#whole(JSON.parse(text) as DecisionCertificate))
  }

  /** The pieces of evidence that this replica has. */
  evidence(): readonly { readonly culprit: string; readonly evidence: Evidence }[] {
    const limit = this.membership.members.length * 64
    return this.#parts.log.evidence(limit).map(({ culprit, text }) => {
      return { culprit, evidence: JSON.parse(text) as Evidence }
    })
  }

  status(): CouncilStatus {
    const { replica, rejected } = this.#driver
    const { membership } = replica.ledger
    const pieces = Map.groupBy(this.evidence(), ({ culprit }) => culprit)
    return {
      instance: this.#rules.instance,
      member: this.#rules.self,
      height: replica.height,
      view: replica.view,
      leader: membership.members[leaderAt(replica, replica.view)]?.id ?? '',
      epoch: membership.epoch,
      members: membership.members.length,
      names: membership.members.map(({ id }) => id),
      standing: this.standing,
      removedAt: this.#epochs.removedAt(this.#rules.self) ?? null,
      mayLie: membership.faultyWeight,
      quorum: membership.quorumWeight,
      forgetful: this.#driver.isForgetful,
      halted: replica.halted?.reason ?? null,
      suspended: replica.ledger.rotation.suspensions
        .filter(({ until }) => until > replica.height)
        .map(({ leader }) => leader),
      open: Object.keys(this.#state.open),
      waiting: this.#operations.size,
      peers: this.#parts.transport.peers().map((peer) => ({ ...peer, rejected: rejected.get(peer.id) ?? 0 })),
      refused: this.#parts.transport.refused,
      evidence: [...pieces].map(([culprit, list]) => ({ culprit, pieces: list.length })),
    }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#member.stop()
    this.#changes.stop()
    this.#rejectAll(closedError())
    await this.#driver.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A height is decided; what it means is kept in the same commit. */
  #decided({ value, finalization }: Decision): void {
    const { application, instance } = this.#rules
    const membership = this.#epochs.current
    for (const operation of value.operations) {
      const before = this.#state
      if (operation.body.kind === 'application') {
        const next = application.apply(before, operation, value.height, membership)
        this.#state = (next ?? before) as CouncilState
      }
      const { body, author } = operation
      const payload = body.kind === 'application' ? readPayload(body.payload) : undefined
      const vote = payload?.type === 'close' ? voteIn(before, payload.decision) : undefined
      const counted = vote === undefined ? undefined : certificateOf(this.#crypto, vote)
      if (counted !== undefined) {
        this.#certified(makeDecisionCertificate(instance, membership, counted, value, finalization))
      }
      if (author !== this.#rules.self) continue
      const lost = this.#operations.settle(operation)
      if (lost !== undefined) this.#resubmit(lost)
    }
    // It takes effect with the next height.
    const changed = this.#epochs.decided(value, finalization)
    if (changed !== undefined) this.#membersChanged(changed)
    this.#fill()
    this.#member.look(this.#state)
    this.#changes.look(this.#state)
  }

  /** The others are met when it is durable that they are members, or are none any more. */
  #membersChanged({ change, height }: DecidedChange): void {
    const { transport, self, logger } = this.#parts
    const { epoch } = this.#epochs.current
    const added = change.add.map(({ id }) => id).join(' ')
    const removed = change.remove.join(' ')
    logger.log('info', 'the members have changed', { epoch, height, added, removed })
    this.#driver.keep({}, () => transport.meet(this.#epochs.contacts(self)))
    if (!change.remove.includes(self)) return
    this.#tellRemoval()
    this.#rejectAll(this.#removedError())
  }

  #tellRemoval(): void {
    this.#parts.logger.log('warn', this.#removedError().message)
  }

  #removedError(): CoterieError {
    const { self, instance } = this.#rules
    return removedError(instance, self, this.#epochs.removedAt(self) ?? 0)
  }

  /** Operations of this member that can never be decided any more make room for those behind them. */
  #fill(): void {
    const { ledger } = this.#driver.replica
    const { instance } = this.#rules
    this.#operations.fill(ledger.height, ({ body }: Operation) => {
      if (body.kind !== 'change') return false
      return (
        typeof changedMembers(this.#council, ledger.membership, instance, body, ledger.retired) === 'string'
      )
    })
  }

  /** A certificate with the proof of how its members became members. */
  #whole(certificate: DecisionCertificate): DecisionCertificate {
    const { epoch } = certificate
    return epoch === 0 ? certificate : { ...certificate, changes: this.#epochs.linksTo(epoch) }
  }

  #certified(certificate: DecisionCertificate): void {
    const { decision } = certificate.vote.proposal
    const text = canonicalize(certificate)
    const row = { decision, height: certificate.value.height, text }
    const told = (): void => {
      const whole = this.#whole(certificate)
      for (const waiter of this.#waiters.get(decision) ?? []) waiter.resolve(whole)
    }
    if (this.#waiters.has(decision)) this.#driver.keep({ certificates: [row] }, told)
    else this.#driver.note({ certificates: [row] }, told)
  }

  /** An operation whose number was given to another one. A vote is named by its number, so it is not opened again. */
  #resubmit({ body, sequence, author }: Decision['value']['operations'][number]): void {
    const payload = body.kind === 'application' ? readPayload(body.payload) : undefined
    if (payload?.type === 'ballot') return void this.#operations.submit(payload)
    const decision = decisionIdOf(author, sequence)
    const error = notReady('this member has put another question under that number: ask again')
    if (payload?.type === 'open') for (const waiter of this.#waiters.get(decision) ?? []) waiter.reject(error)
  }

  #stopFor(error: unknown): void {
    this.#parts.logger.log('error', 'the replica stops', {
      why: error instanceof Error ? error.message : String(error),
    })
    this.#member.stop()
    this.#changes.stop()
    this.#rejectAll(error)
    this.#failed.reject(error)
  }

  #rejectAll(error: unknown): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.reject(error)
  }

  #checkLive(): void {
    if (this.#isClosed) throw closedError()
  }

  #checkMember(): void {
    this.#checkLive()
    const { standing } = this
    if (standing === 'removed') throw this.#removedError()
    if (standing === 'joining')
      throw notReady('the council has not taken it in yet, or it has still to learn so')
  }
}

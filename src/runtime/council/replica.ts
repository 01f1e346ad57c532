/**
 * One replica of a council: the machine with its driver, and this member's part in the votes.
 *
 * @module
 */

import type { CouncilCrypto } from '../../bft/crypto.ts'
import type { Decision } from '../../bft/decision.ts'
import type { Evidence } from '../../bft/evidence.ts'
import { indexOf, type Membership } from '../../bft/membership.ts'
import { membershipAfter } from '../../bft/operations.ts'
import type { ReplicaRules } from '../../bft/state.ts'
import { statementBytes, type Statement } from '../../bft/statements.ts'
import { leaderAt } from '../../bft/state.ts'
import { certificateOf, councilApplication, voteIn, type CouncilState } from '../../council/application.ts'
import { keyIdOf, makeDecisionCertificate, type DecisionCertificate } from '../../council/certificate.ts'
import { decisionIdOf, readPayload } from '../../council/operations.ts'
import { membershipOf, type Roster } from '../../council/roster.ts'
import { CoterieError } from '../../core/errors.ts'
import { canonicalize, type Json } from '../../core/json.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilLog, CouncilPeer, CouncilTransport } from '../../ports/council.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Random } from '../../ports/random.ts'
import type { Vote } from '../../turn/turn.ts'
import type { SignedBallot } from '../../voting/ballot.ts'
import { proposalProblem, type Member, type Proposal } from '../../voting/proposal.ts'
import { majority, type Rule } from '../../voting/rule.ts'
import { toHex } from '../../core/bytes.ts'
import { CouncilDriver } from './driver.ts'
import { DEFAULT_OPTIONS } from './matter.ts'
import { CouncilMember, type Judge } from './member.ts'
import { OwnOperations } from './own-operations.ts'
import { rememberingCouncilCrypto, rememberingCrypto } from './remembering-crypto.ts'

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

/** A question for a council. */
export interface CouncilQuestion {
  readonly question: string
  readonly subject?: Json
  /** Two of `approve` and `reject`, unless others are named. */
  readonly options?: readonly string[]
  /** More than half, unless another rule is named. */
  readonly rule?: Rule
  /** Who votes: the members of the council, unless others are named. */
  readonly electorate?: readonly Member[]
  /** How long members have to answer. */
  readonly timeoutMs?: number
  readonly otherwise?: string
}

/** What a replica knows of itself. */
export interface CouncilStatus {
  readonly instance: string
  readonly member: string
  /** The height that it works on: all below are decided. */
  readonly height: number
  readonly view: number
  readonly leader: string
  readonly epoch: number
  readonly members: number
  readonly mayLie: number
  readonly quorum: number
  /** It casts no votes yet, because it may have forgotten some. */
  readonly forgetful: boolean
  readonly halted: string | null
  /** Members that do not lead for a while, because they were slow again and again. */
  readonly suspended: readonly string[]
  readonly open: readonly string[]
  readonly waiting: number
  readonly peers: readonly (CouncilPeer & { readonly rejected: number })[]
  /** What came from nobody who is a member, or was not signed by the member that it was said to be from. */
  readonly refused: number
  readonly evidence: readonly { readonly culprit: string; readonly pieces: number }[]
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
  #state: CouncilState
  /** Who decides the height that `#state` is before. The machine may be further by now. */
  #epoch: Membership
  #isClosed = false

  constructor(parts: ReplicaParts) {
    const { roster, self, key, log, transport, clock, logger, random } = parts
    this.#parts = parts
    this.#crypto = rememberingCrypto(parts.crypto, key)
    this.#council = rememberingCouncilCrypto(this.#crypto)
    const genesis = membershipOf(this.#council, roster)
    if (genesis.members[indexOf(genesis, self)]?.publicKey !== key.publicKey) {
      const message = `The key of ${JSON.stringify(self)} here is not the one that the membership file names.`
      throw new CoterieError('COTERIE_KEY_MISMATCH', message, { details: { member: self } })
    }
    this.#rules = {
      crypto: this.#council,
      instance: roster.instance,
      application: councilApplication(this.#crypto),
      self,
      deltaMs: parts.deltaMs ?? DELTA_MS,
      deltaMsMin: DELTA_MS_MIN,
      deltaMsMax: DELTA_MS_MAX,
      batchOperations: parts.batchOperations ?? BATCH_OPERATIONS,
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
    this.#epoch = this.#driver.replica.ledger.membership
    const driver = this.#driver
    const judge = parts.judge
    this.#member = new CouncilMember(
      { self, key, crypto: this.#crypto, clock, log, logger, driver, operations, judge },
      this.#state,
    )
  }

  /** Joins the others. */
  async start(): Promise<void> {
    await this.#driver.start()
    this.#operations.resume(this.#parts.log.history.operations)
    this.#member.look()
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
    this.#checkLive()
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
    const problem = proposalProblem(proposal)
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
    this.#checkLive()
    if (this.#driver.isForgetful) throw notReady('it may have forgotten ballots, and has to catch up first')
    return this.#member.vote(decision, vote)
  }

  /** Hands in ballots that others have signed. */
  handIn(decision: string, ballots: readonly SignedBallot[]): void {
    this.#checkLive()
    const payload = { type: 'ballot', decision, ballots, at: this.#parts.clock.now() } as const
    if (readPayload(payload) === undefined) {
      throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'These are no signed ballots, or too many at once.')
    }
    this.#operations.submit(payload)
  }

  /** The certificate of a vote, when it is known here. */
  certificate(decision: string): DecisionCertificate | undefined {
    const text = this.#parts.log.certificate(decision)
    return text === undefined ? undefined : (JSON.parse(text) as DecisionCertificate)
  }

  /** The proposal of a vote that is not certified. */
  proposal(decision: string): Proposal | undefined {
    return voteIn(this.#state, decision)?.proposal
  }

  /** The newest certificates. */
  certificates(limit: number): readonly DecisionCertificate[] {
    return this.#parts.log.certificates(limit).map((text) => JSON.parse(text) as DecisionCertificate)
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
    this.#rejectAll(closedError())
    await this.#driver.stop()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** A height is decided; what it means is kept in the same commit. */
  #decided({ value, finalization }: Decision): void {
    const { application, instance } = this.#rules
    const membership = this.#epoch
    for (const operation of value.operations) {
      const before = this.#state
      if (operation.body.kind === 'change') {
        // It takes effect with the next height.
        this.#epoch = membershipAfter(this.#council, membership, operation.body.change)
      } else {
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
    this.#operations.fill(value.height)
    this.#member.look(this.#state)
  }

  #certified(certificate: DecisionCertificate): void {
    const { decision } = certificate.vote.proposal
    const text = canonicalize(certificate)
    const row = { decision, height: certificate.value.height, text }
    const told = (): void => {
      for (const waiter of this.#waiters.get(decision) ?? []) waiter.resolve(certificate)
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
    this.#rejectAll(error)
    this.#failed.reject(error)
  }

  #rejectAll(error: unknown): void {
    for (const waiters of this.#waiters.values()) for (const waiter of waiters) waiter.reject(error)
  }

  #checkLive(): void {
    if (this.#isClosed) throw closedError()
  }
}

function closedError(): CoterieError {
  return new CoterieError('COTERIE_CLOSED', 'This replica is closed.')
}

function notReady(why: string): CoterieError {
  return new CoterieError('COTERIE_COUNCIL_UNREADY', `This replica takes nothing at the moment: ${why}.`)
}

function haltedError(reason: string): CoterieError {
  const message =
    reason === 'fork'
      ? 'The council has forked: more members lie than can be tolerated. The evidence names them.'
      : 'This replica does not compute what the others do, and has stopped for good.'
  return new CoterieError('COTERIE_COUNCIL_HALTED', message, { details: { reason } })
}

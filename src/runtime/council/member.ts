/**
 * What a member does in the votes of its council: it judges questions, hands in its ballot, says when a deadline has
 * passed, and closes votes that are over. None of it is part of the protocol, and none of it makes the protocol wait.
 *
 * @module
 */

import { CLOSE_HEIGHTS_MAX, type CouncilState, type OpenVote } from '../../council/application.ts'
import type { Payload } from '../../council/operations.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Clock } from '../../ports/clock.ts'
import type { CouncilLog } from '../../ports/council.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Logger } from '../../ports/logger.ts'
import type { Question, Vote } from '../../turn/turn.ts'
import { ballotFor, chooseOf } from '../../turn/vote.ts'
import { ballotBytes, type SignedBallot } from '../../voting/ballot.ts'
import { proposalHash, type Proposal } from '../../voting/proposal.ts'
import type { CouncilDriver } from './driver.ts'
import type { OwnOperations } from './own-operations.ts'

/** How a member forms its opinion: a model, rules, a person. It may take its time, and is asked again when it fails. */
export type Judge = (question: Question & { readonly decision: string }) => Vote | Promise<Vote>

/** How often open votes are looked at. */
const LOOK_MS = 100
/** A vote that is over is closed by the member that opened it; after so long, by anyone. */
const CLOSE_PATIENCE_MS = 1_000
/** Opinions that are formed at the same time. */
const JUDGED_AT_ONCE_MAX = 8
const JUDGE_ATTEMPTS_MAX = 3
const JUDGE_AGAIN_MS = 2_000
/** A longer reason is cut, so that the ballot fits into an operation, however its characters are escaped. */
const REASON_CHARS_MAX = 8_192

interface Judging {
  attempts: number
  /** Not before. */
  at: number
  isBusy: boolean
}

/** What the member's part needs. */
export interface MemberParts {
  readonly self: string
  readonly key: KeyPair
  readonly crypto: Crypto
  readonly clock: Clock
  readonly log: CouncilLog
  readonly logger: Logger
  readonly driver: CouncilDriver
  readonly operations: OwnOperations
  readonly judge: Judge | undefined
}

/** The member. */
export class CouncilMember {
  readonly #parts: MemberParts
  readonly #judging = new Map<string, Judging>()
  /** Signed in this run: not necessarily durable yet. */
  readonly #ballots = new Map<string, SignedBallot>()
  readonly #overSince = new Map<string, number>()
  #state: CouncilState
  #forgetTimer: (() => void) | undefined
  #isStopped = false

  constructor(parts: MemberParts, state: CouncilState) {
    this.#parts = parts
    this.#state = state
  }

  /** Looks at the votes of a new state. */
  look(state: CouncilState = this.#state): void {
    this.#state = state
    if (this.#isStopped) return
    this.#forgetTimer?.()
    this.#forgetTimer = undefined
    this.#dropClosed()
    // Who is no member, or not yet, has no say; the next decision may change that.
    if (this.#parts.driver.replica.self < 0) return
    const votes = Object.values(state.open)
    if (votes.length === 0) return
    if (!this.#parts.driver.isForgetful) for (const vote of votes) this.#consider(vote)
    this.#forgetTimer = this.#parts.clock.setTimer(LOOK_MS, () => this.look())
  }

  /**
   * Signs this member's ballot and hands it in. Who has voted already gets the ballot that it signed then.
   * Throws COTERIE_NOT_FOUND when the vote is not open here, and what `ballotFor` throws.
   */
  vote(decision: string, vote: Vote): SignedBallot {
    const open = this.#state.open[decision]
    const known = this.#knownBallot(decision)
    if (known !== undefined) return known
    if (open === undefined || open.result !== null) {
      throw new CoterieError('COTERIE_NOT_FOUND', `No vote ${JSON.stringify(decision)} is open here.`, {
        details: { decision },
      })
    }
    const { self, key, crypto, clock, driver, operations } = this.#parts
    const { proposal } = open
    const now = clock.now()
    const place = { space: proposal.space, address: self, key: key.id, publicKey: key.publicKey }
    const hash = proposalHash(crypto, proposal)
    const ballot = ballotFor(proposal, hash, { ...place, reasonChars: REASON_CHARS_MAX, now }, vote)
    const signed = { ballot, signature: crypto.sign(key.privateKey, ballotBytes(ballot)) }
    const payload = { type: 'ballot', decision, ballots: [signed], at: now } as const
    // The register of ballots goes down in the same commit as the operation, and before it is sent.
    operations.submit(payload)
    driver.keep({ ballots: [{ decision, text: JSON.stringify(signed) }] })
    this.#ballots.set(decision, signed)
    return signed
  }

  stop(): void {
    this.#isStopped = true
    this.#forgetTimer?.()
  }

  #consider(vote: OpenVote): void {
    const { proposal, result } = vote
    const { clock, self, operations } = this.#parts
    const now = clock.now()
    if (result !== null) return this.#considerClosing(proposal.decision, result.certificate)
    if (proposal.deadline !== null && now >= proposal.deadline) {
      if (!vote.late.includes(self) && !this.#isAsked('expire', proposal.decision))
        this.#submit({ type: 'expire', decision: proposal.decision, at: now })
      return
    }
    if (!proposal.electorate.some(({ member }) => member === self)) return
    if (vote.ballots.some(({ ballot }) => ballot.member === self)) return
    if (operations.size < JUDGED_AT_ONCE_MAX * 8) this.#considerJudging(proposal)
  }

  #considerClosing(decision: string, certificate: string): void {
    const now = this.#parts.clock.monotonic()
    const since = this.#overSince.get(decision) ?? now
    this.#overSince.set(decision, since)
    const isMine = decision.slice(0, decision.lastIndexOf('.')) === this.#parts.self
    if (!isMine && now - since < CLOSE_PATIENCE_MS) return
    if (this.#isAsked('close', decision)) return
    const expires = this.#parts.driver.replica.height + CLOSE_HEIGHTS_MAX - 1
    this.#submit({ type: 'close', decision, certificate }, expires)
  }

  #submit(payload: Payload, expires = 0): void {
    try {
      this.#parts.operations.submit(payload, expires)
    } catch (error) {
      // Too many wait: it is looked at again.
      if (!(error instanceof CoterieError) || error.code !== 'COTERIE_LIMIT_EXCEEDED') throw error
    }
  }

  #isAsked(type: Payload['type'], decision: string): boolean {
    return this.#parts.operations.all().some(({ body }) => {
      if (body.kind !== 'application') return false
      const payload = body.payload as unknown as Payload
      return payload.type === type && 'decision' in payload && payload.decision === decision
    })
  }

  #knownBallot(decision: string): SignedBallot | undefined {
    const fresh = this.#ballots.get(decision)
    if (fresh !== undefined) return fresh
    const text = this.#parts.log.ballot(decision)
    return text === undefined ? undefined : (JSON.parse(text) as SignedBallot)
  }

  #considerJudging(proposal: Proposal): void {
    const { judge, clock } = this.#parts
    const { decision } = proposal
    const judging = this.#judging.get(decision) ?? { attempts: 0, at: 0, isBusy: false }
    if (judge === undefined || judging.isBusy || judging.attempts >= JUDGE_ATTEMPTS_MAX) return
    if (clock.monotonic() < judging.at || this.#knownBallot(decision) !== undefined) return
    if ([...this.#judging.values()].filter(({ isBusy }) => isBusy).length >= JUDGED_AT_ONCE_MAX) return
    judging.isBusy = true
    judging.attempts += 1
    this.#judging.set(decision, judging)
    void this.#judge(judge, proposal, judging)
  }

  async #judge(judge: Judge, proposal: Proposal, judging: Judging): Promise<void> {
    const { logger, clock } = this.#parts
    const { question, subject, options, decision } = proposal
    try {
      const answer = await judge({
        question,
        subject: subject ?? null,
        options,
        choose: chooseOf(proposal),
        decision,
      })
      if (!this.#isStopped && this.#state.open[decision]?.result === null) this.vote(decision, answer)
    } catch (error) {
      judging.at = clock.monotonic() + JUDGE_AGAIN_MS
      const why = error instanceof Error ? error.message : String(error)
      logger.log('warn', 'no opinion could be formed', { decision, attempt: judging.attempts, why })
    } finally {
      judging.isBusy = false
    }
  }

  #dropClosed(): void {
    for (const map of [this.#judging, this.#ballots, this.#overSince]) {
      for (const decision of map.keys()) if (!Object.hasOwn(this.#state.open, decision)) map.delete(decision)
    }
  }
}

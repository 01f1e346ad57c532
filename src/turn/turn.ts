/**
 * The turn: what a handler is given. Everything that it does through the turn is journaled or buffered, and
 * commits together with the acknowledgement of the message.
 *
 * @module
 */

import type { CouncilDecideOptions, CouncilDecision } from './council.ts'
import type { RetryPolicy } from '../core/retry.ts'
import type { SignedBallot } from '../voting/ballot.ts'
import type { Certificate } from '../voting/certificate.ts'
import type { Proposal } from '../voting/proposal.ts'
import type { Rule } from '../voting/rule.ts'
import type { ErrorValue } from '../core/errors.ts'
import type { Json } from '../core/json.ts'
import type { HandlerRef, Topic } from './definition.ts'

/** Tokens, money, anything countable that a step used. Whole numbers; money in a small unit (`costMicros`). */
export type Usage = Readonly<Record<string, number>>

/** What a step's function is given. */
export interface StepContext {
  /** Fires when the lease is lost, the deadline passes, the turn is cancelled, or the step times out. */
  readonly signal: AbortSignal
  /** The same for every try of this step, and for no other: hand it to the service that you call. */
  readonly idempotencyKey: string
  /** 1 for the first try. */
  readonly attempt: number
  /** Records what the step used; several calls add up. */
  readonly usage: (used: Usage) => void
}

/** Options of a step. */
export interface StepOptions<T> {
  /** Tries within this turn; by default one, and a failure goes to the turn's own retry policy. */
  readonly retry?: Partial<RetryPolicy>
  /** For each try, in milliseconds. */
  readonly timeoutMs?: number
  /**
   * Undoes the step when the turn rolls back. It is registered durably before the step starts, so after a crash in
   * the middle of the step it is called with `undefined`. It must be idempotent.
   */
  readonly undo?: (result: T | undefined, context: StepContext) => unknown
}

/** Options of a send, an ask or a publication. */
export interface SendOptions {
  /** The instance: `name/key`. */
  readonly key?: string
  /**
   * One message for each (sender's name, recipient, key), for ever: its id follows from them, so a second send
   * answers the same id and changes nothing, not even when it would be due. Another payload, or a question under the
   * key of a mere message, is refused with COTERIE_KEY_REUSED.
   */
  readonly idempotencyKey?: string
  /** Not delivered earlier, in milliseconds from now. */
  readonly delayMs?: number
  /** Not delivered before this time (milliseconds since the epoch). */
  readonly at?: number
  /** Absolute. The turn's own deadline still holds if it is earlier. */
  readonly deadline?: number
  /** The same as a duration from now. */
  readonly timeoutMs?: number
}

/** Options of `ask`. */
export interface AskOptions extends Omit<SendOptions, 'delayMs' | 'at'> {}

/** An answer or a failure, as a value. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: ErrorValue }

/** An event as a turn reads it. */
export interface TurnEvent {
  readonly type: string
  readonly version: number
  readonly data: unknown
}

/** What a member is asked. */
export interface Question {
  readonly question: string
  readonly subject: Json
  readonly options: readonly string[]
  /** Whether to answer with one option, with all that it approves of, or with a ranking, best first. */
  readonly choose: 'one' | 'any' | 'ranking'
}

/** A member's answer: one of the options, or a list of them if that is asked for, or `abstain`. */
export interface Vote {
  readonly choice: string | readonly string[]
  readonly reason: string
  /** The family of the model that judged, for rules that ask for several. It is taken at the member's word. */
  readonly family?: string
}

/** One who votes: a handler made by `vote`, with the key of an instance if it is keyed. */
export interface Voter {
  readonly ref: HandlerRef<Proposal, SignedBallot>
  readonly key?: string
  /** What its ballot weighs: a whole number from 1, which is the default, to 1000000. */
  readonly weight?: number
}

/** Who decides: handlers made by `vote`, with or without key and weight, and people. */
export type Electorate = readonly (Voter | HandlerRef<Proposal, SignedBallot> | PersonRef)[]

/** A person, as `person` makes it. */
export interface PersonRef {
  readonly person: HandlerRef<Proposal, SignedBallot>
}

/** To whom a decision goes that had no outcome. */
export interface Escalation {
  readonly electorate: Electorate
  /** By default the rule of the decision. */
  readonly rule?: Rule
  /** By default that of the decision. */
  readonly timeoutMs?: number
}

/** A decision to be made. */
export interface DecideOptions {
  readonly question: string
  /** What it is about; each member sees it, and the certificate holds it. Canonical JSON: no fractions. */
  readonly subject?: Json
  /** By default `approve` and `reject`. */
  readonly options?: readonly string[]
  readonly electorate: Electorate
  readonly rule: Rule
  /** How long to wait for ballots; a member who has not answered then counts as silent. */
  readonly timeoutMs?: number
  /** The same as a time, in milliseconds since the epoch. The earlier of the two holds. */
  readonly deadline?: number
  /**
   * Sealed ballots: the members first commit themselves, and show their ballots when all have, or when `commitMs` have
   * passed (by default half of `timeoutMs`). Nobody's vote is seen before the last one is fixed.
   */
  readonly sealed?: boolean | { readonly commitMs: number }
  /** The option that is the outcome when the rule gives none, and there is nobody left to escalate to. */
  readonly otherwise?: string
  /** Others who decide, one after the other, for want of an outcome: each a decision with a certificate of its own. */
  readonly escalate?: readonly Escalation[]
  /**
   * Wait for every member, so that the certificate holds all dissent. By default the vote closes as soon as no ballot
   * that is still missing can change the outcome.
   */
  readonly everyBallot?: boolean
}

/** The outcome with its proof. */
export interface Decision {
  readonly id: string
  /** An option, or `none` when no option reached what the rule asks. */
  readonly outcome: string
  readonly certificate: Certificate
}

/** What a handler does its work with. `Reply` is what `reply` takes. */
export interface Turn<in Reply = never> {
  readonly id: string
  /** The address that runs. */
  readonly self: string
  readonly from: string
  readonly trace: string
  readonly correlation: string
  /** Absolute, milliseconds since the epoch; null when there is none. */
  readonly deadline: number | null
  /** 1 for the first attempt. */
  readonly attempt: number
  /** Fires when the lease is lost, the deadline passes, or the turn is cancelled; its reason is the error. */
  readonly signal: AbortSignal

  /** Runs `fn` once and records the result before anything else starts. Outside effects are at least once. */
  step<T>(name: string, fn: (context: StepContext) => T | Promise<T>, options?: StepOptions<T>): Promise<T>
  /** Sends and waits for the answer. Throws COTERIE_ASK_FAILED, COTERIE_DEADLINE_PASSED, COTERIE_WAIT_CYCLE. */
  ask<I, O>(target: HandlerRef<I, O>, payload: I, options?: AskOptions): Promise<O>
  /** As `ask`, but a failure is a value. */
  askSettled<I, O>(target: HandlerRef<I, O>, payload: I, options?: AskOptions): Promise<Settled<O>>
  /** Puts a question to a vote and waits for the outcome. */
  decide(options: DecideOptions): Promise<Decision>
  /** Lets a council decide: other replicas, with keys of their own. Its answer is a step of this turn. */
  decide(options: CouncilDecideOptions): Promise<CouncilDecision>
  /** Waits, durably. */
  sleep(ms: number): Promise<void>
  /** Reads a stream at its present version; the turn commits only if it has not moved by then. */
  read(stream: string): Promise<{ readonly version: number; readonly events: readonly TurnEvent[] }>

  /** Buffered until the segment commits; answers the message's id. */
  send<I>(target: HandlerRef<I, unknown>, payload: I, options?: SendOptions): string
  /** One copy to each subscriber that the space knows when the segment commits. */
  publish<I>(target: Topic<I>, payload: I, options?: Omit<SendOptions, 'key'>): void
  /** Appends an event to a stream. */
  append(stream: string, type: string, data: unknown): void
  /** Answers the asker when the turn commits; what the handler returns is then ignored. */
  reply(value: Reply): void
  /** Logs why, for `coterie why`. */
  reason(text: string): void
  /** The time, journaled: the same when the turn is run again. */
  now(): number
  /** A number in [0, 1), journaled. */
  random(): number
}

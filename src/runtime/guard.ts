/**
 * Guarded actions: run once, and only with an approval of exactly this action with exactly these arguments.
 *
 * @module
 */

import type { CouncilMatter, CouncilRef, SpaceCouncilRef } from '../turn/council.ts'
import { addressOf } from '../core/address.ts'
import { CoterieError } from '../core/errors.ts'
import { canonicalize, type Json } from '../core/json.ts'
import { parseWith } from '../core/schema.ts'
import type { InputOf, OutputOf, StandardSchema } from '../core/schema.ts'
import type { DecideOptions, Decision, PersonRef, StepContext, StepOptions, Turn } from '../turn/turn.ts'
import { APPROVE, type ActionSubject, type ApprovalTerms } from '../voting/approval.ts'
import type { Certificate } from '../voting/certificate.ts'
import { majority, type Rule } from '../voting/rule.ts'
import { voterOf } from './decide.ts'
import { isTurn } from './turn-handle.ts'
import type { TurnHandle } from './turn-handle.ts'

/** Something that is not done without leave. */
export interface Action<Input = unknown, Args = Input, Result = unknown> {
  /** Part of what is approved: two actions must not share it. */
  readonly name: string
  /** A Standard Schema. What it gives must have a canonical form: that is what is approved, and what runs. */
  readonly input: StandardSchema
  /** Runs as a step of the turn: recorded, and with an idempotency key for the outside. */
  readonly run: (args: Args, context: StepContext) => Result | Promise<Result>
  readonly '~types'?: { readonly input: Input }
}

/** Names an action. Throws COTERIE_INVALID_DEFINITION. */
export function action<S extends StandardSchema, R>(
  name: string,
  input: S,
  run: (args: OutputOf<S>, context: StepContext) => R | Promise<R>,
): Action<InputOf<S>, OutputOf<S>, R> {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) {
    throw new CoterieError(
      'COTERIE_INVALID_DEFINITION',
      `An action has a name of 1 to 100 visible ASCII characters, not ${JSON.stringify(name)}.`,
    )
  }
  return Object.freeze({ name, input, run })
}

/** How a vote on an action is held: what `turn.decide` takes, but for what is voted on. */
export type VoteTerms = Omit<DecideOptions, 'question' | 'subject' | 'options' | 'otherwise'> & {
  readonly question?: string
}

/** How an action of some risk is decided. */
export type Way =
  /** The agent that runs acts by itself. */
  | { readonly by: 'alone' }
  /** A team votes. */
  | ({ readonly by: 'vote' } & VoteTerms)
  /** A person approves; for want of an answer, the next one. */
  | {
      readonly by: 'person'
      readonly ask: PersonRef | readonly [PersonRef, ...PersonRef[]]
      readonly question?: string
      /** For each of them. */
      readonly timeoutMs?: number
    }
  /** A council decides: anew for each call, by `approve` and `reject`. */
  | ({ readonly by: 'council'; readonly council: CouncilRef | SpaceCouncilRef } & Pick<
      CouncilMatter,
      'rule' | 'timeoutMs'
    > & { readonly question?: string })

/** Maps the risk of an action to how it is decided. */
export interface RiskPolicy<Args, Risk extends string> {
  readonly risk: (args: Args) => Risk
  readonly ways: { readonly [R in Risk]: Way }
}

/** What a guarded call takes besides its arguments. */
export interface GuardOptions<Result> {
  /** A decision that was made elsewhere. By default the policy's own way is gone. */
  readonly decision?: Decision | Certificate
  /** Undoes the action when the turn rolls back. */
  readonly undo?: NonNullable<StepOptions<Result>['undo']>
}

/** An action behind its guard: call it within a turn. */
export type Guarded<Input, Result> = (
  turn: Turn,
  args: Input,
  options?: GuardOptions<Result>,
) => Promise<Result>

/**
 * Puts an action behind a policy. Each call runs the action once, as a step of the turn, and only if the policy lets
 * the agent act alone, or with a certificate that holds, for exactly this action and these arguments, by those and by
 * the rule that the policy asks for, and that no other turn has used. Otherwise the call throws and nothing runs:
 * COTERIE_NOT_APPROVED, COTERIE_APPROVAL_USED, COTERIE_INVALID_PAYLOAD.
 *
 * @example
 * ```ts
 * import { action, agent, guard, majority, on, person, vote } from 'coterie'
 * import { z } from 'zod'
 * const alice = person('alice')
 * const cautious = agent('cautious', { judge: vote(() => ({ choice: 'approve', reason: 'small' })) })
 * const transfer = z.object({ to: z.string(), cents: z.int() })
 * const pay = guard(
 *   action('pay', transfer, ({ to, cents }, { idempotencyKey }) => `paid ${cents} to ${to} once: ${idempotencyKey}`),
 *   {
 *     risk: ({ cents }) => (cents < 1_000 ? 'low' : cents < 100_000 ? 'medium' : 'high'),
 *     ways: {
 *       low: { by: 'alone' },
 *       medium: { by: 'vote', electorate: [cautious.judge], rule: majority() },
 *       high: { by: 'person', ask: alice, timeoutMs: 3_600_000 },
 *     },
 *   },
 * )
 * export const clerk = agent('clerk', { pay: on({ input: transfer }, (turn, args) => pay(turn, args)) })
 * ```
 */
export function guard<Input, Args, Result, Risk extends string>(
  what: Action<Input, Args, Result>,
  policy: RiskPolicy<Args, Risk>,
): Guarded<Input, Result> {
  return async (turn, args, options = {}) => {
    if (!isTurn(turn)) {
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        'A guarded action takes the turn of the handler that calls it.',
      )
    }
    // What runs is made from the text that is approved: nothing can be swapped in between.
    const text = canonicalize(parseWith(what.input, args, `action ${what.name}`) as Json)
    const subject: ActionSubject = { action: what.name, arguments: JSON.parse(text) as Json }
    const risk = policy.risk(JSON.parse(text) as Args)
    const ways: Readonly<Record<string, Way>> = policy.ways
    const way = Object.hasOwn(ways, risk) ? ways[risk] : undefined
    if (way === undefined)
      throw notApproved(what.name, `the policy has no way for the risk ${JSON.stringify(risk)}`)
    await leave(turn, what.name, subject, risk, way, options.decision)
    return turn.step(`run ${what.name}`, (step) => what.run(JSON.parse(text) as Args, step), {
      ...(options.undo !== undefined && { undo: options.undo }),
    })
  }
}

/** Resolves when the action may run in this turn, and in no other by the same decision. */
async function leave(
  turn: TurnHandle,
  name: string,
  subject: ActionSubject,
  risk: string,
  way: Way,
  given: Decision | Certificate | undefined,
): Promise<void> {
  if (way.by === 'council') {
    return leaveOfCouncil(turn, name, subject, way)
  }
  if (way.by === 'alone') {
    turn.reason(`acts alone on ${name}: the risk is ${risk}`)
    return
  }
  const asked = decideOptions(way, name, subject)
  const certificate = certificateOf(given) ?? (await turn.decide(asked)).certificate
  // The outcome of the look is a step: a turn that is run again finds what was true then.
  const problem = await turn.step(`look at the approval of ${name}`, () =>
    turn.approvalProblem(certificate, subject, termsOf(asked)),
  )
  if (problem !== null) {
    throw notApproved(name, problem, { decision: idOf(certificate), subject })
  }
  await turn.useDecision(idOf(certificate), name)
}

/** A council's certificate was verified when it came; it must approve of exactly this. */
async function leaveOfCouncil(
  turn: TurnHandle,
  name: string,
  subject: ActionSubject,
  way: Extract<Way, { readonly by: 'council' }>,
): Promise<void> {
  const { council, question = `Run ${name}?`, rule, timeoutMs } = way
  const terms = { ...(rule !== undefined && { rule }), ...(timeoutMs !== undefined && { timeoutMs }) }
  const { id, certificate } = await turn.decide({ by: council, question, subject, ...terms })
  const { proposal, outcome } = certificate.vote
  const isSame = canonicalize(proposal.subject ?? null) === canonicalize(subject)
  const isAsked = rule === undefined || canonicalize(proposal.rule) === canonicalize(rule)
  if (outcome !== 'approve' || !isSame || !isAsked || proposal.question !== question) {
    const problem = outcome === 'approve' ? 'it was asked something else' : `it decided ${outcome}`
    throw notApproved(name, `the council ${council.name} was asked, and ${problem}`, {
      decision: id,
      subject,
    })
  }
  await turn.useDecision(id, name)
}

function decideOptions(
  way: Extract<Way, { readonly by: 'vote' | 'person' }>,
  name: string,
  subject: ActionSubject,
): DecideOptions {
  const { question = `Run ${name}?` } = way
  if (way.by === 'vote') {
    const { by: _by, ...terms } = way
    return { ...terms, question, subject }
  }
  const [first, ...others] = Array.isArray(way.ask)
    ? (way.ask as readonly PersonRef[])
    : [way.ask as PersonRef]
  if (first === undefined) throw notApproved(name, 'the policy names nobody to ask')
  return {
    question,
    subject,
    electorate: [first],
    rule: majority(),
    escalate: others.map((next) => ({ electorate: [next] })),
    ...(way.timeoutMs !== undefined && { timeoutMs: way.timeoutMs }),
  }
}

/** The electorate that may approve, and those that it may be escalated to. */
function termsOf({
  question,
  escalate = [],
  electorate,
  rule,
  sealed,
}: DecideOptions): readonly ApprovalTerms[] {
  const terms = (members: DecideOptions['electorate'], by: Rule): ApprovalTerms => ({
    members: members.map((one) => {
      const { ref, key, weight } = voterOf(one)
      return { member: addressOf(ref.agent, key), ...(weight !== undefined && { weight }) }
    }),
    question,
    rule: by,
    sealed: sealed !== undefined && sealed !== false,
  })
  return [terms(electorate, rule), ...escalate.map((tier) => terms(tier.electorate, tier.rule ?? rule))]
}

function certificateOf(given: Decision | Certificate | undefined): Certificate | undefined {
  return given !== undefined && 'certificate' in given ? given.certificate : given
}

/** A certificate from elsewhere may be anything: it is judged before this is believed. */
function idOf(certificate: Certificate): string {
  const proposal: unknown = (certificate as { readonly proposal?: unknown }).proposal
  return String((proposal as { readonly decision?: unknown } | undefined)?.decision)
}

function notApproved(name: string, problem: string, details: object = {}): CoterieError {
  return new CoterieError('COTERIE_NOT_APPROVED', `The action ${name} was not run: ${problem}.`, {
    details: { action: name, problem, expected: APPROVE, ...details },
  })
}

/**
 * Rules: how ballots become an outcome. A rule is plain data, part of the proposal that members sign.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import { hasExactly } from './shape.ts'

/** A part of all weight, as a fraction of whole numbers: nothing is ever rounded. */
export type Share = { readonly numerator: number; readonly denominator: number }

/**
 * What a tie gives: nothing, the tied option that the proposal lists first, or the tied option that one member of
 * the electorate chose (its casting vote; nothing when it chose none of them).
 */
export type TiePolicy = 'none' | 'first' | { readonly member: string }

/** What must hold besides, whatever the rule. */
export type Safeguards = {
  /** Members with at least this share of all weight must have a ballot that counts, be it an abstention. */
  readonly quorum?: Share
  /**
   * Addresses of members who must each have answered, and of whom none may have chosen something else than the
   * outcome. To abstain is to raise no objection.
   */
  readonly veto?: readonly string[]
  /** Ballots for the outcome must name at least so many different model families. */
  readonly families?: number
}

/**
 * How many votes an option needs. Every share is of all weight in the electorate, not of the weight of those who
 * answered, so that silence can block an outcome and never forge one.
 *
 * `majority`: MORE than half. `supermajority`: AT LEAST the share, which is above one half. `unanimity`: all.
 * `threshold`: at least the share, which may be any; of several options that reach it, the one with the most votes.
 * `approval`: as `threshold`, and a ballot approves any number of options. `ranked`: instant run-off, until an option
 * has more than half of all weight.
 */
export type Rule = Safeguards &
  (
    | { readonly type: 'majority'; readonly onTie?: TiePolicy }
    | { readonly type: 'supermajority'; readonly numerator: number; readonly denominator: number }
    | { readonly type: 'unanimity' }
    | ({ readonly type: 'threshold' | 'approval'; readonly onTie?: TiePolicy } & Share)
    | { readonly type: 'ranked'; readonly onTie?: TiePolicy }
  )

/** Safeguards, and what a tie gives, for rules under which there can be one. */
export type RuleOptions = Safeguards & { readonly onTie?: TiePolicy }

/** The largest denominator of a share; products with all weight stay safe integers. */
export const DENOMINATOR_MAX = 1_000_000

/** The largest electorate that can be counted, in members. */
export const ELECTORATE_MAX = 1_000

/** The largest weight of one member. */
export const WEIGHT_MAX = 1_000_000

const WEIGHT_TOTAL_MAX = ELECTORATE_MAX * WEIGHT_MAX

/** More than half of all weight. There is a tie when two options have exactly half each. */
export function majority(options: RuleOptions = {}): Rule {
  return checked({ type: 'majority', ...options })
}

/**
 * At least numerator/denominator of all weight; 1/1 is unanimity. The share must be above one half, so that no two
 * options can reach it; below that, see `threshold`.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE`.
 */
export function supermajority(numerator: number, denominator: number, options: Safeguards = {}): Rule {
  return checked({ type: 'supermajority', numerator, denominator, ...options })
}

/** At least two thirds of all weight. */
export function twoThirds(options: Safeguards = {}): Rule {
  return supermajority(2, 3, options)
}

/** Everybody: who abstains or is silent blocks. */
export function unanimity(options: Safeguards = {}): Rule {
  return checked({ type: 'unanimity', ...options })
}

/**
 * At least numerator/denominator of all weight, which may be half or less: of the options that reach it, the one with
 * the most votes wins. Usually with a quorum: `threshold(1, 3, { quorum: { numerator: 2, denominator: 3 } })`.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE`.
 */
export function threshold(numerator: number, denominator: number, options: RuleOptions = {}): Rule {
  return checked({ type: 'threshold', numerator, denominator, ...options })
}

/**
 * Each ballot approves any number of options; of those approved by at least numerator/denominator of all weight, the
 * most approved wins.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE`.
 */
export function approval(numerator: number, denominator: number, options: RuleOptions = {}): Rule {
  return checked({ type: 'approval', numerator, denominator, ...options })
}

/** Each ballot ranks options, best first; counted by instant run-off. */
export function ranked(options: RuleOptions = {}): Rule {
  return checked({ type: 'ranked', ...options })
}

/** True when a ballot names a list of options, and not one. */
export function takesList(rule: Rule): boolean {
  return rule.type === 'approval' || rule.type === 'ranked'
}

/** What a tie gives under this rule. */
export function tiePolicy(rule: Rule): TiePolicy {
  return 'onTie' in rule ? (rule.onTie ?? 'none') : 'none'
}

/**
 * The weight that an option needs among `total`, in integer arithmetic.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE` when the rule is not one, or `total` is none that an electorate can have.
 */
export function votesNeeded(rule: Rule, total: number): number {
  const problem = ruleProblem(rule)
  if (problem !== undefined) throw invalidRule(problem)
  if (!Number.isInteger(total) || total < 1 || total > WEIGHT_TOTAL_MAX) {
    throw invalidRule(`the weight of an electorate is 1 to ${WEIGHT_TOTAL_MAX}, not ${total}`)
  }
  switch (rule.type) {
    case 'majority':
    case 'ranked':
      return (total - (total % 2)) / 2 + 1
    case 'unanimity':
      return total
    case 'supermajority':
    case 'threshold':
    case 'approval':
      return shareOf(rule, total)
  }
}

/** The fewest votes that are at least the share of `total`. */
export function shareOf({ numerator, denominator }: Share, total: number): number {
  const product = numerator * total
  const rest = product % denominator
  return (product - rest) / denominator + (rest > 0 ? 1 : 0)
}

const SAFEGUARDS = ['quorum', 'veto', 'families'] as const
const FORMS: Readonly<Record<string, { readonly required: readonly string[]; readonly ties: boolean }>> = {
  majority: { required: ['type'], ties: true },
  supermajority: { required: ['type', 'numerator', 'denominator'], ties: false },
  unanimity: { required: ['type'], ties: false },
  threshold: { required: ['type', 'numerator', 'denominator'], ties: true },
  approval: { required: ['type', 'numerator', 'denominator'], ties: true },
  ranked: { required: ['type'], ties: true },
}

/** Says what is wrong with a rule that came from outside, unknown keys included, or undefined. */
export function ruleProblem(rule: unknown): string | undefined {
  if (typeof rule !== 'object' || rule === null || !('type' in rule)) return 'a rule is an object with a type'
  const { type } = rule
  const form = typeof type === 'string' && Object.hasOwn(FORMS, type) ? FORMS[type] : undefined
  if (form === undefined) return `the type of a rule is one of ${Object.keys(FORMS).join(', ')}`
  const optional = form.ties ? ['onTie', ...SAFEGUARDS] : SAFEGUARDS
  if (!hasExactly<string>(rule, form.required, optional)) {
    return `a rule of type ${String(type)} has missing or unknown keys`
  }
  const share = form.required.includes('numerator') ? shareProblem(rule, 'a rule') : undefined
  if (share !== undefined) return share
  const { numerator, denominator, onTie } = rule as Readonly<Record<string, unknown>>
  if (type === 'supermajority' && Number(numerator) * 2 <= Number(denominator)) {
    return 'a supermajority is more than 1/2: use majority() or threshold()'
  }
  return ('onTie' in rule ? tieProblem(onTie) : undefined) ?? safeguardsProblem(rule)
}

/** The members that a rule names: they must be in the electorate. */
export function membersNamed(rule: Rule): readonly string[] {
  const tie = tiePolicy(rule)
  return [...(rule.veto ?? []), ...(typeof tie === 'object' ? [tie.member] : [])]
}

/** A rule in words, for explanations. */
export function describeRule(rule: Rule): string {
  switch (rule.type) {
    case 'majority':
      return 'more than half'
    case 'unanimity':
      return 'all'
    case 'supermajority':
    case 'threshold':
      return `at least ${rule.numerator}/${rule.denominator}`
    case 'approval':
      return `approved by at least ${rule.numerator}/${rule.denominator}`
    case 'ranked':
      return 'more than half in an instant run-off'
  }
}

function tieProblem(tie: unknown): string | undefined {
  if (tie === 'none' || tie === 'first') return undefined
  if (hasExactly(tie, ['member']) && typeof tie.member === 'string') return undefined
  return 'onTie is "none", "first" or { member }'
}

function safeguardsProblem(rule: Readonly<Record<string, unknown>>): string | undefined {
  const { quorum, veto, families } = rule
  if ('quorum' in rule) {
    if (!hasExactly(quorum, ['numerator', 'denominator'])) return 'a quorum has a numerator and a denominator'
    const problem = shareProblem(quorum, 'a quorum')
    if (problem !== undefined) return problem
  }
  if ('veto' in rule) {
    const isList = Array.isArray(veto) && veto.length > 0 && veto.every((one) => typeof one === 'string')
    if (!isList || new Set(veto).size < veto.length) return 'veto is a list of different members'
  }
  if (!('families' in rule)) return undefined
  const isFine = Number.isInteger(families) && Number(families) >= 1 && Number(families) <= ELECTORATE_MAX
  return isFine ? undefined : `families is a whole number from 1 to ${ELECTORATE_MAX}`
}

function shareProblem(share: Readonly<Record<string, unknown>>, what: string): string | undefined {
  const { numerator, denominator } = share
  if (!isCount(numerator) || !isCount(denominator)) {
    return `the numerator and the denominator of ${what} are integers from 1 to ${DENOMINATOR_MAX}`
  }
  return numerator > denominator ? `the share of ${what} is at most 1/1` : undefined
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= DENOMINATOR_MAX
}

function checked(rule: Rule): Rule {
  const problem = ruleProblem(rule)
  if (problem !== undefined) throw invalidRule(problem)
  return rule
}

function invalidRule(problem: string): CoterieError {
  return new CoterieError('COTERIE_INVALID_RULE', `The rule is not valid: ${problem}.`)
}

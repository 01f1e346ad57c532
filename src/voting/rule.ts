import { CoterieError } from '../core/errors.ts'

/**
 * How many of the whole electorate an option needs: `majority` is MORE than half, `supermajority` is
 * AT LEAST numerator/denominator. The share is of all members, not of those who answered, so that
 * silence can block an outcome but never forge one.
 */
export type Rule =
  | { readonly type: 'majority' }
  | { readonly type: 'supermajority'; readonly numerator: number; readonly denominator: number }

/** The largest denominator of a supermajority; products with an electorate stay safe integers. */
export const DENOMINATOR_MAX = 1_000_000

/** The largest electorate that can be counted, in members. */
export const ELECTORATE_MAX = 1_000

/** More than half of the electorate. */
export function majority(): Rule {
  return { type: 'majority' }
}

/**
 * At least numerator/denominator of the electorate; 1/1 is unanimity. The share must be above one half:
 * at one half or below, two options could both reach it, and the outcome would not be one.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE`.
 */
export function supermajority(numerator: number, denominator: number): Rule {
  const rule: Rule = { type: 'supermajority', numerator, denominator }
  const problem = ruleProblem(rule)
  if (problem !== undefined) throw invalidRule(problem)
  return rule
}

/** At least two thirds of the electorate. */
export function twoThirds(): Rule {
  return supermajority(2, 3)
}

/**
 * The number of votes that an option needs among `total` members, in integer arithmetic.
 *
 * @throws CoterieError `COTERIE_INVALID_RULE` when the rule is not one, or `total` is not 1 to 1000.
 */
export function votesNeeded(rule: Rule, total: number): number {
  const problem = ruleProblem(rule)
  if (problem !== undefined) throw invalidRule(problem)
  if (!Number.isInteger(total) || total < 1 || total > ELECTORATE_MAX) {
    throw invalidRule(`an electorate has 1 to ${ELECTORATE_MAX} members, not ${total}`)
  }
  switch (rule.type) {
    case 'majority':
      return (total - (total % 2)) / 2 + 1
    case 'supermajority':
      return divideUp(rule.numerator * total, rule.denominator)
  }
}

/** Says what is wrong with a rule that came from outside, unknown keys included, or undefined. */
export function ruleProblem(rule: unknown): string | undefined {
  if (typeof rule !== 'object' || rule === null || !('type' in rule)) return 'a rule is an object with a type'
  const size = Object.keys(rule).length
  if (rule.type === 'majority') return size === 1 ? undefined : 'a majority rule has only a type'
  if (rule.type !== 'supermajority') return 'the type of a rule is majority or supermajority'
  if (size !== 3 || !('numerator' in rule) || !('denominator' in rule)) {
    return 'a supermajority rule has a type, a numerator and a denominator'
  }
  const { numerator, denominator } = rule
  if (!isCount(numerator) || !isCount(denominator)) {
    return `the numerator and the denominator are integers from 1 to ${DENOMINATOR_MAX}`
  }
  if (numerator > denominator) return 'a supermajority is at most 1/1'
  if (numerator * 2 <= denominator) return 'a supermajority is more than 1/2: use majority()'
  return undefined
}

/** A rule in words, for explanations. */
export function describeRule(rule: Rule): string {
  switch (rule.type) {
    case 'majority':
      return 'more than half'
    case 'supermajority':
      return `at least ${rule.numerator}/${rule.denominator}`
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= DENOMINATOR_MAX
}

function divideUp(product: number, divisor: number): number {
  const rest = product % divisor
  return (product - rest) / divisor + (rest > 0 ? 1 : 0)
}

function invalidRule(problem: string): CoterieError {
  return new CoterieError('COTERIE_INVALID_RULE', `The rule is not valid: ${problem}.`)
}

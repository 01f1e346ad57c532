import type { LicencePolicy, Verdict } from './policy.ts'

/** A licence expression of SPDX 3.0, annex B. */
export type SpdxExpression =
  | {
      readonly type: 'licence'
      readonly id: string
      /** Written with `+`: this version or any later one. */
      readonly orLater: boolean
      readonly exception?: string
    }
  | { readonly type: 'and' | 'or'; readonly left: SpdxExpression; readonly right: SpdxExpression }

/** What came of reading an expression; `at` is the offset of the fault, in UTF-16 units. */
export type SpdxResult =
  | { readonly ok: true; readonly expression: SpdxExpression }
  | { readonly ok: false; readonly reason: string; readonly at: number }

/** What a policy says of an expression, and the licences that decided it. */
export type SpdxVerdict = {
  readonly verdict: Verdict
  readonly because: readonly string[]
  /** Those of `because` that the policy does not know. They count as `review`. */
  readonly unknown: readonly string[]
}

type Token = { readonly text: string; readonly at: number }

const EXPRESSION_LENGTH_MAX = 1000
const NESTING_MAX = 32
const TOKEN = /\s*(?:([()])|([A-Za-z0-9.-]+(?::[A-Za-z0-9.-]+)?\+?))/y
const OPERATOR = /^(?:AND|OR|WITH|and|or|with)$/
const IDENTIFIER = /^(?:DocumentRef-[A-Za-z0-9.-]+:LicenseRef-[A-Za-z0-9.-]+|[A-Za-z0-9.-]+)\+?$/
const END: Token = { text: '', at: -1 }

class SpdxFault extends Error {
  readonly at: number

  constructor(reason: string, at: number) {
    super(reason)
    this.at = at
  }
}

/**
 * Reads an SPDX licence expression by recursive descent. `WITH` binds closest, then `AND`, then `OR`;
 * operators are upper or lower case, as SPDX 3.0 has it. Whether an identifier exists is not checked.
 */
export function parseSpdx(text: string): SpdxResult {
  try {
    const tokens = readTokens(text)
    const reader = new ExpressionReader(tokens, text.length)
    return { ok: true, expression: reader.readAll() }
  } catch (fault) {
    if (fault instanceof SpdxFault) return { ok: false, reason: fault.message, at: fault.at }
    throw fault
  }
}

/** Judges an expression: `OR` is as good as its better side, `AND` as bad as its worse one. */
export function evaluateSpdx(expression: SpdxExpression, policy: LicencePolicy): SpdxVerdict {
  if (expression.type === 'licence') return evaluateLicence(expression, policy)
  const left = evaluateSpdx(expression.left, policy)
  const right = evaluateSpdx(expression.right, policy)
  const order = badness(left) - badness(right)
  if (expression.type === 'or') return order <= 0 ? left : right
  if (order !== 0) return order > 0 ? left : right
  return {
    verdict: left.verdict,
    because: [...new Set([...left.because, ...right.because])],
    unknown: [...new Set([...left.unknown, ...right.unknown])],
  }
}

/** All licence identifiers of an expression, as written, without `+`. */
export function licencesOf(expression: SpdxExpression): string[] {
  if (expression.type === 'licence') return [expression.id]
  return [...licencesOf(expression.left), ...licencesOf(expression.right)]
}

/** `GPL-2.0-or-later`, `GPL-2.0-only` and `GPL-2.0` are one licence to a policy. */
function baseLicence(id: string): string {
  return id.toLowerCase().replace(/-(?:only|or-later)$/, '')
}

const VERDICTS: readonly Verdict[] = ['allowed', 'review', 'denied']

/** An unknown licence is worse than one that is known to need a review, and better than a denied one. */
function badness({ verdict, unknown }: SpdxVerdict): number {
  return VERDICTS.indexOf(verdict) * 2 + (unknown.length > 0 ? 1 : 0)
}

function evaluateLicence(
  licence: Extract<SpdxExpression, { type: 'licence' }>,
  policy: LicencePolicy,
): SpdxVerdict {
  const base = baseLicence(licence.id)
  const shown = licence.exception === undefined ? licence.id : `${licence.id} WITH ${licence.exception}`
  if (includes(policy.denied, base)) {
    // Exceptions only ever add permissions, so any other one leaves the verdict as it is.
    const isLifted = licence.exception !== undefined && includes(policy.liftingExceptions, licence.exception)
    return { verdict: isLifted ? 'review' : 'denied', because: [shown], unknown: [] }
  }
  if (includes(policy.review, base)) return { verdict: 'review', because: [shown], unknown: [] }
  if (includes(policy.allowed, base)) return { verdict: 'allowed', because: [shown], unknown: [] }
  return { verdict: 'review', because: [shown], unknown: [shown] }
}

function includes(list: readonly string[], id: string): boolean {
  return list.some((one) => one.toLowerCase() === id.toLowerCase())
}

function readTokens(text: string): Token[] {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    throw new SpdxFault(`it is longer than ${EXPRESSION_LENGTH_MAX} characters`, EXPRESSION_LENGTH_MAX)
  }
  const tokens: Token[] = []
  const end = text.trimEnd().length
  let offset = 0
  while (offset < end) {
    TOKEN.lastIndex = offset
    const match = TOKEN.exec(text)
    const token = match?.[1] ?? match?.[2]
    if (token === undefined) throw new SpdxFault('it has a character that no identifier may have', offset)
    offset = TOKEN.lastIndex
    tokens.push({ text: token, at: offset - token.length })
  }
  return tokens
}

class ExpressionReader {
  readonly #tokens: readonly Token[]
  readonly #endAt: number
  #next = 0
  #nesting = 0

  constructor(tokens: readonly Token[], endAt: number) {
    this.#tokens = tokens
    this.#endAt = endAt
  }

  readAll(): SpdxExpression {
    const expression = this.#readOr()
    if (this.#peek() !== END) throw this.#fault('an operator is missing')
    return expression
  }

  #readOr(): SpdxExpression {
    let left = this.#readAnd()
    while (this.#take('OR')) left = { type: 'or', left, right: this.#readAnd() }
    return left
  }

  #readAnd(): SpdxExpression {
    let left = this.#readPrimary()
    while (this.#take('AND')) left = { type: 'and', left, right: this.#readPrimary() }
    return left
  }

  #readPrimary(): SpdxExpression {
    if (!this.#take('(')) return this.#readLicence()
    this.#nesting += 1
    if (this.#nesting > NESTING_MAX) throw this.#fault(`it nests more than ${NESTING_MAX} levels deep`)
    const inner = this.#readOr()
    if (!this.#take(')')) throw this.#fault('a closing parenthesis is missing')
    this.#nesting -= 1
    return inner
  }

  #readLicence(): SpdxExpression {
    const text = this.#readIdentifier('a licence')
    const orLater = text.endsWith('+')
    const id = orLater ? text.slice(0, -1) : text
    if (!this.#take('WITH')) return { type: 'licence', id, orLater }
    const exception = this.#readIdentifier('an exception')
    if (exception.endsWith('+')) throw this.#fault('an exception has no later versions')
    return { type: 'licence', id, orLater, exception }
  }

  #readIdentifier(what: string): string {
    const token = this.#peek()
    if (OPERATOR.test(token.text) || !IDENTIFIER.test(token.text)) throw this.#fault(`${what} is missing`)
    this.#next += 1
    return token.text
  }

  #take(text: string): boolean {
    const token = this.#peek().text
    if (token !== text && token !== text.toLowerCase()) return false
    this.#next += 1
    return true
  }

  #peek(): Token {
    return this.#tokens[this.#next] ?? END
  }

  #fault(reason: string): SpdxFault {
    const token = this.#peek()
    return new SpdxFault(reason, token === END ? this.#endAt : token.at)
  }
}

import { parseAddress } from '../core/address.ts'
import { canonicalize, type Json } from '../core/json.ts'
import type { Crypto } from '../ports/crypto.ts'
import { ELECTORATE_MAX, membersNamed, ruleProblem, WEIGHT_MAX, type Rule } from './rule.ts'
import { hasExactly, isText } from './shape.ts'

/** One who may vote: the address, the id of the key that signs the ballot, and that key. */
export type Member = {
  readonly member: string
  readonly key: string
  /** Ed25519, raw 32 bytes in base64url. */
  readonly publicKey: string
  /** How much its ballot weighs, from 1 to 1000000; 1 when it is not there. */
  readonly weight?: number
}

/** What is asked, of whom, and how the answers are counted. Its hash is in each ballot. */
export type Proposal = {
  readonly v: 1
  readonly space: string
  readonly decision: string
  readonly question: string
  /** What the decision is about, for example an action and its arguments. */
  readonly subject?: Json
  readonly options: readonly string[]
  readonly rule: Rule
  readonly electorate: readonly Member[]
  /** Milliseconds since the epoch, or null for no deadline. */
  readonly deadline: number | null
  /**
   * Ballots are sealed: members commit to them until `commitBy` (milliseconds since the epoch, not after the
   * deadline), and show them when the commitments are closed.
   */
  readonly sealed?: { readonly commitBy: number }
  /** The option that is the outcome when the rule gives none. */
  readonly otherwise?: string
  /** The id of a decision about the same matter that had no outcome: it was escalated to these members. */
  readonly after?: string
}

/** The choice that is always there: it counts for no option. */
export const ABSTAIN = 'abstain'

/** The outcome when no option reaches the threshold. */
export const NO_OUTCOME = 'none'

/** The largest number of options of a proposal. */
export const OPTIONS_MAX = 100

/** The longest option, address, key id, decision id and space name, in UTF-16 code units. */
const NAME_LENGTH_MAX = 512

/** The longest question, and the longest reason of a ballot, in UTF-16 code units. */
export const PROSE_LENGTH_MAX = 65_536

const RESERVED_OPTIONS: readonly string[] = [ABSTAIN, NO_OUTCOME, 'silent', '__proto__']
const OPTIONAL = ['subject', 'sealed', 'otherwise', 'after']
const REQUIRED = ['v', 'space', 'decision', 'question', 'options', 'rule', 'electorate', 'deadline']

/**
 * The hash that a ballot names its proposal by: SHA-256 of the canonical JSON, in hex.
 *
 * @throws CoterieError `COTERIE_INVALID_JSON` when the subject has no canonical form.
 */
export function proposalHash(crypto: Crypto, proposal: Proposal): string {
  return crypto.sha256(canonicalize(proposal))
}

/** Says why a value is not a proposal that can be counted, or undefined when it is one. */
export function proposalProblem(value: unknown): string | undefined {
  if (!hasExactly(value, REQUIRED, OPTIONAL)) return 'a proposal has missing or unknown keys'
  if (value['v'] !== 1) return 'the version of a proposal is 1'
  for (const name of ['space', 'decision'] as const) {
    if (!isLabel(value[name])) return `the ${name} of a proposal is a text of 1 to ${NAME_LENGTH_MAX}`
  }
  if (!isText(value['question'], 0, PROSE_LENGTH_MAX))
    return `the question of a proposal is a text of at most ${PROSE_LENGTH_MAX} characters, none of them broken`
  const deadline = value['deadline']
  if (deadline !== null && !isTime(deadline)) return 'the deadline is null or milliseconds since the epoch'
  if ('sealed' in value && !isSealed(value['sealed'], deadline)) {
    return 'a sealed vote has a time until which members commit themselves, not after its deadline'
  }
  return (
    optionsProblem(value['options']) ??
    ruleProblem(value['rule']) ??
    electorateProblem(value['electorate']) ??
    namesProblem(value) ??
    canonicalProblem(value)
  )
}

/** Milliseconds since the epoch, as a safe integer that is not negative. */
export function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

/** A text that is fit for an option or an id: not empty, well-formed, and of limited length. */
export function isLabel(value: unknown): value is string {
  return isText(value, 1, NAME_LENGTH_MAX)
}

function optionsProblem(options: unknown): string | undefined {
  if (!Array.isArray(options) || options.length < 1 || options.length > OPTIONS_MAX) {
    return `a proposal has 1 to ${OPTIONS_MAX} options`
  }
  const seen = new Set<string>()
  for (const option of options) {
    if (!isLabel(option)) return `an option is a text of 1 to ${NAME_LENGTH_MAX}`
    if (RESERVED_OPTIONS.includes(option)) return `the option ${option} is reserved`
    if (seen.has(option)) return `the option ${JSON.stringify(option)} is there twice`
    seen.add(option)
  }
  return undefined
}

function electorateProblem(electorate: unknown): string | undefined {
  if (!Array.isArray(electorate) || electorate.length < 1 || electorate.length > ELECTORATE_MAX) {
    return `an electorate has 1 to ${ELECTORATE_MAX} members`
  }
  const members = new Set<string>()
  // Keyed instances of one agent share its key, so a key may occur twice; but never as two keys.
  const keys = new Map<string, string>()
  for (const entry of electorate) {
    if (!hasExactly(entry, ['member', 'key', 'publicKey'], ['weight'])) {
      return 'a member has missing or unknown keys'
    }
    if ('weight' in entry && !isWeight(entry['weight']))
      return `a weight is an integer from 1 to ${WEIGHT_MAX}`
    const { member, key, publicKey } = entry
    if (!isLabel(member) || !isLabel(key) || !isLabel(publicKey)) return 'the parts of a member are texts'
    if (!isAddress(member)) return `${JSON.stringify(member)} is not an address`
    if (members.has(member)) return `the member ${JSON.stringify(member)} is there twice`
    if ((keys.get(key) ?? publicKey) !== publicKey) return `the key ${JSON.stringify(key)} has two values`
    members.add(member)
    keys.set(key, publicKey)
  }
  return undefined
}

/** What the rule and the proposal name must be there: the members, and the option for want of an outcome. */
function namesProblem(value: Readonly<Record<string, unknown>>): string | undefined {
  const { rule, electorate, options, otherwise, after } = value as unknown as Proposal
  const stranger = membersNamed(rule).find((name) => !electorate.some(({ member }) => member === name))
  if (stranger !== undefined) return `the rule names ${JSON.stringify(stranger)}, who is not a member`
  if ('otherwise' in value && !options.some((option) => option === otherwise)) {
    return 'what holds for want of an outcome is one of the options'
  }
  return 'after' in value && !isLabel(after) ? 'the decision before is named by its id' : undefined
}

function isSealed(sealed: unknown, deadline: number | null): boolean {
  if (!hasExactly(sealed, ['commitBy']) || !isTime(sealed.commitBy)) return false
  return deadline === null || sealed.commitBy <= deadline
}

function isWeight(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= WEIGHT_MAX
}

function isAddress(text: string): boolean {
  try {
    parseAddress(text)
    return true
  } catch {
    return false
  }
}

// The subject may be any JSON, and only a canonical form can be hashed. It is tried one level further
// down, because nesting is limited and a certificate holds the proposal as a member.
function canonicalProblem(value: object): string | undefined {
  try {
    canonicalize({ proposal: value as Json })
    return undefined
  } catch (error) {
    const [, where] = /form: (.*)\.$/.exec(error instanceof Error ? error.message : '') ?? []
    return `the proposal has no canonical form${where === undefined ? '' : `: ${where}`}`
  }
}

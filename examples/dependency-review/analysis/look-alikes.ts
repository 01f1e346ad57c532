import { slipBetween } from './edit-distance.ts'
import { type Check, finding, type Risk } from './finding.ts'

/** How many of the best known names are worth imitating; lesser ones would only raise false alarms. */
const TARGETS_MAX = 1200
/** A slip in a shorter name yields a word of its own too often: `ms` and `ws`, `color` and `colors`. */
const SURE_LENGTH_MIN = 5
const SLIP_LENGTH_MIN = 6
const JOINED_LENGTH_MIN = 7
const LETTERS_LENGTH_MIN = 5

/** The look-alike of a well-known name, and how sure that is. */
export type LookAlike = { readonly target: string; readonly risk: Risk; readonly how: string }

type Index = {
  readonly known: ReadonlySet<string>
  readonly scopes: ReadonlySet<string>
  /** Well-known names by length, as only near lengths can be one slip away. */
  readonly byLength: ReadonlyMap<number, readonly string[]>
  readonly byLetters: ReadonlyMap<string, string>
}

/** Compares the name with well-known ones: typing slips, delimiters, digits for letters, and scopes. */
export const checkLookAlikes: Check = (pkg, context) => {
  const index = indexOf(context.wellKnownNames)
  if (index.known.has(pkg.name)) return []
  if (pkg.alias !== undefined && index.known.has(pkg.alias)) {
    const summary = `is installed under the name of the well-known package ${pkg.alias}`
    return [finding('look-alikes', 'risky', summary, `${pkg.alias} -> ${pkg.name}`)]
  }
  const found = findLookAlike(pkg.name, context.wellKnownNames)
  if (found === undefined) return []
  const summary = `is named like the well-known package ${found.target}: ${found.how}`
  return [finding('look-alikes', found.risk, summary, `${pkg.name} / ${found.target}`)]
}

/** Finds the well-known name that this one could be taken for. A well-known name is never a look-alike. */
export function findLookAlike(name: string, wellKnownNames: readonly string[]): LookAlike | undefined {
  const index = indexOf(wellKnownNames)
  if (index.known.has(name)) return undefined
  return findSameLetters(name, index) ?? findSlip(name, index)
}

/** Names that differ in nothing but delimiters, capitals, and characters that look alike. */
function findSameLetters(name: string, index: Index): LookAlike | undefined {
  const target = index.byLetters.get(lettersOf(name))
  if (target === undefined) return undefined
  const isJoined = withoutDelimiters(name) === withoutDelimiters(target)
  if (isJoined && name.length < JOINED_LENGTH_MIN) return undefined
  const isScoped = name.startsWith('@') !== target.startsWith('@')
  if (isScoped) return { target, risk: 'notable', how: 'a scope was taken for part of the name' }
  if (name.toLowerCase() === target.toLowerCase()) {
    return { target, risk: 'notable', how: 'only capitals differ' }
  }
  if (isJoined) return { target, risk: 'risky', how: 'only the delimiters differ' }
  return { target, risk: 'severe', how: 'characters were replaced by ones that look alike' }
}

function findSlip(name: string, index: Index): LookAlike | undefined {
  let best: LookAlike | undefined
  for (const length of [name.length, name.length + 1, name.length - 1]) {
    for (const target of index.byLength.get(length) ?? []) {
      const found = compare(name, target, index.scopes)
      if (found?.risk === 'severe') return found
      best ??= found
    }
  }
  return best
}

function compare(name: string, target: string, scopes: ReadonlySet<string>): LookAlike | undefined {
  const [scope, base] = splitScope(name)
  const [targetScope, targetBase] = splitScope(target)
  if (scope === '' && targetScope === '') return compareBases(base, targetBase)
  // Within one scope all names belong to one owner; only a slip in the scope itself leads elsewhere.
  if (scope === '' || targetScope === '' || base !== targetBase || scopes.has(scope)) return undefined
  const slip = slipBetween(scope, targetScope)
  if (slip === undefined || targetScope.length < SURE_LENGTH_MIN) return undefined
  const risk = slip === 'replaced' ? 'risky' : 'severe'
  return { target, risk, how: `one letter of the scope was ${slip}` }
}

function compareBases(typed: string, target: string): LookAlike | undefined {
  const slip = slipBetween(typed, target)
  // With digits it is a version or a dialect: `mysql2`, `md4`, `vue3`.
  if (slip === undefined || /\d/.test(typed + target)) return undefined
  const isSure = slip === 'swapped' || slip === 'repeated'
  if (target.length < (isSure ? SURE_LENGTH_MIN : SLIP_LENGTH_MIN)) return undefined
  // Another first letter catches the eye, and makes another word: `tslint` and `eslint`.
  if (slip !== 'swapped' && typed[0] !== target[0]) return undefined
  // `path-exist` and `path-exists` are two packages: plurals are no slip.
  if (isPluralOf(typed, target) || isPluralOf(target, typed)) return undefined
  return { target, risk: isSure ? 'severe' : 'risky', how: `one letter was ${slip}` }
}

function isPluralOf(plural: string, word: string): boolean {
  return plural === `${word}s` && !word.endsWith('s')
}

const indexes = new WeakMap<readonly string[], Index>()

/** Built once for each list of names, as all packages of a review share one. */
function indexOf(names: readonly string[]): Index {
  const ready = indexes.get(names)
  if (ready !== undefined) return ready
  const byLength = new Map<number, string[]>()
  const byLetters = new Map<string, string>()
  for (const name of names.slice(0, TARGETS_MAX)) {
    const sameLength = byLength.get(name.length)
    if (sameLength === undefined) byLength.set(name.length, [name])
    else sameLength.push(name)
    const letters = lettersOf(name)
    if (letters.length >= LETTERS_LENGTH_MIN && !byLetters.has(letters)) byLetters.set(letters, name)
  }
  const scopes = new Set(names.map((name) => splitScope(name)[0]))
  const index = { known: new Set(names), scopes, byLength, byLetters }
  indexes.set(names, index)
  return index
}

function splitScope(name: string): [scope: string, base: string] {
  const slash = name.indexOf('/')
  return slash === -1 ? ['', name] : [name.slice(1, slash), name.slice(slash + 1)]
}

function withoutDelimiters(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

/** One form for all spellings that look the same at a glance. */
function lettersOf(name: string): string {
  return withoutDelimiters(name)
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w')
    .replaceAll('0', 'o')
    .replaceAll('1', 'l')
}

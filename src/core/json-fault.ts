/** How many arrays and objects may be nested in one another, in everything that is read or written. */
export const DEPTH_MAX = 64

/** What is wrong with a value, and where: `pointer` is a JSON pointer (RFC 6901), empty for the root. */
export type JsonFault = { readonly pointer: string; readonly problem: string }

/** `canonical` is the signed subset (safe integers only); `payload` is any JSON value. */
export type JsonRules = 'canonical' | 'payload'

/**
 * Finds the first thing that makes a value unfit, in depth-first order. It is slow, and meant for
 * a value that a quick check has refused already: it keeps the path and the ancestors.
 */
export function findFault(value: unknown, rules: JsonRules): JsonFault | undefined {
  return walk(value, rules, '', [])
}

/** One clause for an error message: where the fault is and what it is. */
export function describeFault(fault: JsonFault): string {
  const place = fault.pointer === '' ? 'the value itself' : `the value at ${JSON.stringify(fault.pointer)}`
  return `${place} ${fault.problem}`
}

/** A JSON pointer one level further down (RFC 6901 section 3: `~` and `/` are escaped). */
export function pointerTo(parent: string, key: string | number): string {
  return `${parent}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`
}

/**
 * Whether a value is an object as JSON knows it: made by a literal, by JSON.parse, or with a null
 * prototype, in this realm or in another one (test runners and `node:vm` have their own `Object`).
 */
export function isPlainObject(value: object): value is Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype === Object.prototype || prototype === null) return true
  return (
    typeof prototype === 'object' &&
    prototype !== null &&
    Object.getPrototypeOf(prototype) === null &&
    Object.hasOwn(prototype, 'isPrototypeOf')
  )
}

/** Whether JSON.stringify would send something else in the place of this object. */
export function hasToJson(value: object): boolean {
  return typeof (value as { readonly toJSON?: unknown }).toJSON === 'function'
}

function walk(
  value: unknown,
  rules: JsonRules,
  pointer: string,
  ancestors: readonly object[],
): JsonFault | undefined {
  if (typeof value !== 'object' || value === null) {
    const problem = scalarProblem(value, rules)
    return problem === undefined ? undefined : { pointer, problem }
  }
  const problem = containerProblem(value, ancestors)
  if (problem !== undefined) return { pointer, problem }
  const within = [...ancestors, value]
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const fault = walk(value[i], rules, pointerTo(pointer, i), within)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  for (const [key, member] of Object.entries(value)) {
    const fault = memberFault(key, member, rules, pointer, within)
    if (fault !== undefined) return fault
  }
  return undefined
}

function memberFault(
  key: string,
  member: unknown,
  rules: JsonRules,
  parent: string,
  ancestors: readonly object[],
): JsonFault | undefined {
  const pointer = pointerTo(parent, key)
  if (!key.isWellFormed()) {
    return { pointer: pointer.toWellFormed(), problem: 'has a key with a lone surrogate' }
  }
  if (rules === 'payload') {
    return member === undefined ? undefined : walk(member, rules, pointer, ancestors)
  }
  if (key === '__proto__') return { pointer, problem: 'has a key that is not allowed: __proto__' }
  return walk(member, rules, pointer, ancestors)
}

function scalarProblem(value: unknown, rules: JsonRules): string | undefined {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : 'is a string with a lone surrogate'
    case 'number':
      if (!Number.isFinite(value)) return `is ${value}, which JSON cannot hold`
      if (rules === 'payload') return undefined
      if (Object.is(value, -0)) return 'is -0, which has no canonical form'
      if (Number.isSafeInteger(value)) return undefined
      return `is ${value}, which is not a safe integer (use a decimal string)`
    case 'bigint':
      return 'is a bigint (use a decimal string)'
    case 'undefined':
      return 'is undefined (use null, or leave the member out)'
    case 'function':
    case 'symbol':
      return `is a ${typeof value}, which JSON cannot hold`
    default:
      return undefined
  }
}

function containerProblem(value: object, ancestors: readonly object[]): string | undefined {
  if (ancestors.includes(value)) return 'contains itself'
  if (ancestors.length >= DEPTH_MAX) return `is nested more than ${DEPTH_MAX} levels deep`
  if (!Array.isArray(value) && !isPlainObject(value)) return instanceProblem(value)
  return hasToJson(value) ? 'has a toJSON method (call it first)' : undefined
}

function instanceProblem(value: object): string {
  if (value instanceof Date) return 'is a Date (send an ISO string: date.toISOString())'
  if (value instanceof Promise) return 'is a Promise (await it first)'
  if (value instanceof Map) return 'is a Map (send Object.fromEntries(map))'
  if (value instanceof Set) return 'is a Set (send an array: [...set])'
  if (ArrayBuffer.isView(value)) return 'is binary data (send it as a base64 string)'
  return `is not a plain object but an instance of ${className(value)}`
}

function className(value: object): string {
  const maker: unknown = value.constructor
  return typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class'
}

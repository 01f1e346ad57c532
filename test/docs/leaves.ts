/** JSON documents that differ little from each other. */
import type { Change } from './refused-logs.ts'

type Path = readonly (string | number)[]

/** The paths of all texts, numbers, booleans and nulls. */
export function leavesOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== 'object' || value === null) return [path]
  return Object.entries(value).flatMap(([key, one]) => leavesOf(one, [...path, key]))
}

/** A copy in which the leaf at a path is another one of the same kind. */
export function withLeaf(value: unknown, path: Path): unknown {
  const [first, ...rest] = path
  if (first === undefined) return changed(value)
  const copy: Record<string, unknown> = Array.isArray(value)
    ? (Object.assign([], value) as unknown as Record<string, unknown>)
    : { ...(value as object) }
  copy[first] = withLeaf(copy[first], rest)
  return copy
}

function changed(leaf: unknown): unknown {
  if (typeof leaf === 'number') return leaf + 1
  if (typeof leaf === 'boolean') return !leaf
  if (typeof leaf !== 'string') return 0
  // The first character: the last one of base64url need not hold six bits.
  return `${leaf.startsWith('a') ? 'b' : 'a'}${leaf.slice(1)}`
}

/**
 * What makes one document of another: few and small changes, so that one sees what is wrong with it. Undefined when the
 * whole is another.
 */
export function changesOf(from: unknown, to: unknown, path = ''): readonly Change[] | undefined {
  if (JSON.stringify(from) === JSON.stringify(to)) return []
  const [old, now] = [from, to].map((one) =>
    typeof one === 'object' && one !== null ? new Map<string, unknown>(Object.entries(one)) : undefined,
  )
  const isSameKind =
    Array.isArray(from) === Array.isArray(to) && (!Array.isArray(to) || old?.size === now?.size)
  if (old === undefined || now === undefined || !isSameKind || [...old.keys()].some((key) => !now.has(key))) {
    return path === '' ? undefined : [{ op: 'replace', path, value: to }]
  }
  return [...now].flatMap(([key, value]) => {
    const at = `${path}/${key}`
    if (!old.has(key)) return [{ op: 'add' as const, path: at, value }]
    return changesOf(old.get(key), value, at) ?? []
  })
}

/**
 * Reads `license` or `licenses` of a package: text, or as old packages wrote it `{ type, url }`, or a list
 * of these, of which any may be chosen.
 */
export function readLicenceField(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) {
    const all = value.slice(0, 8).flatMap((one) => readType(one) ?? [])
    return all.length > 1 ? `(${all.join(' OR ')})` : all[0]
  }
  return readType(value)
}

function readType(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null || !('type' in value)) return undefined
  return typeof value.type === 'string' ? value.type : undefined
}

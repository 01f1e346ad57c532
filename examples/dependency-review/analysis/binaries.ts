/** Kinds of files that a processor runs as they are. */
export type BinaryKind = 'ELF' | 'Mach-O' | 'PE'

const MACH_O: ReadonlySet<number> = new Set([0xfeedface, 0xfeedfacf, 0xcefaedfe, 0xcffaedfe])
/** Also starts Java classes, whose next number, the version, is 45 or more. */
const MACH_O_FAT = 0xcafebabe
const JAVA_VERSION_MIN = 45

/** Names of files that people expect to be able to read, or to look at. */
const HARMLESS: ReadonlySet<string> = new Set(
  'js cjs mjs jsx ts cts mts tsx json md txt htm html css map yml yaml xml csv pdf '
    .concat('png jpg jpeg gif svg ico webp woff woff2 ttf')
    .split(' '),
)

/** Tells native code by its first bytes (eight are enough), whatever the file is called. */
export function binaryKind(start: Buffer): BinaryKind | undefined {
  if (start.length < 8) return undefined
  const magic = start.readUInt32BE(0)
  if (magic === 0x7f454c46) return 'ELF'
  if (MACH_O.has(magic)) return 'Mach-O'
  if (magic === MACH_O_FAT && start.readUInt32BE(4) < JAVA_VERSION_MIN) return 'Mach-O'
  // `MZ` alone also starts words; the headers of real programs have a zero byte close by.
  if (start.readUInt16BE(0) === 0x4d5a && start.subarray(2, 8).includes(0)) return 'PE'
  return undefined
}

/** Whether native code under this name hides behind the suffix of a harmless file. */
export function isDisguised(path: string): boolean {
  return HARMLESS.has(path.slice(path.lastIndexOf('.') + 1).toLowerCase())
}

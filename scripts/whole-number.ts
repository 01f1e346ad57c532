/** The whole number that an option of a script has; for anything else it says so, and ends with exit code 2. */
export function wholeNumber(option: string, text: string, max: number = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0 && value <= max && text.trim() !== '') return value
  const upTo = max === Number.MAX_SAFE_INTEGER ? '' : ` from 0 to ${max}`
  process.stderr.write(`--${option} takes a whole number${upTo}, not "${text}".\n`)
  process.exit(2)
}

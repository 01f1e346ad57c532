/** Times and durations, in the words of a person. */

/** A time of day in UTC with its date, to the millisecond. */
export function timeText(ms: number): string {
  return isTime(ms) ? new Date(ms).toISOString().replace('T', ' ').replace('Z', '') : String(ms)
}

/** A duration: `12 ms`, `3.4 s`, `5 min`, `2 h`, `3 d`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`
  if (ms < 3_600_000) return `${Math.round(ms / 60_000)} min`
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`
  return `${Math.round(ms / 86_400_000)} d`
}

// The range of a Date, in milliseconds: a hostile record may hold any number.
function isTime(ms: number): boolean {
  return Number.isFinite(ms) && Math.abs(ms) <= 8.64e15
}

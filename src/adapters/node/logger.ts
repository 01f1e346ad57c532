import type { LogFields, Logger, LogLevel } from '../../ports/logger.ts'

const ORDER: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 }

/**
 * A logger that writes one JSON object a line: `time` (ISO 8601), `level`, `message`, then the fields.
 * `write` gets the line without its line feed; by default it goes to the standard error.
 */
export function jsonLogger(write: (line: string) => void = toStderr, minLevel: LogLevel = 'info'): Logger {
  return {
    log(level: LogLevel, message: string, fields?: LogFields): void {
      if (ORDER[level] < ORDER[minLevel]) return
      const base = { time: new Date().toISOString(), level, message }
      // Named twice: the first sets the order of the members, the second wins over a field of that name.
      write(JSON.stringify({ ...base, ...fields, ...base }))
    },
  }
}

function toStderr(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** How much it matters. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Facts beside the message: `trace`, `agent`, ids. Never a secret, never a payload. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>

/** Structured logs for operators. `why` and `trace` read the signed log instead. */
export interface Logger {
  log(level: LogLevel, message: string, fields?: LogFields): void
}

/** A logger that says nothing: the default of the library. */
export const silentLogger: Logger = { log: () => undefined }

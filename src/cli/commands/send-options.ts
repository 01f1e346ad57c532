import type { Command } from 'commander'
import type { OutsideOptions } from '../../runtime/space.ts'
import { countOf, timeOf, traceOf, wholeOf } from '../values.ts'

/** The options that `send` and `ask` share, as commander gives them. */
export interface SendFlags {
  readonly file?: string
  readonly module?: string
  readonly delayMs?: number
  readonly at?: number
  readonly timeoutMs?: number
  readonly idempotencyKey?: string
  readonly trace?: string
  readonly correlation?: string
}

/** Adds them to a command. */
export function addSendOptions(command: Command): Command {
  return command
    .argument('<address>', 'an agent, or name/key for one of its instances')
    .argument('<handler>', 'the handler of the agent')
    .argument('[payload]', 'JSON; "-" reads the standard input; without it, {}')
    .option('--file <file>', 'read the payload from a file')
    .option('--module <module>', 'check the payload with the schema of this module first')
    .option('--timeout-ms <ms>', 'the deadline, from now', countOf)
    .option('--idempotency-key <key>', 'one message for each key: sending again is the same message')
    .option('--trace <id>', 'join a trace (32 hex digits)', traceOf)
    .option('--correlation <text>', 'your own name for what this belongs to')
}

/** Adds those that make no sense for a question. */
export function addDelayOptions(command: Command): Command {
  return command
    .option('--delay-ms <ms>', 'do not deliver it earlier, from now', wholeOf)
    .option('--at <time>', 'do not deliver it before (ISO 8601, or milliseconds since 1970)', timeOf)
}

/** The options of the library. */
export function outsideOptions(flags: SendFlags): OutsideOptions {
  const { delayMs, at, timeoutMs, idempotencyKey, trace, correlation } = flags
  return {
    ...(delayMs !== undefined && { delayMs }),
    ...(at !== undefined && { at }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(idempotencyKey !== undefined && { idempotencyKey }),
    ...(trace !== undefined && { trace }),
    ...(correlation !== undefined && { correlation }),
  }
}

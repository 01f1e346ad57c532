/**
 * How the command line fails: one line for people, one JSON object for programs, and an exit code for both.
 *
 * @module
 */

import { CommanderError } from 'commander'
import { CoterieError, ERROR_TRAITS, errorValue } from '../core/errors.ts'
import type { ErrorCode, ErrorValue } from '../core/errors.ts'
import { clean, jsonText } from './render/text.ts'

/** What went wrong, in the form in which it is printed. */
export interface Failure {
  readonly exit: number
  readonly value: ErrorValue
}

/** The failure behind anything thrown. Undefined: it was only the end of `--help` or `--version`. */
export function failureOf(error: unknown): Failure | undefined {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return undefined
    return failureOf(usageError(error))
  }
  const value = errorValue(error)
  const exit = value.code in ERROR_TRAITS ? ERROR_TRAITS[value.code as ErrorCode].exit : 1
  return { exit, value }
}

/** The lines for the standard error. */
export function failureLines({ value }: Failure, json: boolean): readonly string[] {
  if (json) return [jsonText({ error: value })]
  const lines = [`error: ${clean(value.message)} (${clean(value.code)})`]
  for (let cause = value.cause; cause !== undefined; cause = cause.cause) {
    // An error that wraps another one often ends with its message already.
    if (!value.message.includes(cause.message)) {
      lines.push(`  caused by: ${clean(cause.message)} (${clean(cause.code)})`)
    }
  }
  return lines
}

function usageError(error: CommanderError): CoterieError {
  const said = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  const text = said === '(outputHelp)' ? 'name a command' : unknownCommand(said)
  const sentence = `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.?)]$/.test(text) ? '' : '.'}`
  return new CoterieError('COTERIE_USAGE', `${sentence} See --help.`)
}

/** A word behind `keys` or `dead` that is no command of theirs is taken for an argument of the default one, `list`. */
function unknownCommand(said: string): string {
  const extra = /^too many arguments for 'list'.* but got \d+: ([^\s,]+?)[.,]?(?:\s|$)/i.exec(said)?.[1]
  return extra === undefined ? said : `unknown command '${extra}'`
}

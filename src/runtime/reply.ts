/**
 * What an asker gets: the value of a reply, or the error for a failed answer.
 *
 * @module
 */

import { CoterieError, errorFromValue } from '../core/errors.ts'
import type { ErrorValue } from '../core/errors.ts'
import { parseWith } from '../core/schema.ts'
import type { HandlerRef } from '../turn/definition.ts'

/** The reply's value, as the asker gets it. Throws COTERIE_INVALID_REPLY. */
export function readReply<O>(target: HandlerRef<unknown, O>, to: string, text: string | undefined): O {
  const value: unknown = text === undefined ? undefined : JSON.parse(text)
  const { output } = target.definition
  return (
    output === undefined ? value : parseWith(output, value, `the reply of ${to}`, 'COTERIE_INVALID_REPLY')
  ) as O
}

/** The error that an asker gets for a failed answer. */
export function askError(
  target: { readonly agent: string; readonly handler: string },
  value: ErrorValue,
): Error {
  const passed =
    value.code === 'COTERIE_DEADLINE_PASSED' ||
    value.code === 'COTERIE_WAIT_CYCLE' ||
    value.code === 'COTERIE_CLOSED' ||
    value.code === 'COTERIE_CANCELLED'
  if (passed) return errorFromValue({ ...value, retryable: false })
  return new CoterieError(
    'COTERIE_ASK_FAILED',
    `${target.agent} could not answer "${target.handler}": ${value.message}`,
    {
      cause: errorFromValue(value),
      details: { agent: target.agent, handler: target.handler, code: value.code },
    },
  )
}

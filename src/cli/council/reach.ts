/**
 * How the command line reaches a running replica: over HTTP, or in the space that `--db` or `--store` names.
 *
 * @module
 */

import { agentOfUrl } from '../../council/roster.ts'
import { askRunningReplica, askSeat, type MemberFolder } from '../../open-council.ts'
import { withSpace, type CliContext } from '../context.ts'

/** Asks the running replica of a folder; see `answerRequest`. */
export function askMember(
  context: CliContext,
  place: MemberFolder,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<unknown> {
  if (agentOfUrl(place.url) === undefined) return askRunningReplica(place, method, params, timeoutMs)
  return withSpace(context, (space) => askSeat(space, place, method, params, timeoutMs))
}

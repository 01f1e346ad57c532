/**
 * Which messages are not given to a handler: what its sender did not sign, what came too late, what nobody can handle.
 *
 * @module
 */

import { CoterieError } from '../core/errors.ts'
import type { Mail } from '../ports/store.ts'
import type { AnyAgent } from '../turn/definition.ts'
import { isOfStore } from './answers.ts'
import { isLate } from './turn-host.ts'
import type { TurnHost } from './turn-host.ts'

/** Why a message is not given to its handler, if it is not. Throws what the store throws. */
export async function unfit(host: TurnHost, agent: AnyAgent, mail: Mail): Promise<CoterieError | undefined> {
  const { envelope } = mail
  try {
    await host.trust.check(mail)
  } catch (error) {
    if (error instanceof CoterieError && !isOfStore(error)) return error
    throw error
  }
  if (envelope.to !== host.lease.address) {
    return new CoterieError(
      'COTERIE_VERIFICATION_FAILED',
      `Message ${envelope.id} is for ${envelope.to} and lay in the mailbox of ${host.lease.address}.`,
    )
  }
  if (mail.state === 'cancelling') return undefined
  if (
    isLate(host, mail) &&
    mail.segments === 0 &&
    mail.state === 'queued' &&
    !(mail.attempts > 0 && agent.handlers[envelope.handler]?.failure === 'rollback')
  ) {
    return new CoterieError(
      'COTERIE_DEADLINE_PASSED',
      `Message ${envelope.id} to ${envelope.to} was not handled before its deadline.`,
      { details: { deadline: envelope.deadline } },
    )
  }
  if (mail.crashes > host.context.limits.crashesPerMessage) {
    return new CoterieError(
      'COTERIE_TURN_CRASHED',
      `Message ${envelope.id} was being handled when ${mail.crashes} workers in a row stopped without a ` +
        `word; it is not tried again.`,
    )
  }
  if (!Object.hasOwn(agent.handlers, envelope.handler)) {
    return new CoterieError(
      'COTERIE_UNKNOWN_HANDLER',
      `Agent "${agent.name}" has no handler "${envelope.handler}" in this program.`,
    )
  }
  return undefined
}

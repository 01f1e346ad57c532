import { CoterieError } from '../../core/errors.ts'
import { agentOfUrl, type Roster } from '../../council/roster.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Crypto, KeyPair } from '../../ports/crypto.ts'
import type { Space } from '../space.ts'
import { DESK, deskOf, proveRequest } from './space-handlers.ts'

/** Who asks: the member itself, with its key of the council. */
export interface Asking {
  readonly roster: Roster
  readonly self: string
  /** `space:AGENT`: where its replica is. */
  readonly url: string
  readonly key: KeyPair
  readonly crypto: Crypto
  readonly clock: Clock
}

/**
 * Asks this member's replica in a space, proving that it is the member who asks. Throws COTERIE_COUNCIL_UNREACHABLE
 * when it does not run, and what it answers with; see `answerRequest`.
 */
export async function askInSpace(
  space: Space,
  { roster, url, key, crypto, clock }: Asking,
  method: string,
  params: Readonly<Record<string, unknown>>,
  timeoutMs: number,
): Promise<unknown> {
  const agent = agentOfUrl(url) ?? ''
  const place = { instance: roster.instance, space: space.id, from: space.address }
  const request = proveRequest(crypto, key, place, { method, params }, clock.now())
  // Each wait has a mailbox of its own: it would hold up what is answered at once.
  const decision = method === 'wait' ? params['decision'] : method === 'agree' ? 'agree' : undefined
  const instance = typeof decision === 'string' ? decision : DESK
  const unreachable = (why: string, cause?: unknown): CoterieError => {
    const message = `The replica ${url} in the space "${space.name}" cannot be reached: ${why}.`
    return new CoterieError('COTERIE_COUNCIL_UNREACHABLE', message, { cause, details: { url } })
  }
  try {
    return await space.ask(deskOf(agent), request, { key: instance, timeoutMs })
  } catch (error) {
    if (!(error instanceof CoterieError)) throw error
    if (error.code === 'COTERIE_UNKNOWN_RECIPIENT') throw unreachable('it has never run there', error)
    if (error.code === 'COTERIE_DEADLINE_PASSED' && method !== 'wait')
      throw unreachable('it does not answer; is it running (coterie council run)', error)
    // What the replica answered with, and not that the question was not answered.
    throw error.code === 'COTERIE_ASK_FAILED' && error.cause instanceof CoterieError ? error.cause : error
  }
}

/**
 * A council that lives in the space of the agent that asks it: the questions are messages of the turn, so they survive
 * whatever the turn survives.
 *
 * @module
 */

import { CoterieError, errorFromValue, type ErrorValue } from '../../core/errors.ts'
import type { DecisionCertificate } from '../../council/certificate.ts'
import { agentOfUrl, type RosterMember } from '../../council/roster.ts'
import type { CouncilMatter, SpaceCouncilRef } from '../../turn/council.ts'
import type { Turn } from '../../turn/turn.ts'
import { VOTE_TIMEOUT_MS } from './replica.ts'
import { DESK, deskOf } from './space-handlers.ts'

/** How long a member has to take a question, before the next one is asked. */
const TAKE_MS = 15_000
/** What the council takes at most to agree that a deadline has passed. */
const CLOSING_MS = 30_000

/** Verifies a certificate of a decision; throws COTERIE_VERIFICATION_FAILED. */
export type CertificateCheck = (found: unknown, decision: string) => DecisionCertificate

/** A council, asked within the turns of agents of its space, through these members. */
export function spaceCouncilOf(
  instance: string,
  members: readonly RosterMember[],
  check: CertificateCheck,
): SpaceCouncilRef {
  const agents = members.map(({ url }) => agentOfUrl(url)).filter((name) => name !== undefined)
  return {
    name: instance,
    ask: async (turn, matter) => {
      const askedAt = turn.now()
      const { agent, decision, deadline } = await put(turn, agents, matter)
      let failure: ErrorValue | undefined
      // Whoever took the question may be gone by now: all members have the certificate.
      for (const one of [agent, ...agents.filter((other) => other !== agent)]) {
        const waitMs = one === agent ? Math.max(0, deadline - turn.now()) + CLOSING_MS : TAKE_MS
        const options = { key: decision, timeoutMs: waitMs }
        const answer = await turn.askSettled(deskOf(one), { method: 'wait', params: { decision } }, options)
        if (answer.ok) {
          const certificate = check(answer.value, decision)
          checkTime(certificate, askedAt + Math.floor((matter.timeoutMs ?? VOTE_TIMEOUT_MS) / 2))
          return { decision, certificate }
        }
        failure = answer.error
      }
      throw errorOf(failure)
    },
  }
}

/** Puts the question to the first member that takes it. */
async function put(
  turn: Turn,
  agents: readonly string[],
  matter: CouncilMatter,
): Promise<{ readonly agent: string; readonly decision: string; readonly deadline: number }> {
  let failure: ErrorValue | undefined
  for (const agent of agents) {
    const request = { method: 'open', params: { ...matter } }
    const answer = await turn.askSettled(deskOf(agent), request, { key: DESK, timeoutMs: TAKE_MS })
    if (answer.ok) return { agent, ...openedIn(answer.value) }
    const { code, cause } = answer.error
    failure = code === 'COTERIE_STEP_FAILED' && cause !== undefined ? cause : answer.error
    // A question that is none is none for the others, too.
    if (failure.code === 'COTERIE_INVALID_ARGUMENT') break
  }
  throw errorOf(failure)
}

/** Who puts a question may not leave the others less than half of the time: clocks may differ by the rest. */
function checkTime({ vote }: DecisionCertificate, earliest: number): void {
  const { decision, deadline } = vote.proposal
  if (deadline === null || deadline >= earliest) return
  const message = `The members had less time for ${decision} than was asked for.`
  throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details: { decision } })
}

function openedIn(value: unknown): { readonly decision: string; readonly deadline: number } {
  const { decision, deadline } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof decision === 'string' && Number.isSafeInteger(deadline)) {
    return { decision, deadline: Number(deadline) }
  }
  throw new CoterieError('COTERIE_INVALID_REPLY', 'What took the question is no replica of a council.')
}

function errorOf(failure: ErrorValue | undefined): Error {
  if (failure !== undefined) return errorFromValue(failure)
  return new CoterieError('COTERIE_COUNCIL_UNREACHABLE', 'The council has no members to ask.')
}

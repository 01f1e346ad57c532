/**
 * What a running replica answers to this member's own tools: the command line, and agents in a space.
 *
 * @module
 */

import { isChangeShape } from '../../bft/shape.ts'
import type { Change } from '../../bft/statements.ts'
import { CoterieError } from '../../core/errors.ts'
import type { Proposal } from '../../voting/proposal.ts'
import type { SignedBallot } from '../../voting/ballot.ts'
import type { Vote } from '../../turn/turn.ts'
import type { CouncilQuestion } from './question.ts'
import type { CouncilReplica } from './replica.ts'

/** The methods. */
const COUNCIL_METHODS: readonly string[] = [
  'status',
  'open',
  'wait',
  'vote',
  'hand-in',
  'proposal',
  'members',
  'roster',
  'agree',
  'certificates',
  'evidence',
]

const CERTIFICATES_MAX = 1_000

/** Answers one request. The caller has proven that it has the member's key, so its values are only looked over. */
export async function answerRequest(replica: CouncilReplica, request: unknown): Promise<unknown> {
  const { method, params = {} } = request as {
    readonly method?: unknown
    readonly params?: Readonly<Record<string, unknown>>
  }
  const text = (name: string): string => {
    const value = params[name]
    if (typeof value === 'string') return value
    throw new CoterieError('COTERIE_INVALID_ARGUMENT', `The request ${String(method)} needs "${name}".`)
  }
  switch (method) {
    case 'status':
      return replica.status()
    case 'open':
      return durably(replica, replica.open(params as unknown as CouncilQuestion))
    case 'wait':
      return replica.waitFor(text('decision'), Number(params['timeoutMs']))
    case 'vote':
      return durably(replica, replica.vote(text('decision'), params['vote'] as Vote))
    case 'hand-in':
      replica.handIn(text('decision'), params['ballots'] as readonly SignedBallot[])
      return durably(replica, null)
    case 'proposal':
      return proposalOf(replica, text('decision'))
    case 'members':
      return replica.members()
    case 'roster':
      return replica.roster()
    case 'agree':
      return replica.agree(changeIn(params['change']), Number(params['timeoutMs']))
    case 'certificates':
      return replica.certificates(Math.min(CERTIFICATES_MAX, Number(params['limit'] ?? CERTIFICATES_MAX)))
    case 'evidence':
      return replica.evidence()
    default:
      throw new CoterieError(
        'COTERIE_INVALID_ARGUMENT',
        `A replica answers ${COUNCIL_METHODS.join(', ')}, and not ${JSON.stringify(method)}.`,
      )
  }
}

function changeIn(value: unknown): Change {
  if (isChangeShape(value)) return value as Change
  throw new CoterieError('COTERIE_INVALID_ARGUMENT', 'This is no change of the members of a council.')
}

/** What is answered is not lost any more. */
async function durably<T>(replica: CouncilReplica, value: T): Promise<T> {
  await replica.durable()
  return value
}

function proposalOf(replica: CouncilReplica, decision: string): Proposal {
  const proposal = replica.proposal(decision)
  if (proposal !== undefined) return proposal
  throw new CoterieError('COTERIE_NOT_FOUND', `No vote ${JSON.stringify(decision)} is open here.`, {
    details: { decision },
  })
}

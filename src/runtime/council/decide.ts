import type { CouncilDecideOptions, CouncilDecision } from '../../turn/council.ts'
import type { Turn } from '../../turn/turn.ts'

/**
 * Lets a council decide. The question and the certificate are steps of the turn: what was asked is not asked again
 * after a crash, and what was decided stays decided, recorded under the agent's own signature. A crash between the
 * question and its record may leave a second vote behind, which nobody waits for.
 */
export async function decideByCouncil(turn: Turn, options: CouncilDecideOptions): Promise<CouncilDecision> {
  const { by, ...matter } = options
  const { decision, deadline } = await turn.step(`ask the council ${by.name}`, () => by.open(matter))
  const certificate = await turn.step(`wait for the council ${by.name}`, () => by.wait(decision, deadline))
  const { outcome } = certificate.vote
  turn.reason(`the council ${by.name} decided ${decision}: ${outcome}`)
  return { id: decision, outcome, certificate }
}

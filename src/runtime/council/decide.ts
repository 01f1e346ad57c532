import { CoterieError } from '../../core/errors.ts'
import type { DecisionCertificate } from '../../council/certificate.ts'
import type { CouncilDecideOptions, CouncilDecision, CouncilMatter, CouncilRef } from '../../turn/council.ts'
import type { Turn } from '../../turn/turn.ts'
import { matterProblem } from './matter.ts'

/**
 * Lets a council decide. The question and the certificate are steps of the turn, or questions to members in the space:
 * what was asked is not asked again after a crash, and what was decided stays decided, recorded under the agent's own
 * signature. A crash between the question and its record may leave a second vote behind, which nobody waits for. Throws
 * COTERIE_VERIFICATION_FAILED when something else was decided than was asked.
 */
export async function decideByCouncil(turn: Turn, options: CouncilDecideOptions): Promise<CouncilDecision> {
  const { by, ...matter } = options
  const { decision, certificate } =
    'ask' in by ? await by.ask(turn, matter) : await askDirectly(turn, by, matter)
  const problem = matterProblem(matter, certificate)
  if (problem !== undefined) {
    const message = `The certificate of ${decision} is not about what was asked: ${problem}.`
    throw new CoterieError('COTERIE_VERIFICATION_FAILED', message, { details: { decision, problem } })
  }
  const { outcome } = certificate.vote
  turn.reason(`the council ${by.name} decided ${decision}: ${outcome}`)
  return { id: decision, outcome, certificate }
}

async function askDirectly(
  turn: Turn,
  by: CouncilRef,
  matter: CouncilMatter,
): Promise<{ readonly decision: string; readonly certificate: DecisionCertificate }> {
  const { decision, deadline } = await turn.step(`ask the council ${by.name}`, () => by.open(matter))
  const certificate = await turn.step(`wait for the council ${by.name}`, () => by.wait(decision, deadline))
  return { decision, certificate }
}

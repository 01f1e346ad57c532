import type { DecisionCertificate } from '../council/certificate.ts'
import type { Json } from '../core/json.ts'
import type { Rule } from '../voting/rule.ts'
import type { Turn } from './turn.ts'

/** What is put to a council. */
export interface CouncilMatter {
  readonly question: string
  /** What it is about; each member sees it, and the certificate holds it. Canonical JSON: no fractions. */
  readonly subject?: Json
  /** By default `approve` and `reject`. */
  readonly options?: readonly string[]
  /** By default more than half of the council's members. */
  readonly rule?: Rule
  /** How long the members have to answer; by default a minute. */
  readonly timeoutMs?: number
  /** The option that is the outcome when the rule gives none. */
  readonly otherwise?: string
}

/** A council that can be asked: `council(folder)` of `coterie/council`. */
export interface CouncilRef {
  readonly name: string
  /** Puts a question to the vote; when it resolves, the question is not lost any more. */
  open(matter: CouncilMatter): Promise<{ readonly decision: string; readonly deadline: number }>
  /**
   * The certificate of a vote, which was verified. Rejects with COTERIE_DEADLINE_PASSED,
   * COTERIE_COUNCIL_UNREACHABLE and COTERIE_VERIFICATION_FAILED.
   */
  wait(decision: string, deadline: number): Promise<DecisionCertificate>
}

/** A council in the same space, asked by messages of the turn: `spaceCouncil(file)` of `coterie/council`. */
export interface SpaceCouncilRef {
  readonly name: string
  /** Asks one member, or the next when it does not answer; the certificate that comes back was verified. */
  ask(
    turn: Turn,
    matter: CouncilMatter,
  ): Promise<{ readonly decision: string; readonly certificate: DecisionCertificate }>
}

/** A decision to be made by a council. */
export interface CouncilDecideOptions extends CouncilMatter {
  readonly by: CouncilRef | SpaceCouncilRef
}

/** What a council decided, with the proof: the signatures of its quorum are in the certificate. */
export interface CouncilDecision {
  readonly id: string
  /** An option, or `none` when no option reached what the rule asks. */
  readonly outcome: string
  readonly certificate: DecisionCertificate
}

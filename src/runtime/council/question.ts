import type { Json } from '../../core/json.ts'
import type { Member } from '../../voting/proposal.ts'
import type { Rule } from '../../voting/rule.ts'

/** A question for a council. */
export interface CouncilQuestion {
  readonly question: string
  readonly subject?: Json
  /** Two of `approve` and `reject`, unless others are named. */
  readonly options?: readonly string[]
  /** More than half, unless another rule is named. */
  readonly rule?: Rule
  /** Who votes: the members of the council, unless others are named. */
  readonly electorate?: readonly Member[]
  /** How long members have to answer. */
  readonly timeoutMs?: number
  readonly otherwise?: string
}

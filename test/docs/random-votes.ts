/** Certificates of random votes under random rules, for two verifiers to agree upon. */
import * as fc from 'fast-check'
import type { Ballot } from '../../src/voting/ballot.ts'
import { makeCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import type { Rule, Share, TiePolicy } from '../../src/voting/rule.ts'
import { castBy } from '../helpers/voting.ts'
import { DECIDED_AT, electing } from './certificate-vectors.ts'
import { castAs } from './log-vectors.ts'

const OPTIONS = ['red', 'green', 'blue', 'grey']
const PANEL = ['alice/1', 'alice/2', 'client/1', 'client/2', 'alice/3']

const share: fc.Arbitrary<Share> = fc
  .constantFrom([1, 5], [1, 3], [1, 2], [2, 3])
  .map(([numerator = 1, denominator = 1]) => ({ numerator, denominator }))
const onTie = fc.constantFrom<TiePolicy>('none', 'first', { member: 'alice/2' }, { member: 'client/1' })
const form: fc.Arbitrary<Rule> = fc.oneof(
  onTie.map((tie): Rule => ({ type: 'majority', onTie: tie })),
  fc.tuple(share, onTie).map(([part, tie]): Rule => ({ type: 'threshold', ...part, onTie: tie })),
  fc.tuple(share, onTie).map(([part, tie]): Rule => ({ type: 'approval', ...part, onTie: tie })),
  { weight: 3, arbitrary: onTie.map((tie): Rule => ({ type: 'ranked', onTie: tie })) },
)
const act = fc.record({
  votes: fc.constantFrom(true, true, true, false),
  abstains: fc.constantFrom(true, false, false, false, false),
  order: fc.shuffledSubarray(OPTIONS, { minLength: 1 }),
  family: fc.constantFrom<string | undefined>(undefined, 'a', 'b'),
  weight: fc.constantFrom(1, 1, 1, 2, 3),
})
const vote = fc.record({
  form,
  quorum: fc.option(share, { nil: undefined, freq: 3 }),
  veto: fc.constantFrom<readonly string[] | undefined>(undefined, undefined, undefined, ['client/2']),
  families: fc.constantFrom<number | undefined>(undefined, undefined, undefined, 2),
  otherwise: fc.constantFrom<string | undefined>(undefined, undefined, 'grey'),
  acts: fc.array(act, { minLength: PANEL.length, maxLength: PANEL.length }),
})

/** Certificates of so many votes, the same for one seed. */
export function randomVotes(space: string, count: number, seed: number): readonly Certificate[] {
  return fc
    .sample(vote, { numRuns: count, seed })
    .map(({ form: base, quorum, veto, families, otherwise, acts }) => {
      const rule: Rule = {
        ...base,
        ...(quorum !== undefined && { quorum }),
        ...(veto !== undefined && { veto }),
        ...(families !== undefined && { families }),
      }
      const { electorate, ...asked } = electing(space, PANEL, {
        rule,
        options: OPTIONS,
        ...(otherwise !== undefined && { otherwise }),
      })
      const proposal = {
        ...asked,
        electorate: electorate.map((member, i) => ({ ...member, weight: acts[i]?.weight ?? 1 })),
      }
      const ballots = acts.flatMap(({ votes, abstains, order, family }, i) => {
        if (!votes) return []
        const member = PANEL[i] ?? ''
        const [agent = ''] = member.split('/')
        const choice = abstains ? 'abstain' : choiceUnder(rule, order)
        const changes = { member, ...(family !== undefined && { family }) }
        return [castAs(agent, castBy(agent, proposal, choice, changes).ballot)]
      })
      return makeCertificate(crypto, proposal, ballots, DECIDED_AT)
    })
}

function choiceUnder({ type }: Rule, order: readonly string[]): Ballot['choice'] {
  if (type === 'ranked') return order
  return type === 'approval' ? OPTIONS.filter((option) => order.includes(option)) : (order[0] ?? 'abstain')
}

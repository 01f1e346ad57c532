/** Certificates under every rule, and of sealed votes, for `certificates.json`. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import type { Ballot, Proposal, SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { proposalHash } from '../../src/voting/proposal.ts'
import type { Rule } from '../../src/voting/rule.ts'
import {
  closeCommitments,
  commitmentBytes,
  sealHash,
  type SignedCommitment,
} from '../../src/voting/sealed.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy } from '../helpers/voting.ts'
import { DECIDED_AT, electing } from './certificate-vectors.ts'
import { castAs } from './log-vectors.ts'

const OPTIONS = ['red', 'green', 'blue']
const PANEL = ['alice/1', 'alice/2', 'alice/3', 'client/1', 'client/2']

type Accepted = readonly (readonly [string, Certificate])[]
/** For each of the panel what it chose; undefined is silence. */
type Choices = readonly (Ballot['choice'] | undefined)[]

/** Votes under each rule, with and without ties and objections. */
export function ruled(space: string): Accepted {
  const vote = (
    rule: Rule,
    choices: Choices,
    { ballot = {}, proposal = {}, weights = [] }: Extras = {},
  ): Certificate => {
    const asked = panel(space, rule, proposal, weights)
    const ballots = choices.flatMap((choice, i) => {
      return choice === undefined ? [] : [cast(PANEL[i] ?? '', asked, choice, ballot[i])]
    })
    return makeCertificate(crypto, asked, ballots, DECIDED_AT)
  }
  const third = { numerator: 1, denominator: 3 }
  const families = { ballot: { 0: { family: 'a' }, 1: { family: 'a' }, 2: { family: 'b' } } }
  const four = ['red', 'red', 'green', 'green']
  const [first, alice] = ['first' as const, { member: 'alice/2' }]
  return [
    ['unanimity', vote({ type: 'unanimity' }, ['red', 'red', 'red', 'red', 'red'])],
    ['unanimity, one abstains', vote({ type: 'unanimity' }, ['red', 'red', 'red', 'red', 'abstain'])],
    ['weights', vote({ type: 'majority' }, ['red', 'green', 'green'], { weights: [5, 1, 1, 1, 1] })],
    [
      'weights in two halves, and the first listed wins the tie',
      vote({ type: 'majority', onTie: first }, ['green', 'red'], { weights: [4, 1, 1, 1, 1].with(1, 7) }),
    ],
    [
      'two halves, and a casting vote',
      vote({ type: 'majority', onTie: alice }, ['red', 'green', 'green', 'red', 'red'], {
        weights: [2, 3, 1, 1, 1],
      }),
    ],
    ['a threshold below one half', vote({ type: 'threshold', ...third }, ['red', 'red', 'green'])],
    ['a threshold that two reach alike', vote({ type: 'threshold', ...third }, four)],
    ['the same, the first listed wins', vote({ type: 'threshold', ...third, onTie: first }, four)],
    [
      'the same, by a casting vote',
      vote({ type: 'threshold', ...third, onTie: { member: 'alice/3' } }, four),
    ],
    [
      'a quorum that is not there',
      vote({ type: 'threshold', ...third, quorum: { numerator: 3, denominator: 4 } }, ['red', 'red', 'red']),
    ],
    [
      'a quorum by abstaining',
      vote({ type: 'threshold', ...third, quorum: { numerator: 3, denominator: 4 } }, [
        'red',
        'red',
        'abstain',
        'abstain',
      ]),
    ],
    ['a veto', vote({ type: 'majority', veto: ['client/1'] }, ['red', 'red', 'red', 'green'])],
    ['a veto not used', vote({ type: 'majority', veto: ['client/1'] }, ['red', 'red', 'red', 'abstain'])],
    [
      'one with a veto who is silent, and what holds otherwise',
      vote({ type: 'majority', veto: ['client/1'] }, ['red', 'red', 'red'], {
        proposal: { otherwise: 'blue' },
      }),
    ],
    ['two model families', vote({ type: 'majority', families: 2 }, ['red', 'red', 'red'], families)],
    ['three families asked for', vote({ type: 'majority', families: 3 }, ['red', 'red', 'red'], families)],
    [
      'approval',
      vote({ type: 'approval', numerator: 1, denominator: 2 }, [
        ['red', 'green'],
        ['green'],
        ['red', 'green', 'blue'],
        'abstain',
      ]),
    ],
    [
      'approval, a casting vote that approves both of the tied',
      vote({ type: 'approval', ...third, onTie: alice }, [['red', 'green'], ['red', 'green'], ['blue']]),
    ],
    [
      'ranked choice, decided in the second round',
      vote(
        { type: 'ranked' },
        [['red'], ['red', 'blue'], ['green', 'red'], ['blue', 'green'], ['green']].toReversed(),
      ),
    ],
    [
      'ranked choice, two last together and nobody says which goes',
      vote({ type: 'ranked' }, [['red'], ['red'], ['green', 'red'], ['blue', 'red']]),
    ],
    [
      'the same, the one listed last goes',
      vote({ type: 'ranked', onTie: first }, [['red'], ['red'], ['green', 'red'], ['blue', 'red']]),
    ],
    [
      'the same, by a casting vote that ranks one of them',
      vote({ type: 'ranked', onTie: { member: 'client/1' } }, [
        ['red'],
        ['red'],
        ['green', 'red'],
        ['blue', 'red'],
      ]),
    ],
    [
      'ranked choice, one half each',
      vote({ type: 'ranked', onTie: first }, [['green'], ['red']], { weights: [4, 7, 1, 1, 1] }),
    ],
    ['ranked choice, only abstentions', vote({ type: 'ranked' }, ['abstain', 'abstain'])],
    [
      'a ballot that came too late, by the clock of its signer',
      vote({ type: 'majority' }, ['red', 'red', 'red', 'red'], {
        proposal: { deadline: 1_700_000_000_000, after: 'dec_0' },
        ballot: { 0: { at: 1_700_000_000_000 }, 3: { at: 1_700_000_000_001 } },
      }),
    ],
  ]
}

/** Sealed votes: all shown, one withheld, one false, one without a commitment, one committed to two ballots. */
export function sealed(space: string): Accepted {
  const asked = panel(space, { type: 'majority' }, { sealed: { commitBy: 1_700_000_000_000 } }, [])
  const five = PANEL.map((member) => seal(member, asked, 'red'))
  const close = closeOf(asked, five)
  const shown = five.map((one) => one.show(close))
  const make = (ballots: readonly SignedBallot[], of: readonly Sealed[] = five): Certificate =>
    makeCertificate(
      crypto,
      asked,
      ballots,
      DECIDED_AT,
      of.map(({ committed }) => committed),
    )
  const turncoat = five[0]?.show(close, { choice: 'green' })
  const twice = [...five, seal('alice/1', asked, 'green')]
  const [late, ...others] = [seal('alice/1', asked, 'red', 1_700_000_000_001), ...five.slice(1)]
  if (turncoat === undefined || late === undefined) throw new Error('nobody voted')
  return [
    ['sealed ballots', make(shown)],
    ['a sealed ballot that was withheld', make(shown.slice(1))],
    ['a sealed ballot that is another one than was committed to', make([turncoat, ...shown.slice(1)])],
    [
      'a ballot without a commitment',
      make([...four(asked, five), seal('client/2', asked, 'red').show(close)], five.slice(0, 4)),
    ],
    ['ballots that were shown for other commitments', make(shown, five.slice(0, 4))],
    ['a member that committed itself to two ballots', make(reveal(asked, twice).slice(1), twice)],
    ['a ballot that was sealed too late', make(reveal(asked, [late, ...others]), [late, ...others])],
  ]
}

/** Certificates whose rule, weights or safeguards were tampered with. */
export function refusedRules(proposal: Proposal): readonly (readonly [string, unknown])[] {
  const good = makeCertificate(crypto, proposal, [castBy('alice', proposal, 'yes')], DECIDED_AT)
  const [first, ...others] = proposal.electorate
  const changed = (change: object): object => ({ ...good, proposal: { ...proposal, ...change } })
  const list = makeCertificate(crypto, proposal, [castBy('alice', proposal, ['yes'])], DECIDED_AT)
  return [
    ['a weight that was changed', changed({ electorate: [{ ...first, weight: 9 }, ...others] })],
    ['a weight of nothing', changed({ electorate: [{ ...first, weight: 0 }, ...others] })],
    ['a veto of a stranger', changed({ rule: { type: 'majority', veto: ['mallory'] } })],
    ['a casting vote of a stranger', changed({ rule: { type: 'majority', onTie: { member: 'mallory' } } })],
    ['a quorum above all', changed({ rule: { type: 'majority', quorum: { numerator: 2, denominator: 1 } } })],
    ['a rule that nobody knows', changed({ rule: { type: 'plurality' } })],
    ['a tie policy where there is no tie', changed({ rule: { type: 'unanimity', onTie: 'none' } })],
    ['what holds otherwise is no option', changed({ otherwise: 'maybe' })],
    ['a list where one option is asked for', { ...list, tally: { ...list.tally, refused: [] } }],
  ]
}

/** Sealed votes that were tampered with. */
export function refusedSeals(space: string): readonly (readonly [string, unknown])[] {
  const good = sealed(space)[1]?.[1]
  if (good === undefined) throw new Error('there is no sealed vote')
  const { commitments = [], ...bare } = good
  const [first, ...others] = commitments
  const { ballot: stray } = seal('alice/1', panel(space, { type: 'majority' }, {}, []), 'red').show(
    'f'.repeat(64),
  )
  const open = panel(space, { type: 'majority' }, {}, [])
  return [
    ['a sealed vote without commitments', bare],
    ['a sealed vote with a commitment less', { ...good, commitments: others }],
    ['commitments in another order', { ...good, commitments: commitments.toReversed() }],
    ['a commitment twice', { ...good, commitments: [first, ...commitments] }],
    [
      'a commitment with the signature of another',
      { ...good, commitments: [{ ...first, signature: others[0]?.signature }, ...others] },
    ],
    ['a withheld ballot that is not told of', { ...good, tally: { ...good.tally, withheld: [] } }],
    ['commitments in an open vote', { ...makeCertificate(crypto, open, [], DECIDED_AT), commitments: [] }],
    [
      'a sealed ballot in an open vote',
      { ...makeCertificate(crypto, open, [], DECIDED_AT), ballots: [castAs('alice', stray)] },
    ],
    [
      'commitments due after the deadline',
      { ...good, proposal: { ...good.proposal, deadline: 1_699_999_999_999 } },
    ],
  ]
}

type Extras = {
  readonly ballot?: Readonly<Record<number, Partial<Ballot>>>
  readonly proposal?: Partial<Proposal>
  readonly weights?: readonly number[]
}

function panel(space: string, rule: Rule, changes: Partial<Proposal>, weights: readonly number[]): Proposal {
  const { electorate, ...asked } = electing(space, PANEL, { rule, options: OPTIONS, ...changes })
  const weighed = electorate.map((member, i) => {
    const weight = weights[i] ?? 1
    return weight === 1 ? member : { ...member, weight }
  })
  return { ...asked, electorate: weighed }
}

function cast(
  member: string,
  asked: Proposal,
  choice: Ballot['choice'],
  changes: Partial<Ballot> = {},
): SignedBallot {
  const [agent = ''] = member.split('/')
  return castAs(agent, castBy(agent, asked, choice, { member, ...changes }).ballot)
}

type Sealed = {
  readonly committed: SignedCommitment
  show(close: string, later?: Partial<Ballot>): SignedBallot
}

function seal(member: string, asked: Proposal, choice: string, at = 1_700_000_000_000): Sealed {
  const [agent = ''] = member.split('/')
  const nonce = Buffer.from(crypto.sha256(`nonce of ${member}`), 'hex').toString('base64url')
  const { ballot } = cast(member, asked, choice, { nonce, at })
  const { v, space, decision, proposal, key } = ballot
  const commitment = { v, space, decision, proposal, member, key, sha256: sealHash(crypto, ballot) }
  const signature = crypto.sign(keyPairOf(agent).privateKey, commitmentBytes(commitment))
  return {
    committed: { commitment, signature },
    show: (close, later = {}) => castAs(agent, { ...ballot, close, ...later }),
  }
}

function closeOf(asked: Proposal, all: readonly Sealed[]): string {
  const commitments = all.map(({ committed }) => committed)
  return closeCommitments(crypto, asked, proposalHash(crypto, asked), commitments).hash
}

function reveal(asked: Proposal, all: readonly Sealed[]): readonly SignedBallot[] {
  const close = closeOf(asked, all)
  return all.map((one) => one.show(close))
}

function four(asked: Proposal, five: readonly Sealed[]): readonly SignedBallot[] {
  return reveal(asked, five.slice(0, 4))
}

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { Ballot, Proposal, SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, verifyCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { majority, ranked, twoThirds, unanimity } from '../../src/voting/rule.ts'
import { tally } from '../../src/voting/tally.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy, MEMBERS, proposalOf, trustedKeys } from '../helpers/voting.ts'

const decidedAt = 1_764_000_000_000
const make = (proposal: Proposal, ballots: readonly SignedBallot[]): Certificate =>
  makeCertificate(nodeCrypto, proposal, ballots, decidedAt)
const verify = (certificate: unknown, trusted = trustedKeys()): ReturnType<typeof verifyCertificate> =>
  verifyCertificate(nodeCrypto, certificate, trusted)

describe('a certificate', () => {
  it('verifies after a trip through its canonical text, and is given back', () => {
    const proposal = proposalOf(3, { rule: twoThirds() })
    const certificate = make(
      proposal,
      ['alice', 'bob'].map((member) => castBy(member, proposal, 'yes')),
    )
    const verdict = verify(JSON.parse(canonicalize(certificate)))
    assert.ok(verdict.ok)
    assert.equal(verdict.certificate.outcome, 'yes')
    assert.deepEqual(verdict.certificate, certificate)
  })

  it('is the same whatever the order of the ballots and however often they came', () => {
    const proposal = proposalOf(4)
    const ballots = [
      ...['dave', 'alice', 'carol'].map((member) => castBy(member, proposal, 'yes')),
      castBy('bob', proposal, 'yes'),
      castBy('bob', proposal, 'no'),
      castBy('dave', proposal, 'maybe'),
      castBy('dave', proposal, 'perhaps'),
    ]
    const one = canonicalize(make(proposal, ballots))
    assert.equal(canonicalize(make(proposal, [...ballots.toReversed(), ...ballots])), one)
    const { ballots: kept } = make(proposal, ballots)
    const order = kept.map(({ ballot, signature }) => `${ballot.member} ${signature}`)
    assert.deepEqual(order, order.toSorted())
  })

  it('keeps the same one of two valid signatures on the same words, whichever came first', () => {
    // A dishonest signer can make many; the honest implementation cannot, so its verdict is stood in for.
    const trusting = { ...nodeCrypto, verify: () => true }
    const proposal = proposalOf(1)
    const one = castBy('alice', proposal, 'yes')
    const other = { ballot: one.ballot, signature: castBy('alice', proposal, 'no').signature }
    const forwards = makeCertificate(trusting, proposal, [one, other], decidedAt)
    assert.deepEqual(makeCertificate(trusting, proposal, [other, one], decidedAt), forwards)
    assert.equal(forwards.ballots.length, 1)
    assert.equal(forwards.outcome, 'yes')
  })

  it('counts as the tally does', () => {
    const proposal = proposalOf(5)
    const ballots = MEMBERS.map((member, i) => castBy(member, proposal, i < 3 ? 'yes' : 'no'))
    const certificate = make(proposal, ballots)
    assert.deepEqual(certificate.tally, tally(nodeCrypto, proposal, ballots))
    assert.equal(certificate.outcome, 'yes')
  })

  it('keeps both ballots of a member who signed two, and verifies with them', () => {
    const proposal = proposalOf(3)
    const two = [castBy('alice', proposal, 'yes'), castBy('alice', proposal, 'no')]
    const certificate = make(proposal, [
      ...two,
      castBy('bob', proposal, 'yes'),
      castBy('carol', proposal, 'yes'),
    ])
    assert.deepEqual(certificate.tally.void, ['alice'])
    assert.equal(certificate.ballots.filter(({ ballot }) => ballot.member === 'alice').length, 2)
    const verdict = verify(certificate)
    assert.ok(verdict.ok)
    assert.ok(verdict.explanation.includes('"alice" signed two different ballots: neither counts.'))
  })

  it('keeps two ballots of a member who signed twenty', () => {
    const proposal = proposalOf(3)
    const flood = Array.from({ length: 20 }, (_, i) =>
      castBy('alice', proposal, 'yes', { reason: String(i) }),
    )
    const certificate = make(proposal, [...flood, castBy('bob', proposal, 'yes')])
    assert.equal(certificate.ballots.length, 3)
    assert.ok(verify(certificate).ok)
  })

  it('keeps what a member signed for this decision and drops what proves nothing', () => {
    const proposal = proposalOf(4)
    const genuine = castBy('alice', proposal, 'yes')
    const evidence = [
      castBy('bob', { ...proposal, question: 'Another?' }, 'yes'),
      castBy('carol', proposal, 'maybe'),
    ]
    const noise = [
      castBy('mallory', proposal, 'yes'),
      castBy('dave', proposal, 'yes', { space: 'other' }),
      castBy('dave', proposal, 'yes', { decision: 'd-2' }),
      { ...genuine, signature: castBy('alice', proposal, 'no').signature },
      { ballot: null } as unknown as SignedBallot,
    ]
    const certificate = make(proposal, [...noise, ...evidence, genuine])
    assert.deepEqual(certificate.ballots, [genuine, ...evidence])
    assert.deepEqual(certificate.tally.refused, [
      { member: 'bob', problem: 'wrong-proposal' },
      { member: 'carol', problem: 'unknown-option' },
    ])
    assert.ok(verify(certificate).ok)
  })

  it('proves that no option won as well', () => {
    const proposal = proposalOf(3)
    const verdict = verify(make(proposal, [castBy('alice', proposal, 'yes'), castBy('bob', proposal, 'no')]))
    assert.ok(verdict.ok)
    assert.equal(verdict.certificate.outcome, 'none')
    assert.equal(verdict.explanation.at(-1), 'No option has enough votes.')
  })

  it('takes instances of an agent that share its key, and says that they do', () => {
    const { id, publicKey } = keyPairOf('alice')
    const electorate = ['alice/1', 'alice/2'].map((member) => ({ member, key: id, publicKey }))
    const proposal = proposalOf(0, { electorate })
    const signed = (member: string): SignedBallot => {
      const { ballot } = castBy('alice', proposal, 'yes', { member })
      return { ballot, signature: castBy('alice', proposal, 'yes', { member }).signature }
    }
    const verdict = verify(make(proposal, [signed('alice/1'), signed('alice/2')]))
    assert.ok(verdict.ok)
    assert.equal(verdict.certificate.outcome, 'yes')
    assert.ok(verdict.explanation.includes('The 2 members share 1 keys.'))
  })

  it('explains the count in sentences that quote every text from outside', () => {
    const proposal = proposalOf(3, { question: 'Ship?\n\u001b[2J"' })
    const stray = castBy('bob', { ...proposal, question: 'Another?' }, 'yes')
    const verdict = verify(
      make(proposal, [castBy('alice', proposal, 'yes'), castBy('bob', proposal, 'yes'), stray]),
    )
    assert.ok(verdict.ok)
    assert.deepEqual(verdict.explanation, [
      'Each of the 3 members has the key that you trust.',
      'Each of the 3 ballots is signed by its member for this decision.',
      'The count was done again, and is the same.',
      '"main" decided "d-1": "Ship?\\n\\u001b[2J\\"".',
      'An option needs 2 votes (more than half of 3).',
      '"yes": 2 ("alice", "bob").',
      '"no": 0.',
      '"abstain": 0.',
      'Silent: 1.',
      '"bob" signed a ballot that does not count: wrong-proposal.',
      '"yes" has enough votes.',
    ])
  })

  it('explains weights, safeguards, ties, rounds, escalation and what holds otherwise', () => {
    const weighed = proposalOf(3).electorate.map((member, i) => (i === 0 ? { ...member, weight: 2 } : member))
    const told = (changes: Partial<Proposal>, choices: readonly Ballot['choice'][]): readonly string[] => {
      const proposal = proposalOf(3, changes)
      const ballots = choices.map((choice, i) => castBy(MEMBERS[i] ?? '', proposal, choice))
      const verdict = verify(make(proposal, ballots))
      assert.ok(verdict.ok)
      return verdict.explanation
    }
    const tied = told({ electorate: weighed, rule: majority({ onTie: { member: 'bob' } }) }, [
      'yes',
      'no',
      'no',
    ])
    assert.ok(tied.includes('Weights: "alice" 2, "bob" 1, "carol" 1.'))
    assert.ok(tied.includes('A tie: "bob" decides.'))
    assert.equal(tied.at(-1), 'The vote is tied, and "no" wins by the casting vote of "bob".')
    const quorum = { numerator: 2, denominator: 3 }
    const vetoed = told({ rule: majority({ veto: ['carol'], quorum, families: 1 }), otherwise: 'no' }, [
      'yes',
      'yes',
      'no',
    ])
    assert.ok(vetoed.includes('At least 2/3 of all weight must take part.'))
    assert.ok(vetoed.includes('Any of "carol" can veto.'))
    assert.ok(vetoed.includes('The votes must come from 1 model families or more.'))
    assert.deepEqual(vetoed.slice(-2), [
      'A member with a veto chose something else.',
      'So it is what was to hold otherwise: "no".',
    ])
    const ran = told({ rule: ranked(), options: ['yes', 'no', 'later'], after: 'd-0' }, [
      ['yes'],
      ['yes', 'no'],
      ['no'],
    ])
    assert.ok(ran.includes('It was put to others before, in "d-0", without an outcome.'))
    assert.ok(ran.includes('Round 1: "yes" 2, "no" 1, "later" 0.'))
    assert.ok(told({ rule: unanimity() }, ['yes', 'yes']).includes('No option has enough votes.'))
  })

  it('refuses to be made at a time that is none, or for a proposal that cannot be counted', () => {
    for (const time of [-1, 0.5, NaN, 2 ** 53]) {
      const run = (): unknown => makeCertificate(nodeCrypto, proposalOf(3), [], time)
      assert.throws(run, { code: 'COTERIE_INVALID_CERTIFICATE' })
    }
    assert.throws(() => make(proposalOf(0), []), { code: 'COTERIE_INVALID_RULE' })
  })
})

/** Certificates that hold, and others that must be refused. */
import { nodeCrypto as crypto } from '../../src/adapters/node/crypto.ts'
import { utf8 } from '../../src/core/bytes.ts'
import { canonicalize } from '../../src/core/json.ts'
import { keyFileOf } from '../../src/cli/key-file.ts'
import { PAYLOAD_TYPES, preAuthEncoding } from '../../src/log/dsse.ts'
import type { Proposal, SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { majority, twoThirds } from '../../src/voting/rule.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'
import { refusedRules, refusedSeals, ruled, sealed } from './rule-vectors.ts'
import { castAs, castBob, story } from './log-vectors.ts'

export const DECIDED_AT = 1_700_000_000_009

/** `certificates.json` */
export function certificateVectors(): object {
  const space = story()
  const proposal = electing(space.id, ['alice', 'bob', 'client'])
  return {
    about: 'Certificates, and the keys file to judge them by: docs/reference/formats.md#certificates',
    keys: keyFileOf(space.registry),
    accepted: accepted(proposal).map(([name, certificate]) => ({
      name,
      outcome: certificate.outcome,
      certificate,
    })),
    refused: refused(proposal).map(([name, certificate]) => ({ name, certificate })),
  }
}

export function electing(
  space: string,
  members: readonly string[],
  changes: Partial<Proposal> = {},
): Proposal {
  const electorate = members.map((member) => {
    const [agent = ''] = member.split('/')
    const { id, publicKey } = keyPairOf(agent === 'bob' ? 'bob 2' : agent)
    return { member, key: id, publicKey }
  })
  return proposalOf(0, { space, electorate, ...changes })
}

/** A ballot by the address `alice/1`, say, with the key of its agent. */
function castByInstance(member: string, proposal: Proposal, choice: string): SignedBallot {
  const [agent = ''] = member.split('/')
  const { ballot } = castBy(agent, proposal, choice, { member })
  return castAs(agent, ballot)
}

function made(proposal: Proposal, ballots: readonly SignedBallot[]): Certificate {
  return makeCertificate(crypto, proposal, ballots, DECIDED_AT)
}

function accepted(proposal: Proposal): readonly (readonly [string, Certificate])[] {
  const { space } = proposal
  const yes = castBy('alice', proposal, 'yes')
  const no = castBob(proposal, 'no')
  const again = castBy('alice', proposal, 'yes', { reason: 'on second thoughts' })
  const instances = electing(space, ['alice/1', 'alice/2', 'bob'], { rule: twoThirds() })
  const { subject: _subject, ...plain } = electing(space, ['alice'])
  const elsewhere = castBy('client', proposal, 'maybe')
  return [
    ['a majority of three, one silent', made(proposal, [yes, castBob(proposal, 'yes')])],
    ['no option with enough votes', made(proposal, [yes, no, castBy('client', proposal, 'abstain')])],
    ['nobody answered', made(proposal, [])],
    ['two different ballots of one member: neither counts, both are there', made(proposal, [yes, again, no])],
    ['a ballot for what is no option, kept as evidence', made(proposal, [yes, no, elsewhere])],
    [
      'two thirds, by instances that share a key',
      made(instances, [
        castByInstance('alice/1', instances, 'yes'),
        castByInstance('alice/2', instances, 'yes'),
      ]),
    ],
    ['no subject, and one member', made(plain, [castBy('alice', plain, 'no')])],
    ...ruled(space),
    ...sealed(space),
  ]
}

function refused(proposal: Proposal): readonly (readonly [string, unknown])[] {
  const { space } = proposal
  const good = made(proposal, [castBy('alice', proposal, 'yes'), castBob(proposal, 'yes')])
  const [first, second] = good.ballots
  if (first === undefined || second === undefined) throw new Error('the ballots are missing')
  const lone = made(proposal, [castBy('alice', proposal, 'yes')])
  const carol = electing(space, ['alice', 'carol'])
  const old = { ...castBob(proposal, 'yes').ballot, key: keyPairOf('bob').id }
  const stranger = electing(space, ['alice', 'mallory'])
  const posing = { ...electing(space, ['alice', 'mallory']) }
  const [member] = electing(space, ['alice']).electorate
  const bytes = preAuthEncoding(PAYLOAD_TYPES.journal, utf8(canonicalize(first.ballot)))
  const ofJournal = crypto.sign(keyPairOf('alice').privateKey, bytes)
  const other = castBy('alice', proposal, 'yes', { space: 'f'.repeat(64) })
  const half = { type: 'supermajority', numerator: 1, denominator: 2 }
  return [
    ['another outcome', { ...good, outcome: 'no' }],
    ['another count', { ...good, tally: { ...good.tally, counts: { ...good.tally.counts, yes: 3 } } }],
    ['a vote less than its count', { ...good, ballots: [first] }],
    [
      'an outcome that too few voted for',
      { ...lone, outcome: 'yes', tally: { ...lone.tally, outcome: 'yes' } },
    ],
    ['ballots in another order', { ...good, ballots: [second, first] }],
    ['a ballot twice', { ...good, ballots: [first, first, second] }],
    [
      'a ballot whose choice was changed',
      { ...good, ballots: [{ ...first, ballot: { ...first.ballot, choice: 'no' } }, second] },
    ],
    [
      'a ballot with the signature of another',
      { ...good, ballots: [{ ...first, signature: second.signature }, second] },
    ],
    [
      'a ballot that was signed as a journal',
      { ...good, ballots: [{ ...first, signature: ofJournal }, second] },
    ],
    ['a ballot of another space', { ...good, ballots: [other, second] }],
    ['a ballot by the key that the member had before', { ...good, ballots: [first, castAs('bob', old)] }],
    [
      'a subject that was changed',
      { ...good, proposal: { ...proposal, subject: { name: 'right-pad', version: '1.3.0' } } },
    ],
    ['a rule that was changed', { ...good, proposal: { ...proposal, rule: twoThirds() } }],
    ['a rule of one half', { ...good, proposal: { ...proposal, rule: half } }],
    [
      'a member left out of the electorate',
      { ...good, proposal: { ...proposal, electorate: proposal.electorate.slice(0, 2) } },
    ],
    [
      'a member there twice',
      { ...good, proposal: { ...proposal, electorate: [...proposal.electorate, member] } },
    ],
    [
      'a member whose key was revoked',
      made(carol, [castBy('alice', carol, 'yes'), castBy('carol', carol, 'yes')]),
    ],
    [
      'a member whose key nobody knows',
      made(stranger, [castBy('alice', stranger, 'yes'), castBy('mallory', stranger, 'yes')]),
    ],
    [
      'a member under the name of another agent',
      made({ ...posing, electorate: [{ ...(member ?? { key: '', publicKey: '' }), member: 'bob' }] }, []),
    ],
    ['an unknown member of the document', { ...good, note: 'x' }],
    ['another version', { ...good, v: 2 }],
    ['a time that is none', { ...good, decidedAt: -1 }],
    ['a fraction in the subject', { ...good, proposal: { ...proposal, subject: 0.5 } }],
    ...refusedRules(proposal),
    ...refusedSeals(space),
    [
      'a proposal of another space than the keys file',
      made(electing('f'.repeat(64), ['alice'], { rule: majority() }), []),
    ],
  ]
}

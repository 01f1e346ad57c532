import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize, type Json } from '../../src/core/json.ts'
import { ballotBytes, proposalHash, type Proposal, type SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, verifyCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { tally } from '../../src/voting/tally.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { closeCommitments } from '../../src/voting/sealed.ts'
import { castBy, proposalOf, sealBy, trustedKeys } from '../helpers/voting.ts'

const verify = (certificate: unknown, trusted = trustedKeys()): ReturnType<typeof verifyCertificate> =>
  verifyCertificate(nodeCrypto, certificate, trusted)

/** Refused, with a problem in these words. */
function refuses(words: RegExp, certificate: unknown, trusted = trustedKeys()): void {
  const verdict = verify(certificate, trusted)
  assert.ok(!verdict.ok, 'it was taken')
  assert.match(verdict.problem, words)
  assert.equal(verdict.explanation.at(-1), `Refused: ${verdict.problem}.`)
}

const proposal = proposalOf(3)
const votes = [
  castBy('alice', proposal, 'yes'),
  castBy('bob', proposal, 'yes'),
  castBy('carol', proposal, 'no'),
]
const genuine = makeCertificate(nodeCrypto, proposal, votes, 1_764_000_000_000)
// One of each kind of ballot that a certificate may hold: counted, void (two), and both kinds of evidence.
const crowded = makeCertificate(
  nodeCrypto,
  proposal,
  [
    castBy('alice', proposal, 'yes', { reason: 'tested' }),
    castBy('bob', proposal, 'yes'),
    castBy('bob', proposal, 'no'),
    castBy('carol', { ...proposal, question: 'Another?' }, 'yes'),
    castBy('carol', proposal, 'maybe'),
  ],
  1_764_000_000_000,
)

/** A sealed vote with weights and safeguards: counted, withheld, void, and a ballot that was not committed to. */
function sealedAndCrowded(): Certificate {
  const base = proposalOf(5)
  const sealedVote: Proposal = {
    ...base,
    electorate: base.electorate.map((member, i) => (i === 1 ? { ...member, weight: 2 } : member)),
    rule: { type: 'majority', veto: ['alice'], quorum: { numerator: 1, denominator: 4 } },
    sealed: { commitBy: 1_764_000_000_000 },
    otherwise: 'no',
  }
  const all = [
    ...['alice', 'bob', 'carol', 'dave'].map((member) => sealBy(member, sealedVote, 'yes', { at: 7 })),
    sealBy('dave', sealedVote, 'no'),
  ]
  const commitments = all.map(({ committed }) => committed)
  const hash = proposalHash(nodeCrypto, sealedVote)
  const { hash: close } = closeCommitments(nodeCrypto, sealedVote, hash, commitments)
  const [alice, bob] = all
  const ballots = [
    alice?.show(close),
    bob?.show(close, { choice: 'no' }),
    sealBy('erin', sealedVote, 'yes').show(close),
  ].filter((ballot) => ballot !== undefined)
  return makeCertificate(nodeCrypto, sealedVote, ballots, 1_764_000_000_000, commitments)
}

/** What a forger who knows this code would write around the ballots of the choice. */
function forge(changed: Proposal, ballots: readonly SignedBallot[]): Certificate {
  const { v, type, decidedAt } = genuine
  const counted = tally(nodeCrypto, changed, ballots)
  return { v, type, proposal: changed, ballots, outcome: counted.outcome, tally: counted, decidedAt }
}

/** Every way to change one place of a JSON value: replace, remove, add, double, reverse. */
function* mutations(value: unknown, path: string): Generator<readonly [string, unknown]> {
  for (const other of [null, true, 0, -1, 1.5, '', 'abstain', [], {}])
    yield [`${path} = ${JSON.stringify(other)}`, other]
  if (Array.isArray(value)) {
    yield [`${path} extended`, [...value, 'extra']]
    if (value.length > 1) yield [`${path} reversed`, value.toReversed()]
    for (const [i, member] of value.entries()) {
      yield [`${path}/${i} doubled`, value.toSpliced(i, 0, member)]
      yield [`${path}/${i} removed`, value.toSpliced(i, 1)]
      for (const [label, changed] of mutations(member, `${path}/${i}`)) yield [label, value.with(i, changed)]
    }
  } else if (typeof value === 'object' && value !== null) {
    yield [`${path} extended`, { ...value, extra: 1 }]
    for (const [key, member] of Object.entries(value)) {
      const rest = Object.fromEntries(Object.entries(value).filter(([other]) => other !== key))
      yield [`${path}/${key} removed`, rest]
      for (const [label, changed] of mutations(member, `${path}/${key}`))
        yield [label, { ...value, [key]: changed }]
    }
  }
}

describe('a hostile certificate', () => {
  it('is refused after the flip of any bit, but for the time, which nobody signs', () => {
    const bytes = Buffer.from(canonicalize(crowded))
    const time = bytes.indexOf('"decidedAt":') + '"decidedAt":'.length
    assert.ok(verify(JSON.parse(bytes.toString())).ok)
    let judged = 0
    for (let at = 0; at < bytes.length; at++) {
      if (at >= time && at < time + 13) continue
      // One bit of each byte, in turn, is enough here: all eight of each take ten seconds.
      const flipped = Buffer.from(bytes)
      flipped[at] = (bytes[at] ?? 0) ^ (1 << (at % 8))
      let value: unknown
      try {
        value = JSON.parse(flipped.toString())
      } catch {
        continue
      }
      judged += 1
      assert.ok(
        !verify(value).ok,
        `taken with a changed byte at ${at}: ${flipped.toString('latin1', at - 20, at + 20)}`,
      )
    }
    assert.ok(judged > bytes.length / 3, `only ${judged} of ${bytes.length} flips gave JSON`)
  })

  for (const [kind, full] of [
    ['open', crowded],
    ['sealed', sealedAndCrowded()],
  ] as const)
    it(`is refused after the change of any one value, key or element: ${kind}`, () => {
      let judged = 0
      const original = JSON.parse(canonicalize(full)) as Json
      assert.ok(verify(original).ok)
      for (const [label, changed] of mutations(original, '')) {
        const isSame = (() => {
          try {
            return canonicalize(changed as Json) === canonicalize(original)
          } catch {
            return false
          }
        })()
        // Zero is a time as good as another: see the case on the time below.
        if (isSame || label === '/decidedAt = 0') continue
        judged += 1
        assert.ok(!verify(changed).ok, `taken with ${label}`)
      }
      assert.ok(judged > 1000, `only ${judged} changes were tried`)
    })

  it('takes any time, because the record that holds the certificate signs it and the ballots do not', () => {
    assert.ok(verify({ ...genuine, decidedAt: 0 }).ok)
    for (const decidedAt of [-1, 0.5, '0', null, 2 ** 53]) refuses(/./, { ...genuine, decidedAt })
  })

  it('is refused, without an exception, when it is anything else', () => {
    fc.assert(fc.property(fc.anything(), (value) => assert.ok(!verify(value).ok)))
    const cycle: Record<string, unknown> = { ...genuine }
    cycle['ballots'] = [cycle]
    const trap = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('trap')
        },
      },
    )
    for (const value of [cycle, trap, canonicalize(genuine), [genuine], { certificate: genuine }])
      refuses(/./, value)
  })

  it('is judged by a copy, so that a getter cannot show two faces', () => {
    let reads = 0
    const shifty = {
      ...genuine,
      get outcome() {
        return ++reads === 1 ? 'yes' : 'no'
      },
    }
    const verdict = verify(shifty)
    assert.ok(verdict.ok)
    assert.equal(reads, 1)
    assert.equal(verdict.certificate.outcome, 'yes')
  })

  it('is refused when its outcome or tally is not what its ballots say', () => {
    refuses(/outcome is not what the ballots say, which is "yes"/, { ...genuine, outcome: 'no' })
    refuses(/tally is not the count/, {
      ...genuine,
      tally: { ...genuine.tally, counts: { ...genuine.tally.counts, yes: 3 } },
    })
    refuses(/tally is not the count/, { ...genuine, tally: { ...genuine.tally, needed: 1 } })
    refuses(/tally is not the count/, { ...genuine, tally: { ...genuine.tally, void: ['carol'] } })
  })

  it('is refused when a vote was added, swapped, or rewritten', () => {
    const [alice, bob, carol] = genuine.ballots
    assert.ok(alice && bob && carol)
    const stolen = { ballot: { ...carol.ballot, choice: 'yes' }, signature: carol.signature }
    refuses(/"carol" is refused: bad-signature/, forge(proposal, [alice, bob, stolen]))
    const crossed = [{ ...alice, signature: bob.signature }, { ...bob, signature: alice.signature }, carol]
    refuses(/"alice" is refused: bad-signature/, forge(proposal, crossed))
    const posing = { ballot: { ...alice.ballot, member: 'carol' }, signature: alice.signature }
    refuses(/"carol" is refused: wrong-key/, forge(proposal, [alice, bob, posing]))
    refuses(/not sorted/, { ...genuine, ballots: [bob, alice, carol] })
    refuses(/more often/, { ...genuine, ballots: [alice, alice, bob, carol] })
  })

  it('is refused with fewer ballots under the old tally, and tells less under a new one', () => {
    const fewer = genuine.ballots.slice(1)
    refuses(/outcome is not/, { ...genuine, ballots: fewer })
    const honest = verify(forge(proposal, fewer))
    assert.ok(honest.ok)
    assert.equal(honest.certificate.outcome, 'none')
  })

  it('is refused when a stranger votes, or is written into the electorate', () => {
    const mallory = castBy('mallory', proposal, 'yes')
    refuses(/"mallory" is refused: not-a-member/, forge(proposal, [...genuine.ballots, mallory]))
    const { id, publicKey } = keyPairOf('mallory')
    const widened = {
      ...proposal,
      electorate: [...proposal.electorate, { member: 'mallory', key: id, publicKey }],
    }
    const ballots = ['alice', 'bob', 'carol', 'mallory'].map((member) => castBy(member, widened, 'yes'))
    refuses(/of member "mallory" is not trusted/, makeCertificate(nodeCrypto, widened, ballots, 0))
  })

  it('is refused when the electorate names keys of the forger under the ids that are trusted', () => {
    const electorate = proposal.electorate.map(({ member, key }) => {
      return { member, key, publicKey: keyPairOf(`forger of ${member}`).publicKey }
    })
    const forged = { ...proposal, electorate }
    const ballots = electorate.map(({ member, key }) => {
      const { ballot } = castBy(member, forged, 'yes', { key })
      return {
        ballot,
        signature: nodeCrypto.sign(keyPairOf(`forger of ${member}`).privateKey, ballotBytes(ballot)),
      }
    })
    const certificate = makeCertificate(nodeCrypto, forged, ballots, 0)
    assert.equal(certificate.outcome, 'yes', 'the forgery is consistent in itself')
    refuses(/is not the key that is trusted under this id/, certificate)
  })

  it('is refused when a trusted key of one agent speaks for another address', () => {
    const { id, publicKey } = keyPairOf('alice')
    for (const member of ['bob', 'alice2', 'bob/alice', 'ALICE']) {
      const changed = { ...proposal, electorate: [{ member, key: id, publicKey }] }
      const { ballot } = castBy('alice', changed, 'yes', { member })
      const signature = nodeCrypto.sign(keyPairOf('alice').privateKey, ballotBytes(ballot))
      refuses(
        /belongs to the agent "alice"/,
        makeCertificate(nodeCrypto, changed, [{ ballot, signature }], 0),
      )
    }
  })

  it('is refused when nothing is trusted, or one key of a silent member is not', () => {
    refuses(/is not trusted/, genuine, new Map())
    const silent = makeCertificate(nodeCrypto, proposal, votes.slice(0, 2), 0)
    const trusted = trustedKeys()
    trusted.delete(keyPairOf('carol').id)
    refuses(/of member "carol" is not trusted/, silent, trusted)
  })

  it('is refused with ballots of another space, decision, question, or subject', () => {
    const others: Partial<Proposal>[] = [{ space: 'other' }, { decision: 'd-2' }]
    for (const change of others) {
      refuses(/wrong-(space|decision)/, forge({ ...proposal, ...change }, genuine.ballots))
      refuses(/wrong-(space|decision)/, { ...genuine, proposal: { ...proposal, ...change } })
    }
    const twists: Partial<Proposal>[] = [
      { question: 'Delete everything?' },
      { subject: { name: 'left-pad', version: '9.9.9' } },
      { options: ['no', 'yes'] },
      { rule: { type: 'supermajority', numerator: 51, denominator: 100 } },
      { deadline: 1 },
      { electorate: proposal.electorate.slice(0, 2) },
    ]
    for (const change of twists) {
      const twisted = { ...proposal, ...change }
      refuses(/./, { ...genuine, proposal: twisted })
      const recounted = verify(forge(twisted, genuine.ballots))
      // The ballots remain as evidence against whoever asked two questions under one name; none counts.
      if (recounted.ok) assert.equal(recounted.certificate.outcome, 'none')
    }
  })

  it('is refused when half of a double vote was struck from the tally only', () => {
    const struck = { ...crowded, tally: { ...crowded.tally, void: [] } }
    refuses(/tally is not the count/, struck)
    refuses(/tally is not the count/, { ...crowded, tally: { ...crowded.tally, refused: [] } })
  })

  it('is refused with more ballots than its electorate can have, before any signature is checked', () => {
    let verified = 0
    const counting = {
      ...nodeCrypto,
      verify: (...args: Parameters<typeof nodeCrypto.verify>) => (verified++, nodeCrypto.verify(...args)),
    }
    const flood = Array.from({ length: 25 }, () => genuine.ballots[0])
    const verdict = verifyCertificate(counting, { ...genuine, ballots: flood }, trustedKeys())
    assert.ok(!verdict.ok)
    assert.match(verdict.problem, /at most 24 ballots/)
    assert.equal(verified, 0)
  })
})

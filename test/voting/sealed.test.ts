import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { SignedBallot } from '../../src/voting/ballot.ts'
import { makeCertificate, verifyCertificate, type Certificate } from '../../src/voting/certificate.ts'
import { proposalHash, type Proposal } from '../../src/voting/proposal.ts'
import {
  closeCommitments,
  commitmentBytes,
  judgeCommitment,
  type SignedCommitment,
} from '../../src/voting/sealed.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy, proposalOf, sealBy, trustedKeys } from '../helpers/voting.ts'

const AT = 1_764_000_000_000
const proposal = proposalOf(3, { sealed: { commitBy: AT } })
const hash = proposalHash(nodeCrypto, proposal)
const alice = sealBy('alice', proposal, 'yes', { reason: 'tested' })
const bob = sealBy('bob', proposal, 'yes')
const carol = sealBy('carol', proposal, 'no')

const closing = (commitments: readonly SignedCommitment[], on: Proposal = proposal): string =>
  closeCommitments(nodeCrypto, on, proposalHash(nodeCrypto, on), commitments).hash
const all = [alice.committed, bob.committed, carol.committed]
const close = closing(all)
const shown = [alice.show(close), bob.show(close), carol.show(close)]

const make = (
  ballots: readonly SignedBallot[],
  commitments: readonly SignedCommitment[] = all,
  on: Proposal = proposal,
): Certificate => makeCertificate(nodeCrypto, on, ballots, AT, commitments)
const verify = (certificate: unknown): ReturnType<typeof verifyCertificate> =>
  verifyCertificate(nodeCrypto, certificate, trustedKeys())
const problems = ({ tally }: Certificate): readonly string[] =>
  tally.refused.map(({ member, problem }) => `${member}: ${problem}`)

describe('a sealed vote', () => {
  it('counts the ballots that were committed to, whatever the order of everything', () => {
    const one = make(shown)
    assert.equal(one.outcome, 'yes')
    assert.deepEqual(one.tally.withheld, [])
    assert.ok(verify(JSON.parse(canonicalize(one))).ok)
    const other = make([...shown.toReversed(), ...shown], [...all.toReversed(), ...all])
    assert.equal(canonicalize(other), canonicalize(one))
  })

  it('names who withheld a ballot, counts it as silent, and lets it change no outcome', () => {
    const certificate = make(shown.slice(0, 2))
    assert.deepEqual(certificate.tally.withheld, ['carol'])
    assert.equal(certificate.outcome, 'yes')
    assert.equal(make(shown.slice(1)).outcome, 'none')
    assert.equal(make(shown.slice(1)).tally.counts['silent'], 1)
    assert.ok(verify(certificate).ok)
  })

  it('refuses a ballot that is another one than was committed to, and keeps it as evidence', () => {
    const turncoat = alice.show(close, { choice: 'no' })
    const certificate = make([turncoat, ...shown.slice(1)])
    assert.deepEqual(problems(certificate), ['alice: wrong-reveal'])
    assert.deepEqual(certificate.tally.withheld, ['alice'])
    assert.ok(verify(certificate).ok)
    for (const change of [{ reason: 'Tested' }, { nonce: 'A'.repeat(43) }, { at: 1 }, { family: 'x' }]) {
      assert.deepEqual(problems(make([alice.show(close, change)])), ['alice: wrong-reveal'])
    }
  })

  it('makes a copied commitment useless: the voter is inside', () => {
    const { commitment } = alice.committed
    const copied = { ...commitment, member: 'carol', key: keyPairOf('carol').id }
    const signature = nodeCrypto.sign(keyPairOf('carol').privateKey, commitmentBytes(copied))
    const commitments = [alice.committed, bob.committed, { commitment: copied, signature }]
    const now = closing(commitments)
    const { ballot } = alice.show(now)
    // Whoever copied it has nothing to show but a ballot in its own name, whose hash is another one.
    const mine = castBy('carol', proposal, 'yes', { ...ballot, member: 'carol', key: keyPairOf('carol').id })
    const certificate = make([alice.show(now), bob.show(now), mine], commitments)
    assert.deepEqual(problems(certificate), ['carol: wrong-reveal'])
    assert.deepEqual(certificate.tally.withheld, ['carol'])
  })

  it('refuses a ballot whose signer had not committed itself, and an open one', () => {
    const two = [alice.committed, bob.committed]
    const now = closing(two)
    assert.deepEqual(problems(make([carol.show(now)], two)), ['carol: no-commitment'])
    assert.deepEqual(problems(make([castBy('alice', proposal, 'yes')])), ['alice: no-commitment'])
    const open = proposalOf(3)
    const stray = sealBy('alice', open, 'yes').show(close)
    assert.deepEqual(makeCertificate(nodeCrypto, open, [stray], AT).ballots, [])
  })

  it('refuses ballots once a commitment was added, dropped or changed after they were shown', () => {
    const later = [sealBy('carol', proposal, 'yes').committed]
    for (const commitments of [[...all.slice(0, 2)], [...all.slice(0, 2), ...later]]) {
      const certificate = make(shown.slice(0, 2), commitments)
      assert.deepEqual(problems(certificate), ['alice: wrong-close', 'bob: wrong-close'])
      assert.equal(certificate.outcome, 'none')
    }
  })

  it('voids a member that committed itself to two ballots, whether it shows one or none', () => {
    const two = [...all, sealBy('alice', proposal, 'no').committed]
    const now = closing(two)
    for (const mine of [[], [alice.show(now)]]) {
      const certificate = make([...mine, bob.show(now), carol.show(now)], two)
      assert.deepEqual(certificate.tally.void, ['alice'])
      assert.equal(certificate.commitments?.length, 4)
      assert.equal(certificate.outcome, 'none')
      assert.ok(verify(certificate).ok)
    }
  })

  it('refuses a ballot that was sealed after the commitments were due', () => {
    const late = sealBy('alice', proposal, 'yes', { at: AT + 1 })
    const commitments = [late.committed, bob.committed]
    assert.deepEqual(problems(make([late.show(closing(commitments))], commitments)), ['alice: after-close'])
    const justInTime = sealBy('alice', proposal, 'yes', { at: AT })
    const fine = [justInTime.committed]
    assert.deepEqual(problems(make([justInTime.show(closing(fine))], fine)), [])
  })

  it('refuses commitments by name: strangers, other keys, other matters, and what is none', () => {
    const judge = (signed: unknown): string | undefined => judgeCommitment(nodeCrypto, proposal, hash, signed)
    const signedBy = (who: string, change: object): object => {
      const commitment = { ...alice.committed.commitment, ...change }
      return {
        commitment,
        signature: nodeCrypto.sign(keyPairOf(who).privateKey, commitmentBytes(commitment)),
      }
    }
    assert.equal(judge(alice.committed), undefined)
    assert.equal(judge(sealBy('dave', proposal, 'yes').committed), 'not-a-member')
    assert.equal(judge(signedBy('alice', { key: keyPairOf('bob').id })), 'wrong-key')
    assert.equal(judge(signedBy('bob', {})), 'bad-signature')
    assert.equal(judge(signedBy('alice', { space: 'other' })), 'wrong-space')
    assert.equal(judge(signedBy('alice', { decision: 'd-2' })), 'wrong-decision')
    assert.equal(judge(signedBy('alice', { proposal: 'f'.repeat(64) })), 'wrong-proposal')
    const flaws = [null, {}, { ...alice.committed, v: 1 }, { ...alice.committed, signature: '' }]
    for (const flaw of [...flaws, signedBy('alice', { sha256: 'F'.repeat(64) })]) {
      assert.equal(judge(flaw), 'malformed')
    }
  })

  it('is refused as a certificate when anything of its commitments is changed', () => {
    const good = make(shown.slice(0, 2))
    const [first, second, third] = good.commitments ?? []
    assert.ok(first && second && third)
    const bad: unknown[] = [
      { ...good, commitments: undefined },
      { ...good, commitments: [] },
      { ...good, commitments: [first, second] },
      { ...good, commitments: [second, first, third] },
      { ...good, commitments: [first, first, second, third] },
      { ...good, commitments: [first, second, { ...third, signature: second.signature }] },
      { ...good, tally: { ...good.tally, withheld: [] } },
      { ...good, proposal: proposalOf(3) },
      { ...make(shown.slice(0, 2)), commitments: Array.from({ length: 7 }, () => first) },
    ]
    for (const certificate of bad) assert.equal(verify(certificate).ok, false)
    const open = makeCertificate(nodeCrypto, proposalOf(3), [], AT)
    assert.equal(verify({ ...open, commitments: [] }).ok, false)
  })
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import {
  ballotBytes,
  proposalHash,
  verifyBallot,
  type Ballot,
  type SignedBallot,
} from '../../src/voting/ballot.ts'
import { keyPairOf } from '../helpers/keys.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

const proposal = proposalOf(3)
const verify = (signed: unknown): string | undefined =>
  verifyBallot(nodeCrypto, proposal, signed as SignedBallot)

describe('a ballot', () => {
  it('counts for each option and for abstaining', () => {
    for (const choice of ['yes', 'no', 'abstain'])
      assert.equal(verify(castBy('alice', proposal, choice)), undefined)
  })

  it('is signed over the DSSE encoding of its canonical JSON', () => {
    const { ballot } = castBy('alice', proposal, 'yes', { reason: 'tested' })
    const body = canonicalize(ballot)
    const expected = `DSSEv1 38 application/vnd.coterie.ballot.v1+json ${Buffer.byteLength(body)} ${body}`
    assert.equal(Buffer.from(ballotBytes(ballot)).toString('utf8'), expected)
  })

  it('names the hash of the canonical proposal, so that any change of it is another proposal', () => {
    const hash = proposalHash(nodeCrypto, proposal)
    assert.equal(hash, nodeCrypto.sha256(canonicalize(proposal)))
    const changed = [{ question: 'Release?' }, { deadline: 1 }, { options: ['no', 'yes'] }, { subject: null }]
    for (const change of changed) assert.notEqual(proposalHash(nodeCrypto, { ...proposal, ...change }), hash)
  })

  it('is refused from one who is not a member', () => {
    assert.equal(verify(castBy('mallory', proposal, 'yes')), 'not-a-member')
    assert.equal(verify(castBy('dave', proposal, 'yes')), 'not-a-member')
  })

  it('is refused when it names another key than the electorate', () => {
    assert.equal(verify(castBy('alice', proposal, 'yes', { key: keyPairOf('bob').id })), 'wrong-key')
  })

  it('is refused when another member signed it', () => {
    const { ballot } = castBy('alice', proposal, 'yes')
    const signature = nodeCrypto.sign(keyPairOf('bob').privateKey, ballotBytes(ballot))
    assert.equal(verify({ ballot, signature }), 'bad-signature')
  })

  it('is refused when any word of it changed after it was signed', () => {
    const { ballot, signature } = castBy('alice', proposal, 'yes', { reason: 'tested' })
    for (const change of [{ choice: 'no' }, { reason: 'Tested' }, { space: 'other' }, { decision: 'd-2' }]) {
      assert.equal(verify({ ballot: { ...ballot, ...change }, signature }), 'bad-signature')
    }
  })

  it('is refused for another space, decision, proposal or option, though it is well signed', () => {
    assert.equal(verify(castBy('alice', proposal, 'yes', { space: 'other' })), 'wrong-space')
    assert.equal(verify(castBy('alice', proposal, 'yes', { decision: 'd-2' })), 'wrong-decision')
    assert.equal(verify(castBy('alice', { ...proposal, question: 'Delete all?' }, 'yes')), 'wrong-proposal')
    assert.equal(verify(castBy('alice', proposal, 'maybe')), 'unknown-option')
    assert.equal(verify(castBy('alice', proposal, 'none')), 'unknown-option')
  })

  it('is refused when it was signed after the deadline, by the clock of its signer', () => {
    const due = proposalOf(3, { deadline: 1_000 })
    const judge = (at: number): string | undefined =>
      verifyBallot(nodeCrypto, due, castBy('alice', due, 'yes', { at }))
    assert.deepEqual([999, 1_000, 1_001].map(judge), [undefined, undefined, 'after-close'])
    assert.equal(verify(castBy('alice', proposal, 'yes', { at: 1_001 })), undefined)
  })

  it('is a list under approval and ranking, in the order of the proposal or of preference, and nowhere else', () => {
    const judge = (
      type: 'approval' | 'ranked' | 'majority',
      choice: Ballot['choice'],
    ): string | undefined => {
      const rule = type === 'approval' ? ({ type, numerator: 1, denominator: 2 } as const) : { type }
      const asked = proposalOf(3, { options: ['a', 'b', 'c'], rule })
      return verifyBallot(nodeCrypto, asked, castBy('alice', asked, choice))
    }
    const fine = [['a'], ['a', 'c'], ['a', 'b', 'c'], 'abstain'] as const
    for (const choice of fine)
      for (const type of ['approval', 'ranked'] as const) assert.equal(judge(type, choice), undefined)
    assert.equal(judge('ranked', ['c', 'a']), undefined)
    assert.equal(judge('approval', ['c', 'a']), 'unknown-option')
    const bad = [[], ['a', 'a'], ['a', 'd'], ['abstain'], 'a'] as const
    for (const choice of bad)
      for (const type of ['approval', 'ranked'] as const)
        assert.equal(judge(type, choice), 'unknown-option', JSON.stringify(choice))
    assert.equal(judge('majority', ['a']), 'unknown-option')
  })

  it('is refused when its signature is spelled in another way', () => {
    const { ballot, signature } = castBy('alice', proposal, 'yes')
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(signature.slice(-1))
    // The same 64 bytes, for a lenient decoder: only bits that carry nothing differ.
    const respelled = signature.slice(0, -1) + alphabet.charAt(last + 1)
    assert.deepEqual(Buffer.from(respelled, 'base64url'), Buffer.from(signature, 'base64url'))
    for (const spelling of [respelled, `${signature}==`, `${signature}\n`, ` ${signature}`, '']) {
      assert.equal(verify({ ballot, signature: spelling }), 'malformed')
    }
  })

  it('is malformed without its exact form', () => {
    const good = castBy('alice', proposal, 'yes')
    const { reason: _, ...withoutReason } = good.ballot
    const bad: unknown[] = [
      null,
      undefined,
      1,
      'x',
      [],
      {},
      { ...good, extra: 1 },
      { ballot: good.ballot },
      { signature: good.signature },
      { ...good, ballot: null },
      { ...good, ballot: [] },
      { ...good, ballot: withoutReason },
      { ...good, ballot: { ...good.ballot, weight: 2 } },
      { ...good, ballot: { ...good.ballot, v: 2 } },
      { ...good, ballot: { ...good.ballot, choice: 1 } },
      { ...good, ballot: { ...good.ballot, choice: ['yes', 1] } },
      { ...good, ballot: { ...good.ballot, at: -1 } },
      { ...good, ballot: { ...good.ballot, family: '' } },
      { ...good, ballot: { ...good.ballot, nonce: 'A'.repeat(43) } },
      { ...good, ballot: { ...good.ballot, nonce: 'A', close: 'f'.repeat(64) } },
      { ...good, ballot: { ...good.ballot, confidence: 100 } },
      { ...good, ballot: { ...good.ballot, member: '' } },
      { ...good, ballot: { ...good.ballot, reason: '\ud800' } },
      { ...good, ballot: { ...good.ballot, reason: 'x'.repeat(65_537) } },
      { ...good, signature: 1 },
    ]
    for (const signed of bad) assert.equal(verify(signed), 'malformed', JSON.stringify(signed)?.slice(0, 200))
  })
})

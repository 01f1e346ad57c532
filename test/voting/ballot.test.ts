import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { canonicalize } from '../../src/core/json.ts'
import { ballotBytes, proposalHash, verifyBallot, type SignedBallot } from '../../src/voting/ballot.ts'
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
      { ...good, ballot: { ...good.ballot, member: '' } },
      { ...good, ballot: { ...good.ballot, reason: '\ud800' } },
      { ...good, ballot: { ...good.ballot, reason: 'x'.repeat(65_537) } },
      { ...good, signature: 1 },
    ]
    for (const signed of bad) assert.equal(verify(signed), 'malformed', JSON.stringify(signed)?.slice(0, 200))
  })
})

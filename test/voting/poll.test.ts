import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nodeCrypto } from '../../src/adapters/node/crypto.ts'
import { Poll } from '../../src/voting/poll.ts'
import { castBy, proposalOf } from '../helpers/voting.ts'

describe('a poll', () => {
  const proposal = proposalOf(3)

  it('is certain at the vote that decides, and complete at the last', () => {
    const poll = new Poll(nodeCrypto, proposal)
    const seen: boolean[] = []
    for (const member of ['alice', 'bob', 'carol']) {
      assert.equal(poll.answer(member, castBy(member, proposal, 'yes')), undefined)
      seen.push(poll.certain, poll.complete)
    }
    assert.deepEqual(seen, [false, false, true, false, true, true])
  })

  it('names why an answer does not count, and counts who gave it as silent', () => {
    const poll = new Poll(nodeCrypto, proposal)
    assert.equal(poll.answer('alice', castBy('alice', proposal, 'maybe')), 'unknown-option')
    assert.equal(poll.answer('bob', 'yes'), 'malformed')
    assert.equal(poll.answer('carol', undefined), undefined)
    assert.ok(poll.complete && poll.certain)
    assert.equal(poll.close().length, 1)
  })

  it('takes no vote of one member from another, nor a second one', () => {
    const poll = new Poll(nodeCrypto, proposal)
    const mine = castBy('alice', proposal, 'yes')
    poll.answer('alice', mine)
    poll.answer('bob', mine)
    poll.answer('alice', castBy('alice', proposal, 'no'))
    assert.equal(poll.certain, false)
  })

  it('keeps what was there when it closed', () => {
    const poll = new Poll(nodeCrypto, proposal)
    poll.answer('alice', castBy('alice', proposal, 'yes'))
    const closed = poll.close()
    poll.answer('bob', castBy('bob', proposal, 'yes'))
    assert.equal(closed.length, 1)
    assert.ok(poll.closed)
  })
})

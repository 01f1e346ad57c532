import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explore } from '../../src/testing/council/explore.ts'

test('one liar of four: in no state that can be reached within three views are two values decided', (t) => {
  const { states, forks, fork } = explore({ liars: 1, views: 3 })
  t.diagnostic(`${states} states`)
  assert.ok(states > 1_000_000, `only ${states} states`)
  assert.equal(forks, 0, fork)
})

test('two liars of four: every fork within three views convicts two members or more, and nobody honest', (t) => {
  const { states, forks, culpritsMin, accusesHonest } = explore({ liars: 2, views: 3 })
  t.diagnostic(`${states} states, ${forks} forks`)
  assert.ok(forks > 10_000, `only ${forks} forks`)
  assert.equal(culpritsMin, 2)
  assert.equal(accusesHonest, false)
})

const NEEDED = ['R8', 'justification', 'one notarisation', 'a quorum'] as const

for (const without of NEEDED) {
  test(`without ${without === 'R8' ? 'the rule R8' : `the rule of ${without}`}, one liar is enough for a fork`, () => {
    assert.ok(explore({ liars: 1, views: 2, without }).forks > 0)
  })
}

test('finalising something else than what one notarised does no harm with one liar', () => {
  assert.equal(explore({ liars: 1, views: 2, without: 'one proposal a view' }).forks, 0)
})

test('but with two liars it would let a fork accuse the honest: so it is forbidden', () => {
  assert.equal(explore({ liars: 2, views: 2, without: 'one proposal a view' }).accusesHonest, true)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clipText } from '../../src/core/clip.ts'
import { errorValue } from '../../src/core/errors.ts'

test('a text is cut between characters, and what is left has no lone surrogate', () => {
  assert.equal(clipText('abc', 3), 'abc')
  assert.equal(clipText('abcd', 3), 'abc...')
  assert.equal(clipText('ab\u{1f600}d', 3), 'ab...')
  assert.equal(clipText('ab\u{1f600}d', 4, '!'), 'ab\u{1f600}!')
  assert.equal(clipText('a\ud800', 5), 'a\ufffd')
})

test('the message of an error is cut between characters too', () => {
  const { message } = errorValue(new Error(`${'x'.repeat(3_999)}\u{1f600}`))
  assert.ok(message.isWellFormed())
  assert.match(message, /x\.\.\. \(4001 characters\)$/)
})

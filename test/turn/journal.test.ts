import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Journal } from '../../src/turn/journal.ts'
import type { JournalEntry } from '../../src/turn/journal.ts'

const RECORDED: readonly JournalEntry[] = [
  { t: 'call', i: 0, op: 'step', name: 'fetch' },
  { t: 'done', i: 0, value: '1' },
  { t: 'call', i: 1, op: 'ask', name: 'helper add', print: 'sha of 1' },
]

function mismatch(message: RegExp): object {
  return { code: 'COTERIE_JOURNAL_MISMATCH', message }
}

test('gives a handler back what was recorded, call by call, and lets it go on behind it', () => {
  const journal = new Journal(RECORDED)
  assert.equal(journal.replaying, true)
  const step = journal.call('step', 'fetch')
  assert.equal(step.type === 'done' ? step.done.value : step.type, '1')
  assert.equal(journal.call('ask', 'helper add', () => 'sha of 1').type, 'open')
  assert.equal(journal.replaying, false)
  assert.equal(journal.call('step', 'fetch').type, 'new')
  journal.checkEnded()
})

test('refuses a call of another name, or of another kind, than was recorded', () => {
  assert.throws(
    () => new Journal(RECORDED).call('step', 'load'),
    mismatch(/operation 0, the journal has step "fetch", the handler now calls step "load"/),
  )
  assert.throws(
    () => new Journal(RECORDED).call('send', 'fetch'),
    mismatch(/operation 0, the journal has step "fetch", the handler now calls send "fetch"/),
  )
})

test('refuses a call with other contents than were recorded', () => {
  const journal = new Journal(RECORDED)
  journal.call('step', 'fetch')
  assert.throws(
    () => journal.call('ask', 'helper add', () => 'sha of 2'),
    mismatch(/operation 1.*other contents/),
  )
})

test('refuses an end before the last recorded call, and names the first that is missing', () => {
  const journal = new Journal(RECORDED)
  assert.throws(() => journal.checkEnded(), mismatch(/operation 0.*ended before it/))
  journal.call('step', 'fetch')
  assert.throws(() => journal.checkEnded(), mismatch(/operation 1.*ended before it/))
})

test('forgets what was cut, and holds no call against it', () => {
  const journal = new Journal([...RECORDED, { t: 'cut', i: 1 }])
  journal.call('step', 'fetch')
  assert.equal(journal.call('step', 'another').type, 'new')
  journal.checkEnded()
})

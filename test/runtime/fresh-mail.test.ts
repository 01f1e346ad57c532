import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mail } from '../../src/ports/store.ts'
import { fakeMessage } from '../../src/testing/fixtures.ts'
import { FreshMail } from '../../src/runtime/fresh-mail.ts'

function mailAt(position: number): Mail {
  const message = fakeMessage({ to: 'sink' })
  return { ...message, position, state: 'queued', attempts: 0, segments: 0, crashes: 0, queue: position }
}

test('a message that a read has found before its commit was answered is not handed over again', () => {
  const fresh = new FreshMail()
  const [early, late] = [mailAt(7), mailAt(8)]
  const read = fresh.reading(1)
  fresh.saw([early])
  read(true)
  fresh.offer(early)
  fresh.offer(late)
  assert.deepEqual(fresh.take(1), [late])
})

test('a message that was committed during a read makes the store be read again', () => {
  const fresh = new FreshMail()
  const read = fresh.reading(1)
  fresh.offer(mailAt(7))
  read(true)
  assert.equal(fresh.take(1), undefined)
})

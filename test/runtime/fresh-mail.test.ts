import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mail } from '../../src/ports/store.ts'
import { fakeMessage } from '../../src/testing/fixtures.ts'
import { FreshMail } from '../../src/runtime/fresh-mail.ts'

function mailAt(position: number): Mail {
  const message = fakeMessage({ to: 'sink' })
  return { ...message, position, state: 'queued', attempts: 0, segments: 0, crashes: 0, queue: position }
}

test('a message whose commit was under way while the mailbox was read makes the store be read again', () => {
  const fresh = new FreshMail()
  fresh.reading(1)(true, 4)
  fresh.offer(mailAt(7), 4)
  assert.equal(fresh.take(1), undefined)
})

test('a message of a later batch is handed over', () => {
  const fresh = new FreshMail()
  const late = mailAt(8)
  fresh.reading(1)(true, 4)
  fresh.offer(late, 5)
  assert.deepEqual(fresh.take(1), [late])
})

test('a message that was committed during a read makes the store be read again', () => {
  const fresh = new FreshMail()
  const read = fresh.reading(1)
  fresh.offer(mailAt(7), 5)
  read(true, 5)
  assert.equal(fresh.take(1), undefined)
})

import assert from 'node:assert/strict'
import { agent, on, topic } from '../../src/index.ts'
import { ONCE, code, gate, nothing, number, recorder, start, test, until, untilState } from './helpers.ts'

const LIMITS = { mailboxDepth: 3 }

test('a full mailbox refuses the next message by address and limit, and takes more when it has room', async (t) => {
  const held = gate()
  const sink = agent('sink', { take: on({ input: number }, () => held.opened) })
  const space = await start(t, [sink], { limits: LIMITS })
  const ids = [1, 2, 3].map((n) => space.send(sink.take, n))
  await Promise.all(ids)
  await assert.rejects(space.send(sink.take, 4), (error: unknown) => {
    code('COTERIE_MAILBOX_FULL', /mailbox of sink holds 3 messages/)(error)
    assert.deepEqual((error as { details: unknown }).details, { address: 'sink', limit: 3 })
    return true
  })
  await assert.rejects(space.ask(sink.take, 5), code('COTERIE_MAILBOX_FULL'))
  await space.send(sink.take, 6, { key: 'other' })
  held.open()
  await untilState(space, (await ids[2]) ?? '', 'handled')
  await space.send(sink.take, 7)
  await space.idle()
  assert.equal((await space.status()).messages.handled, 5)
})

test('scheduled messages count against the limit', async (t) => {
  const sink = agent('sink', { take: on({ input: number }, () => null) })
  const space = await start(t, [sink], { limits: LIMITS })
  for (let n = 0; n < 3; n++) await space.send(sink.take, n, { delayMs: 60_000 })
  await assert.rejects(space.send(sink.take, 4), code('COTERIE_MAILBOX_FULL'))
})

test('of sends that go down together, those to others are sent when one recipient is full', async (t) => {
  const held = gate()
  const seen = recorder()
  const full = agent('full', { take: on({ input: number }, () => held.opened) })
  const sink = agent('sink', { take: on({ input: number }, (_turn, n) => seen.note(n)) })
  const space = await start(t, [full, sink], { limits: { mailboxDepth: 1_000 } })
  const sends: Promise<string>[] = []
  for (let n = 0; n < 1_000; n++) sends.push(space.send(full.take, n))
  await Promise.all(sends)
  const results = await Promise.allSettled(
    Array.from({ length: 900 }, (_, n) => space.send(n % 3 === 1 ? full.take : sink.take, n)),
  )
  for (const [n, result] of results.entries()) {
    assert.equal(result.status, n % 3 === 1 ? 'rejected' : 'fulfilled', String(n))
    if (result.status === 'rejected') code('COTERIE_MAILBOX_FULL')(result.reason)
  }
  await until('all others arrived', () => seen.seen.length === 600)
  assert.deepEqual(
    seen.seen,
    Array.from({ length: 900 }, (_, n) => n).filter((n) => n % 3 !== 1),
    'and in the order sent',
  )
})

test('a turn that sends to a full mailbox fails, sends nothing, and is tried again', async (t) => {
  const held = gate()
  const seen = recorder()
  const attempts = recorder()
  const sink = agent('sink', {
    take: on({ input: number }, async (_turn, n) => {
      await held.opened
      seen.note(n)
    }),
  })
  const other = agent('other', { take: on({ input: number }, (_turn, n) => seen.note(`other ${n}`)) })
  const sender = agent('sender', {
    go: on({ input: nothing, retry: { attempts: 50, firstMs: 10, factor: 1, maxMs: 10 } }, (turn) => {
      attempts.note(turn.attempt)
      turn.send(other.take, 9)
      turn.send(sink.take, 9)
    }),
    once: on({ input: nothing, retry: ONCE }, (turn) => void turn.send(sink.take, 9)),
    ask: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.ask(sink.take, 9)
    }),
  })
  const space = await start(t, [sink, other, sender], { limits: LIMITS })
  for (let n = 0; n < 3; n++) await space.send(sink.take, n)
  for (const handler of [sender.once, sender.ask]) {
    const answer = await space.askSettled(handler, null)
    assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_MAILBOX_FULL', handler.handler)
  }
  const id = await space.send(sender.go, null)
  await until('it failed twice', () => attempts.seen.length >= 2)
  assert.deepEqual(seen.seen, [])
  held.open()
  await untilState(space, id, 'handled')
  await space.idle()
  assert.deepEqual(seen.seen.map(String).toSorted(), ['0', '1', '2', '9', 'other 9'])
})

test('what lies behind a turn that a full mailbox puts back does not overtake it, though it has begun', async (t) => {
  const held = gate()
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: number }, () => held.opened) })
  const sender = agent('sender', {
    first: on({ input: nothing, retry: { attempts: 500, firstMs: 10, factor: 1, maxMs: 10 } }, (turn) => {
      if (turn.attempt > 3) held.open()
      turn.send(sink.take, 9)
      seen.note('first')
    }),
    second: on({ input: nothing }, (turn) => turn.step('pay', () => seen.note('paid'))),
  })
  const space = await start(t, [sink, sender], { limits: LIMITS })
  for (let n = 0; n < 3; n++) await space.send(sink.take, n)
  const [, last] = await Promise.all([space.send(sender.first, null), space.send(sender.second, null)])
  await untilState(space, last, 'handled')
  assert.ok(seen.seen.length > 4, `${seen.seen.length}`)
  assert.equal(seen.seen.indexOf('paid'), seen.seen.length - 1)
})

test('a publication to a full subscriber is refused as any other message', async (t) => {
  const held = gate()
  const news = topic('news', number)
  const reader = agent('reader', { read: on({ topic: news }, () => held.opened) })
  const writer = agent('writer', {
    go: on({ input: number, retry: ONCE }, (turn, n) => turn.publish(news, n)),
  })
  const space = await start(t, [reader, writer], { limits: LIMITS })
  for (let n = 0; n < 3; n++) await space.ask(writer.go, n)
  const answer = await space.askSettled(writer.go, 3)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_MAILBOX_FULL')
  await assert.rejects(space.publish(news, 4), code('COTERIE_MAILBOX_FULL'))
  held.open()
})

test('an agent that sends to itself has room for the message that it is handling', async (t) => {
  const loop = agent('loop', {
    go: on({ input: number, retry: ONCE }, (turn, n) => {
      if (n > 0) turn.send(loop.go, n - 1)
    }),
  })
  const space = await start(t, [loop], { limits: { mailboxDepth: 1 } })
  await space.send(loop.go, 20)
  await space.idle()
  assert.equal((await space.status()).messages.handled, 21)
})

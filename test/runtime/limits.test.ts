import assert from 'node:assert/strict'
import { agent, on, open, topic } from '../../src/index.ts'
import type { HandlerRef } from '../../src/index.ts'
import {
  code,
  never,
  nothing,
  number,
  recorder,
  start,
  test,
  text,
  turnRecords,
  untilState,
} from './helpers.ts'

const sink = agent('sink', {
  take: on({ input: text }, () => null),
  hang: on({ input: nothing }, () => never()),
})

test('refuses limits that are no positive whole number, and names that are none', async () => {
  for (const limits of [{ leaseMs: 0 }, { pollMs: 1.5 }, { mailPage: -1 }, { payloadByte: 1 }]) {
    await assert.rejects(open('sqlite::memory:', { limits }), code('COTERIE_INVALID_ARGUMENT'))
  }
})

test('refuses an oversized payload from outside, in bytes, and writes nothing', async (t) => {
  const space = await start(t, [sink], { limits: { payloadBytes: 100 } })
  const { position } = await space.status()
  await assert.rejects(
    space.send(sink.take, 'x'.repeat(99)),
    code('COTERIE_PAYLOAD_TOO_LARGE', /101 bytes.*"payloadBytes" is 100/),
  )
  await assert.rejects(space.send(sink.take, '\u00fc'.repeat(50)), code('COTERIE_PAYLOAD_TOO_LARGE'))
  assert.equal((await space.status()).position, position)
  await space.send(sink.take, 'x'.repeat(98))
  await space.send(sink.take, '\u00fc'.repeat(49))
})

test('refuses an oversized message, reply, step result and event inside a turn', async (t) => {
  const big = 'x'.repeat(200)
  const maker = agent('maker', {
    send: on({ input: nothing }, (turn) => void turn.send(sink.take, big)),
    ask: on({ input: nothing }, (turn) => turn.ask(sink.take, big)),
    answer: on({ input: nothing }, () => big),
    reply: on({ input: nothing }, (turn) => turn.reply(big)),
    step: on({ input: nothing }, async (turn) => {
      await turn.step('make', () => big)
    }),
    append: on({ input: nothing }, (turn) => turn.append('stream', 'made', big)),
    publish: on({ input: nothing }, (turn) => turn.publish(topic('news', text), big)),
  })
  const space = await start(t, [sink, maker], { limits: { payloadBytes: 100 } })
  const { send, ask, answer: returned, reply, append, publish } = maker
  const handlers: readonly HandlerRef<null>[] = [send, ask, returned, reply, append, publish]
  for (const handler of handlers) {
    const answer = await space.askSettled(handler, null)
    assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_PAYLOAD_TOO_LARGE', handler.handler)
  }
  const answer = await space.askSettled(maker.step, null)
  assert.equal(answer.ok ? '' : answer.error.cause?.code, 'COTERIE_PAYLOAD_TOO_LARGE')
})

test('a segment that does too much fails with the limit named, and does nothing of it', async (t) => {
  const seen = recorder()
  const counter = agent('counter', { take: on({ input: number }, (_turn, n) => seen.note(n)) })
  const busy = agent('busy', {
    go: on({ input: number }, (turn, n) => {
      for (let i = 0; i < n; i++) turn.send(counter.take, i)
    }),
  })
  const space = await start(t, [counter, busy], { limits: { effectsPerSegment: 10 } })
  await space.ask(busy.go, 10)
  await space.idle()
  assert.equal(seen.seen.length, 10)
  const answer = await space.askSettled(busy.go, 11)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_LIMIT_EXCEEDED')
  assert.match(answer.ok ? '' : answer.error.message, /effectsPerSegment/)
  assert.equal(seen.seen.length, 10)
})

test('a turn that makes too many calls fails with the limit named', async (t) => {
  const busy = agent('busy', {
    go: on({ input: number }, (turn, n) => {
      for (let i = 0; i < n; i++) turn.now()
    }),
  })
  const space = await start(t, [busy], { limits: { operationsPerTurn: 20 } })
  await space.ask(busy.go, 20)
  const answer = await space.askSettled(busy.go, 21)
  assert.match(answer.ok ? '' : answer.error.message, /operationsPerTurn/)
})

test('a reason longer than the limit is cut, not refused', async (t) => {
  const wordy = agent('wordy', { go: on({ input: nothing }, (turn) => turn.reason('abcdefghij'.repeat(10))) })
  const space = await start(t, [wordy], { limits: { reasonChars: 10 } })
  const id = await space.send(wordy.go, null)
  await untilState(space, id, 'handled')
  assert.deepEqual((await turnRecords(space, id))[0]?.detail?.reasons, ['abcdefghij...'])
})

test('refuses sends beyond those that may wait for the disk', async (t) => {
  const space = await start(t, [sink], { limits: { pendingSends: 5 } })
  const sends = Array.from({ length: 8 }, (_, n) => space.send(sink.take, String(n)))
  const results = await Promise.allSettled(sends)
  const refused = results.filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 3)
  for (const { reason } of refused) {
    code('COTERIE_LIMIT_EXCEEDED', /pendingSends/)(reason)
    assert.equal(reason.retryable, true)
  }
  await space.send(sink.take, 'again')
})

test('refuses a deadline, delay or sleep beyond the horizon', async (t) => {
  const sleeper = agent('sleeper', { go: on({ input: number }, (turn, ms) => turn.sleep(ms)) })
  const space = await start(t, [sink, sleeper], { limits: { horizonMs: 60_000 } })
  const beyond = code('COTERIE_LIMIT_EXCEEDED', /horizonMs/)
  await assert.rejects(space.send(sink.take, '', { timeoutMs: 61_000 }), beyond)
  await assert.rejects(space.send(sink.take, '', { delayMs: 61_000 }), beyond)
  await assert.rejects(space.send(sink.take, '', { delayMs: Number.MAX_SAFE_INTEGER }), beyond)
  await assert.rejects(space.send(sink.take, '', { at: Date.now() + 90_000 }), beyond)
  await assert.rejects(space.send(sink.take, '', { deadline: Date.now() + 90_000 }), beyond)
  const answer = await space.askSettled(sleeper.go, 61_000)
  assert.match(answer.ok ? '' : answer.error.message, /horizonMs/)
})

test('refuses times that are none', async (t) => {
  const sleeper = agent('sleeper', { go: on({ input: number }, (turn, ms) => turn.sleep(ms)) })
  const space = await start(t, [sink, sleeper])
  const wrong = [
    { timeoutMs: 0 },
    { timeoutMs: -1 },
    { timeoutMs: 1.5 },
    { deadline: NaN },
    { delayMs: 0.5 },
    { delayMs: 1, at: 1 },
    { idempotencyKey: '' },
    { idempotencyKey: 'x'.repeat(201) },
    { idempotencyKey: 'a\nb' },
  ]
  for (const options of wrong) {
    await assert.rejects(
      space.send(sink.take, '', options),
      code('COTERIE_INVALID_ARGUMENT'),
      JSON.stringify(options),
    )
  }
  const answer = await space.askSettled(sleeper.go, -1)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_INVALID_ARGUMENT')
})

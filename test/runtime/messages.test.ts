import assert from 'node:assert/strict'
import { z } from 'zod'
import { agent, on, topic } from '../../src/index.ts'
import type { AnyAgent } from '../../src/index.ts'
import {
  ONCE,
  code,
  gate,
  nothing,
  number,
  recorder,
  start,
  tempUrl,
  test,
  text,
  until,
  untilState,
} from './helpers.ts'

test('messages of one sender arrive in the order sent, however they are sent', async (t) => {
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: number }, (_turn, n) => seen.note(n)) })
  const space = await start(t, [sink], { limits: { batchRecords: 3 } })
  await Promise.all(Array.from({ length: 1_000 }, (_, n) => space.send(sink.take, n)))
  await space.idle()
  assert.deepEqual(
    seen.seen,
    Array.from({ length: 1_000 }, (_, n) => n),
  )
})

test('what a turn sends arrives in the order of its calls, and none of it when the turn fails', async (t) => {
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const sender = agent('sender', {
    go: on({ input: text, retry: ONCE }, (turn, s) => {
      for (let i = 0; i < 3; i++) turn.send(sink.take, `${s}${i}`)
      if (s === 'bad') throw new Error('no')
    }),
  })
  const space = await start(t, [sink, sender])
  await space.send(sender.go, 'a')
  await space.send(sender.go, 'bad')
  await space.send(sender.go, 'b')
  await space.idle()
  assert.deepEqual(seen.seen, ['a0', 'a1', 'a2', 'b0', 'b1', 'b2'])
})

test('turn.reply answers the asker instead of the return value', async (t) => {
  const asked = agent('asked', {
    answer: on({ input: nothing, output: text }, (turn) => {
      turn.reply('early')
      return 'late'
    }),
  })
  const space = await start(t, [asked])
  assert.equal(await space.ask(asked.answer, null), 'early')
})

test('a reply that does not fit the output schema fails the turn, also one given by turn.reply', async (t) => {
  const liar = agent('liar', {
    returns: on({ input: nothing, output: number, retry: ONCE }, () => 'one' as never),
    replies: on({ input: nothing, output: number, retry: ONCE }, (turn) => {
      turn.reply('one' as never)
      return 1
    }),
  })
  const space = await start(t, [liar])
  for (const handler of [liar.returns, liar.replies]) {
    const answer = await space.askSettled(handler, null)
    assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_INVALID_REPLY', handler.handler)
  }
})

test('a plain send to a handler with an output is not answered', async (t) => {
  const asked = agent('asked', { answer: on({ input: nothing, output: text }, () => 'x') })
  const space = await start(t, [asked])
  const id = await space.send(asked.answer, null)
  await untilState(space, id, 'handled')
  const { messages } = await space.status()
  assert.equal(messages.handled, 1)
})

test('a delayed message is scheduled, and delivered not before its time', async (t) => {
  const at = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => at.note([s, Date.now()])) })
  const space = await start(t, [sink])
  const sent = Date.now()
  const id = await space.send(sink.take, 'later', { delayMs: 300 })
  await space.send(sink.take, 'at', { at: sent + 150 })
  await space.send(sink.take, 'now')
  await space.send(sink.take, 'past', { at: 1 })
  assert.equal((await space.receipt(id)).state, 'scheduled')
  assert.equal((await space.receipt(id)).dueAt !== null, true)
  await untilState(space, id, 'handled')
  const seen = at.seen as [string, number][]
  assert.deepEqual(
    seen.map(([s]) => s),
    ['now', 'past', 'at', 'later'],
  )
  assert.ok((seen[2]?.[1] ?? 0) >= sent + 150)
  assert.ok((seen[3]?.[1] ?? 0) >= sent + 300)
})

test('a message scheduled by a turn comes at its time', async (t) => {
  const seen = recorder()
  const clock = agent('clock', {
    tick: on({ input: number }, (turn, n) => {
      seen.note([n, turn.now()])
      if (n < 3) turn.send(clock.tick, n + 1, { delayMs: 20 })
    }),
  })
  const space = await start(t, [clock])
  await space.send(clock.tick, 0)
  await until('three ticks', () => seen.seen.length === 4)
  const times = (seen.seen as [number, number][]).map(([, at]) => at)
  times.slice(1).forEach((at, i) => assert.ok(at - (times[i] ?? 0) >= 19, times.join(' ')))
})

test('the same idempotency key and content is the same message; another content is refused', async (t) => {
  const seen = recorder()
  const sink = agent('sink', {
    take: on({ input: text }, (_turn, s) => seen.note(s)),
    also: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [sink])
  const key = { idempotencyKey: 'order 7' }
  const [first, second] = await Promise.all([
    space.send(sink.take, 'x', key),
    space.send(sink.take, 'x', key),
  ])
  assert.equal(second, first)
  assert.equal(await space.send(sink.take, 'x', key), first)
  await assert.rejects(space.send(sink.take, 'y', key), code('COTERIE_KEY_REUSED', /order 7/))
  await assert.rejects(space.send(sink.also, 'x', key), code('COTERIE_KEY_REUSED'))
  await assert.rejects(
    Promise.all([
      space.send(sink.take, 'p', { idempotencyKey: 'k' }),
      space.send(sink.take, 'q', { idempotencyKey: 'k' }),
    ]),
    code('COTERIE_KEY_REUSED'),
  )
  assert.notEqual(await space.send(sink.take, 'x', { ...key, key: 'keyed' }), first)
  await space.idle()
  assert.deepEqual(seen.seen.map(String).toSorted(), ['p', 'x', 'x'])
})

test('an answer that comes when its asker has gone on without it is ended, and nothing is left waiting', async (t) => {
  const held = gate()
  const fast = agent('fast', { answer: on({ input: nothing }, () => 'fast') })
  const slow = agent('slow', { answer: on({ input: nothing }, () => held.opened.then(() => 'slow')) })
  const asker = agent('asker', {
    race: on({ input: nothing }, (turn) =>
      Promise.race([turn.ask(slow.answer, null), turn.ask(fast.answer, null)]),
    ),
  })
  const space = await start(t, [fast, slow, asker])
  assert.equal(await space.ask(asker.race, null), 'fast')
  held.open()
  await space.idle()
  const rows = await space.store.messagesOf({ after: -1, limit: 100 })
  const replies = rows.filter(({ envelope }) => envelope.kind === 'reply' && envelope.to === 'asker')
  const ends = replies.map(({ envelope, state, reason }) => `${envelope.from}: ${state}, ${reason}`)
  assert.deepEqual(ends, ['fast: handled, taken by the asker', 'slow: expired, nobody took it in time'])
  assert.equal((await space.status()).messages.answered, 0)
})

test('asking again with the same key gives the same answer, at the cost of one turn', async (t) => {
  let runs = 0
  const asked = agent('asked', { count: on({ input: nothing }, () => ++runs) })
  const space = await start(t, [asked])
  const ask = (): Promise<number> => space.ask(asked.count, null, { idempotencyKey: 'once' })
  assert.deepEqual(await Promise.all([ask(), ask()]), [1, 1])
  assert.equal(await ask(), 1)
  assert.equal(runs, 1)
})

test('in a turn too: one message for one key, whoever of the agent sends it and how often', async (t) => {
  const seen = recorder()
  const sink = agent('sink', {
    take: on({ input: text }, (_turn, s) => {
      seen.note(s)
      return seen.seen.length
    }),
  })
  const sender = agent('sender', {
    go: on({ input: text, retry: ONCE }, (turn, s) => {
      for (let i = 0; i < 2; i++) turn.send(sink.take, s, { idempotencyKey: 'one' })
    }),
    ask: on({ input: text, retry: ONCE }, (turn, s) => turn.ask(sink.take, s, { idempotencyKey: 'two' })),
  })
  const space = await start(t, [sink, sender])
  await space.ask(sender.go, 'x')
  await space.ask(sender.go, 'x', { key: 'keyed' })
  await space.idle()
  assert.deepEqual(seen.seen, ['x'])
  const answer = await space.askSettled(sender.go, 'y')
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_KEY_REUSED')

  assert.deepEqual(await Promise.all([space.ask(sender.ask, 'z'), space.ask(sender.ask, 'z')]), [2, 2])
  const other = await space.askSettled(sender.ask, 'zz')
  assert.equal(other.ok ? '' : other.error.code, 'COTERIE_KEY_REUSED')
  assert.deepEqual(seen.seen, ['x', 'z'])
})

test('a turn behind one whose message was there already runs once', async (t) => {
  const ran = recorder()
  const sink = agent('sink', { take: on({ input: text }, () => undefined) })
  const sender = agent('sender', {
    go: on({ input: nothing }, (turn) => void turn.send(sink.take, 'same', { idempotencyKey: 'once' })),
    next: on({ input: nothing }, async (turn) => {
      ran.note('begins')
      await turn.step('once', () => ran.note('step'))
    }),
  })
  const space = await start(t, [sink, sender])
  await space.send(sender.go, null)
  await space.idle()
  // The second send is refused as a duplicate when the next handler has begun already, and mended.
  await Promise.all([space.send(sender.go, null), space.send(sender.next, null)])
  await space.idle()
  assert.deepEqual(ran.seen, ['begins', 'step'])
})

test('the id that a send answers is always that of the message that there is', async (t) => {
  const seen = recorder()
  const told = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const sender = agent('sender', {
    go: on({ input: text, retry: ONCE }, (turn, s) => {
      const ids = [1, 2].map(() => turn.send(sink.take, s, { idempotencyKey: 'one', delayMs: 1 }))
      for (const id of ids) told.note(id)
      return ids
    }),
  })
  const space = await start(t, [sink, sender])
  const answers = [await space.ask(sender.go, 'x'), await space.ask(sender.go, 'x', { key: 'other' })]
  await until('it is handled', () => seen.seen.length > 0)
  const ids = new Set([...answers.flat(), ...told.seen])
  assert.equal(ids.size, 1)
  const [id = ''] = ids
  assert.equal((await space.receipt(String(id))).state, 'handled')
  assert.match(String(id), /^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  // The key belongs to the sender's name: callers from outside have their own.
  const mine = await space.send(sink.take, 'x', { idempotencyKey: 'one' })
  assert.notEqual(mine, id)
  assert.equal(await space.send(sink.take, 'x', { idempotencyKey: 'one' }), mine)
  await space.idle()
  assert.deepEqual(seen.seen, ['x', 'x'])
})

test('a key that stands for another content in the same segment is refused at once', async (t) => {
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const sender = agent('sender', {
    go: on({ input: nothing, retry: ONCE }, (turn) => {
      turn.send(sink.take, 'x', { idempotencyKey: 'one' })
      assert.throws(
        () => turn.send(sink.take, 'y', { idempotencyKey: 'one' }),
        code('COTERIE_KEY_REUSED', /"one"/),
      )
    }),
  })
  const space = await start(t, [sink, sender])
  await space.ask(sender.go, null)
  await space.idle()
  assert.deepEqual(seen.seen, ['x'])
})

test('two questions with one key are one question, and both are answered', async (t) => {
  let runs = 0
  const asked = agent('asked', { count: on({ input: nothing }, () => ++runs) })
  const asker = agent('asker', {
    go: on({ input: nothing }, (turn) =>
      Promise.all([1, 2].map(() => turn.ask(asked.count, null, { idempotencyKey: 'once' }))),
    ),
  })
  const space = await start(t, [asked, asker])
  assert.deepEqual(await space.ask(asker.go, null), [1, 1])
  assert.equal(runs, 1)
})

test('a question under the key of a message that was only sent is refused: nobody would answer it', async (t) => {
  const sink = agent('sink', { take: on({ input: text }, () => undefined) })
  const space = await start(t, [sink])
  await space.send(sink.take, 'x', { idempotencyKey: 'one' })
  await assert.rejects(space.ask(sink.take, 'x', { idempotencyKey: 'one' }), code('COTERIE_KEY_REUSED'))
})

test('a publication with a key reaches each subscriber once, however often it is published', async (t) => {
  const news = topic('news', text)
  const seen = recorder()
  const reader = (name: string): AnyAgent =>
    agent(name, { heard: on({ topic: news }, (_turn, s) => seen.note(`${name} ${s}`)) })
  const writer = agent('writer', {
    go: on({ input: text, retry: ONCE }, (turn, s) => {
      for (let i = 0; i < 2; i++) turn.publish(news, s, { idempotencyKey: 'today' })
    }),
  })
  const space = await start(t, [reader('ann'), reader('ben'), writer])
  await space.ask(writer.go, 'x')
  await space.ask(writer.go, 'x')
  const other = await space.askSettled(writer.go, 'y')
  assert.equal(other.ok ? '' : other.error.code, 'COTERIE_KEY_REUSED')
  await space.idle()
  assert.deepEqual(seen.seen.map(String).toSorted(), ['ann x', 'ben x'])
})

test('a scheduled send is the same send after the space was opened again', async (t) => {
  const url = tempUrl(t)
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const options = { idempotencyKey: 'nightly', delayMs: 900 }
  const before = await start(t, [sink], { url })
  const first = await before.send(sink.take, 'run', options)
  await before.close()
  const after = await start(t, [sink], { url })
  assert.equal(await after.send(sink.take, 'run', options), first)
  assert.equal((await after.receipt(first)).state, 'scheduled')
  await untilState(after, first, 'handled')
  assert.equal(await after.send(sink.take, 'run', options), first)
  assert.deepEqual(seen.seen, ['run'])
})

test('trace, correlation and cause travel down the tree', async (t) => {
  const seen: Record<string, { id: string; trace: string; correlation: string; from: string }> = {}
  const news = topic('news', nothing)
  const leaf = agent('leaf', {
    run: on({ input: text }, (turn, as) => {
      seen[as] = { id: turn.id, trace: turn.trace, correlation: turn.correlation, from: turn.from }
    }),
    heard: on({ topic: news }, (turn) => {
      seen['topic'] = { id: turn.id, trace: turn.trace, correlation: turn.correlation, from: turn.from }
    }),
  })
  const root = agent('root', {
    go: on({ input: nothing }, async (turn) => {
      turn.send(leaf.run, 'send')
      turn.send(leaf.run, 'delayed', { delayMs: 5 })
      turn.publish(news, null)
      await turn.ask(leaf.run, 'ask', { key: 'asked' })
      return turn.id
    }),
  })
  const space = await start(t, [root, leaf])
  const trace = '0123456789abcdef0123456789abcdef'
  const rootTurn = await space.ask(root.go, null, { trace, correlation: 'case 12' })
  await until('the delayed one', () => 'delayed' in seen)
  for (const as of ['send', 'delayed', 'topic', 'ask']) {
    const { id, ...rest } = seen[as] ?? { id: '' }
    assert.deepEqual(rest, { trace, correlation: 'case 12', from: 'root' }, as)
    const row = await space.store.message(`msg_${id.slice(5)}`)
    assert.equal(row?.envelope.cause, rootTurn)
  }
  const tree = await space.store.messagesOf({ trace, limit: 100 })
  assert.equal(tree.length, 7)
  const id = await space.send(leaf.run, 'own')
  await untilState(space, id, 'handled')
  assert.equal(seen['own']?.correlation, id)
  assert.equal(seen['own']?.from, space.address)
})

test('a child is never later than its parent', async (t) => {
  const deadlines: Record<string, number | null> = {}
  const leaf = agent('leaf', {
    run: on({ input: text }, (turn, as) => {
      deadlines[as] = turn.deadline
    }),
  })
  const root = agent('root', {
    go: on({ input: nothing }, async (turn) => {
      deadlines['root'] = turn.deadline
      turn.send(leaf.run, 'inherits')
      turn.send(leaf.run, 'longer', { timeoutMs: 60_000 })
      turn.send(leaf.run, 'later', { deadline: Date.now() + 60_000 })
      turn.send(leaf.run, 'shorter', { timeoutMs: 1_000 })
      await turn.ask(leaf.run, 'ask', { timeoutMs: 60_000 })
      await turn.askSettled(leaf.run, 'plain')
    }),
    free: on({ input: nothing }, (turn) => void turn.send(leaf.run, 'free')),
  })
  const space = await start(t, [root, leaf])
  await space.ask(root.go, null, { timeoutMs: 5_000 })
  await space.send(root.free, null)
  await space.idle()
  const own = deadlines['root'] ?? 0
  assert.ok(own > Date.now() && own <= Date.now() + 5_000)
  for (const as of ['inherits', 'longer', 'later', 'ask', 'plain']) assert.equal(deadlines[as], own, as)
  assert.ok((deadlines['shorter'] ?? 0) < own)
  assert.equal(deadlines['free'], null)
})

test('a message that expires in its mailbox is never handled; its asker and its receipt say so', async (t) => {
  const seen = recorder()
  const held = gate()
  const slow = agent('slow', {
    block: on({ input: nothing }, () => held.opened),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [slow])
  await space.send(slow.block, null)
  const id = await space.send(slow.take, 'sent', { timeoutMs: 30 })
  const asked = space.ask(slow.take, 'asked', { timeoutMs: 30 })
  await assert.rejects(asked, code('COTERIE_DEADLINE_PASSED'))
  await untilState(space, id, 'expired')
  held.open()
  await space.idle()
  assert.deepEqual(seen.seen, [])
  const receipt = await space.receipt(id)
  assert.match(receipt.reason ?? '', /deadline/)
})

test('a message that is already late when its mailbox is read expires too', async (t) => {
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const space = await start(t, [sink])
  const id = await space.send(sink.take, 'x', { deadline: Date.now() - 10 })
  await untilState(space, id, 'expired')
  assert.deepEqual(seen.seen, [])
})

test('a turn whose deadline passes hears the signal, and nothing of it commits', async (t) => {
  const seen = recorder()
  const reasons = recorder()
  const ended = gate()
  const sink = agent('sink', { take: on({ input: nothing }, () => seen.note('sent')) })
  const slow = agent('slow', {
    run: on({ input: nothing }, async (turn) => {
      turn.send(sink.take, null)
      await new Promise<void>((resolve) => {
        turn.signal.addEventListener('abort', () => {
          reasons.note((turn.signal.reason as { code: string }).code)
          resolve()
        })
      })
      try {
        turn.send(sink.take, null)
      } catch (error) {
        reasons.note((error as { code: string }).code)
      }
      ended.open()
    }),
  })
  const asker = agent('asker', {
    ask: on({ input: nothing, retry: ONCE }, (turn) => turn.ask(slow.run, null, { timeoutMs: 40 })),
  })
  const space = await start(t, [slow, sink, asker])
  const id = await space.send(slow.run, null, { timeoutMs: 40 })
  await untilState(space, id, 'expired')
  await ended.opened
  assert.deepEqual(reasons.seen, ['COTERIE_DEADLINE_PASSED', 'COTERIE_DEADLINE_PASSED'])
  await assert.rejects(space.ask(slow.run, null, { timeoutMs: 40 }), code('COTERIE_DEADLINE_PASSED'))
  const answer = await space.askSettled(asker.ask, null)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_DEADLINE_PASSED')
  assert.deepEqual(seen.seen, [])
})

test('a turn whose deadline passes while it waits expires, and what it asked is ended with it', async (t) => {
  const reasons = recorder()
  const helper = agent('helper', {
    hang: on(
      { input: nothing },
      (turn) =>
        new Promise((_resolve, reject) => {
          turn.signal.addEventListener('abort', () => {
            reasons.note((turn.signal.reason as { code: string }).code)
            reject(turn.signal.reason)
          })
        }),
    ),
  })
  const waiter = agent('waiter', {
    run: on({ input: nothing }, async (turn) => {
      await turn.ask(helper.hang, null)
    }),
  })
  const space = await start(t, [helper, waiter])
  const id = await space.send(waiter.run, null, { timeoutMs: 500 })
  await untilState(space, id, 'waiting')
  await untilState(space, id, 'expired')
  const [asked] = (await space.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 10 })) ?? []
  await untilState(space, asked?.envelope.id ?? '', 'expired')
  // Whoever ends the message first, the turn that runs hears of it.
  await until('the turn hears of it', () => reasons.seen.length > 0)
  assert.deepEqual(reasons.seen, ['COTERIE_DEADLINE_PASSED'])
})

test('an answer that comes too late for its question leaves nothing open', async (t) => {
  const slow = agent('slow', {
    run: on(
      { input: nothing },
      (turn) =>
        new Promise<string>((resolve) => {
          turn.signal.addEventListener('abort', () => setTimeout(() => resolve('late'), 10))
        }),
    ),
  })
  const asker = agent('asker', {
    run: on(
      { input: nothing, output: z.boolean() },
      async (turn) => (await turn.askSettled(slow.run, null, { timeoutMs: 30 })).ok,
    ),
  })
  const space = await start(t, [slow, asker])
  assert.equal(await space.ask(asker.run, null), false)
  await until('every message is final', async () => {
    const { messages } = await space.status()
    return messages.queued + messages.delivered + messages.waiting + messages.answered === 0
  })
})

test('receipts show a message on its way: queued, delivered, waiting, handled', async (t) => {
  const held = gate()
  const helper = agent('helper', { help: on({ input: nothing }, () => held.opened) })
  const worker = agent('worker', {
    run: on({ input: nothing }, async (turn) => {
      await turn.ask(helper.help, null)
    }),
  })
  const space = await start(t, [helper, worker])
  const first = await space.send(worker.run, null)
  const second = await space.send(worker.run, null)
  await untilState(space, first, 'waiting')
  assert.equal((await space.receipt(second)).state, 'queued')
  const [asked] = await space.store.messagesOf({ cause: `turn_${first.slice(4)}`, limit: 1 })
  await untilState(space, asked?.envelope.id ?? '', 'delivered')
  held.open()
  await untilState(space, second, 'handled')
  assert.equal((await space.receipt(first)).state, 'handled')
  await assert.rejects(space.receipt('msg_nothing'), code('COTERIE_NOT_FOUND'))
  await assert.rejects(space.cancel('0'.repeat(32)), code('COTERIE_NOT_FOUND'))
})

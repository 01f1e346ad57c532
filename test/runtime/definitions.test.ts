import assert from 'node:assert/strict'
import { z } from 'zod'
import { agent, on, open, topic } from '../../src/index.ts'
import type { AnyAgent, HandlerRef, StandardSchema } from '../../src/index.ts'
import { code, gate, nothing, number, recorder, start, test, text, until, untilState } from './helpers.ts'

/** What a program in plain JavaScript may pass. */
const loose = (ref: object): HandlerRef => ref as HandlerRef

test('a definition is the client: an ask infers, sends and answers', async (t) => {
  const greeter = agent('greeter', {
    greet: on({ input: z.object({ name: text }), output: text }, (_turn, { name }) => `hello ${name}`),
  })
  const space = await start(t, [greeter])
  const answer: string = await space.ask(greeter.greet, { name: 'world' })
  assert.equal(answer, 'hello world')
})

test('receiver and asker each get what their schema makes of the payload and of the reply', async (t) => {
  const parser = agent('parser', {
    parse: on(
      { input: z.object({ at: text.transform(Number), depth: number.default(3) }), output: z.coerce.date() },
      (_turn, { at, depth }) => at + depth,
    ),
  })
  const space = await start(t, [parser])
  assert.deepEqual(await space.ask(parser.parse, { at: '1000' }), new Date(1003))
})

test('refuses a wrong payload at the sender and writes nothing', async (t) => {
  const seen = recorder()
  const strict = agent('strict', { take: on({ input: z.object({ n: number }) }, (_turn, p) => seen.note(p)) })
  const space = await start(t, [strict])
  const before = await space.status()
  const wrong = { n: 'one' } as unknown as { n: number }
  await assert.rejects(space.send(strict.take, wrong), code('COTERIE_INVALID_PAYLOAD', /strict take.*n: /))
  await assert.rejects(space.ask(strict.take, wrong), code('COTERIE_INVALID_PAYLOAD'))
  assert.equal((await space.status()).position, before.position)
  assert.deepEqual(seen.seen, [])
})

test('refuses what JSON would silently change', async (t) => {
  const open = agent('open', { take: on({ input: z.any() }, () => null) })
  const space = await start(t, [open])
  for (const payload of [NaN, new Date(), new Map([[1, 2]]), () => 1, undefined, '\ud800']) {
    await assert.rejects(space.send(open.take, payload), code('COTERIE_INVALID_PAYLOAD'))
  }
})

test('a wrong payload inside a turn fails the turn at once, with nothing sent', async (t) => {
  const seen = recorder()
  const strict = agent('strict', { take: on({ input: z.object({ n: number }) }, (_turn, p) => seen.note(p)) })
  const sender = agent('sender', {
    go: on({ input: nothing }, (turn) => {
      turn.send(strict.take, { n: 1 })
      turn.send(loose(strict.take), { n: 'two' })
    }),
  })
  const space = await start(t, [strict, sender])
  const id = await space.send(sender.go, null)
  await untilState(space, id, 'dead')
  const { error, attempts } = await space.receipt(id)
  assert.equal(error?.code, 'COTERIE_INVALID_PAYLOAD')
  assert.equal(attempts, 1)
  assert.deepEqual(seen.seen, [])
})

test('refuses a schema that validates asynchronously', async (t) => {
  const slow = text.refine(async () => Promise.resolve(true))
  const waiter = agent('waiter', { take: on({ input: slow }, () => null) })
  const space = await start(t, [waiter])
  await assert.rejects(space.send(waiter.take, 'x'), code('COTERIE_INVALID_DEFINITION', /asynchronously/))
})

test('takes any Standard Schema', async (t) => {
  const even: StandardSchema<number, string> = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate: (value) =>
        typeof value === 'number' && value % 2 === 0
          ? { value: `even ${value}` }
          : { issues: [{ message: 'odd', path: [{ key: 'n' }] }] },
    },
  }
  const counter = agent('counter', { take: on({ input: even }, (_turn, value) => value) })
  const space = await start(t, [counter])
  assert.equal(await space.ask(counter.take, 2), 'even 2')
  await assert.rejects(space.ask(counter.take, 3), code('COTERIE_INVALID_PAYLOAD', /n: odd/))
})

test('refuses names that cannot be an address, and names that are taken', () => {
  const handlers = { run: on({ input: nothing }, () => null) }
  for (const name of ['', '1st', 'a b', 'a/b', '@agents', 'x'.repeat(65)]) {
    assert.throws(() => agent(name, handlers), code('COTERIE_INVALID_ADDRESS'), name)
  }
  assert.throws(() => agent('client', handlers), code('COTERIE_INVALID_DEFINITION', /taken/))
  assert.throws(() => agent('@owner', handlers), code('COTERIE_INVALID_DEFINITION', /own/))
  for (const handler of ['name', 'handlers', 'a-b', '', '2nd']) {
    assert.throws(() => agent('a', { [handler]: handlers.run }), code('COTERIE_INVALID_DEFINITION'), handler)
  }
  assert.throws(() => topic('no topic', nothing), code('COTERIE_INVALID_DEFINITION'))
  assert.throws(() => on({ input: {} as StandardSchema }, () => 1), code('COTERIE_INVALID_DEFINITION'))
  for (const retry of [{ attempts: 0 }, { attempts: 1.5 }, { firstMs: -1 }, { factor: 0.5 }]) {
    assert.throws(() => on({ input: nothing, retry }, () => 1), code('COTERIE_INVALID_DEFINITION'))
  }
})

test('refuses two agents of one name, and a space name that is none', async () => {
  const twin = (): AnyAgent => agent('twin', { run: on({ input: nothing }, () => null) })
  await assert.rejects(
    open('sqlite::memory:', { agents: [twin(), twin()] }),
    code('COTERIE_INVALID_DEFINITION', /twin/),
  )
  await assert.rejects(open('sqlite::memory:', { space: 'a b' }), code('COTERIE_INVALID_ARGUMENT'))
  await assert.rejects(open('mysql://x'), code('COTERIE_STORE_UNSUPPORTED'))
})

test('each keyed instance has its own mailbox, order and chain', async (t) => {
  const seen: Record<string, number[]> = { 'desk/a': [], 'desk/b': [], desk: [] }
  const held = gate()
  const desk = agent('desk', {
    take: on({ input: number }, async (turn, n) => {
      if (turn.self === 'desk/a') await held.opened
      seen[turn.self]?.push(n)
    }),
  })
  const space = await start(t, [desk])
  for (let n = 0; n < 5; n++) {
    await space.send(desk.take, n, { key: 'a' })
    await space.send(desk.take, n, { key: 'b' })
    await space.send(desk.take, n)
  }
  await until('the other instances work while one is busy', () => seen['desk/b']?.length === 5)
  assert.deepEqual(seen['desk/a'], [])
  held.open()
  await space.idle()
  for (const address of ['desk/a', 'desk/b', 'desk']) {
    assert.deepEqual(seen[address], [0, 1, 2, 3, 4], address)
    const chain = await space.store.chain(address, 0, 100)
    assert.deepEqual(
      chain.map((record) => record.seq),
      chain.map((_record, index) => index),
    )
    assert.equal(chain.length, 5)
  }
})

test('refuses an instance key with control characters or of unreasonable length', async (t) => {
  const desk = agent('desk', { take: on({ input: nothing }, () => null) })
  const space = await start(t, [desk])
  for (const key of ['', ' a', 'a\n', 'x'.repeat(300)]) {
    await assert.rejects(space.send(desk.take, null, { key }), code('COTERIE_INVALID_ADDRESS'))
  }
  assert.equal(await space.ask(desk.take, null, { key: 'Zürich / 8001' }), null)
})

test('tells an unknown recipient from an unknown handler', async (t) => {
  const known = agent('known', { run: on({ input: nothing }, () => null) })
  const other = agent('known', { walk: on({ input: nothing }, () => null) })
  const stranger = agent('stranger', { run: on({ input: nothing }, () => null) })
  const caller = agent('caller', {
    call: on({ input: nothing }, (turn) => turn.ask(stranger.run, null)),
    walk: on({ input: nothing }, (turn) => void turn.send(other.walk, null)),
  })
  const space = await start(t, [known, caller])
  const { position } = await space.status()
  await assert.rejects(space.send(stranger.run, null), code('COTERIE_UNKNOWN_RECIPIENT', /stranger/))
  await assert.rejects(space.ask(stranger.run, null), code('COTERIE_UNKNOWN_RECIPIENT'))
  await assert.rejects(space.send(other.walk, null), code('COTERIE_UNKNOWN_HANDLER', /it has: run/))
  await assert.rejects(space.sendTo('client', 'run', null), code('COTERIE_UNKNOWN_RECIPIENT'))
  await assert.rejects(space.sendTo('@owner', 'run', null), code('COTERIE_UNKNOWN_RECIPIENT'))
  await assert.rejects(space.sendTo('no one', 'run', null), code('COTERIE_INVALID_ADDRESS'))
  assert.equal((await space.status()).position, position)

  const answer = await space.askSettled(caller.call, null)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_UNKNOWN_RECIPIENT')
  const id = await space.send(caller.walk, null)
  await untilState(space, id, 'dead')
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_UNKNOWN_HANDLER')
})

test('the recipient checks what the sender could not: a payload sent to an address given as text', async (t) => {
  const strict = agent('strict', { take: on({ input: z.object({ n: number }) }, (_turn, { n }) => n + 1) })
  const space = await start(t, [strict])
  assert.equal(await space.askTo('strict', 'take', { n: 1 }), 2)
  assert.equal(await space.askTo('strict/keyed', 'take', { n: 2 }), 3)
  const id = await space.sendTo('strict', 'take', { n: 'one' })
  await untilState(space, id, 'dead')
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_INVALID_PAYLOAD')
  await assert.rejects(
    space.askTo('strict', 'take', {}),
    code('COTERIE_ASK_FAILED', /does not fit its schema/),
  )
})

test('an agent may know a topic with several subscribers, and each gets one copy in one order', async (t) => {
  const news = topic('news', number)
  const seen = recorder()
  const reader = (name: string): AnyAgent =>
    agent(name, { read: on({ topic: news }, (turn, n) => seen.note(`${turn.self} ${n}`)) })
  const space = await start(t, [reader('ann'), reader('ben')])
  for (let n = 0; n < 20; n++) await space.publish(news, n)
  await space.idle()
  for (const name of ['ann', 'ben']) {
    assert.deepEqual(
      seen.seen.filter((line) => String(line).startsWith(name)),
      Array.from({ length: 20 }, (_, n) => `${name} ${n}`),
    )
  }
  await assert.rejects(space.publish(news, 'x' as never), code('COTERIE_INVALID_PAYLOAD'))
})

import assert from 'node:assert/strict'
import { agent, on } from '../../src/index.ts'
import type { Agent, Handler, HandlerRef } from '../../src/index.ts'
import {
  ONCE,
  code,
  gate,
  nothing,
  number,
  recorder,
  recordsOf,
  start,
  test,
  text,
  until,
  untilState,
} from './helpers.ts'

type Asking = Agent<{ readonly ask: Handler<null, unknown> }>

/** An agent that asks the next one; the references are looked up late, so that they may form a circle. */
function asking(name: string, next: () => HandlerRef<null, unknown>): Asking {
  return agent(name, {
    ask: on({ input: nothing, retry: ONCE }, (turn) => turn.ask(next(), null)),
  })
}

test('an agent that asks itself is refused at once, with the cycle named', async (t) => {
  const own: Asking = asking('own', () => own.ask)
  const space = await start(t, [own])
  const from = Date.now()
  const answer = await space.askSettled(own.ask, null)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_WAIT_CYCLE')
  assert.match(answer.ok ? '' : answer.error.message, /own -> own/)
  assert.ok(Date.now() - from < 2_000)
})

test('a circle of two is refused at once, with the cycle named', async (t) => {
  const ann: Asking = asking('ann', () => ben.ask)
  const ben: Asking = asking('ben', () => ann.ask)
  const space = await start(t, [ann, ben])
  const answer = await space.askSettled(ann.ask, null)
  assert.match(JSON.stringify(answer), /COTERIE_WAIT_CYCLE/)
  assert.match(JSON.stringify(answer), /ben -> ann -> ben/)
})

test('a circle of three is refused at once, with the cycle named', async (t) => {
  const ann: Asking = asking('ann', () => ben.ask)
  const ben: Asking = asking('ben', () => cat.ask)
  const cat: Asking = asking('cat', () => ann.ask)
  const space = await start(t, [ann, ben, cat])
  const answer = await space.askSettled(ann.ask, null)
  assert.match(JSON.stringify(answer), /cat -> ann -> ben -> cat/)
})

test('a circle that different traces close is refused too', async (t) => {
  const [annAsks, benAsks] = [gate(), gate()]
  const results = recorder()
  const ann: Asking = agent('ann', {
    ask: on({ input: nothing, retry: ONCE }, async (turn) => {
      annAsks.open()
      await benAsks.opened
      results.note((await turn.askSettled(ben.ask, null, { timeoutMs: 3_000 })).ok)
    }),
  })
  const ben: Asking = agent('ben', {
    ask: on({ input: nothing, retry: ONCE }, async (turn) => {
      benAsks.open()
      await annAsks.opened
      results.note((await turn.askSettled(ann.ask, null, { timeoutMs: 3_000 })).ok)
    }),
  })
  const space = await start(t, [ann, ben])
  const from = Date.now()
  await Promise.all([space.send(ann.ask, null), space.send(ben.ask, null)])
  await until('both went on', () => results.seen.length >= 2)
  assert.ok(Date.now() - from < 2_500, 'one of them was refused, not timed out')
  assert.ok(results.seen.includes(false))
})

test('a refused question can be handled like any failed one, and nothing of it was sent', async (t) => {
  const own: Asking = agent('own', {
    ask: on({ input: nothing }, async (turn) => {
      const first = await turn.askSettled(own.ask, null)
      await turn.ask(own.ask, null).catch((error: unknown) => code('COTERIE_WAIT_CYCLE')(error))
      return first.ok ? '' : first.error.code
    }),
  })
  const space = await start(t, [own])
  const id = await space.send(own.ask, null)
  await untilState(space, id, 'handled')
  const { trace } = await space.receipt(id)
  assert.equal((await space.store.messagesOf({ trace, limit: 10 })).length, 1)
})

test('a question behind a refused one belongs to the next segment: refused too, it is not sent', async (t) => {
  const own: Asking = agent('own', {
    ask: on({ input: nothing }, async (turn) => {
      // The look-up of its version gives the handler time to go on before the segment is submitted again.
      turn.append('notes', 'asked', null)
      const codes: unknown[] = []
      for (let i = 0; i < 3; i++) {
        const answer = await turn.askSettled(own.ask, null)
        codes.push(answer.ok || answer.error.code)
        turn.append('notes', 'refused', i)
      }
      return codes
    }),
  })
  const space = await start(t, [own])
  assert.deepEqual(await space.ask(own.ask, null), Array(3).fill('COTERIE_WAIT_CYCLE'))
  const sends = (await recordsOf(space)).flatMap(({ body }) =>
    body.author === 'own' ? [body.sends ?? []] : [],
  )
  assert.deepEqual(
    sends.map((messages) => messages.length),
    [0, 0, 0, 1],
    'nothing is sent but the reply, and each question is refused in its own segment',
  )
})

test('a turn behind one whose question was refused runs once', async (t) => {
  const ran = recorder()
  const own = agent('own', {
    ask: on({ input: nothing }, async (turn) => {
      await turn.askSettled(own.ask, null)
    }),
    note: on({ input: text }, async (turn, s) => {
      ran.note(`${s} begins`)
      if (s === 'second') await turn.step('once', () => ran.note('step'))
    }),
  })
  const space = await start(t, [own])
  await Promise.all([
    space.send(own.ask, null),
    space.send(own.note, 'first'),
    space.send(own.ask, null),
    space.send(own.note, 'second'),
  ])
  await space.idle()
  assert.deepEqual(ran.seen, ['first begins', 'second begins', 'step'])
})

test('keyed instances of one agent may ask each other', async (t) => {
  const node = agent('node', {
    depth: on({ input: number }, async (turn, n): Promise<number> =>
      n === 0 ? 0 : 1 + Number(await turn.ask(node.depth, n - 1, { key: `${n}` })),
    ),
  })
  const space = await start(t, [node])
  assert.equal(await space.ask(node.depth, 8), 8)
})

test('a waiting agent handles what its own trace sends it, and lets other traces wait', async (t) => {
  const order = recorder()
  const held = gate()
  const helper = agent('helper', {
    help: on({ input: nothing }, async (turn) => {
      turn.send(boss.note, 'progress')
      await turn.sleep(1)
      await held.opened
    }),
  })
  const boss = agent('boss', {
    work: on({ input: nothing }, async (turn) => {
      order.note('begin')
      await turn.ask(helper.help, null)
      order.note('end')
    }),
    note: on({ input: text }, (_turn, s) => order.note(s)),
  })
  const space = await start(t, [helper, boss])
  const id = await space.send(boss.work, null)
  await untilState(space, id, 'waiting')
  const other = await space.send(boss.note, 'other trace')
  await until('progress is seen while the agent waits', () => order.seen.includes('progress'))
  assert.equal((await space.receipt(other)).state, 'queued')
  held.open()
  await untilState(space, other, 'handled')
  assert.deepEqual(order.seen, ['begin', 'progress', 'end', 'other trace'])
})

test('turns of one trace may wait inside each other at one address', async (t) => {
  const held = gate()
  const oracle = agent('oracle', { tell: on({ input: nothing }, () => held.opened) })
  const order = recorder()
  const boss = agent('boss', {
    outer: on({ input: nothing }, async (turn) => {
      turn.send(boss.inner, null)
      await turn.ask(oracle.tell, null)
      order.note('outer')
    }),
    inner: on({ input: nothing }, async (turn) => {
      await turn.ask(oracle.tell, null, { key: 'second' })
      order.note('inner')
    }),
  })
  const space = await start(t, [oracle, boss])
  await space.send(boss.outer, null)
  await until('both wait', async () => (await space.status()).messages.waiting === 2)
  held.open()
  await space.idle()
  assert.deepEqual(order.seen.map(String).toSorted(), ['inner', 'outer'])
})

test('coordinators that wait take no place: 200 of them go through 4 places', async (t) => {
  const helper = agent('helper', {
    add: on({ input: number }, async (turn, n) => {
      await turn.sleep(1)
      return n + 1
    }),
  })
  const coordinator = agent('coordinator', {
    run: on({ input: number }, async (turn, n) => {
      const one = await turn.ask(helper.add, n, { key: String(n) })
      const two = await turn.ask(helper.add, one, { key: String((n + 1) % 200) })
      return two - n
    }),
  })
  const space = await start(t, [helper, coordinator], { limits: { activeAgents: 4 } })
  const answers = await Promise.all(
    Array.from({ length: 200 }, (_, n) => space.ask(coordinator.run, n, { key: String(n) })),
  )
  assert.deepEqual(new Set(answers), new Set([2]))
})

test('no more agents work at once than the limit allows', async (t) => {
  let now = 0
  let most = 0
  const worker = agent('worker', {
    run: on({ input: nothing }, async () => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setImmediate(resolve))
      now -= 1
    }),
  })
  const space = await start(t, [worker], { limits: { activeAgents: 3 } })
  await Promise.all(Array.from({ length: 30 }, (_, n) => space.ask(worker.run, null, { key: String(n) })))
  assert.ok(most > 1 && most <= 3, `${most} at once`)
})

test('many questions at once are answered each by its own answer', async (t) => {
  const helper = agent('helper', { twice: on({ input: number }, (_turn, n) => n * 2) })
  const boss = agent('boss', {
    go: on({ input: number }, async (turn, count) => {
      const asked = Array.from({ length: count }, (_, n) =>
        turn.ask(helper.twice, n, { key: String(n % 10) }),
      )
      return Promise.all(asked)
    }),
  })
  const space = await start(t, [helper, boss])
  assert.deepEqual(
    await space.ask(boss.go, 300),
    Array.from({ length: 300 }, (_, n) => n * 2),
  )
})

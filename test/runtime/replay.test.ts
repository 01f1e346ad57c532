import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { agent, on } from '../../src/index.ts'
import type { Agent, AnyAgent, Handler, HandlerRef, Space, Turn } from '../../src/index.ts'
import {
  QUICK,
  gate,
  never,
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

type Run = (turn: Turn<unknown>) => unknown
type Worker = Agent<{ readonly go: Handler<null, unknown> }>

/** The same agent with another body: what a process finds after a crash and, maybe, a new release. */
function workerOf(run: Run): Worker {
  return agent('worker', { go: on({ input: nothing, retry: QUICK }, (turn) => run(turn)) })
}

const helper = agent('helper', { add: on({ input: number }, (_turn, n) => n + 1) })

/**
 * Runs a turn in one space until `reached` opens, closes that space in the middle of it, and runs it again in another
 * on the same file. Answers the second space and the message.
 */
async function interrupt(
  t: TestContext,
  first: Run,
  second: Run,
  reached: Promise<void>,
  more: readonly AnyAgent[] = [helper],
): Promise<{ readonly space: Space; readonly id: string; readonly worker: Worker }> {
  const url = tempUrl(t)
  const before = workerOf(first)
  const one = await start(t, [before, ...more], { url })
  const id = await one.send(before.go, null, { idempotencyKey: 'it' })
  await reached
  await one.close()
  const worker = workerOf(second)
  const space = await start(t, [worker, ...more], { url })
  return { space, id, worker }
}

test('after a crash a recorded step is not run again, and one that was not recorded is', async (t) => {
  const ran = recorder()
  const reached = gate()
  const body =
    (hang: boolean): Run =>
    async (turn) => {
      const a = await turn.step('first', ({ idempotencyKey }) => {
        ran.note(`first ${idempotencyKey}`)
        return idempotencyKey
      })
      const b = await turn.step('second', async ({ idempotencyKey }) => {
        ran.note(`second ${idempotencyKey}`)
        reached.open()
        if (hang) await never()
        return idempotencyKey
      })
      ran.note(`end ${a} ${b}`)
    }
  const { space, id } = await interrupt(t, body(true), body(false), reached.opened)
  await untilState(space, id, 'handled')
  const [first, second, again, end] = ran.seen.map((line) => String(line).split(' '))
  assert.equal(ran.seen.length, 4)
  assert.deepEqual([first?.[0], second?.[0], again?.[0]], ['first', 'second', 'second'])
  assert.equal(again?.[1], second?.[1], 'the idempotency key is the same on the second run')
  assert.deepEqual(end?.slice(1), [first?.[1], second?.[1]])
  assert.equal((await space.receipt(id)).attempts, 0, 'a crash is not a failed attempt')
})

test('what the interrupted run had sent was not sent, and is sent once by the second run', async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => got.note(s)) })
  const reached = gate()
  const body =
    (hang: boolean): Run =>
    async (turn) => {
      turn.send(sink.take, 'before')
      await turn.step('first', () => 1)
      turn.send(sink.take, 'between')
      await turn.step('second', () => {
        reached.open()
        return hang ? never() : 2
      })
    }
  const { space, id } = await interrupt(t, body(true), body(false), reached.opened, [sink])
  await untilState(space, id, 'handled')
  await space.idle()
  assert.deepEqual(got.seen, ['before', 'between'])
})

test('now and random are the same on the second run', async (t) => {
  const got = recorder()
  const reached = gate()
  const body =
    (hang: boolean): Run =>
    async (turn) => {
      got.note([turn.now(), turn.random(), turn.random()])
      await turn.step('first', () => 1)
      await delay(2)
      got.note([turn.now(), turn.random()])
      await turn.step('second', () => 1)
      await turn.step('third', () => {
        reached.open()
        return hang ? never() : 1
      })
    }
  const { space, id } = await interrupt(t, body(true), body(false), reached.opened)
  await untilState(space, id, 'handled')
  assert.equal(got.seen.length, 4)
  assert.deepEqual(got.seen.slice(2), got.seen.slice(0, 2))
  const [one, two] = (got.seen[0] as number[]).slice(1)
  assert.notEqual(one, two)
  assert.ok((one ?? 1) >= 0 && (one ?? 1) < 1)
})

test('results of steps and asks that ran at the same time come back in the order recorded', async (t) => {
  const order = recorder()
  const reached = gate()
  const waits = { a: 40, b: 5, c: 20 }
  const body =
    (hang: boolean): Run =>
    async (turn) => {
      const one = (name: 'a' | 'b' | 'c'): Promise<unknown> =>
        turn
          .step(name, async () => {
            if (!hang) throw new Error(`${name} was run again`)
            await delay(waits[name])
          })
          .then(() => order.note(name))
      const asked = turn.ask(helper.add, 1).then((n) => order.note(n))
      await Promise.all([one('a'), one('b'), one('c'), asked])
      await turn.step('last', () => {
        order.note('last')
        reached.open()
        return hang ? never() : 1
      })
    }
  const { space, id } = await interrupt(t, body(true), body(false), reached.opened)
  await untilState(space, id, 'handled')
  assert.equal(order.seen.length, 10)
  assert.deepEqual(order.seen.slice(5), order.seen.slice(0, 5))
  assert.deepEqual(
    order.seen.slice(0, 4).filter((entry) => entry !== 2),
    ['b', 'c', 'a'],
  )
})

test('a race between results ends the same way when it is run again', async (t) => {
  const winners = recorder()
  const reached = gate()
  const body =
    (hang: boolean): Run =>
    async (turn) => {
      const slow = turn.step('slow', () => delay(hang ? 30 : 0, 'slow'))
      const fast = turn.step('fast', () => delay(hang ? 0 : 30, 'fast'))
      winners.note(await Promise.race([slow, fast]))
      await Promise.all([slow, fast])
      await turn.step('last', () => {
        reached.open()
        return hang ? never() : 1
      })
    }
  const { space, id } = await interrupt(t, body(true), body(false), reached.opened)
  await untilState(space, id, 'handled')
  assert.deepEqual(winners.seen, ['fast', 'fast'])
})

test('a sleep goes on after the space was opened again, and ends at its own time', async (t) => {
  const starts = recorder()
  let woke = 0
  const body: Run = async (turn) => {
    starts.note(turn.now())
    await turn.sleep(200)
    woke = Date.now()
  }
  const url = tempUrl(t)
  const worker = workerOf(body)
  const one = await start(t, [worker], { url })
  const id = await one.send(worker.go, null)
  await untilState(one, id, 'waiting')
  await one.close()
  await delay(20)
  const two = await start(t, [worker], { url })
  await untilState(two, id, 'handled')
  assert.equal(starts.seen.length, 2)
  assert.equal(starts.seen[0], starts.seen[1])
  const slept = woke - Number(starts.seen[0])
  assert.ok(slept >= 199 && slept < 1_500, `slept ${slept} ms`)
})

test('a sleep that ended while nobody was there ends at once', async (t) => {
  const url = tempUrl(t)
  const worker = workerOf((turn) => turn.sleep(30))
  const one = await start(t, [worker], { url })
  const id = await one.send(worker.go, null)
  await untilState(one, id, 'waiting')
  await one.close()
  await delay(60)
  const two = await start(t, [worker], { url })
  await untilState(two, id, 'handled')
})

test('an ask goes on after the space was opened again: the question is not asked twice', async (t) => {
  const asked = recorder()
  const answers = recorder()
  let held = gate()
  const oracle = agent('oracle', {
    tell: on({ input: number }, async (_turn, n) => {
      asked.note(n)
      await held.opened
      return n * 10
    }),
  })
  const worker = workerOf(async (turn) => answers.note(await turn.ask(oracle.tell, 7)))
  const url = tempUrl(t)
  const one = await start(t, [worker, oracle], { url })
  const id = await one.send(worker.go, null)
  await untilState(one, id, 'waiting')
  await until('the oracle is asked', () => asked.seen.length === 1)
  await one.close()
  held = gate()
  held.open()
  const two = await start(t, [worker, oracle], { url })
  await untilState(two, id, 'handled')
  assert.deepEqual(answers.seen, [70])
  assert.deepEqual(asked.seen, [7, 7], 'the interrupted answer is worked out again')
  const questions = await two.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 10 })
  assert.equal(questions.length, 1)
})

test('an answer that came while the asker was away is found', async (t) => {
  const answers = recorder()
  const worker = workerOf(async (turn) => answers.note(await turn.ask(helper.add, 1)))
  const url = tempUrl(t)
  const both = await start(t, [worker, agent('helper', { add: on({ input: number }, () => never()) })], {
    url,
  })
  const id = await both.send(worker.go, null)
  await untilState(both, id, 'waiting')
  await both.close()
  const other = await start(t, [helper], { url })
  await until('the answer is there', async () => (await other.status()).messages.answered === 1)
  await other.close()
  const again = await start(t, [worker], { url })
  await untilState(again, id, 'handled')
  assert.deepEqual(answers.seen, [2])
  assert.equal((await again.status()).messages.answered, 0)
})

test('an outside ask whose process went away gets its answer by its idempotency key', async (t) => {
  const url = tempUrl(t)
  const slow = agent('slow', { run: on({ input: nothing }, () => never()) })
  const one = await start(t, [slow], { url })
  const lost = one.askSettled(slow.run as HandlerRef<null, string>, null, { idempotencyKey: 'k' })
  await until('asked', async () => (await one.status()).messages.delivered === 1)
  await one.close()
  const answer = await lost
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_CLOSED')
  const quick = agent('slow', { run: on({ input: nothing }, () => 'there') })
  const two = await start(t, [quick], { url })
  assert.equal(await two.ask(quick.run, null, { idempotencyKey: 'k' }), 'there')
  assert.equal(await two.ask(quick.run, null, { idempotencyKey: 'k' }), 'there')
})

/** Each: what was recorded, what the new handler does, and what the error must name. */
const CHANGES: readonly [string, Run, Run, RegExp][] = [
  [
    'another step',
    (turn) => turn.step('fetch', () => 1),
    (turn) => turn.step('load', () => 1),
    /operation 0, the journal has step "fetch", the handler now calls step "load"/,
  ],
  [
    'another kind of call',
    (turn) => turn.step('fetch', () => 1),
    (turn) => turn.ask(helper.add, 1),
    /operation 0, the journal has step "fetch", the handler now calls ask "helper add"/,
  ],
  [
    'a call in between',
    async (turn) => {
      await turn.step('one', () => 1)
      await turn.step('two', () => 1)
    },
    async (turn) => {
      await turn.step('one', () => 1)
      turn.now()
      await turn.step('two', () => 1)
    },
    /operation 1, the journal has step "two", the handler now calls a call of now/,
  ],
  [
    'other contents of a question',
    (turn) => turn.ask(helper.add, 1),
    (turn) => turn.ask(helper.add, 2),
    /operation 0, ask "helper add" was recorded with other contents/,
  ],
  [
    'an end before what was recorded',
    (turn) => turn.step('one', () => 1),
    () => undefined,
    /operation 0, the journal has step "one", the handler ended before it/,
  ],
]

for (const [name, first, second, message] of CHANGES) {
  test(`a handler that changed under its turn is told the first difference: ${name}`, async (t) => {
    const reached = gate()
    const ran = recorder()
    const begin: Run = async (turn) => {
      await first(turn)
      await turn.step('reached', () => {
        reached.open()
        return never()
      })
    }
    const changed: Run = async (turn) => {
      await second(turn)
      ran.note('went on')
    }
    const { space, id } = await interrupt(t, begin, changed, reached.opened)
    await untilState(space, id, 'dead')
    const { error, attempts } = await space.receipt(id)
    assert.equal(error?.code, 'COTERIE_JOURNAL_MISMATCH')
    assert.match(error?.message ?? '', message)
    assert.equal(attempts, 1)
  })
}

test('a dead letter is run by the version that fits it once that is back', async (t) => {
  const url = tempUrl(t)
  const reached = gate()
  const old: Run = async (turn) => {
    await turn.step('one', () => 1)
    await turn.step('two', () => {
      if (reached.opened !== undefined) reached.open()
      return turn.attempt === 1 && !fixed ? never() : 2
    })
  }
  let fixed = false
  const one = await start(t, [workerOf(old)], { url })
  const id = await one.send(workerOf(old).go, null)
  await reached.opened
  await one.close()
  const two = await start(t, [workerOf((turn) => turn.step('other', () => 1))], { url })
  await untilState(two, id, 'dead')
  await two.close()
  fixed = true
  const three = await start(t, [workerOf(old)], { url })
  await three.retryDead(id)
  await untilState(three, id, 'handled')
})

test('a turn that was interrupted many times still ends once', async (t) => {
  const url = tempUrl(t)
  const ran = recorder()
  const sent = recorder()
  const sink = agent('sink', { take: on({ input: nothing }, () => sent.note(1)) })
  const steps = 8
  let stop = gate()
  const worker = workerOf(async (turn) => {
    turn.send(sink.take, null)
    for (let i = 0; i < steps; i++) {
      await turn.step(`step ${i}`, () => ran.note(i))
      if (i % 2 === 0) await turn.ask(helper.add, i)
      stop.open()
      await delay(1)
    }
  })
  let space = await start(t, [worker, helper, sink], { url })
  const id = await space.send(worker.go, null)
  for (let round = 0; round < 10; round++) {
    await stop.opened
    stop = gate()
    await space.close()
    space = await start(t, [worker, helper, sink], { url })
    if ((await space.receipt(id)).state === 'handled') break
  }
  await untilState(space, id, 'handled')
  await space.idle()
  assert.deepEqual(
    ran.seen,
    Array.from({ length: steps }, (_, i) => i),
  )
  assert.equal(sent.seen.length, 1)
})

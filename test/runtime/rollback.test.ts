import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { agent, on } from '../../src/index.ts'
import type { Agent, Handler, Turn } from '../../src/index.ts'
import {
  ONCE,
  QUICK,
  gate,
  never,
  nothing,
  recorder,
  start,
  tempUrl,
  test,
  text,
  turnRecords,
  until,
  untilState,
} from './helpers.ts'

type Worker = Agent<{ readonly go: Handler<null, unknown> }>

function rollingBack(run: (turn: Turn<unknown>) => unknown, retry = {}): Worker {
  return agent('worker', {
    go: on({ input: nothing, failure: 'rollback', retry: { ...ONCE, firstMs: 2, ...retry } }, (turn) =>
      run(turn),
    ),
  })
}

test('what a failed turn did is undone in reverse, with each result, and then it is a dead letter', async (t) => {
  const log = recorder()
  const worker = rollingBack(async (turn) => {
    for (const name of ['hotel', 'flight']) {
      await turn.step(name, () => ({ booked: name }), {
        undo: (result, { idempotencyKey }) => log.note([name, result?.booked, idempotencyKey.length]),
      })
    }
    await turn.step('no undo', () => 1)
    throw new Error('card refused')
  })
  const space = await start(t, [worker])
  const answer = await space.askSettled(worker.go, null)
  assert.equal(answer.ok ? '' : answer.error.message, 'card refused')
  assert.deepEqual(log.seen, [
    ['flight', 'flight', 40],
    ['hotel', 'hotel', 40],
  ])
  const [dead] = await space.dead()
  const records = await turnRecords(space, dead?.envelope.id ?? '')
  assert.deepEqual(records.at(-1)?.detail?.undone, ['flight', 'hotel'])
})

test('nothing is undone before the last attempt, nor when the turn succeeds in the end', async (t) => {
  const log = recorder()
  const worker = rollingBack(
    async (turn) => {
      await turn.step('book', () => log.note('book'), { undo: () => log.note('undo') })
      if (turn.attempt < 3) throw new Error('again')
      return 'done'
    },
    { attempts: 3 },
  )
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), 'done')
  assert.deepEqual(log.seen, ['book'])
})

test('a step that failed is undone too, without a result: it may have done something', async (t) => {
  const log = recorder()
  const worker = rollingBack(async (turn) => {
    await turn.step('first', () => 1, { undo: (result) => log.note(`undo first ${result}`) })
    await turn.step(
      'second',
      () => {
        throw new Error('no')
      },
      { undo: (result) => log.note(`undo second ${String(result)}`) },
    )
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  assert.deepEqual(log.seen, ['undo second undefined', 'undo first 1'])
})

test('without failure: rollback nothing is undone when a turn fails', async (t) => {
  const log = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step('book', () => 1, { undo: () => log.note('undo') })
      throw new Error('no')
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  assert.deepEqual(log.seen, [])
})

test('an undo is registered before its step starts: a crash in the middle of the step is covered', async (t) => {
  const url = tempUrl(t)
  const log = recorder()
  const reached = gate()
  const one = await start(
    t,
    [
      rollingBack(async (turn) => {
        await turn.step('first', () => 1, { undo: () => log.note('never here') })
        await turn.step(
          'charge',
          () => {
            reached.open()
            return never<number>()
          },
          { undo: () => log.note('never here') },
        )
      }),
    ],
    { url },
  )
  const worker = rollingBack(async (turn) => {
    await turn.step('first', () => log.note('again'), { undo: (r) => log.note(`undo first ${String(r)}`) })
    await delay(15)
    await turn.step('charge', () => log.note('again'), { undo: (r) => log.note(`undo charge ${String(r)}`) })
  })
  const id = await one.send(worker.go, null)
  await reached.opened
  await one.close()

  // Nobody runs the agent while it is cancelled: its compensations wait for it.
  const tool = await start(t, [], { url })
  await tool.cancel(id)
  assert.equal((await tool.receipt(id)).state, 'cancelling')
  await tool.close()
  const two = await start(t, [worker], { url })
  await untilState(two, id, 'cancelled')
  assert.deepEqual(log.seen, ['undo charge undefined', 'undo first 1'])
})

test('a rollback that a crash interrupts goes on, and repeats no undo that has finished', async (t) => {
  const url = tempUrl(t)
  const log = recorder()
  const reached = gate()
  const body =
    (hang: boolean) =>
    async (turn: Turn<unknown>): Promise<void> => {
      for (const name of ['a', 'b', 'c']) {
        await turn.step(name, () => name, {
          undo: (result) => {
            log.note(`undo ${String(result)}`)
            if (name !== 'b' || !hang) return undefined
            reached.open()
            return never()
          },
        })
      }
      throw new Error('no')
    }
  const one = await start(t, [rollingBack(body(true))], { url })
  const id = await one.send(rollingBack(body(true)).go, null)
  await reached.opened
  await one.close()
  const two = await start(t, [rollingBack(body(false))], { url })
  await untilState(two, id, 'dead')
  assert.deepEqual(log.seen, ['undo c', 'undo b', 'undo b', 'undo a'])
  assert.equal((await two.receipt(id)).error?.message, 'no')
  assert.deepEqual((await turnRecords(two, id)).at(-1)?.detail?.undone, ['c', 'b', 'a'])
})

test('an undo that fails is tried again, and does not run beside another', async (t) => {
  const log = recorder()
  let tries = 0
  const worker = rollingBack(
    async (turn) => {
      await turn.step('a', () => 1, { undo: () => log.note('undo a') })
      await turn.step('b', () => 1, {
        undo: () => {
          tries += 1
          log.note(`undo b ${tries}`)
          if (tries < 2) throw new Error('not yet')
        },
      })
      throw Object.assign(new Error('no'), { retryable: false })
    },
    { attempts: 3 },
  )
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  assert.deepEqual(log.seen, ['undo b 1', 'undo b 2', 'undo a'])
  assert.equal((await space.receipt(id)).error?.message, 'no')
})

test('an undo that cannot be done ends in COTERIE_ROLLBACK_FAILED with its cause', async (t) => {
  const log = recorder()
  const worker = rollingBack(async (turn) => {
    await turn.step('a', () => 1, { undo: () => log.note('undo a') })
    await turn.step('b', () => 1, {
      undo: () => {
        throw new TypeError('stuck')
      },
    })
    throw new Error('no')
  })
  const space = await start(t, [worker])
  const answer = await space.askSettled(worker.go, null)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_ROLLBACK_FAILED')
  assert.match(answer.ok ? '' : answer.error.message, /compensation of step "b" failed 1 times: stuck/)
  assert.equal(answer.ok ? '' : answer.error.cause?.code, 'TypeError')
  assert.deepEqual(log.seen, [])
  const [dead] = await space.dead()
  assert.match(dead?.error ?? '', /COTERIE_ROLLBACK_FAILED/)
})

test('what the failed run had buffered is not sent by its rollback', async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => got.note(s)) })
  const worker = rollingBack(async (turn) => {
    turn.send(sink.take, 'before')
    await turn.step('a', () => 1, { undo: () => undefined })
    turn.send(sink.take, 'after')
    turn.append('stream', 'noted', 1)
    throw new Error('no')
  })
  const space = await start(t, [sink, worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  await space.idle()
  assert.deepEqual(got.seen, [])
  assert.equal((await space.store.stream('stream')).version, 0)
})

test('a turn that is cancelled undoes what it did, and then is cancelled', async (t) => {
  const log = recorder()
  const reached = gate()
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => 'room 7', { undo: (result) => log.note(`undo ${String(result)}`) })
    await turn.step('wait', () => {
      reached.open()
      return never()
    })
  })
  const space = await start(t, [worker])
  const asked = space.askSettled(worker.go, null)
  await reached.opened
  const [mail] = await space.store.messagesOf({ state: 'delivered', limit: 1 })
  await space.cancel(mail?.envelope.id ?? '')
  const answer = await asked
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_CANCELLED')
  await untilState(space, mail?.envelope.id ?? '', 'cancelled')
  assert.deepEqual(log.seen, ['undo room 7'])
})

test('a turn that waits is undone when it is cancelled, across its segments', async (t) => {
  const log = recorder()
  const worker = rollingBack(async (turn) => {
    await turn.step('one', () => 1, { undo: () => log.note('undo one') })
    await turn.sleep(1)
    await turn.step('two', () => 2, { undo: () => log.note('undo two') })
    await turn.sleep(60_000)
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await until('it sleeps long', async () => (await space.store.waits(`turn_${id.slice(4)}`))[0]?.index === 3)
  await untilState(space, id, 'waiting')
  await space.cancel(id)
  await untilState(space, id, 'cancelled')
  assert.deepEqual(log.seen, ['undo two', 'undo one'])
})

test('a turn whose deadline passes undoes what it did, and expires', async (t) => {
  const log = recorder()
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => 1, { undo: () => log.note('undo') })
    await turn.step('wait', () => never())
  }, QUICK)
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null, { timeoutMs: 60 })
  await untilState(space, id, 'expired')
  assert.deepEqual(log.seen, ['undo'])
})

test('a turn whose deadline passes before its next attempt undoes what it did, and expires', async (t) => {
  const log = recorder()
  const retry = { attempts: 3, firstMs: 2_000, factor: 1, maxMs: 2_000 }
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => 1, { undo: () => log.note('undo') })
    throw new Error('not yet')
  }, retry)
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null, { timeoutMs: 60 })
  await untilState(space, id, 'expired')
  assert.deepEqual(log.seen, ['undo'])
})

test('a turn that is taken up again when its deadline has passed does nothing but undo', async (t) => {
  const url = tempUrl(t)
  const log = recorder()
  const reached = gate()
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => 1, { undo: () => log.note('undo') })
    if (!log.seen.includes('away')) {
      reached.open()
      await never()
    }
    await turn.step('pay', () => log.note('paid'), { undo: () => log.note('paid back') })
  }, QUICK)
  const first = await start(t, [worker], { url })
  const id = await first.send(worker.go, null, { timeoutMs: 300 })
  await reached.opened
  await first.close()
  log.note('away')
  await delay(350)
  const second = await start(t, [worker], { url })
  await untilState(second, id, 'expired')
  assert.deepEqual(log.seen, ['away', 'undo'])
})

test('a cancelled turn whose undo fails is cancelled, with the failure named', async (t) => {
  const reached = gate()
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => 1, {
      undo: () => {
        throw new Error('stuck')
      },
    })
    await turn.step('wait', () => {
      reached.open()
      return never()
    })
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await reached.opened
  await space.cancel(id)
  await untilState(space, id, 'cancelled')
  assert.equal((await space.receipt(id)).error?.code, 'COTERIE_ROLLBACK_FAILED')
})

test('a dead letter that was rolled back begins anew when it is put back', async (t) => {
  const log = recorder()
  let broken = true
  const worker = rollingBack(async (turn) => {
    await turn.step('book', () => log.note('book'), { undo: () => log.note('undo') })
    if (broken) throw new Error('no')
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  broken = false
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.deepEqual(log.seen, ['book', 'undo', 'book'])
})

test('a rollback that was given up goes on where it stopped when its dead letter is put back', async (t) => {
  const log = recorder()
  let broken = true
  const worker = rollingBack(async (turn) => {
    await turn.step('a', () => 1, { undo: () => log.note('undo a') })
    await turn.step('b', () => 1, {
      undo: () => {
        if (broken) throw new Error('stuck')
        log.note('undo b')
      },
    })
    await turn.step('c', () => 1, { undo: () => log.note('undo c') })
    throw new Error('no')
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  broken = false
  await space.retryDead(id)
  await until('it was undone', () => log.seen.length >= 3)
  await untilState(space, id, 'dead')
  assert.deepEqual(log.seen, ['undo c', 'undo b', 'undo a'])
  assert.equal((await space.receipt(id)).error?.message, 'no')
})

test('a step that still runs when the turn fails hears its signal before it is undone', async (t) => {
  const log = recorder()
  const reached = gate()
  const worker = rollingBack(async (turn) => {
    const slow = turn.step(
      'slow',
      ({ signal }) => {
        signal.addEventListener('abort', () => log.note('signal'))
        reached.open()
        return never()
      },
      { undo: (result) => log.note(`undo ${String(result)}`) },
    )
    await reached.opened
    await Promise.all([
      slow,
      turn.step('fails', () => {
        throw new Error('no')
      }),
    ])
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  assert.deepEqual(log.seen, ['signal', 'undo undefined'])
})

test('a turn that ends at a full mailbox, for the last time, is rolled back like any other', async (t) => {
  const log = recorder()
  const held = gate()
  const sink = agent('sink', { take: on({ input: nothing }, () => held.opened) })
  const worker = rollingBack(
    async (turn) => {
      await turn.step('book', () => log.note('book'), { undo: () => log.note('undo') })
      turn.send(sink.take, null)
    },
    { attempts: 2 },
  )
  const space = await start(t, [sink, worker], { limits: { mailboxDepth: 1 } })
  await space.send(sink.take, null)
  const answer = await space.askSettled(worker.go, null)
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_MAILBOX_FULL')
  assert.deepEqual(log.seen, ['book', 'undo'])
  const [dead] = await space.dead()
  const records = await turnRecords(space, dead?.envelope.id ?? '')
  assert.deepEqual(records.at(-1)?.detail?.undone, ['book'])
  held.open()
})

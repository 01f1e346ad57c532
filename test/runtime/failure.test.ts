import assert from 'node:assert/strict'
import { agent, CoterieError, on } from '../../src/index.ts'
import type { ErrorValue } from '../../src/index.ts'
import type { RecordDetail } from '../../src/core/record.ts'
import {
  ONCE,
  QUICK,
  code,
  nothing,
  number,
  recorder,
  start,
  test,
  text,
  turnRecords,
  until,
  untilState,
} from './helpers.ts'

/** The message of the error in a record's detail. */
function messageOf(detail: RecordDetail | null): string {
  return (detail?.error as ErrorValue | undefined)?.message ?? ''
}

test('a failed turn is tried again after a pause, with its attempts counted, and then is a dead letter', async (t) => {
  const times = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: { attempts: 3, firstMs: 20, factor: 2, maxMs: 1_000 } }, (turn) => {
      times.note([turn.attempt, Date.now()])
      throw new Error('outer', { cause: new CoterieError('COTERIE_STEP_FAILED', 'inner', { cause: 'root' }) })
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  const seen = times.seen as [number, number][]
  assert.deepEqual(
    seen.map(([attempt]) => attempt),
    [1, 2, 3],
  )
  const pauses = seen.slice(1).map(([, at], i) => at - (seen[i]?.[1] ?? 0))
  assert.ok((pauses[0] ?? 0) >= 9, `first pause ${pauses[0]}`)
  assert.ok((pauses[1] ?? 0) >= 19, `second pause ${pauses[1]}`)
  const { attempts, error } = await space.receipt(id)
  assert.equal(attempts, 3)
  assert.equal(error?.code, 'Error')
  assert.equal(error?.message, 'outer')
  assert.equal(error?.cause?.code, 'COTERIE_STEP_FAILED')
  assert.equal(error?.cause?.cause?.message, 'root')
  const records = await turnRecords(space, id)
  assert.deepEqual(
    records.map(({ body, detail }) => [body.turn?.attempt, body.turn?.end, messageOf(detail)]),
    [
      [1, 'retry', 'outer'],
      [2, 'retry', 'outer'],
      [3, 'dead', 'outer'],
    ],
  )
  assert.deepEqual(
    (await space.dead()).map((row) => row.envelope.id),
    [id],
  )
})

test('a turn that succeeds in the end is handled, and its failures are in the log', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing, retry: QUICK }, (turn) => {
      if (turn.attempt < 3) throw new TypeError('not yet')
      return turn.attempt
    }),
  })
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), 3)
})

test('an error marked as final makes a dead letter at once', async (t) => {
  let runs = 0
  const worker = agent('worker', {
    mark: on({ input: nothing, retry: QUICK }, () => {
      runs += 1
      throw Object.assign(new Error('never'), { retryable: false })
    }),
    coterie: on({ input: nothing, retry: QUICK }, () => {
      runs += 1
      throw new CoterieError('COTERIE_NOT_FOUND', 'gone')
    }),
  })
  const space = await start(t, [worker])
  for (const handler of [worker.mark, worker.coterie]) {
    const id = await space.send(handler, null)
    await untilState(space, id, 'dead')
    assert.equal((await space.receipt(id)).attempts, 1)
  }
  assert.equal(runs, 2)
})

test('whatever is thrown is kept as an error', async (t) => {
  const things: unknown[] = [
    'text',
    7,
    null,
    undefined,
    { a: 1 },
    Object.assign(new Error('x'), { code: 'E_X' }),
  ]
  const worker = agent('worker', {
    go: on({ input: number, retry: ONCE }, (_turn, i) => {
      throw things[i]
    }),
  })
  const space = await start(t, [worker])
  const errors: string[] = []
  for (let i = 0; i < things.length; i++) {
    const answer = await space.askSettled(worker.go, i)
    errors.push(answer.ok ? '' : `${answer.error.code}: ${answer.error.message}`)
  }
  assert.deepEqual(errors, [
    'UNKNOWN: text',
    'UNKNOWN: 7',
    'UNKNOWN: null',
    'UNKNOWN: undefined',
    'UNKNOWN: {"a":1}',
    'E_X: x',
  ])
})

test('a message that keeps failing holds up no other sender, and its own lane only until it is dead', async (t) => {
  const order = recorder()
  const sink = agent('sink', {
    take: on({ input: text, retry: { attempts: 3, firstMs: 300, factor: 1, maxMs: 300 } }, (turn, s) => {
      order.note(`${s}${s === 'poison' ? turn.attempt : ''}`)
      if (s === 'poison') throw new Error('no')
    }),
  })
  const sender = agent('sender', {
    go: on({ input: text }, (turn, s) => {
      turn.send(sink.take, s)
      turn.send(sink.take, `after ${s}`)
    }),
  })
  const space = await start(t, [sink, sender])
  await space.ask(sender.go, 'poison', { key: 'a' })
  await until('the first attempt', () => order.seen.length === 1)
  await space.ask(sender.go, 'fine', { key: 'b' })
  await space.idle()
  assert.deepEqual(order.seen, ['poison1', 'fine', 'after fine', 'poison2', 'poison3', 'after poison'])
})

test('the order of a lane is kept across retries', async (t) => {
  const order = recorder()
  const sink = agent('sink', {
    take: on({ input: number, retry: QUICK }, (turn, n) => {
      if (n % 3 === 0 && turn.attempt < 3) throw new Error('again')
      order.note(n)
    }),
  })
  const space = await start(t, [sink])
  await Promise.all(Array.from({ length: 30 }, (_, n) => space.send(sink.take, n)))
  await space.idle()
  assert.deepEqual(
    order.seen,
    Array.from({ length: 30 }, (_, n) => n),
  )
})

test('an asker gets a failure as an error with its cause, or as a value, whichever it asked for', async (t) => {
  const fragile = agent('fragile', {
    go: on({ input: nothing, retry: ONCE }, () => {
      throw new TypeError('broken')
    }),
  })
  const boss = agent('boss', {
    throws: on({ input: nothing, retry: ONCE }, (turn) => turn.ask(fragile.go, null)),
    value: on({ input: nothing }, async (turn) => {
      const answer = await turn.askSettled(fragile.go, null)
      return answer.ok ? 'ok' : `${answer.error.code} ${answer.error.message}`
    }),
  })
  const space = await start(t, [fragile, boss])
  await assert.rejects(space.ask(fragile.go, null), (error: unknown) => {
    code('COTERIE_ASK_FAILED', /fragile could not answer "go": broken/)(error)
    const { cause } = error as Error
    assert.equal((cause as Error & { code: string }).code, 'TypeError')
    return true
  })
  assert.deepEqual(await space.askSettled(fragile.go, null), {
    ok: false,
    error: { code: 'TypeError', message: 'broken', retryable: true },
  })
  assert.equal(await space.ask(boss.value, null), 'TypeError broken')
  const nested = await space.askSettled(boss.throws, null)
  assert.equal(nested.ok ? '' : nested.error.code, 'COTERIE_ASK_FAILED')
  assert.equal(nested.ok ? '' : nested.error.cause?.code, 'TypeError')
})

test('continue: the message counts as handled, and an asker is told of the failure', async (t) => {
  let runs = 0
  const worker = agent('worker', {
    go: on({ input: nothing, failure: 'continue', retry: { ...QUICK, attempts: 2 } }, () => {
      runs += 1
      throw new Error('no luck')
    }),
  })
  const space = await start(t, [worker])
  const answer = await space.askSettled(worker.go, null)
  assert.equal(answer.ok ? '' : answer.error.message, 'no luck')
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  assert.equal(runs, 4)
  assert.equal((await space.status()).messages.dead, 0)
  assert.equal((await turnRecords(space, id)).at(-1)?.detail?.error !== undefined, true)
})

test('a dead letter can be put back, with fresh attempts', async (t) => {
  let broken = true
  let runs = 0
  const worker = agent('worker', {
    go: on({ input: nothing, retry: { ...QUICK, attempts: 2 } }, () => {
      runs += 1
      if (broken) throw new Error('no')
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  await space.retryDead(id)
  await until('it failed again', () => runs === 4)
  await untilState(space, id, 'dead')
  broken = false
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.equal(runs, 5)
  assert.equal((await space.receipt(id)).error, undefined)
  await assert.rejects(space.retryDead(id), code('COTERIE_INVALID_ARGUMENT', /it is handled/))
  await assert.rejects(space.retryDead('msg_none'), code('COTERIE_NOT_FOUND'))
})

test('a dead letter that is put back does not repeat the steps that succeeded', async (t) => {
  const ran = recorder()
  let broken = true
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step('paid', () => ran.note('paid'))
      await turn.step('fails', () => {
        ran.note('tried')
        if (broken) throw new Error('no')
      })
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  broken = false
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.deepEqual(ran.seen, ['paid', 'tried', 'tried'])
})

test('a dead letter can be dropped: it counts as cancelled', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, () => {
      throw new Error('no')
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  await space.dropDead(id)
  assert.equal((await space.receipt(id)).state, 'cancelled')
  assert.equal((await space.dead()).length, 0)
  await assert.rejects(space.dropDead(id), code('COTERIE_INVALID_ARGUMENT'))
})

test('a failed attempt sends and appends nothing, also of what it did before a wait was committed', async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => got.note(s)) })
  const worker = agent('worker', {
    go: on({ input: nothing, retry: QUICK }, async (turn) => {
      turn.send(sink.take, 'before')
      await turn.sleep(1)
      turn.send(sink.take, `between ${turn.attempt}`)
      if (turn.attempt < 3) throw new Error('no')
    }),
  })
  const space = await start(t, [sink, worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  await space.idle()
  assert.deepEqual(got.seen, ['before', 'between 3'])
})

test('a question whose answer failed is not asked anew by itself: the answerer has tried already', async (t) => {
  let asked = 0
  const fragile = agent('fragile', {
    go: on({ input: nothing, retry: ONCE }, () => {
      asked += 1
      if (asked < 3) throw new Error(`no ${asked}`)
      return asked
    }),
  })
  const boss = agent('boss', {
    go: on({ input: nothing, retry: QUICK }, (turn) => turn.ask(fragile.go, null)),
    insists: on({ input: nothing, retry: QUICK }, async (turn) => {
      try {
        return await turn.ask(fragile.go, null)
      } catch (cause) {
        throw new Error('again, please', { cause })
      }
    }),
  })
  const space = await start(t, [fragile, boss])
  const id = await space.send(boss.go, null)
  await untilState(space, id, 'dead')
  assert.equal(asked, 1)
  assert.equal(await space.ask(boss.insists, null), 3)
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.equal(asked, 4)
})

test('a dead letter that is put back finds the answers that it had', async (t) => {
  let asked = 0
  let broken = true
  const helper = agent('helper', { go: on({ input: nothing }, () => ++asked) })
  const boss = agent('boss', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.ask(helper.go, null)
      if (broken) throw new Error('no')
    }),
  })
  const space = await start(t, [helper, boss])
  const id = await space.send(boss.go, null)
  await untilState(space, id, 'dead')
  broken = false
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.equal(asked, 1)
})

test('an answer that is not used up by a failed attempt is there for the next one', async (t) => {
  let asked = 0
  const helper = agent('helper', { go: on({ input: nothing }, () => ++asked) })
  const boss = agent('boss', {
    go: on({ input: nothing, retry: QUICK }, async (turn) => {
      const n = await turn.ask(helper.go, null)
      if (turn.attempt < 3) throw new Error('no')
      return n
    }),
  })
  const space = await start(t, [helper, boss])
  assert.equal(await space.ask(boss.go, null), 1)
  assert.equal(asked, 1)
  assert.equal((await space.status()).messages.answered, 0)
})

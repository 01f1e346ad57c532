import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { agent, on } from '../../src/index.ts'
import type { ErrorValue } from '../../src/index.ts'
import {
  ONCE,
  QUICK,
  code,
  gate,
  never,
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

/** The codes along an error's chain of causes. */
function chain(error: ErrorValue | undefined): readonly string[] {
  return error === undefined ? [] : [error.code, ...chain(error.cause)]
}

test('a step runs once and gives back what it returned', async (t) => {
  let runs = 0
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      const a = await turn.step('count', () => ++runs)
      const b = await turn.step('count', async () => Promise.resolve(++runs))
      return [a, b]
    }),
  })
  const space = await start(t, [worker])
  assert.deepEqual(await space.ask(worker.go, null), [1, 2])
  assert.equal(runs, 2)
})

test('a step gives back its result as JSON keeps it, on the first run too', async (t) => {
  const held: Record<string, unknown> = { kept: 1, dropped: undefined, list: [1.5, -0] }
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      const got = await turn.step('make', () => held)
      assert.notEqual(got, held)
      assert.deepEqual(Object.keys(got), ['kept', 'list'])
      assert.equal(await turn.step('nothing', () => undefined), undefined)
      return got
    }),
  })
  const space = await start(t, [worker])
  assert.deepEqual(await space.ask(worker.go, null), { kept: 1, list: [1.5, 0] })
})

test('a step result that JSON would silently change fails the step', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, (turn) => turn.step('make', () => new Map())),
  })
  const space = await start(t, [worker])
  const answer = await space.askSettled(worker.go, null)
  assert.deepEqual(chain(answer.ok ? undefined : answer.error), [
    'COTERIE_STEP_FAILED',
    'COTERIE_INVALID_PAYLOAD',
  ])
})

test('a step is tried again under its own policy, with one key and its number of the try', async (t) => {
  const tries = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.step(
        'flaky',
        ({ attempt, idempotencyKey }) => {
          tries.note([attempt, idempotencyKey])
          if (attempt < 3) throw new Error(`try ${attempt}`)
          return 'done'
        },
        { retry: QUICK },
      ),
    ),
  })
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), 'done')
  const seen = tries.seen as [number, string][]
  assert.deepEqual(
    seen.map(([attempt]) => attempt),
    [1, 2, 3],
  )
  assert.equal(new Set(seen.map(([, key]) => key)).size, 1)
})

test('a failed step names itself, how often it was tried, and the whole cause', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.step(
        'call',
        () => {
          throw new Error('outer', { cause: new TypeError('inner') })
        },
        { retry: { ...QUICK, attempts: 2 } },
      ),
    ),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  const { error } = await space.receipt(id)
  assert.match(error?.message ?? '', /Step "call" failed 2 times: outer/)
  assert.deepEqual(chain(error), ['COTERIE_STEP_FAILED', 'Error', 'TypeError'])
})

test('an error that says that trying again is pointless ends the step and the turn at once', async (t) => {
  let tries = 0
  const worker = agent('worker', {
    go: on({ input: nothing, retry: QUICK }, (turn) =>
      turn.step(
        'call',
        () => {
          tries += 1
          throw Object.assign(new Error('forbidden'), { retryable: false })
        },
        { retry: QUICK },
      ),
    ),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'dead')
  assert.equal(tries, 1)
  assert.equal((await space.receipt(id)).attempts, 1)
})

test('a step that takes too long is stopped: its signal fires and its error says so', async (t) => {
  const heard = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.step(
        'slow',
        async ({ signal, attempt }) => {
          signal.addEventListener('abort', () => heard.note((signal.reason as { code: string }).code))
          if (attempt === 1) await never()
          return attempt
        },
        { timeoutMs: 20, retry: QUICK },
      ),
    ),
    fail: on({ input: nothing, retry: ONCE }, (turn) => turn.step('slow', () => never(), { timeoutMs: 20 })),
  })
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), 2)
  assert.deepEqual(heard.seen, ['COTERIE_STEP_TIMEOUT'])
  const answer = await space.askSettled(worker.fail, null)
  assert.deepEqual(chain(answer.ok ? undefined : answer.error), [
    'COTERIE_STEP_FAILED',
    'COTERIE_STEP_TIMEOUT',
  ])
})

test('what a step used is added up over its tries and recorded with its result', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step(
        'model',
        ({ usage, attempt }) => {
          usage({ inputTokens: 10, costMicros: 3 })
          usage({ outputTokens: 5 })
          if (attempt === 1) throw new Error('again')
        },
        { retry: QUICK },
      )
      await turn.sleep(0)
    }),
    wrong: on({ input: nothing, retry: ONCE }, (turn) =>
      turn.step('model', ({ usage }) => usage({ cost: 0.5 })),
    ),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  const chunks = await space.store.journal(`turn_${id.slice(4)}`)
  const entries = chunks.flatMap((chunk) => (JSON.parse(chunk.text) as { entries: object[] }).entries)
  assert.deepEqual(
    entries.flatMap((entry) => ('usage' in entry ? [entry.usage] : [])),
    [{ inputTokens: 20, costMicros: 6, outputTokens: 10 }],
  )
  const answer = await space.askSettled(worker.wrong, null)
  assert.match(answer.ok ? '' : answer.error.message, /whole numbers/)
})

test('the idempotency key differs between steps, occurrences and turns, and only between them', async (t) => {
  const keys = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      for (const name of ['a', 'a', 'b'])
        await turn.step(name, ({ idempotencyKey }) => keys.note(idempotencyKey))
    }),
  })
  const space = await start(t, [worker])
  await space.ask(worker.go, null)
  await space.ask(worker.go, null)
  assert.equal(new Set(keys.seen).size, 6)
  for (const key of keys.seen) assert.match(String(key), /^[0-9a-f]{40}$/)
})

test('a later attempt does not repeat a step that succeeded, and does repeat the one that failed', async (t) => {
  const ran = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: QUICK }, async (turn) => {
      await turn.step('first', () => ran.note(`first ${turn.attempt}`))
      await turn.step('second', () => {
        ran.note(`second ${turn.attempt}`)
        if (turn.attempt < 3) throw new Error('no')
      })
      await turn.step('third', () => ran.note(`third ${turn.attempt}`))
      return turn.attempt
    }),
  })
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), 3)
  assert.deepEqual(ran.seen, ['first 1', 'second 1', 'second 2', 'second 3', 'third 3'])
})

test('a failure that the handler catches is kept, and the step is not repeated', async (t) => {
  const ran = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing, retry: QUICK }, async (turn) => {
      const caught = await turn
        .step('risky', () => {
          ran.note('risky')
          throw new Error('no')
        })
        .catch((error: unknown) => code('COTERIE_STEP_FAILED')(error))
      await turn.step('mend', () => ran.note('mend'))
      if (turn.attempt === 1) throw new Error('again')
      return caught
    }),
  })
  const space = await start(t, [worker])
  assert.equal(await space.ask(worker.go, null), true)
  assert.deepEqual(ran.seen, ['risky', 'mend'])
})

test('steps may run at the same time', async (t) => {
  const both = gate()
  let running = 0
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      const one = async (n: number): Promise<number> => {
        if (++running === 2) both.open()
        await both.opened
        return n
      }
      return Promise.all([turn.step('a', () => one(1)), turn.step('b', () => one(2))])
    }),
  })
  const space = await start(t, [worker])
  assert.deepEqual(await space.ask(worker.go, null), [1, 2])
})

test('a step, an ask and a sleep may go on at the same time', async (t) => {
  const helper = agent('helper', { add: on({ input: number }, (_turn, n) => n + 1) })
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      const [a, b] = await Promise.all([
        turn.step('slow', async () => delay(20, 1)),
        turn.ask(helper.add, 1),
        turn.sleep(10),
      ])
      return [a, b]
    }),
  })
  const space = await start(t, [helper, worker])
  assert.deepEqual(await space.ask(worker.go, null), [1, 2])
})

test('refuses a step without a usable name', async (t) => {
  const worker = agent('worker', { go: on({ input: text }, (turn, name) => turn.step(name, () => 1)) })
  const space = await start(t, [worker])
  for (const name of ['', 'x'.repeat(201)]) {
    const answer = await space.askSettled(worker.go, name)
    assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_INVALID_ARGUMENT')
  }
})

test('a turn that has ended does nothing more: what outlives it is told so', async (t) => {
  const late = recorder()
  const done = gate()
  const helper = agent('helper', { take: on({ input: nothing }, () => late.note('sent')) })
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      void (async () => {
        await delay(30)
        const acts: (() => unknown)[] = [
          () => turn.send(helper.take, null),
          () => turn.now(),
          () => turn.reason('late'),
          () => turn.append('s', 't', 1),
          () => turn.reply(1),
        ]
        for (const act of acts) assert.throws(act, code('COTERIE_TURN_ENDED'))
        await assert.rejects(
          turn.step('late', () => late.note('ran')),
          code('COTERIE_TURN_ENDED'),
        )
        await assert.rejects(turn.ask(helper.take, null), code('COTERIE_TURN_ENDED'))
        await assert.rejects(turn.sleep(1), code('COTERIE_TURN_ENDED'))
      })().then(
        () => done.open(),
        (error: unknown) => {
          late.note(String(error))
          done.open()
        },
      )
    }),
  })
  const space = await start(t, [helper, worker])
  await space.ask(worker.go, null)
  await done.opened
  await space.idle()
  assert.deepEqual(late.seen, [])
})

test('what a handler starts and does not await cannot stop the process when it fails', async (t) => {
  const helper = agent('helper', {
    fail: on({ input: nothing, retry: ONCE }, () => {
      throw new Error('no')
    }),
  })
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      void turn.ask(helper.fail, null)
      void turn.step('fails', () => {
        throw new Error('no')
      })
      await turn.sleep(20)
      return 'fine'
    }),
    leave: on({ input: nothing }, (turn) => {
      void turn.ask(helper.fail, null)
      void turn.step('never', () => never())
      return 'left'
    }),
  })
  const space = await start(t, [helper, worker])
  assert.equal(await space.ask(worker.go, null), 'fine')
  assert.equal(await space.ask(worker.leave, null), 'left')
  const id = await space.send(worker.leave, null)
  await untilState(space, id, 'handled')
})

test('reasons are kept in the detail of the record, bound by its hash', async (t) => {
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      turn.reason('because of a')
      turn.reason('and b')
      await turn.sleep(1)
      turn.reason('then c')
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  const records = await turnRecords(space, id)
  assert.deepEqual(
    records.map(({ body, detail }) => [body.turn?.end, body.turn?.segment, detail?.reasons]),
    [
      ['waiting', 0, ['because of a', 'and b']],
      ['handled', 1, ['then c']],
    ],
  )
  for (const { body } of records) assert.match(body.detail ?? '', /^[0-9a-f]{64}$/)
})

test('a step that ignores its signal cannot commit after its turn was given up', async (t) => {
  const sent = recorder()
  const slept = gate()
  const helper = agent('helper', { take: on({ input: nothing }, () => sent.note('sent')) })
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      await turn.step('deaf', async () => {
        await delay(60)
        slept.open()
      })
      turn.send(helper.take, null)
    }),
  })
  const space = await start(t, [helper, worker])
  const id = await space.send(worker.go, null, { timeoutMs: 20 })
  await untilState(space, id, 'expired')
  await slept.opened
  await delay(10)
  await space.idle()
  assert.deepEqual(sent.seen, [])
  await until('its journal has no result', async () => {
    const chunks = await space.store.journal(`turn_${id.slice(4)}`)
    return !chunks.some((chunk) => chunk.text.includes('"done"'))
  })
})

test('steps that are over, retries and waits leave nothing behind that listens to their turn', async (t) => {
  const listeners: number[] = []
  const ann = agent('ann', { hello: on({ input: nothing }, () => 'hello') })
  const worker = agent('worker', {
    go: on({ input: nothing, retry: ONCE }, async (turn) => {
      const count = (): unknown => listeners.push(getEventListeners(turn.signal, 'abort').length)
      await turn.step(
        'one',
        ({ signal, attempt }) => {
          assert.equal(signal.aborted, false)
          count()
          if (attempt === 1) throw new Error('once')
        },
        { retry: QUICK },
      )
      count()
      await turn.sleep(1)
      await turn.ask(ann.hello, null)
      count()
      await assert.rejects(turn.step('late', () => never(), { timeoutMs: 5 }))
      count()
    }),
  })
  const space = await start(t, [ann, worker])
  await space.ask(worker.go, null)
  // Within a step it is the step alone that listens.
  assert.deepEqual(listeners.slice(0, 2), [1, 1])
  assert.deepEqual(listeners.slice(-3), [0, 0, 0])
})

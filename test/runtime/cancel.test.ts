import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { agent, CoterieError, on } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { code, gate, never, nothing, recorder, start, test, text, until, untilState } from './helpers.ts'

/** The ids of the messages that a message's turn sent. */
async function sentBy(space: Space, id: string): Promise<readonly string[]> {
  const rows = await space.store.messagesOf({ cause: `turn_${id.slice(4)}`, limit: 100 })
  return rows.map((row) => row.envelope.id)
}

test('a queued message that is cancelled is never handled, and its asker is told', async (t) => {
  const seen = recorder()
  const held = gate()
  const worker = agent('worker', {
    block: on({ input: nothing }, () => held.opened),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [worker])
  await space.send(worker.block, null)
  const id = await space.send(worker.take, 'sent', { idempotencyKey: 'a' })
  const asked = space.ask(worker.take, 'asked', { idempotencyKey: 'b' })
  const ask = await space.send(worker.take, 'asked', { idempotencyKey: 'b' })
  assert.deepEqual(await space.cancel(id), [id])
  assert.deepEqual(await space.cancel(ask), [ask])
  await assert.rejects(asked, code('COTERIE_CANCELLED'))
  held.open()
  await space.idle()
  assert.deepEqual(seen.seen, [])
  const receipt = await space.receipt(id)
  assert.equal(receipt.state, 'cancelled')
  assert.match(receipt.reason ?? '', /cancelled by client/)
})

test('a scheduled message that is cancelled never comes', async (t) => {
  const seen = recorder()
  const worker = agent('worker', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const space = await start(t, [worker])
  const id = await space.send(worker.take, 'x', { delayMs: 30 })
  await space.cancel(id)
  await delay(60)
  assert.deepEqual(seen.seen, [])
  assert.equal((await space.receipt(id)).state, 'cancelled')
})

test('a running turn that is cancelled hears its signal, and nothing of it commits', async (t) => {
  const seen = recorder()
  const reached = gate()
  const ended = gate()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      turn.send(sink.take, 'before')
      await turn
        .step('work', async ({ signal }) => {
          reached.open()
          await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
          seen.note((signal.reason as CoterieError).code)
        })
        .catch((error: unknown) => seen.note((error as CoterieError).code))
      assert.throws(() => turn.send(sink.take, 'after'), code('COTERIE_CANCELLED'))
      ended.open()
    }),
  })
  const space = await start(t, [sink, worker])
  const id = await space.send(worker.go, null)
  await reached.opened
  await space.cancel(id)
  await ended.opened
  await space.idle()
  assert.deepEqual(seen.seen.map(String).toSorted(), ['COTERIE_CANCELLED', 'COTERIE_CANCELLED'])
  assert.equal((await space.receipt(id)).state, 'cancelled')
})

test('a message may be cancelled by the id of its turn', async (t) => {
  const reached = gate()
  const ids = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      ids.note(turn.id)
      reached.open()
      return never()
    }),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await reached.opened
  await space.cancel(String(ids.seen[0]))
  assert.equal((await space.receipt(id)).state, 'cancelled')
  assert.equal((await space.receipt(String(ids.seen[0]))).id, id)
})

test('a cancel reaches everything that was caused: queued, scheduled, running, waiting, nested', async (t) => {
  const seen = recorder()
  const [running, blocked] = [gate(), gate()]
  const leaf = agent('leaf', {
    block: on({ input: nothing }, () => blocked.opened),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
    run: on({ input: nothing }, (turn) => {
      running.open()
      return new Promise((_resolve, reject) => {
        turn.signal.addEventListener('abort', () => {
          seen.note((turn.signal.reason as CoterieError).code)
          reject(turn.signal.reason)
        })
      })
    }),
  })
  const middle = agent('middle', {
    go: on({ input: nothing }, async (turn) => {
      turn.send(leaf.take, 'queued', { key: 'busy' })
      turn.send(leaf.take, 'scheduled', { key: 'later', delayMs: 50 })
      await turn.ask(leaf.run, null, { key: 'runs' })
    }),
  })
  const root = agent('root', {
    go: on({ input: nothing }, async (turn) => {
      await turn.ask(middle.go, null)
    }),
  })
  const space = await start(t, [leaf, middle, root])
  const blocker = await space.send(leaf.block, null, { key: 'busy' })
  const unrelated = await space.send(leaf.take, 'unrelated', { key: 'busy' })
  const id = await space.send(root.go, null)
  await running.opened
  await untilState(space, id, 'waiting')
  const [asked] = await sentBy(space, id)
  await untilState(space, asked ?? '', 'waiting')
  const inner = await sentBy(space, asked ?? '')
  assert.equal(inner.length, 3)

  const ended = await space.cancel(id)
  assert.deepEqual(ended.toSorted(), [id, asked ?? '', ...inner].toSorted())
  for (const each of ended) assert.equal((await space.receipt(each)).state, 'cancelled')
  blocked.open()
  await untilState(space, unrelated, 'handled')
  assert.equal((await space.receipt(blocker)).state, 'handled')
  await delay(70)
  assert.deepEqual(seen.seen, ['COTERIE_CANCELLED', 'unrelated'])
  await space.idle()
})

test('a cancelled trace ends whole, and another trace goes on', async (t) => {
  const seen = recorder()
  const held = gate()
  const worker = agent('worker', {
    block: on({ input: nothing }, () => held.opened),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [worker])
  await space.send(worker.block, null)
  const trace = 'f'.repeat(32)
  const ids = [
    await space.send(worker.take, 'a', { trace }),
    await space.send(worker.take, 'b', { trace, delayMs: 10 }),
  ]
  await space.send(worker.take, 'c')
  assert.deepEqual((await space.cancel(trace)).toSorted(), ids.toSorted())
  held.open()
  await delay(30)
  await space.idle()
  assert.deepEqual(seen.seen, ['c'])
})

test('an asker outside of what was cancelled is told, and may go on', async (t) => {
  const reached = gate()
  const helper = agent('helper', {
    run: on({ input: nothing }, () => {
      reached.open()
      return never()
    }),
  })
  const boss = agent('boss', {
    go: on({ input: nothing }, async (turn) => {
      const answer = await turn.askSettled(helper.run, null)
      return answer.ok ? 'ok' : answer.error.code
    }),
  })
  const space = await start(t, [helper, boss])
  const asked = space.ask(boss.go, null)
  await reached.opened
  let question: string | undefined
  await until('the helper works', async () => {
    const [row] = await space.store.messagesOf({ state: 'waiting', limit: 1 })
    if (row !== undefined) [question] = await sentBy(space, row.envelope.id)
    return question !== undefined
  })
  await space.cancel(question ?? '')
  assert.equal(await asked, 'COTERIE_CANCELLED')
})

test('cancelling what has ended changes nothing', async (t) => {
  const worker = agent('worker', { go: on({ input: nothing }, () => 'done') })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  assert.deepEqual(await space.cancel(id), [])
  assert.equal((await space.receipt(id)).state, 'handled')
  await assert.rejects(space.cancel('msg_none'), code('COTERIE_NOT_FOUND'))
  await assert.rejects(space.cancel('nonsense'), code('COTERIE_NOT_FOUND'))
})

test('what a handled message had caused is cancelled with it', async (t) => {
  const seen = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => void turn.send(worker.take, 'later', { delayMs: 50 })),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null)
  await untilState(space, id, 'handled')
  assert.equal((await space.cancel(id)).length, 1)
  await delay(70)
  assert.deepEqual(seen.seen, [])
})

test('the mailbox goes on with the next message when a turn is cancelled', async (t) => {
  const reached = gate()
  const seen = recorder()
  const worker = agent('worker', {
    hang: on({ input: nothing }, () => {
      reached.open()
      return never()
    }),
    take: on({ input: text }, (_turn, s) => seen.note(s)),
  })
  const space = await start(t, [worker])
  const id = await space.send(worker.hang, null)
  const next = await space.send(worker.take, 'next')
  await reached.opened
  await space.cancel(id)
  await untilState(space, next, 'handled')
  assert.deepEqual(seen.seen, ['next'])
})

test('a cancel is in the log, signed by who cancelled', async (t) => {
  const worker = agent('worker', { go: on({ input: nothing }, () => null) })
  const space = await start(t, [worker])
  const id = await space.send(worker.go, null, { delayMs: 60_000 })
  await space.cancel(id)
  const records = await space.store.records(0, 100)
  const cancel = records.find((record) => record.body.includes('"cancels"'))
  assert.equal(cancel?.author, space.address)
  assert.ok(cancel?.body.includes(id))
})

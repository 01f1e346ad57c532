import assert from 'node:assert/strict'
import { agent, CoterieError, on } from '../../src/index.ts'
import type { StalePolicy } from '../../src/index.ts'
import {
  ONCE,
  code,
  gate,
  nothing,
  number,
  recorder,
  start,
  test,
  text,
  turnRecords,
  untilState,
} from './helpers.ts'

test('a stream is read in the order appended, with versions from 1 and the data as it was', async (t) => {
  const ledger = agent('ledger', {
    write: on({ input: number }, (turn, n) => {
      turn.append('account', 'deposited', { n, note: `deposit ${n}` })
      turn.append('account', 'noted', [n])
      turn.append('other', 'noted', null)
    }),
    read: on({ input: text }, (turn, stream) => turn.read(stream)),
  })
  const space = await start(t, [ledger])
  await space.ask(ledger.write, 1)
  await space.ask(ledger.write, 2)
  const account = await space.ask(ledger.read, 'account')
  assert.equal(account.version, 4)
  assert.deepEqual(account.events, [
    { type: 'deposited', version: 1, data: { n: 1, note: 'deposit 1' } },
    { type: 'noted', version: 2, data: [1] },
    { type: 'deposited', version: 3, data: { n: 2, note: 'deposit 2' } },
    { type: 'noted', version: 4, data: [2] },
  ])
  assert.equal((await space.ask(ledger.read, 'other')).version, 2)
  assert.deepEqual(await space.ask(ledger.read, 'empty'), { version: 0, events: [] })
})

test('events of a turn that fails are not appended', async (t) => {
  const ledger = agent('ledger', {
    write: on({ input: nothing, retry: ONCE }, (turn) => {
      turn.append('account', 'deposited', 1)
      throw new Error('no')
    }),
  })
  const space = await start(t, [ledger])
  const id = await space.send(ledger.write, null)
  await untilState(space, id, 'dead')
  assert.equal((await space.store.stream('account')).version, 0)
})

test('refuses stream and event names that are none', async (t) => {
  const ledger = agent('ledger', {
    write: on({ input: text, retry: ONCE }, (turn, stream) => turn.append(stream, 'noted', 1)),
    type: on({ input: text, retry: ONCE }, (turn, type) => turn.append('stream', type, 1)),
  })
  const space = await start(t, [ledger])
  for (const stream of ['', '@agents', 'a\nb', 'x'.repeat(201)]) {
    const answer = await space.askSettled(ledger.write, stream)
    assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_INVALID_ARGUMENT', stream)
  }
  const answer = await space.askSettled(ledger.type, '')
  assert.equal(answer.ok ? '' : answer.error.code, 'COTERIE_INVALID_ARGUMENT')
})

test('the record names what was read and what was appended', async (t) => {
  const ledger = agent('ledger', {
    add: on({ input: number }, async (turn, n) => {
      const { version } = await turn.read('account')
      turn.append('account', 'deposited', n)
      return version
    }),
  })
  const space = await start(t, [ledger])
  await space.ask(ledger.add, 1)
  const id = await space.send(ledger.add, 2)
  await untilState(space, id, 'handled')
  const [record] = await turnRecords(space, id)
  assert.deepEqual(record?.body.reads, [{ stream: 'account', version: 1 }])
  const events = record?.body.events?.map(({ stream, type, version }) => [stream, type, version])
  assert.deepEqual(events, [['account', 'deposited', 2]])
})

/** Two turns that have both read before either commits. */
function racers(stale: StalePolicy): {
  readonly first: ReturnType<typeof gate>
  readonly read: ReturnType<typeof gate>
  readonly runs: unknown[]
  readonly slow: ReturnType<typeof slowAgent>
  readonly quick: ReturnType<typeof quickAgent>
} {
  const first = gate()
  const read = gate()
  const { seen: runs, note } = recorder()
  return { first, read, runs, slow: slowAgent(stale, first, read, note), quick: quickAgent() }
}

function slowAgent(
  stale: StalePolicy,
  first: ReturnType<typeof gate>,
  read: ReturnType<typeof gate>,
  note: (value: unknown) => void,
) {
  return agent('slow', {
    add: on({ input: nothing, stale, retry: ONCE }, async (turn) => {
      const { version } = await turn.read('account')
      note(version)
      read.open()
      await first.opened
      turn.append('account', 'added', version)
      return version
    }),
  })
}

function quickAgent() {
  return agent('quick', {
    add: on({ input: nothing }, (turn) => turn.append('account', 'added', 'quick')),
  })
}

test('stale: retry runs the turn again on fresh state, and that is no failed attempt', async (t) => {
  const { slow, quick, first, read, runs } = racers('retry')
  const space = await start(t, [slow, quick])
  const id = await space.send(slow.add, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  await untilState(space, id, 'handled')
  assert.deepEqual(runs, [0, 1])
  assert.equal((await space.receipt(id)).attempts, 0)
  assert.deepEqual(
    (await space.store.stream('account')).events.map((event) => event.data),
    ['"quick"', '1'],
  )
})

test('stale: fail ends the turn with COTERIE_STALE_READ and appends nothing', async (t) => {
  const { slow, quick, first, read } = racers('fail')
  const space = await start(t, [slow, quick])
  const asked = space.ask(slow.add, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  await assert.rejects(asked, code('COTERIE_ASK_FAILED', /"account" moved from version 0 to 1/))
  assert.equal((await space.store.stream('account')).version, 1)
})

test('stale: fail is final for the attempt, and the dead letter that is put back reads anew', async (t) => {
  const [first, read] = [gate(), gate()]
  const runs = recorder()
  const slow = agent('slow', {
    add: on({ input: nothing, stale: 'fail', retry: { attempts: 3, firstMs: 1 } }, async (turn) => {
      const { version } = await turn.read('account')
      // The step makes the read durable with its result.
      await turn.step('look', () => runs.note(version))
      read.open()
      await first.opened
      turn.append('account', 'added', version)
    }),
  })
  const quick = quickAgent()
  const space = await start(t, [slow, quick])
  const id = await space.send(slow.add, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  await untilState(space, id, 'dead')
  const { error, attempts } = await space.receipt(id)
  assert.deepEqual([error?.code, error?.retryable, attempts], ['COTERIE_STALE_READ', false, 1])
  assert.equal(new CoterieError('COTERIE_STALE_READ', '').retryable, false)
  await space.retryDead(id)
  await untilState(space, id, 'handled')
  assert.deepEqual(runs.seen, [0, 1])
})

test('stale: accept commits all the same, behind what has come meanwhile', async (t) => {
  const { slow, quick, first, read, runs } = racers('accept')
  const space = await start(t, [slow, quick])
  const asked = space.ask(slow.add, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  assert.equal(await asked, 0)
  assert.deepEqual(runs, [0])
  assert.deepEqual(
    (await space.store.stream('account')).events.map(({ data, version }) => [version, data]),
    [
      [1, '"quick"'],
      [2, '0'],
    ],
  )
})

test('agents that race on one stream lose no update', async (t) => {
  const counter = agent('counter', {
    add: on({ input: nothing }, async (turn) => {
      const { events } = await turn.read('count')
      const last = events.at(-1)?.data as { readonly n: number } | undefined
      turn.append('count', 'counted', { n: (last?.n ?? 0) + 1, by: turn.self })
    }),
  })
  const space = await start(t, [counter])
  const sends = ['a', 'b', 'c'].flatMap((key) =>
    Array.from({ length: 50 }, () => space.send(counter.add, null, { key })),
  )
  await Promise.all(sends)
  await space.idle()
  const { version, events } = await space.store.stream('count')
  assert.equal(version, 150)
  assert.deepEqual(
    events.map((event) => (JSON.parse(event.data) as { n: number }).n),
    Array.from({ length: 150 }, (_, i) => i + 1),
  )
  const by = events.map((event) => (JSON.parse(event.data) as { by: string }).by)
  for (const key of ['a', 'b', 'c']) assert.equal(by.filter((self) => self === `counter/${key}`).length, 50)
})

test('after a stale read, steps that came before it are kept and those that came after it run again', async (t) => {
  const ran = recorder()
  const { first, read } = { first: gate(), read: gate() }
  const quick = quickAgent()
  const slow = agent('slow', {
    go: on({ input: nothing }, async (turn) => {
      await turn.step('before', () => ran.note('before'))
      const { version } = await turn.read('account')
      const seen = await turn.step('after', () => {
        ran.note(`after ${version}`)
        return version
      })
      read.open()
      await turn.step('wait', async () => {
        ran.note(`wait ${version}`)
        await first.opened
      })
      assert.equal(seen, version, 'a step of the first run must not be given back after the read moved')
      turn.append('account', 'added', seen)
    }),
  })
  const space = await start(t, [slow, quick])
  const id = await space.send(slow.go, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  await untilState(space, id, 'handled')
  assert.deepEqual(ran.seen, ['before', 'after 0', 'wait 0', 'after 1', 'wait 1'])
})

test('a stale read is found when the turn comes to a wait, and the question is not asked', async (t) => {
  const asked = recorder()
  const { first, read } = { first: gate(), read: gate() }
  const quick = quickAgent()
  const oracle = agent('oracle', { tell: on({ input: number }, (_turn, n) => asked.note(n)) })
  const slow = agent('slow', {
    go: on({ input: nothing }, async (turn) => {
      const { version } = await turn.read('account')
      read.open()
      await first.opened
      await turn.ask(oracle.tell, version)
      return version
    }),
  })
  const space = await start(t, [slow, quick, oracle])
  const answer = space.ask(slow.go, null)
  await read.opened
  await space.ask(quick.add, null)
  first.open()
  assert.equal(await answer, 1)
  assert.deepEqual(asked.seen, [1])
})

test('a read of a committed segment binds no more: the stream may move while the turn waits', async (t) => {
  const held = gate()
  const quick = quickAgent()
  const oracle = agent('oracle', { tell: on({ input: nothing }, () => held.opened) })
  const runs = recorder()
  const slow = agent('slow', {
    go: on({ input: nothing }, async (turn) => {
      const before = await turn.read('account')
      runs.note(before.version)
      await turn.ask(oracle.tell, null)
      const after = await turn.read('account')
      turn.append('account', 'added', 'slow')
      return [before.version, after.version]
    }),
  })
  const space = await start(t, [slow, quick, oracle])
  const id = await space.send(slow.go, null)
  await untilState(space, id, 'waiting')
  await space.ask(quick.add, null)
  held.open()
  await untilState(space, id, 'handled')
  assert.deepEqual(runs.seen, [0])
  assert.equal((await space.store.stream('account')).version, 2)
})

test('a read of a failed attempt still binds the next one, which is given it back from the journal', async (t) => {
  const versions = recorder()
  const quick = quickAgent()
  const read = gate()
  const slow = agent('slow', {
    go: on({ input: nothing, retry: { attempts: 3, firstMs: 60, factor: 1, maxMs: 60 } }, async (turn) => {
      const { version } = await turn.read('account')
      versions.note(`${turn.attempt}: ${version}`)
      await turn.step('flaky', () => {
        read.open()
        if (turn.attempt === 1) throw new Error('no')
      })
      turn.append('account', 'added', version)
    }),
  })
  const space = await start(t, [slow, quick])
  const id = await space.send(slow.go, null)
  await read.opened
  await space.ask(quick.add, null)
  await untilState(space, id, 'handled')
  const { events } = await space.store.stream('account')
  assert.deepEqual(
    events.map((event) => event.data),
    ['"quick"', '1'],
    versions.seen.join(', '),
  )
})

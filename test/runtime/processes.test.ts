import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { agent, on, topic } from '../../src/index.ts'
import type { AnyAgent } from '../../src/index.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { CoterieError } from '../../src/core/errors.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Logger } from '../../src/ports/logger.ts'
import type { Outcome } from '../../src/ports/store.ts'
import { rig } from './rig.ts'
import {
  QUICK,
  code,
  gate,
  never,
  nothing,
  number,
  recorder,
  recordsOf,
  start,
  tempUrl,
  test,
  text,
  until,
  untilState,
} from './helpers.ts'

const echo = agent('echo', { say: on({ input: text }, (_turn, s) => s.toUpperCase()) })

test('one process asks an agent that another runs', async (t) => {
  const url = tempUrl(t)
  const server = await start(t, [echo], { url })
  const client = await start(t, [], { url })
  assert.notEqual(client.address, server.address)
  assert.equal(client.id, server.id)
  assert.equal(await client.ask(echo.say, 'hello'), 'HELLO')
  assert.equal(await server.ask(echo.say, 'own'), 'OWN')
})

test('agents of two processes ask each other, also one that joined after the asker had started', async (t) => {
  const url = tempUrl(t)
  const asker = agent('asker', {
    go: on({ input: text }, (turn, s) => turn.ask(echo.say, s)),
    send: on({ input: text }, (turn, s) => void turn.send(echo.say, s)),
  })
  const first = await start(t, [asker], { url })
  await start(t, [echo], { url })
  assert.equal(await first.ask(asker.go, 'x'), 'X')
  const id = await first.send(asker.send, 'y')
  await untilState(first, id, 'handled')
})

test('a turn knows an agent that joined elsewhere before its message came, without a poll', async (t) => {
  const url = tempUrl(t)
  const sender = agent('sender', { go: on({ input: text }, (turn, s) => void turn.send(echo.say, s)) })
  const first = await start(t, [sender], { url, limits: { pollMs: 60_000 } })
  await start(t, [echo], { url })
  assert.equal(await first.ask(sender.go, 'y'), null)
})

test('two processes share the instances of one agent, and each message is handled once', async (t) => {
  const url = tempUrl(t)
  const seen = recorder()
  const make = (process: string): AnyAgent & { readonly name: string } =>
    agent('worker', {
      take: on({ input: number }, async (turn, n) => {
        await turn.step('work', () => delay(1))
        seen.note([process, turn.self, n])
      }),
    })
  const ref = agent('worker', { take: on({ input: number }, () => undefined) }).take
  const one = await start(t, [make('one')], { url })
  const two = await start(t, [make('two')], { url })
  await Promise.all(
    Array.from({ length: 80 }, (_, n) => (n % 2 ? one : two).send(ref, n, { key: String(n % 16) })),
  )
  await until('all are handled', () => seen.seen.length >= 80)
  await delay(20)
  const lines = seen.seen as [string, string, number][]
  assert.deepEqual(
    lines.map(([, , n]) => n).toSorted((a, b) => a - b),
    Array.from({ length: 80 }, (_, n) => n),
  )
  assert.deepEqual(new Set(lines.map(([process]) => process)), new Set(['one', 'two']))
})

test('a process goes on with the work of one that was closed', async (t) => {
  const url = tempUrl(t)
  const reached = gate()
  const hanging = agent('worker', {
    go: on({ input: nothing }, () => {
      reached.open()
      return never<string>()
    }),
  })
  const working = agent('worker', { go: on({ input: nothing }, () => 'done') })
  const one = await start(t, [hanging], { url })
  const client = await start(t, [], { url })
  const asked = client.ask(working.go, null)
  await reached.opened
  await start(t, [working], { url })
  await one.close()
  assert.equal(await asked, 'done')
})

test('a cancel in one process stops the turn that another runs', async (t) => {
  const url = tempUrl(t)
  const reached = gate()
  const heard = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      turn.signal.addEventListener('abort', () => heard.note((turn.signal.reason as CoterieError).code))
      reached.open()
      return never()
    }),
  })
  await start(t, [worker], { url })
  const client = await start(t, [], { url })
  const asked = client.ask(worker.go, null, { idempotencyKey: 'k' })
  await reached.opened
  const id = await client.send(worker.go, null, { idempotencyKey: 'k' })
  await client.cancel(id)
  await assert.rejects(asked, code('COTERIE_CANCELLED'))
  await until('the signal fires', () => heard.seen.length === 1)
  assert.deepEqual(heard.seen, ['COTERIE_CANCELLED'])
})

test('what others commit costs no question to the store for each turn that waits', async (t) => {
  const url = tempUrl(t)
  const turns = 100
  const far = agent('far', {
    answer: on({ input: number }, async (turn, n) => {
      await turn.sleep(60_000)
      return n
    }),
  })
  const boss = agent('boss', {
    go: on({ input: number }, (turn, n) => turn.ask(far.answer, n, { key: `${n}` })),
  })
  const counted = new Map<string, number>()
  const space = await rig(t, url, {
    agents: [boss, far, echo],
    change: (real) => {
      const count = (name: string): void => void counted.set(name, (counted.get(name) ?? 0) + 1)
      return {
        message: async (...args) => (count('message'), real.message(...args)),
        mail: async (...args) => (count('mail'), real.mail(...args)),
        answers: async (...args) => (count('answers'), real.answers(...args)),
        ended: async (...args) => (count('ended'), real.ended(...args)),
      }
    },
  })
  const ids = Array.from({ length: turns }, (_, n) => space.send(boss.go, n, { key: `${n}` }))
  for (const id of await Promise.all(ids)) await untilState(space, id, 'waiting')
  await until('all wait', async () => (await space.status()).messages.waiting === 2 * turns)
  const client = await start(t, [], { url })
  await client.ask(echo.say, 'first')
  counted.clear()
  for (const word of ['a', 'b', 'c', 'd', 'e']) await client.ask(echo.say, word)
  const total = [...counted.values()].reduce((sum, n) => sum + n, 0)
  assert.ok((counted.get('ended') ?? 0) >= 5, 'it looked')
  assert.ok(total < turns, JSON.stringify([...counted]))
})

test('idle does not wait for mail of agents that nobody runs', async (t) => {
  const url = tempUrl(t)
  const absent = await start(t, [echo], { url })
  await absent.close()
  const here = await start(t, [agent('here', { take: on({ input: text }, () => null) })], { url })
  await here.send(echo.say, 'x')
  const idle = here.idle().then(() => 'idle')
  assert.equal(await Promise.race([idle, delay(1_000, 'waits')]), 'idle')
})

test('many processes may start at once, with new agents and a new file', async (t) => {
  const url = tempUrl(t)
  const names = Array.from({ length: 6 }, (_, n) => `agent${n}`)
  const spaces = await Promise.all(
    names.map((name) => start(t, [agent(name, { run: on({ input: nothing }, () => name) }), echo], { url })),
  )
  assert.equal(new Set(spaces.map((space) => space.id)).size, 1)
  for (const [n, name] of names.entries()) {
    assert.equal(await spaces[(n + 1) % spaces.length]?.askTo(name, 'run', null), name)
  }
})

test('a subscriber that joins in another process gets what is published from then on', async (t) => {
  const url = tempUrl(t)
  const news = topic('news', number)
  const seen = recorder()
  const reader = (name: string): AnyAgent =>
    agent(name, { read: on({ topic: news }, (_turn, n) => seen.note(`${name} ${n}`)) })
  const writer = agent('writer', { write: on({ input: number }, (turn, n) => turn.publish(news, n)) })
  const one = await start(t, [writer, reader('ann')], { url })
  await one.ask(writer.write, 1)
  await start(t, [reader('ben')], { url })
  await one.ask(writer.write, 2)
  await one.publish(news, 3)
  await until('all copies', () => seen.seen.length === 5)
  assert.deepEqual(seen.seen.map(String).toSorted(), ['ann 1', 'ann 2', 'ann 3', 'ben 2', 'ben 3'])
})

test('a worker that was silent for longer than its lease is fenced: the store refuses its commit', async (t) => {
  const url = tempUrl(t)
  const outcomes: Outcome['type'][] = []
  const [reached, wake] = [gate(), gate()]
  const got = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => got.note(s)) })
  const worker = (process: string, hold: boolean): AnyAgent =>
    agent('worker', {
      go: on({ input: nothing }, async (turn) => {
        turn.send(sink.take, process)
        if (!hold) return process
        reached.open()
        await wake.opened
        return process
      }),
    })
  const ref = agent('worker', { go: on({ input: nothing }, () => '') }).go
  // Its process is as good as stopped: its heartbeats do not reach the store, and it does not see others' commits.
  let paused = false
  const slow = await rig(t, url, {
    agents: [worker('slow', true), sink],
    limits: { leaseMs: 150 },
    change: (space) => ({
      heartbeat: async (id, leaseMs) =>
        paused ? { held: true, others: [], busy: true } : space.heartbeat(id, leaseMs, []),
      pulse: async () => (paused ? 0 : space.pulse()),
      commit: async (batch, limits) => {
        const answers = await space.commit(batch, limits)
        if (batch.some((write) => write.lease !== null)) outcomes.push(...answers.map(({ type }) => type))
        return answers
      },
    }),
  })
  const id = await slow.send(ref, null)
  await reached.opened
  await until('the message is noted as delivered', async () => (await slow.receipt(id)).state === 'delivered')
  paused = true
  const quick = await rig(t, url, { agents: [worker('quick', false), sink], limits: { leaseMs: 150 } })
  await untilState(quick, id, 'handled')
  outcomes.length = 0
  wake.open()
  await until('the slow worker tried to commit', () => outcomes.length > 0)
  assert.ok(outcomes.includes('fenced'), outcomes.join(' '))
  assert.ok(!outcomes.includes('accepted'), outcomes.join(' '))
  await quick.idle()
  assert.deepEqual(got.seen, ['quick'])
})

test('a worker that hears that its leases are gone stops its turns: their signal fires', async (t) => {
  const url = tempUrl(t)
  const heard = recorder()
  const reached = gate()
  let lost = false
  const worker = agent('worker', {
    go: on({ input: nothing }, (turn) => {
      if (lost) return 'again'
      turn.signal.addEventListener('abort', () => heard.note((turn.signal.reason as CoterieError).code))
      reached.open()
      return never<string>()
    }),
  })
  const space = await rig(t, url, {
    agents: [worker],
    limits: { leaseMs: 90 },
    change: (real) => ({
      heartbeat: async (id, leaseMs) => {
        const fine = await real.heartbeat(id, leaseMs, [])
        if (heard.seen.length > 0 || !lost) return fine
        return { ...fine, held: false }
      },
    }),
  })
  const asked = space.ask(worker.go, null)
  await reached.opened
  lost = true
  assert.equal(await asked, 'again')
  assert.deepEqual(heard.seen, ['COTERIE_LEASE_LOST'])
})

test('trouble of the store passes: no message dies of it', async (t) => {
  const url = tempUrl(t)
  const troubles: Record<string, number> = { mail: 0, journal: 0, records: 0, commit: 0, answers: 0 }
  const busy = (): never => {
    throw new CoterieError('COTERIE_STORE_BUSY', 'The database is busy.')
  }
  const fails = (name: string): boolean => {
    const left = troubles[name] ?? 0
    troubles[name] = Math.max(0, left - 1)
    return left > 0
  }
  const ran = recorder()
  const worker = agent('worker', {
    go: on({ input: text }, async (turn, s) => {
      await turn.step('once', () => ran.note(s))
      await turn.ask(echo.say, s)
      return turn.attempt
    }),
  })
  await rig(t, url, {
    agents: [worker, echo],
    change: (real) => ({
      mail: async (...args) => (fails('mail') ? busy() : real.mail(...args)),
      journal: async (...args) => (fails('journal') ? busy() : real.journal(...args)),
      records: async (...args) => (fails('records') ? busy() : real.records(...args)),
      answers: async (...args) => (fails('answers') ? busy() : real.answers(...args)),
      commit: async (batch, limits) =>
        fails('commit') && batch.some((write) => write.lease !== null) ? busy() : real.commit(batch, limits),
    }),
  })
  const client = await rig(t, url, {})
  for (const name of Object.keys(troubles)) {
    troubles[name] = 1
    const id = await client.send(worker.go, name)
    await untilState(client, id, 'handled')
  }
  assert.equal((await client.status()).messages.dead, 0)
  assert.deepEqual(new Set(ran.seen), new Set(Object.keys(troubles)))
})

test('a message that was found before its sender heard that it is there is not handled again', async (t) => {
  const ran = recorder()
  const sink = agent('sink', {
    take: on({ input: text }, async (turn, s) => {
      await turn.step('once', () => ran.note(s))
    }),
  })
  const space = await rig(t, tempUrl(t), {
    agents: [sink],
    // The worker looks for work every 300 ms: once while the answer of the store is on its way.
    limits: { leaseMs: 600 },
    change: (real) => ({
      async commit(batch, limits) {
        const outcomes = await real.commit(batch, limits)
        if (batch.some((write) => write.type === 'record' && write.messages.length > 0)) await delay(450)
        return outcomes
      },
    }),
  })
  await space.send(sink.take, 'a')
  await space.idle()
  assert.deepEqual(ran.seen, ['a'])
})

test('a turn that the store cannot look up is not overtaken by the next message of its lane', async (t) => {
  const url = tempUrl(t)
  let busy = 1
  const worker = agent('worker', {
    noted: on({ input: nothing }, (turn) => turn.append('notes', 'noted', null)),
    plain: on({ input: nothing }, () => undefined),
  })
  // The agent has joined, and does not run while its mail comes: both messages are read at once.
  await (await rig(t, url, { agents: [worker] })).close()
  const client = await rig(t, url, {})
  const ids = await Promise.all([client.send(worker.noted, null), client.send(worker.plain, null)])
  const space = await rig(t, url, {
    agents: [worker],
    change: (real) => ({
      version: async (stream) => {
        if (busy-- > 0) throw new CoterieError('COTERIE_STORE_BUSY', 'The database is busy.')
        return real.version(stream)
      },
    }),
  })
  for (const id of ids) await untilState(space, id, 'handled')
  assert.ok(busy < 0, 'the look-up has failed once, and was made again')
  const ended = (await recordsOf(space)).flatMap(({ body }) => body.turn?.message.id ?? [])
  assert.deepEqual(ended, ids)
})

test('a turn that fails as soon as it is taken over is not overtaken by the next message of its lane', async (t) => {
  const url = tempUrl(t)
  const stuck = gate()
  let isFirst = true
  const worker = agent('worker', {
    waits: on({ input: nothing, retry: QUICK }, async (turn) => {
      await turn.sleep(1)
      // Its result is recorded, and that of the sleep with it: whoever takes over goes on at once.
      await turn.step('once', () => undefined)
      if (isFirst) {
        isFirst = false
        stuck.open()
        await never()
      }
      if (turn.attempt === 1) throw new Error('not yet')
    }),
    plain: on({ input: nothing }, () => undefined),
  })
  const first = await rig(t, url, { agents: [worker] })
  const client = await rig(t, url, {})
  const ids = [await client.send(worker.waits, null)]
  await stuck.opened
  ids.push(await client.send(worker.plain, null))
  await first.close()
  const second = await rig(t, url, { agents: [worker] })
  for (const id of ids) await untilState(second, id, 'handled')
  const ends = (await recordsOf(second)).flatMap(({ body }) => (body.turn === undefined ? [] : [body.turn]))
  assert.deepEqual(
    ends.map(({ message, end }) => [ids.indexOf(message.id), end]),
    [
      [0, 'waiting'],
      [0, 'retry'],
      [0, 'handled'],
      [1, 'handled'],
    ],
  )
})

test('a clock far behind the log is refused, one a little behind stands still until it has caught up', async (t) => {
  const url = tempUrl(t)
  const first = await rig(t, url, { agents: [echo] })
  await first.ask(echo.say, 'x')
  await first.close()
  const behind = (ms: number) => () => Date.now() - ms
  await assert.rejects(rig(t, url, { agents: [echo], now: behind(120_000) }), code('COTERIE_CLOCK_BACK'))
  const second = await rig(t, url, { agents: [echo], now: behind(5_000) })
  assert.equal(await second.ask(echo.say, 'y'), 'Y')
  const records = await second.store.records(0, 100)
  const times = records.map((record) => (JSON.parse(record.body) as { at: number }).at)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
})

test('a timer is kept across a clock that stands still', async (t) => {
  const url = tempUrl(t)
  let shift = 0
  const seen = recorder()
  const sink = agent('sink', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  const space = await rig(t, url, { agents: [sink], now: () => Date.now() + shift })
  await space.send(sink.take, 'before')
  await space.idle()
  shift = -60
  await space.send(sink.take, 'later', { delayMs: 30 })
  await until('it comes', () => seen.seen.length === 2, 3_000)
})

test('a worker does not look for work all the time while its clock stands still', async (t) => {
  let shift = 0
  let looks = 0
  const sink = agent('sink', { take: on({ input: text }, () => undefined) })
  const space = await rig(t, tempUrl(t), {
    agents: [sink],
    now: () => Date.now() + shift,
    change: (real) => ({
      due: async (...args) => {
        looks += 1
        return real.due(...args)
      },
    }),
  })
  await space.send(sink.take, 'before')
  await space.idle()
  shift = -5_000
  await space.send(sink.take, 'later', { delayMs: 3 })
  const before = looks
  await delay(300)
  assert.ok(looks - before < 20, `${looks - before} looks in 300 ms`)
})

/** The clock of a worker that sends no heartbeat: its timers of that length never fire. */
function mute(leaseMs: number): Clock {
  const setTimer = (ms: number, fn: () => void): (() => void) =>
    ms === Math.ceil(leaseMs / 3) ? () => undefined : systemClock.setTimer(ms, fn)
  return { ...systemClock, setTimer }
}

/** A worker that falls silent in a turn, and one that takes over: what both did, and the log of the first. */
async function silenced(
  t: TestContext,
  agentOf: (name: string, go: Promise<void>, note: (what: string) => void) => AnyAgent,
): Promise<{
  readonly seen: readonly unknown[]
  readonly lines: readonly unknown[]
  readonly resume: () => void
}> {
  const url = tempUrl(t)
  const seen = recorder()
  const lines = recorder()
  const resume = gate()
  const limits = { leaseMs: 150 }
  const logger: Logger = {
    log: (level, message, fields) => lines.note([level, message, fields?.['agent'], fields?.['code']]),
  }
  const first = agentOf('first', resume.opened, (what) => seen.note(`first ${what}`))
  const silent = await rig(t, url, { agents: [first], limits, clock: mute(limits.leaseMs), logger })
  const id = await silent.sendTo('worker', 'go', null)
  await until('the first worker is in the turn', () => seen.seen.includes('first begins'))
  const second = agentOf('second', Promise.resolve(), (what) => seen.note(`second ${what}`))
  const other = await rig(t, url, { agents: [second], limits })
  await untilState(other, id, 'handled')
  return { seen: seen.seen, lines: lines.seen, resume: () => resume.open() }
}

test('a worker that was superseded without knowing it starts no further step', async (t) => {
  const { seen, lines, resume } = await silenced(t, (_name, go, note) =>
    agent('worker', {
      go: on({ input: nothing }, async (turn) => {
        await turn.step('one', () => note('one'))
        note('begins')
        await go
        await turn.step('two', () => note('two'))
      }),
    }),
  )
  resume()
  await until('the first worker knows', () => lines.length > 0)
  await delay(50)
  assert.deepEqual(seen, ['first one', 'first begins', 'second begins', 'second two'])
  assert.match(String(lines[0]), /^warn,leases lost/)
})

test('a worker whose commit is fenced off says so in its log', async (t) => {
  const { lines, resume } = await silenced(t, (_name, go, note) =>
    agent('worker', {
      go: on({ input: nothing }, async () => {
        note('begins')
        await go
      }),
    }),
  )
  resume()
  await until('the first worker knows', () => lines.length > 0)
  const why = 'fenced: another worker has taken this address over'
  assert.deepEqual(lines, [['warn', why, 'worker', 'COTERIE_LEASE_LOST']])
})

test('a silent worker whose leases nobody took asks the store, and goes on', async (t) => {
  const seen = recorder()
  const limits = { leaseMs: 60 }
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      await delay(100)
      await turn.step('late', () => seen.note('late'))
    }),
  })
  const space = await rig(t, tempUrl(t), { agents: [worker], limits, clock: mute(limits.leaseMs) })
  await space.askTo('worker', 'go', null)
  assert.deepEqual(seen.seen, ['late'])
})

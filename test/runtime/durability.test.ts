import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { TestContext } from 'node:test'
import { agent, nodeCrypto, on } from '../../src/index.ts'
import type { Agent, AnyAgent, Handler, Space } from '../../src/index.ts'
import { memoryKeyring } from '../../src/adapters/memory/keyring.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { silentLogger } from '../../src/ports/logger.ts'
import type { SpaceStore, Store, Write } from '../../src/ports/store.ts'
import { startSpace } from '../../src/runtime/start.ts'
import { openSqlite } from '../../src/stores/sqlite/index.ts'
import { gate, nothing, recorder, tempUrl, test, until, untilState } from './helpers.ts'
import { rig } from './rig.ts'
import type { Gate } from './helpers.ts'

/** Long enough for a handler that does not wait to go on. */
const A_WHILE_MS = 30

/** What a write that was held back takes when it may go on. */
const LAG_MS = 10

interface SlowDisk {
  readonly space: Space
  /** Opens when a batch that is to be held back has reached the store. */
  readonly reached: Gate
  /** Lets it, and all others, through, each after a little while. */
  readonly free: Gate
}

/** Runs agents on a store that holds back the batches with a write of some kind, as a slow disk would. */
async function onSlowDisk(
  t: TestContext,
  agents: readonly AnyAgent[],
  holds: (write: Write) => boolean,
): Promise<SlowDisk> {
  const [reached, free] = [gate(), gate()]
  t.after(() => free.open())
  const inner = openSqlite('sqlite::memory:')
  const slowed = (space: SpaceStore): SpaceStore =>
    new Proxy(space, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target)
        if (name !== 'commit') return typeof value === 'function' ? value.bind(target) : value
        return async (...[batch, limits]: Parameters<SpaceStore['commit']>) => {
          if (batch.some(holds)) {
            reached.open()
            await free.opened
            await delay(LAG_MS)
          }
          return target.commit(batch, limits)
        }
      },
    })
  const store: Store = {
    url: inner.url,
    spaces: () => inner.spaces(),
    space: async (name, genesis) => {
      const space = await inner.space(name, genesis)
      return space === undefined ? undefined : slowed(space)
    },
    close: () => inner.close(),
  }
  const ports = {
    clock: systemClock,
    crypto: nodeCrypto,
    keyring: memoryKeyring(nodeCrypto, systemRandom),
    logger: silentLogger,
    random: systemRandom,
  }
  const space = await startSpace(store, ports, { space: 'main', agents, limits: { pollMs: 5 } })
  t.after(() => space.close())
  return { space, reached, free }
}

test('a handler goes on behind a step only when its result is durable', async (t) => {
  const seen = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      await turn.step('pay', () => seen.note('paid'))
      seen.note('went on')
    }),
  })
  const { space, reached, free } = await onSlowDisk(
    t,
    [worker],
    (write) => write.type === 'journal' && write.chunk?.text.includes('"t":"done"') === true,
  )
  const id = await space.send(worker.go, null)
  await reached.opened
  await delay(A_WHILE_MS)
  assert.deepEqual(seen.seen, ['paid'])
  free.open()
  await untilState(space, id, 'handled')
  assert.deepEqual(seen.seen, ['paid', 'went on'])
})

test('a step runs only when the turns before it are durable, though its handler has begun', async (t) => {
  const seen = recorder()
  const worker = agent('worker', {
    plain: on({ input: nothing }, () => seen.note('first')),
    steps: on({ input: nothing }, async (turn) => {
      seen.note('second')
      await turn.step('pay', () => seen.note('paid'))
    }),
  })
  const { space, reached, free } = await onSlowDisk(
    t,
    [worker],
    (write) => write.type === 'record' && write.turn !== null,
  )
  const ids = await Promise.all([space.send(worker.plain, null), space.send(worker.steps, null)])
  await reached.opened
  await until('the second handler has begun', () => seen.seen.includes('second'))
  await delay(A_WHILE_MS)
  assert.deepEqual(seen.seen, ['first', 'second'])
  free.open()
  for (const id of ids) await untilState(space, id, 'handled')
  assert.deepEqual(seen.seen, ['first', 'second', 'paid'])
})

test('a turn does not count as waiting while its next segment is on its way', async (t) => {
  const seen = recorder()
  const own: Agent<{ readonly ask: Handler<null, void>; readonly note: Handler<null, void> }> = agent('own', {
    ask: on({ input: nothing }, async (turn) => {
      await turn.askSettled(own.ask, null)
      seen.note('asked once')
      await turn.askSettled(own.ask, null)
      seen.note('asked twice')
    }),
    note: on({ input: nothing }, () => seen.note('noted')),
  })
  const boss = agent('boss', {
    go: on({ input: nothing }, (turn) => {
      turn.send(own.ask, null)
      turn.send(own.note, null)
    }),
  })
  // Asking oneself is refused, and what is left of the segment is written. Meanwhile the handler asks again.
  let waits = 0
  const { space, reached, free } = await onSlowDisk(
    t,
    [own, boss],
    (write) => write.type === 'record' && write.turn?.end === 'waiting' && ++waits > 1,
  )
  await space.send(boss.go, null)
  await reached.opened
  await until('the handler goes on', () => seen.seen.includes('asked once'))
  await delay(A_WHILE_MS)
  free.open()
  await until('both are handled', () => seen.seen.length === 3)
  assert.deepEqual(seen.seen, ['asked once', 'asked twice', 'noted'])
})

test('a step does not begin when the deadline passes while its compensation is registered', async (t) => {
  const seen = recorder()
  const worker = agent('worker', {
    go: on({ input: nothing }, async (turn) => {
      await turn.step('pay', () => seen.note('paid'), { undo: () => seen.note('paid back') })
    }),
  })
  const { space, reached, free } = await onSlowDisk(t, [worker], (write) => write.type === 'journal')
  const id = await space.send(worker.go, null, { timeoutMs: 2 * A_WHILE_MS })
  await reached.opened
  await delay(4 * A_WHILE_MS)
  free.open()
  await untilState(space, id, 'expired')
  assert.deepEqual(seen.seen, [])
})

test('a turn that is given up while its journal is read does not begin', async (t) => {
  const seen = recorder()
  const read = gate()
  let [isReading, lost] = [false, false]
  const worker = agent('worker', {
    go: on({ input: nothing, retry: { attempts: 2, firstMs: 1, factor: 1, maxMs: 1 } }, (turn) => {
      seen.note(`${turn.attempt} ${lost}`)
      if (turn.attempt === 1) throw new Error('again')
    }),
  })
  const space = await rig(t, tempUrl(t), {
    agents: [worker],
    limits: { leaseMs: 200 },
    change: (inner) => ({
      async heartbeat(...args) {
        const kept = await inner.heartbeat(...args)
        if (!isReading || lost) return kept
        lost = true
        return { ...kept, held: false }
      },
      async journal(turn) {
        const chunks = await inner.journal(turn)
        if (!lost) {
          isReading = true
          await read.opened
        }
        return chunks
      },
    }),
  })
  const id = await space.send(worker.go, null)
  await until('the leases are lost', () => lost)
  await delay(A_WHILE_MS)
  read.open()
  await untilState(space, id, 'handled')
  assert.deepEqual(seen.seen, ['1 false', '2 true'])
})

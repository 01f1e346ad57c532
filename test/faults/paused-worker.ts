/**
 * A worker that is stopped in the middle of a turn: `URL KEYRING WORLD GO AGENTS`. Its turns hold still until
 * the file GO exists. It reports what its handlers do, and every write that the store refuses.
 */

import { existsSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { z } from 'zod'
import { agent, jsonLogger, nodeCrypto, on } from '../../src/index.ts'
import { systemClock } from '../../src/adapters/node/clock.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { keyringFor, openStore } from '../../src/open.ts'
import type { SpaceStore, Store } from '../../src/ports/store.ts'
import { startSpace } from '../../src/runtime/start.ts'
import { hearParent, tellParent } from '../helpers/processes.ts'
import { World } from './world.ts'

const [url = '', keyring = '', outside = '', go = '', names = ''] = process.argv.slice(2)
hearParent()
const world = new World(outside)
const input = z.object({ i: z.number() })
/** Long enough that a busy machine does not take it away before the test does. */
const LEASE_MS = 1_500
const BEAT_MS = LEASE_MS / 3
/** While it is true no heartbeat tells the worker that it was superseded: only the store's refusal can. */
let deaf = false

const sink = agent('sink', {
  take: on({ input: z.object({ run: z.number() }) }, () => undefined),
})
const slow = agent('slow', {
  // Stopped behind its step, before its commit. It holds the whole process, so that nothing but the commit
  // comes next.
  finish: on({ input }, async (turn, { i }) => {
    const { run } = await turn.step('work', ({ idempotencyKey }) => world.run('work', i, idempotencyKey))
    tellParent({ event: 'stepped', run })
    deaf = true
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    while (!existsSync(go)) Atomics.wait(sleeper, 0, 0, 5)
    turn.send(sink.take, { run })
  }),
  // Stopped in the middle of its step.
  call: on({ input }, async (turn, { i }) => {
    const { run } = await turn.step('call', async ({ idempotencyKey, signal }) => {
      const receipt = world.run('call', i, idempotencyKey)
      signal.addEventListener('abort', () =>
        tellParent({ event: 'aborted', code: String(signal.reason?.code) }),
      )
      tellParent({ event: 'called', run: receipt.run })
      while (!existsSync(go)) await delay(5)
      await delay(50)
      return receipt
    })
    turn.send(sink.take, { run })
  }),
  // Stopped in the middle of a compensation.
  book: on({ input, failure: 'rollback' }, async (turn, { i }) => {
    await turn.step('book', ({ idempotencyKey }) => world.run('book', i, idempotencyKey), {
      undo: async (_booked, { idempotencyKey }) => {
        world.run('undo book', i, idempotencyKey)
        tellParent({ event: 'undoing' })
        while (!existsSync(go)) await delay(5)
        await delay(50)
        tellParent({ event: 'undone' })
      },
    })
    throw Object.assign(new Error('no room'), { retryable: false })
  }),
})
const other = agent('other', { ping: on({ input }, () => process.pid) })
const agents = [sink, slow, other].filter(({ name }) => names.split(',').includes(name))

function setTimer(ms: number, fn: () => void): () => void {
  if (ms !== BEAT_MS) return systemClock.setTimer(ms, fn)
  let stop = (): void => undefined
  const beat = (): void => {
    if (deaf) stop = systemClock.setTimer(ms, beat)
    else fn()
  }
  stop = systemClock.setTimer(ms, beat)
  return () => stop()
}

const ports = {
  clock: { ...systemClock, setTimer },
  crypto: nodeCrypto,
  keyring: keyringFor(url, keyring),
  logger: jsonLogger(),
  random: systemRandom,
}
await startSpace(watched(openStore(url)), ports, {
  space: 'main',
  agents,
  limits: { leaseMs: LEASE_MS, pollMs: 10 },
})
tellParent({ event: 'ready' })

/** The store, with its refusals reported. */
function watched(store: Store): Store {
  return {
    url: store.url,
    spaces: () => store.spaces(),
    close: () => store.close(),
    space: async (name, genesis) => {
      const space = await store.space(name, genesis)
      return space === undefined ? undefined : watchedSpace(space)
    },
  }
}

function watchedSpace(space: SpaceStore): SpaceStore {
  const commit: SpaceStore['commit'] = async (batch, limits) => {
    const outcomes = await space.commit(batch, limits)
    outcomes.forEach((outcome, at) => {
      if (outcome.type === 'accepted') return
      const write = batch[at]
      tellParent({ event: 'refused', write: write?.type, outcome: outcome.type, ...outcome })
      if (write?.type === 'record') deaf = false
    })
    return outcomes
  }
  return new Proxy(space, {
    get: (target, name) => {
      if (name === 'commit') return commit
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

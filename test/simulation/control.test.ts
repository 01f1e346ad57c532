/** The oracle must see what it is there to see: each case breaks the store on purpose. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MailQuery, RecordWrite, SpaceStore, Write } from '../../src/ports/store.ts'
import { simulate } from '../../src/testing/index.ts'
import type { Op, Request, SimulationOptions } from '../../src/testing/index.ts'

const SEEDS = 40

/** The same store with some methods replaced. */
function broken(space: SpaceStore, methods: Partial<SpaceStore>): SpaceStore {
  return new Proxy(space, {
    get(target, name) {
      const own: unknown = Reflect.get(methods, name)
      if (own !== undefined) return own
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

/** A store that commits something else than it was given. */
function forging(forge: (write: RecordWrite) => RecordWrite): (space: SpaceStore) => SpaceStore {
  const each = (write: Write): Write => (write.type === 'record' ? forge(write) : write)
  return (space) =>
    broken(space, {
      commit: (batch, limits) => space.commit(batch.map(each), limits),
    })
}

/** One request for each list of operations, by turns to three agents, this far apart. */
function requests(apartMs: number, lists: readonly (readonly Op[])[]): readonly Request[] {
  return lists.map((ops, index) => {
    const agent = ['alpha', 'beta', 'gamma'][index % 3] ?? 'alpha'
    const script = { id: `r${index}`, ops }
    return { atMs: 10 + apartMs * index, do: 'send', to: { agent, handler: 'plain' }, script }
  })
}

function step(name: string, lastsMs: number): Op {
  return { op: 'step', name, lastsMs, failures: 0, tries: 1, undo: 'none' }
}

/** Asserts that some seed shows one of the rules broken, and that the same run on a sound store breaks nothing. */
async function isCaught(
  rules: readonly string[],
  tamper: (space: SpaceStore) => SpaceStore,
  options: SimulationOptions = {},
): Promise<void> {
  const seen = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const run = { messages: 20, ...options }
    const { violations } = await simulate(seed, { ...run, tamper })
    if (violations.some((violation) => rules.includes(violation.rule))) {
      assert.deepEqual((await simulate(seed, run)).violations, [])
      return
    }
    for (const violation of violations) seen.add(violation.rule)
  }
  assert.fail(
    `not noticed in ${SEEDS} seeds: ${rules.join(', ')}. Noticed: ${[...seen].join(', ') || 'nothing'}`,
  )
}

test('sees a store that loses one of the messages of a turn', async () => {
  const tamper = forging((write) =>
    write.turn !== null && write.messages.length > 1
      ? { ...write, messages: write.messages.slice(1) }
      : write,
  )
  await isCaught(['all or nothing'], tamper)
})

test('sees a store that lets a turn commit on a stream that has moved', async () => {
  const tamper = forging((write) => ({ ...write, reads: [] }))
  // Half of the turns move a stream, the others look at it and take their time.
  const lists = Array.from({ length: 24 }, (_, i): readonly Op[] =>
    i % 2 === 0
      ? [{ op: 'count', stream: 'stock' }]
      : [{ op: 'look', stream: 'stock' }, step(`r${i} 1`, 100)],
  )
  const options = { load: requests(25, lists), swarm: { processes: 3, latencyMs: 40 } }
  await isCaught(['no stale decisions'], tamper, options)
})

test('sees a store that gives mail out in the wrong order', async () => {
  const tamper = (space: SpaceStore): SpaceStore =>
    broken(space, {
      async mail(address: string, query: MailQuery) {
        const page = await space.mail(address, query)
        return { ...page, mail: page.mail.toReversed() }
      },
    })
  await isCaught(['first in, first out'], tamper)
})

test('sees a store that forgets journals', async () => {
  // Not always, or no turn with a journal would ever end.
  let forgets = 3
  const tamper = (space: SpaceStore): SpaceStore =>
    broken(space, {
      async journal(turn: string) {
        const chunks = await space.journal(turn)
        return chunks.length > 0 && forgets-- > 0 ? [] : chunks
      },
    })
  const lists = Array.from({ length: 12 }, (_, i) => [step(`r${i} 0`, 3), step(`r${i} 1`, 100)])
  const swarm = { processes: 2, crashEveryMs: 200, leaseMs: 600, restartMs: 50, turmoilMs: 1_500 }
  await isCaught(['a recorded step is not repeated'], tamper, { load: requests(40, lists), swarm })
})

test('sees a store that acknowledges what it has not written', async () => {
  let count = 0
  const tamper = (space: SpaceStore): SpaceStore =>
    broken(space, {
      async commit(batch, limits) {
        const isSend = batch.some((write) => write.type === 'record' && write.lease === null)
        if (!isSend || ++count % 20 !== 0) return space.commit(batch, limits)
        return batch.map(() => ({ type: 'accepted', position: 1, cancelled: [] }))
      },
    })
  await isCaught(['what was acknowledged is there'], tamper)
})

test('sees a store that does not cancel', async () => {
  const tamper = forging((write) => ({ ...write, cancels: null }))
  await isCaught(['cancelled is cancelled'], tamper)
})

test('sees a store that never delivers what was scheduled', async () => {
  const tamper = (space: SpaceStore): SpaceStore => broken(space, { promote: async () => [] })
  await isCaught(['everything comes to rest'], tamper)
})

test('sees a store that does not do all that a record says', async () => {
  const tamper = forging((write) => ({
    ...write,
    settles: write.settles.filter((settle) => settle.as !== 'handled'),
  }))
  await isCaught(['the log verifies'], tamper)
})

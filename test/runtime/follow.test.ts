import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { agent, CoterieError, on } from '../../src/index.ts'
import type { AnyAgent, Space } from '../../src/index.ts'
import type { Outcome, SpaceStore, Write } from '../../src/ports/store.ts'
import { code, gate, never, nothing, number, recorder, tempUrl, until } from './helpers.ts'
import { rig } from './rig.ts'

/** So many agents end their turns at once: enough for a batch that follows another. */
const CROWD = 40
const LIMIT = { timeout: 20_000 }

/** A store that works beside the process: commits take time, and a batch may follow one that is under way. */
class Apart {
  readonly #real: SpaceStore
  #last: Promise<readonly Outcome[]> | undefined
  /** Commits with such a write wait for it. */
  hold: { readonly isHeld: (write: Write) => boolean; readonly until: Promise<unknown> } | undefined
  /** A commit waits. */
  holding = false
  /** What was held fails. */
  failing = false
  followed = 0
  /** Batches of which something was refused although all of the one before was accepted. */
  refused = 0
  withdrawn = 0

  constructor(real: SpaceStore) {
    this.#real = real
  }

  get parts(): Partial<SpaceStore> {
    return {
      isApart: true,
      commit: (batch, terms) => this.#run(batch, () => this.#real.commit(batch, terms)),
      follow: () => {
        const before = this.#last
        if (before === undefined) return undefined
        return async (batch, terms) => {
          this.followed += 1
          const accepted = await before.then(isAccepted, () => false)
          if (accepted) {
            const outcomes = await this.#run(batch, () => this.#real.commit(batch, terms))
            if (!isAccepted(outcomes)) this.refused += 1
            return outcomes
          }
          this.withdrawn += 1
          return undefined
        }
      },
    }
  }

  async #run(
    batch: readonly Write[],
    commit: () => Promise<readonly Outcome[]>,
  ): Promise<readonly Outcome[]> {
    const { hold } = this
    const held = hold !== undefined && batch.some(hold.isHeld)
    if (held) {
      this.holding = true
      this.hold = undefined
    }
    const fails = held && this.failing
    const running = (held ? hold.until : new Promise((resolve) => setImmediate(resolve))).then(() => {
      if (fails) throw new CoterieError('COTERIE_STORE_BUSY', 'The database is busy.')
      return commit()
    })
    this.#last = running
    try {
      return await running
    } finally {
      if (this.#last === running) this.#last = undefined
    }
  }
}

function isAccepted(outcomes: readonly Outcome[]): boolean {
  return outcomes.every(({ type }) => type === 'accepted')
}

async function apart(
  t: TestContext,
  agents: readonly AnyAgent[],
  limits = {},
): Promise<{ readonly space: Space; readonly store: Apart }> {
  let store: Apart | undefined
  const space = await rig(t, tempUrl(t), {
    agents,
    limits,
    change: (real) => (store = new Apart(real)).parts,
  })
  assert.ok(store !== undefined)
  return { space, store }
}

function sendsTo(name: string): (write: Write) => boolean {
  return (write) => write.type === 'record' && write.messages.some(({ envelope }) => envelope.to === name)
}

/** Agents that all end their turns when the gate opens. */
function crowd(until: Promise<unknown>, begun: () => void): readonly AnyAgent[] {
  return Array.from({ length: CROWD }, (_, i) =>
    agent(`one${i}`, {
      go: on({ input: nothing }, async () => {
        begun()
        await until
      }),
    }),
  )
}

test('batches follow each other, and every chain and every order holds', LIMIT, async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: number }, (_turn, i) => got.note(i)) })
  const relay = agent('relay', {
    pass: on({ input: number }, (turn, i) => void turn.send(sink.take, i)),
  })
  const { space, store } = await apart(t, [relay, sink])
  const count = 400
  await Promise.all(Array.from({ length: count }, (_, i) => space.send(relay.pass, i)))
  await space.idle()
  assert.deepEqual(
    got.seen,
    Array.from({ length: count }, (_, i) => i),
  )
  assert.ok(store.followed > 0)
  assert.equal(store.refused, 0)
})

/** A batch with a message to `held` waits, and a crowd is ready to be in the batch that follows it. */
async function crowded(
  t: TestContext,
  others: readonly AnyAgent[],
  held: string,
  limits = {},
): Promise<{
  readonly space: Space
  readonly store: Apart
  /** Begins the batch that is held, then sends what is behind it; resolves when that is on its way. */
  readonly follow: (first: () => void, behind: () => void) => Promise<void>
  readonly release: () => void
}> {
  const [end, release] = [gate(), gate()]
  let begun = 0
  const agents = crowd(end.opened, () => void (begun += 1))
  const { space, store } = await apart(t, [...others, ...agents], limits)
  for (const { name } of agents) await space.sendTo(name, 'go', null)
  await until('the crowd is at work', () => begun === CROWD)
  const follow = async (first: () => void, behind: () => void): Promise<void> => {
    store.hold = { isHeld: sendsTo(held), until: release.opened }
    first()
    await until('the first batch is under way', () => store.holding)
    behind()
    end.open()
    await until('a batch follows', () => store.followed > 0)
  }
  return { space, store, follow, release: () => release.open() }
}

test('what stands behind a refused message keeps its place behind it', LIMIT, async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: number }, (_turn, i) => got.note(i)) })
  const stuffed = agent('stuffed', { take: on({ input: number }, () => never<void>()) })
  const limits = { mailboxDepth: 3 }
  const { space, store, follow, release } = await crowded(t, [sink, stuffed], 'stuffed', limits)
  for (let i = 0; i < 3; i++) await space.send(stuffed.take, i)
  const sends: Promise<unknown>[] = []
  await follow(
    () => {
      sends.push(assert.rejects(space.send(stuffed.take, 3), code('COTERIE_MAILBOX_FULL')))
      sends.push(space.send(sink.take, 1))
    },
    () => void sends.push(space.send(sink.take, 2)),
  )
  release()
  await Promise.all(sends)
  await until('both are handled', () => got.seen.length === 2)
  assert.deepEqual(got.seen, [1, 2])
  assert.equal(store.withdrawn, 1)
})

test('what follows a batch that the store has failed to write is written after all', LIMIT, async (t) => {
  const got = recorder()
  const sink = agent('sink', { take: on({ input: number }, (_turn, i) => got.note(i)) })
  const other = agent('other', { take: on({ input: number }, (_turn, i) => got.note(i)) })
  const { space, store, follow, release } = await crowded(t, [sink, other], 'other')
  store.failing = true
  const sends: Promise<unknown>[] = []
  await follow(
    () => void sends.push(assert.rejects(space.send(other.take, 1), code('COTERIE_STORE_BUSY'))),
    () => void sends.push(space.send(sink.take, 2)),
  )
  release()
  await Promise.all(sends)
  await space.idle()
  assert.deepEqual(got.seen, [2])
  const { messages } = await space.status()
  assert.equal(messages.handled, CROWD + 1)
  assert.equal(store.withdrawn, 1)
})

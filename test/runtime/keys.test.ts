import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { agent, majority, nodeCrypto, on, open, topic, vote } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { fileKeyring } from '../../src/adapters/node/keyring.ts'
import { systemRandom } from '../../src/adapters/node/random.ts'
import { memoryKeyring } from '../../src/adapters/memory/keyring.ts'
import { keyringFor } from '../../src/open.ts'
import type { LogFields } from '../../src/ports/logger.ts'
import type { Write } from '../../src/ports/store.ts'
import { verifyLog } from '../../src/cli/queries/verify-log.ts'
import {
  ONCE,
  QUICK,
  code,
  fileOf,
  gate,
  never,
  nothing,
  number,
  recordsOf,
  start,
  tempUrl,
  until,
  untilState,
} from './helpers.ts'
import { rig } from './rig.ts'

const bob = agent('bob', { add: on({ input: number, output: number }, (_turn, n) => n + 1) })

/** The whole log verifies. */
async function verified(space: Space): Promise<void> {
  const { report } = await verifyLog(space.store, nodeCrypto, { progress: () => undefined })
  assert.deepEqual(report.fault, undefined)
  assert.equal(report.ok, true)
}

/** The key ids of the records of an author, in order, each once. */
async function keysOf(space: Space, author: string): Promise<readonly string[]> {
  const records = await recordsOf(space)
  return [...new Set(records.filter(({ body }) => body.author === author).map(({ body }) => body.key))]
}

function keyFiles(url: string): readonly string[] {
  return readdirSync(`${fileOf(url)}.keys`).sort()
}

interface Line {
  readonly level: string
  readonly message: string
  readonly fields: LogFields | undefined
}

function listener(): {
  readonly lines: Line[]
  readonly logger: { log(level: string, message: string, fields?: LogFields): void }
} {
  const lines: Line[] = []
  return { lines, logger: { log: (level, message, fields) => void lines.push({ level, message, fields }) } }
}

/** A space that runs agents in one process, and another that is the owner's. */
async function pair(t: TestContext): Promise<{ url: string; worker: Space; owner: Space; lines: Line[] }> {
  const url = tempUrl(t)
  const { lines, logger } = listener()
  const worker = await start(t, [bob], { url, logger })
  const owner = await start(t, [], { url })
  return { url, worker, owner, lines }
}

test('a rotated key is taken up by a running worker, and the log verifies', async (t) => {
  const { url, owner, lines } = await pair(t)
  assert.equal(await owner.ask(bob.add, 1), 2)
  const { key } = await owner.rotateKey('bob')
  assert.equal(await owner.ask(bob.add, 2), 3)
  const used = await keysOf(owner, 'bob')
  assert.equal(used.length, 2)
  assert.equal(used[1], key)
  assert.deepEqual(keyFiles(url), ['@owner.key', 'bob.key', 'client.key'])
  assert.equal(keyringFor(url).get('bob')?.id, key)
  assert.deepEqual(lines, [])
  await verified(owner)
})

test('the keys of the owner and of callers are rotated like any other', async (t) => {
  const { owner, worker } = await pair(t)
  await owner.rotateKey('@owner')
  await owner.rotateKey('client')
  const { key } = await worker.rotateKey('bob')
  assert.equal(await worker.ask(bob.add, 1), 2)
  assert.deepEqual(await keysOf(owner, 'bob'), [key])
  await verified(owner)
})

test('no record signed with the old key is written behind a rotation, however much is under way', async (t) => {
  const { owner, worker } = await pair(t)
  const answers = Array.from({ length: 300 }, async (_, n) => worker.ask(bob.add, n))
  for (let n = 0; n < 5; n++) await owner.rotateKey(n % 2 === 0 ? 'bob' : 'client')
  assert.deepEqual(
    await Promise.all(answers),
    Array.from({ length: 300 }, (_, n) => n + 1),
  )
  await verified(owner)
})

/** Processes that do not look for what others do: only the store can tell them. */
const BLIND = { pollMs: 600_000 }

test('a process that does not know yet that its key was rotated is made to sign with the new one', async (t) => {
  const url = tempUrl(t)
  const [entered, leave] = [gate(), gate()]
  const slow = agent('slow', {
    work: on({ input: nothing }, async () => {
      entered.open()
      await leave.opened
    }),
  })
  const worker = await start(t, [slow], { url, limits: BLIND })
  const owner = await start(t, [], { url })
  const id = await worker.send(slow.work, null)
  await entered.opened
  const { key } = await owner.rotateKey('slow')
  leave.open()
  await untilState(owner, id, 'handled')
  assert.deepEqual(await keysOf(owner, 'slow'), [key])
  const client = await owner.rotateKey('client')
  await Promise.all([worker.send(slow.work, null), worker.send(slow.work, null)])
  assert.equal((await keysOf(owner, worker.address)).at(-1), client.key)
  await worker.idle()
  await verified(owner)
})

test('a process that does not know yet that a key was revoked commits nothing that was recorded with it', async (t) => {
  const url = tempUrl(t)
  const [entered, leave] = [gate(), gate()]
  const slow = agent('slow', {
    work: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step('paid', () => 1)
      entered.open()
      await leave.opened
    }),
  })
  const worker = await start(t, [slow], { url, limits: BLIND })
  const owner = await start(t, [], { url })
  const id = await worker.send(slow.work, null)
  await entered.opened
  await owner.revokeKey('slow')
  await owner.rotateKey('slow')
  leave.open()
  await untilState(owner, id, 'dead')
  assert.equal((await owner.receipt(id)).error?.code, 'COTERIE_KEY_REVOKED')
  await verified(owner)
})

test('two rotations of one key at once: one counts, the other is told, and no key is lost', async (t) => {
  const { url, owner, worker } = await pair(t)
  const results = await Promise.allSettled([owner.rotateKey('bob'), worker.rotateKey('bob')])
  for (const result of results) if (result.status === 'rejected') code('COTERIE_STALE_READ')(result.reason)
  assert.equal(await owner.ask(bob.add, 1), 2)
  assert.deepEqual(keyFiles(url), ['@owner.key', 'bob.key', 'client.key'])
  await verified(owner)
})

test('a rotation that stopped after the log was written is found by its key id, and tidied by the next', async (t) => {
  const { url, owner, worker } = await pair(t)
  const before = keyringFor(url).get('bob')?.id ?? ''
  await owner.rotateKey('bob')
  const ring = fileKeyring(`${fileOf(url)}.keys`, nodeCrypto, systemRandom)
  // As if it had stopped: the new key lies beside, and another is the current one.
  const stray = ring.prepare('bob').id
  const current = ring.get('bob')?.id ?? ''
  ring.adopt('bob', stray)
  assert.notEqual(before, current)
  await worker.close()
  const again = await start(t, [bob], { url })
  assert.equal(await again.ask(bob.add, 4), 5)
  assert.equal((await keysOf(again, 'bob')).at(-1), current)
  await again.rotateKey('bob')
  assert.equal(await again.ask(bob.add, 5), 6)
  await verified(again)
})

test('a worker that lacks the new key stops that agent with one clear error, and goes on when it has it', async (t) => {
  const url = tempUrl(t)
  const { lines, logger } = listener()
  const made = await start(t, [bob], { url })
  await made.close()
  const mine = keyringFor(url)
  // Another folder with the same keys, as on another machine.
  const copies = new Map(['@owner', 'bob', 'client'].map((name) => [name, mine.get(name)]))
  const keyring = {
    ...{ place: 'elsewhere', names: () => [...copies.keys()] },
    get: (name: string) => copies.get(name),
    find: (name: string, id: string) => (copies.get(name)?.id === id ? copies.get(name) : undefined),
    create: (name: string) => assert.fail(name),
    prepare: (name: string) => assert.fail(name),
    adopt: () => undefined,
    discard: () => undefined,
  }
  const worker = await start(t, [bob], { url, keyring, logger, limits: { leaseMs: 300 } })
  const owner = await start(t, [], { url })
  assert.equal(await owner.ask(bob.add, 1), 2)
  await owner.rotateKey('bob')
  const id = await owner.send(bob.add, 1)
  await until('the agent stops', () => lines.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 700))
  assert.deepEqual(
    lines.map(({ level, fields }) => [level, fields?.['code']]),
    [['error', 'COTERIE_KEY_MISMATCH']],
  )
  assert.match(lines[0]?.message ?? '', /copy the new bob\.key/)
  assert.equal((await owner.receipt(id)).state, 'queued')
  copies.set('bob', mine.get('bob'))
  await untilState(owner, id, 'handled')
  await worker.close()
  await verified(owner)
})

test('a revoked agent does nothing: not in a running worker, not in a new one, until it has a new key', async (t) => {
  const { url, owner, worker, lines } = await pair(t)
  assert.equal(await owner.ask(bob.add, 1), 2)
  await owner.revokeKey('bob', { reason: 'the laptop was stolen' })
  const id = await owner.send(bob.add, 1)
  await until('the agent stops', () => lines.some(({ fields }) => fields?.['code'] === 'COTERIE_KEY_REVOKED'))
  await worker.idle()
  assert.equal((await owner.receipt(id)).state, 'queued')
  await assert.rejects(
    open(url, { agents: [bob] }),
    code('COTERIE_KEY_REVOKED', /laptop was stolen.*keys rotate bob/s),
  )
  assert.deepEqual(keyFiles(url), ['@owner.key', 'client.key'])
  await owner.rotateKey('bob')
  await untilState(owner, id, 'handled')
  await verified(owner)
})

test('a turn under way when its key is revoked is given up, and its journal is not believed', async (t) => {
  const url = tempUrl(t)
  const entered = gate()
  const slow = agent('slow', {
    work: on({ input: nothing, retry: ONCE }, async (turn) => {
      await turn.step('paid', () => 1)
      entered.open()
      await turn.step('never comes back', () => never())
    }),
  })
  const worker = await start(t, [slow], { url })
  const owner = await start(t, [], { url })
  const id = await owner.send(slow.work, null)
  await entered.opened
  await owner.revokeKey('slow')
  await owner.rotateKey('slow')
  await untilState(owner, id, 'dead')
  assert.match((await owner.receipt(id)).error?.code ?? '', /COTERIE_KEY_REVOKED/)
  await worker.close()
  await verified(owner)
})

test('a vote goes on over a rotation, and is held anew when the key of a member was revoked meanwhile', async (t) => {
  const url = tempUrl(t)
  const gates = [gate(), gate()]
  const arrived = [gate(), gate()]
  // What the chair waits for between a decision and its end.
  const before = [undefined, undefined, gate()]
  let asked = 0
  let decided = 0
  const juror = agent('juror', { judge: vote(() => ({ choice: 'approve', reason: '' })) })
  const late = agent('late', {
    judge: vote(async () => {
      const turn = asked
      asked += 1
      arrived[turn]?.open()
      await gates[turn]?.opened
      return { choice: 'approve', reason: '' }
    }),
  })
  const chair = agent('chair', {
    put: on({ input: nothing, retry: { attempts: 3, firstMs: 1 } }, async (turn) => {
      const { outcome } = await turn.decide({
        question: '?',
        electorate: [juror.judge, late.judge],
        rule: majority(),
      })
      decided += 1
      await before[decided - 1]?.opened
      return outcome
    }),
  })
  const space = await start(t, [juror, late, chair], { url })
  const rotated = space.ask(chair.put, null)
  await arrived[0]?.opened
  await space.rotateKey('juror')
  await space.rotateKey('chair')
  gates[0]?.open()
  assert.equal(await rotated, 'approve')
  const revoked = space.ask(chair.put, null)
  await arrived[1]?.opened
  await space.revokeKey('juror')
  await space.rotateKey('juror')
  gates[1]?.open()
  assert.equal(await revoked, 'approve')
  assert.equal(asked, 3)
  assert.equal(decided, 2, 'no handler is told what a revoked key has decided')
  const third = space.ask(chair.put, null)
  await until('the third decision', () => decided === 3)
  await space.revokeKey('late')
  await space.rotateKey('late')
  before[2]?.open()
  assert.equal(await third, 'approve')
  assert.equal(decided, 4)
  await verified(space)
})

test('what cannot be rotated or revoked is refused, and nothing is written', async (t) => {
  const { url, owner } = await pair(t)
  const { position } = await owner.status()
  await assert.rejects(owner.rotateKey('nobody'), code('COTERIE_UNKNOWN_RECIPIENT', /nobody/))
  await assert.rejects(owner.revokeKey('@owner'), code('COTERIE_INVALID_ARGUMENT', /keys rotate @owner/))
  await assert.rejects(owner.revokeKey('bob', { key: 'f'.repeat(40) }), code('COTERIE_INVALID_ARGUMENT'))
  await assert.rejects(owner.revokeKey('bob', { reason: '' }), code('COTERIE_INVALID_ARGUMENT'))
  assert.equal((await owner.status()).position, position)
  const { key } = await owner.revokeKey('bob')
  await assert.rejects(owner.revokeKey('bob', { key }), code('COTERIE_INVALID_ARGUMENT', /revoked before/))
  keyringFor(url).discard('@owner', keyringFor(url).get('@owner')?.id ?? '')
  const poor = await start(t, [], { url })
  await assert.rejects(poor.rotateKey('bob'), code('COTERIE_KEY_MISSING', /owner of the space/))
  await verified(owner)
})

test('an earlier key of an agent is revoked while its current one goes on', async (t) => {
  const { owner } = await pair(t)
  assert.equal(await owner.ask(bob.add, 1), 2)
  const [first = ''] = await keysOf(owner, 'bob')
  await owner.rotateKey('bob')
  await owner.revokeKey('bob', { key: first })
  assert.equal(await owner.ask(bob.add, 2), 3)
  await verified(owner)
})

test('a key that another process has replaced, and taken out of the keyring, makes no turn fail', async (t) => {
  const url = tempUrl(t)
  const keyring = memoryKeyring(nodeCrypto, systemRandom)
  const reached = gate()
  const go = gate()
  let paid = 0
  const slow = agent('slow', {
    work: on({ input: nothing, output: number, retry: ONCE }, async (turn) => {
      reached.open()
      await go.opened
      return turn.step('pay', () => (paid += 1))
    }),
  })
  // It does not look whether others have written.
  const worker = await rig(t, url, { agents: [slow], keyring, limits: { pollMs: 60_000 } })
  const owner = await rig(t, url, { keyring })
  const answer = worker.ask(slow.work, null)
  await reached.opened
  await owner.rotateKey('slow')
  await owner.rotateKey('client')
  go.open()
  assert.equal(await answer, 1, 'it was paid once')
  assert.equal(await worker.ask(slow.work, null), 2)
  await verified(worker)
})

for (const isFull of [false, true]) {
  const how = isFull ? 'refused when it is sealed anew' : 'sealed anew'
  test(`a turn that is ${how} after a rotation is not overtaken by the next one of its lane`, async (t) => {
    const url = tempUrl(t)
    const news = topic('news', number)
    const sink = agent('sink', { take: on({ input: number }, () => undefined) })
    const teller = agent('teller', {
      // The first may be refused for the full mailbox, the second reads who has subscribed.
      tell: on({ input: number, retry: QUICK }, (turn, n) => {
        if (n === 1 && isFull) turn.send(sink.take, n)
        if (n === 2) turn.publish(news, n)
      }),
    })
    await (await open(url, { agents: [sink] })).close()
    const owner = await rig(t, url, {})
    if (isFull) for (const n of [7, 8, 9]) await owner.send(sink.take, n)
    let rotated = 0
    const told = (batch: readonly Write[]) =>
      batch.filter((write) => write.type === 'record' && write.record.author === 'teller')
    const publishes = (write: Write | undefined): boolean =>
      write?.type === 'record' && write.reads.some(({ stream }) => stream === '@agents')
    const worker = await rig(t, url, {
      agents: [teller],
      // It does not look whether others have written.
      limits: { mailboxDepth: 3, pollMs: 60_000 },
      change: (real) => ({
        commit: async (batch, terms) => {
          const [first, ...others] = told(batch)
          // While the first is being written, the next two gather.
          if (first !== undefined && others.length === 0) await delay(50)
          if (!publishes(first) && publishes(others.at(-1)) && rotated++ === 0)
            await owner.rotateKey('client')
          return real.commit(batch, terms)
        },
      }),
    })
    const ids = await Promise.all([0, 1, 2].map((n) => worker.send(teller.tell, n)))
    await until('the last has ended', async () => (await worker.receipt(ids[2] ?? '')).state === 'handled')
    assert.ok(rotated > 0, 'the rotation came between')
    const rows = await Promise.all(ids.map((id) => worker.store.message(id)))
    assert.deepEqual(
      rows.map((row) => row?.state),
      ['handled', isFull ? 'dead' : 'handled', 'handled'],
    )
    const ends = rows.map((row) => row?.settledAt ?? -1)
    assert.deepEqual(
      ends,
      ends.toSorted((a, b) => a - b),
    )
    await verified(worker)
  })
}

/**
 * Conformance: a store must be able to say no.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { turnOf } from '../core/ids.ts'
import type { Outcome, Write } from '../ports/store.ts'
import { idOf } from './conformance-kit.ts'
import type { Case, Kit } from './conformance-kit.ts'
import {
  fakeChunk,
  fakeEvent,
  fakeHash,
  fakeJournal,
  fakeMessage,
  fakeRecord,
  fakeTurn,
  fakeWrite,
} from './fixtures.ts'

/**
 * Two agents of which the first waits for the second, and so on; answers the write that would close the
 * circle.
 */
async function circleOf(
  kit: Kit,
  ...names: readonly string[]
): Promise<{ close: Parameters<Kit['commitOne']>[0]; first: string }> {
  const [first, ...rest] = names
  assert.ok(first !== undefined)
  const message = await kit.send(first)
  await kit.lease(first)
  let asked = first
  let held = message
  for (const name of rest) {
    const { write, questions } = kit.asking(asked, held, name)
    await kit.accept(write)
    await kit.lease(name)
    asked = name
    const [question] = questions
    assert.ok(question !== undefined)
    held = question
  }
  return { close: kit.asking(asked, held, first).write, first: asked }
}

/** Cases of refused writes. */
export const REFUSAL_CASES: readonly Case[] = [
  [
    "refuses a record that skips, repeats or forks its author's chain, and tells the head",
    async (kit) => {
      const first = kit.write('client/a')
      await kit.accept(first)
      const head = { seq: 0, hash: first.record.hash }
      for (const from of [
        { seq: -1, hash: '' },
        { seq: 1, hash: head.hash },
        { seq: 0, hash: fakeHash() },
      ]) {
        assert.deepEqual(await kit.commitOne(fakeWrite(fakeRecord('client/a', from))), {
          type: 'conflict',
          head,
        })
      }
      assert.equal((await kit.space.records(0, 10)).length, 2)
    },
  ],
  [
    "refuses a worker whose lease is of an older epoch, another worker's, or missing",
    async (kit) => {
      const message = await kit.send('reviewer')
      const old = await kit.lease('reviewer', 'one')
      await kit.space.release('one', ['reviewer'])
      const fresh = await kit.lease('reviewer', 'two')
      assert.equal(fresh.epoch, old.epoch + 1)
      const fenced = { type: 'fenced', epoch: fresh.epoch }
      for (const lease of [
        old,
        { ...fresh, worker: 'one' },
        { ...fresh, epoch: old.epoch },
        { ...fresh, address: 'other' },
        null,
      ]) {
        const write = kit.turn('reviewer', message, 'handled', {}, { lease })
        assert.deepEqual(await kit.commitOne(write), fenced)
      }
      assert.deepEqual(await kit.commitOne(fakeJournal(old, idOf(message))), fenced)
      await kit.handle('reviewer', message)
    },
  ],
  [
    'refuses what was signed before the owner wrote again, also within one batch, but not journal entries',
    async (kit) => {
      const message = await kit.send('reviewer')
      const lease = await kit.lease('reviewer')
      const commit = (agents: number, ...writes: Write[]): Promise<readonly Outcome[]> =>
        kit.space.commit(writes, { mailboxDepth: 1_000, agents })
      const stale = { type: 'stale', stream: '@agents', expected: 1, actual: 2 }
      const [first, second] = await commit(1, kit.write('client/a'), kit.write('@owner'))
      assert.deepEqual([first?.type, second?.type], ['accepted', 'accepted'])
      const late = [
        kit.write('client/b'),
        fakeJournal(lease, idOf(message)),
        kit.turn('reviewer', message, 'handled'),
      ]
      const [third, journal, turn] = await commit(1, ...late)
      assert.deepEqual([third, journal?.type, turn], [stale, 'accepted', stale])
      await kit.learn('client/b')
      const again = [kit.write('client/b'), kit.write('@owner'), kit.write('client/c')]
      const outcomes = await commit(2, ...again)
      assert.deepEqual(
        outcomes.slice(0, 2).map(({ type }) => type),
        ['accepted', 'accepted'],
      )
      assert.deepEqual(outcomes[2], { ...stale, expected: 2, actual: 3 })
    },
  ],
  [
    'refuses a second end of a message, whoever brings it',
    async (kit) => {
      const message = await kit.send('reviewer')
      const lease = await kit.lease('reviewer')
      await kit.handle('reviewer', message)
      const ended = { type: 'ended', state: 'handled' }
      assert.deepEqual(await kit.commitOne(kit.turn('reviewer', message, 'handled')), ended)
      assert.deepEqual(await kit.commitOne(kit.turn('reviewer', message, 'dead')), ended)
      assert.deepEqual(await kit.commitOne(fakeJournal(lease, idOf(message))), ended)
    },
  ],
  [
    'refuses a turn past its deadline, but lets it end as expired, cancelled or dead',
    async (kit) => {
      const deadline = (await kit.now()) + 1_000
      const lease = await kit.lease('reviewer')
      const messages = [
        await kit.send('reviewer', { deadline }),
        await kit.send('reviewer', { deadline }),
        await kit.send('reviewer', { deadline }),
      ]
      kit.harness.clock.advance(1_000)
      for (const [at, end] of (['expired', 'cancelled', 'dead'] as const).entries()) {
        const message = messages[at]
        assert.ok(message !== undefined)
        for (const early of ['handled', 'waiting', 'retry'] as const) {
          assert.equal((await kit.commitOne(kit.turn('reviewer', message, early))).type, 'expired')
        }
        assert.equal((await kit.commitOne(fakeJournal(lease, idOf(message)))).type, 'expired')
        await kit.accept(kit.turn('reviewer', message, end))
        assert.equal((await kit.row(message)).state, end)
      }
    },
  ],
  [
    'lets a turn with compensations write its journal past the deadline',
    async (kit) => {
      const message = await kit.send('reviewer', { deadline: (await kit.now()) + 1_000 })
      const lease = await kit.lease('reviewer')
      await kit.accept(fakeJournal(lease, idOf(message), { undo: true }))
      kit.harness.clock.advance(1_000)
      await kit.accept(fakeJournal(lease, idOf(message), { chunk: fakeChunk(turnOf(idOf(message)), 0) }))
      await kit.accept(kit.turn('reviewer', message, 'expired'))
    },
  ],
  [
    'refuses a read of a stream that has moved, and writes nothing of it',
    async (kit) => {
      const message = await kit.send('reviewer')
      await kit.lease('reviewer')
      await kit.accept(
        kit.write('client/one', { events: [fakeEvent('s', 1), fakeEvent('s', 2), fakeEvent('t', 1)] }),
      )
      const outcome = await kit.commitOne(
        kit.turn(
          'reviewer',
          message,
          'handled',
          {},
          {
            reads: [
              { stream: 't', version: 1 },
              { stream: 's', version: 1 },
            ],
            messages: [fakeMessage({ to: 'other' })],
            events: [fakeEvent('t', 2)],
            journal: fakeChunk(turnOf(idOf(message)), 0),
          },
        ),
      )
      assert.deepEqual(outcome, { type: 'stale', stream: 's', expected: 1, actual: 2 })
      assert.equal((await kit.row(message)).state, 'queued')
      assert.deepEqual(await kit.mail('other'), [])
      assert.equal((await kit.space.stream('t')).version, 1)
      assert.deepEqual(await kit.space.journal(turnOf(idOf(message))), [])
      assert.equal((await kit.space.head('reviewer')).seq, -1)
    },
  ],
  [
    'refuses a read of the agents and keys when the owner has written since',
    async (kit) => {
      const reads = [{ stream: '@agents', version: 1 }]
      await kit.accept(kit.write('client/one', { reads }))
      await kit.accept(kit.write('@owner'))
      assert.deepEqual(await kit.commitOne(kit.write('client/one', { reads })), {
        type: 'stale',
        stream: '@agents',
        expected: 1,
        actual: 2,
      })
      assert.equal((await kit.space.stream('@agents')).version, 2)
      await kit.accept(kit.write('client/one', { reads: [{ stream: '@agents', version: 2 }] }))
    },
  ],
  [
    'refuses an event that is not the next of its stream',
    async (kit) => {
      await kit.accept(kit.write('client/one', { events: [fakeEvent('s', 1)] }))
      const stale = (expected: number, actual: number) => ({ type: 'stale', stream: 's', expected, actual })
      assert.deepEqual(
        await kit.commitOne(kit.write('client/one', { events: [fakeEvent('s', 1)] })),
        stale(0, 1),
      )
      assert.deepEqual(
        await kit.commitOne(kit.write('client/one', { events: [fakeEvent('s', 3)] })),
        stale(2, 1),
      )
      assert.deepEqual(
        await kit.commitOne(kit.write('client/one', { events: [fakeEvent('s', 2), fakeEvent('s', 4)] })),
        stale(3, 2),
      )
      assert.equal((await kit.space.stream('s')).version, 1)
    },
  ],
  [
    'refuses a second message with one idempotency key: sender name, recipient and key together',
    async (kit) => {
      const keyed = (to: string, key: string, from = 'client/one') => fakeMessage({ to, key, from })
      const first = keyed('reviewer', 'k')
      await kit.accept(kit.write('client/one', { messages: [first] }))
      const again = keyed('reviewer', 'k', 'client/two')
      const outcome = await kit.commitOne(
        kit.write('client/two', { messages: [fakeMessage({ to: 'other' }), again] }),
      )
      assert.ok(outcome.type === 'duplicate')
      assert.equal(outcome.id, idOf(again))
      assert.equal(outcome.existing.envelope.id, idOf(first))
      assert.deepEqual(await kit.mail('other'), [])
      const others = [keyed('reviewer', 'l'), keyed('other', 'k'), keyed('reviewer', 'k', 'agent')]
      await kit.accept(kit.write('client/one', { messages: others }))
      assert.equal((await kit.space.messageByKey('client', 'reviewer', 'k'))?.envelope.id, idOf(first))
      assert.equal(await kit.space.messageByKey('client', 'reviewer', 'none'), undefined)
      await kit.lease('reviewer')
      await kit.handle('reviewer', first)
      const late = await kit.commitOne(kit.write('client/one', { messages: [keyed('reviewer', 'k')] }))
      assert.ok(late.type === 'duplicate')
      assert.equal(late.existing.state, 'handled')
    },
  ],
  [
    'refuses an idempotency key that is used twice in one batch or in one record',
    async (kit) => {
      const [a, b] = [fakeMessage({ to: 'reviewer', key: 'k' }), fakeMessage({ to: 'reviewer', key: 'k' })]
      const outcomes = await kit.commit(
        kit.write('client/one', { messages: [a] }),
        kit.write('client/two', { messages: [b] }),
      )
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'duplicate'],
      )
      const [c, d] = [fakeMessage({ to: 'reviewer', key: 'm' }), fakeMessage({ to: 'reviewer', key: 'm' })]
      const twin = await kit.commitOne(kit.write('client/one', { messages: [c, d] }))
      assert.ok(twin.type === 'duplicate')
      assert.deepEqual([twin.id, twin.existing.envelope.id], [idOf(d), idOf(c)])
      assert.deepEqual(await kit.mail('reviewer'), [idOf(a)])
    },
  ],
  [
    'refuses a message id that is in use, and nothing else of its batch',
    async (kit) => {
      const message = await kit.send('reviewer')
      const outcomes = await kit.commit(
        kit.write('client/a', { messages: [fakeMessage({ to: 'reviewer' })] }),
        kit.write('client/b', { messages: [fakeMessage({ to: 'reviewer', id: idOf(message) })] }),
        kit.write('client/c', { messages: [fakeMessage({ to: 'reviewer' })] }),
      )
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'duplicate', 'accepted'],
      )
      assert.equal((await kit.mail('reviewer')).length, 3)
    },
  ],
  [
    'refuses a message to a full mailbox; scheduled ones count, replies do not, ended ones no more',
    async (kit) => {
      kit.mailboxDepth = 2
      await kit.lease('reviewer')
      const first = await kit.send('reviewer')
      await kit.send('reviewer', { dueAt: (await kit.now()) + 60_000 })
      const full = { type: 'full', address: 'reviewer', limit: 2 }
      const more = () => kit.write('client/one', { messages: [fakeMessage({ to: 'reviewer' })] })
      assert.deepEqual(await kit.commitOne(more()), full)
      await kit.accept(
        kit.write('client/one', { messages: [fakeMessage({ to: 'reviewer', re: 'msg_question' })] }),
      )
      await kit.handle('reviewer', first, { messages: [fakeMessage({ to: 'reviewer', from: 'reviewer' })] })
      assert.deepEqual(await kit.commitOne(more()), full)
      await kit.handle('reviewer', (await kit.mail('reviewer'))[0] ?? '')
      const outcomes = await kit.commit(
        more(),
        kit.write('client/two', { messages: [fakeMessage({ to: 'reviewer' })] }),
      )
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'full'],
      )
      const pair = [fakeMessage({ to: 'empty' }), fakeMessage({ to: 'empty' })]
      const third = fakeMessage({ to: 'empty' })
      assert.equal(
        (await kit.commitOne(kit.write('client/one', { messages: [...pair, third] }))).type,
        'full',
      )
      await kit.accept(kit.write('client/one', { messages: pair }))
    },
  ],
  [
    'refuses an address that waits for itself',
    async (kit) => {
      const { close } = await circleOf(kit, 'a')
      assert.deepEqual(await kit.commitOne(close), { type: 'cycle', cycle: ['a', 'a'] })
    },
  ],
  [
    'refuses two addresses that would wait for each other',
    async (kit) => {
      const { close } = await circleOf(kit, 'a', 'b')
      assert.deepEqual(await kit.commitOne(close), { type: 'cycle', cycle: ['b', 'a', 'b'] })
    },
  ],
  [
    'refuses a circle of three waiting addresses, and names it',
    async (kit) => {
      const { close } = await circleOf(kit, 'a', 'b', 'c')
      assert.deepEqual(await kit.commitOne(close), { type: 'cycle', cycle: ['c', 'a', 'b', 'c'] })
    },
  ],
  [
    'finds a circle that two writes of one batch would close',
    async (kit) => {
      const [toA, toB] = [await kit.send('a'), await kit.send('b')]
      await kit.lease('a')
      await kit.lease('b')
      const outcomes = await kit.commit(kit.asking('a', toA, 'b').write, kit.asking('b', toB, 'a').write)
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'cycle'],
      )
    },
  ],
  [
    'lets an agent ask one that waits for it no more: its question is answered or ended',
    async (kit) => {
      const toA = await kit.send('a')
      await kit.lease('a')
      await kit.lease('b')
      const { write, questions } = kit.asking('a', toA, 'b')
      await kit.accept(write)
      const [question] = questions
      assert.ok(question !== undefined)
      await kit.handle('b', question, { messages: [kit.reply(question)] })
      const next = await kit.send('b')
      await kit.accept(kit.asking('b', next, 'a').write)
    },
  ],
  [
    'lets two agents wait for a third, and one wait for several',
    async (kit) => {
      for (const name of ['a', 'b']) {
        const message = await kit.send(name)
        await kit.lease(name)
        await kit.accept(kit.asking(name, message, 'c', 'd').write)
      }
    },
  ],
  [
    "refuses a journal chunk that is not the turn's next",
    async (kit) => {
      const message = await kit.send('reviewer')
      const lease = await kit.lease('reviewer')
      const turn = turnOf(idOf(message))
      assert.equal(
        (await kit.commitOne(fakeJournal(lease, idOf(message), { chunk: fakeChunk(turn, 1) }))).type,
        'conflict',
      )
      await kit.accept(fakeJournal(lease, idOf(message), { chunk: fakeChunk(turn, 0) }))
      assert.equal(
        (await kit.commitOne(fakeJournal(lease, idOf(message), { chunk: fakeChunk(turn, 0) }))).type,
        'conflict',
      )
      const record = kit.turn('reviewer', message, 'handled', {}, { journal: fakeChunk(turn, 2) })
      assert.equal((await kit.commitOne(record)).type, 'conflict')
      await kit.handle('reviewer', message, { journal: fakeChunk(turn, 1) })
    },
  ],
  [
    'names the first reason: the lease, the chain, the end, the deadline, then what was read',
    async (kit) => {
      const deadline = (await kit.now()) + 10
      const [gone, late] = [
        await kit.send('reviewer', { deadline }),
        await kit.send('reviewer', { deadline }),
      ]
      const lease = await kit.lease('reviewer')
      await kit.handle('reviewer', gone)
      kit.harness.clock.advance(10)
      const reads = [{ stream: 's', version: 9 }]
      const head = await kit.space.head('reviewer')
      const reason = async (
        message: string,
        from: { seq: number; hash: string },
        epoch: number,
      ): Promise<string> => {
        const write = fakeWrite(fakeRecord('reviewer', from), {
          lease: { ...lease, epoch },
          turn: fakeTurn(message),
          reads,
        })
        return (await kit.commitOne(write)).type
      }
      const fork = { seq: 5, hash: '' }
      assert.equal(await reason(idOf(gone), fork, 99), 'fenced')
      assert.equal(await reason(idOf(gone), fork, lease.epoch), 'conflict')
      assert.equal(await reason(idOf(gone), head, lease.epoch), 'ended')
      assert.equal(await reason(idOf(late), head, lease.epoch), 'expired')
      const last = await kit.commitOne(kit.turn('reviewer', late, 'expired', {}, { reads }))
      assert.equal(last.type, 'stale')
    },
  ],
]

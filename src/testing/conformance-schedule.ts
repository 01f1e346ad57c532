/**
 * Conformance: schedules, deadlines, and finding what is to be done.
 *
 * @module
 */

import assert from 'node:assert/strict'
import type { NewMessage } from '../ports/store.ts'
import { LEASE_MS, idOf } from './conformance-kit.ts'
import type { Case } from './conformance-kit.ts'
import { fakeJournal } from './fixtures.ts'

const DAY_MS = 86_400_000

/** Cases of time and of work. */
export const SCHEDULE_CASES: readonly Case[] = [
  [
    'gives a scheduled message out when it is due, in the order of the times',
    async (kit) => {
      const now = await kit.now()
      const late = await kit.send('reviewer', { dueAt: now + 2_000 })
      const early = await kit.send('reviewer', { dueAt: now + 1_000 })
      const atOnce = await kit.send('reviewer', { dueAt: now })
      assert.equal((await kit.row(late)).state, 'scheduled')
      assert.equal((await kit.row(late)).dueAt, now + 2_000)
      assert.equal(await kit.space.nextDueAt(), now + 1_000)
      assert.deepEqual(await kit.space.promote(10), [])
      kit.harness.clock.advance(2_000)
      assert.deepEqual(await kit.mail('reviewer'), [idOf(atOnce)])
      assert.deepEqual(await kit.space.promote(1), ['reviewer'])
      assert.deepEqual(await kit.mail('reviewer'), [atOnce, early].map(idOf))
      assert.deepEqual(await kit.space.promote(10), ['reviewer'])
      assert.deepEqual(await kit.mail('reviewer'), [atOnce, early, late].map(idOf))
      assert.equal(await kit.space.nextDueAt(), null)
      assert.deepEqual(await kit.space.promote(10), [])
    },
  ],
  [
    'tells when the next retry or wait is due, and whose',
    async (kit) => {
      const now = await kit.now()
      const retried = await kit.send('reviewer')
      const sleeping = await kit.send('sleeper')
      await kit.lease('reviewer')
      await kit.lease('sleeper')
      assert.equal(await kit.space.nextDueAt(), null)
      await kit.accept(kit.turn('reviewer', retried, 'retry', { attempts: 1, dueAt: now + 1_000 }))
      const waits = [{ index: 0, target: null, request: null, dueAt: now + 2_000 }]
      await kit.accept(kit.turn('sleeper', sleeping, 'waiting', { waits }))
      assert.equal(await kit.space.nextDueAt(), now + 1_000)
      assert.deepEqual(await kit.space.due(10), [])
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await kit.space.due(10), ['reviewer'])
      assert.equal(await kit.space.nextDueAt(), now + 2_000)
      kit.harness.clock.advance(1_000)
      assert.deepEqual((await kit.space.due(10)).toSorted(), ['reviewer', 'sleeper'])
      assert.equal((await kit.space.due(1)).length, 1)
    },
  ],
  [
    'does not pass over a time that came between two questions',
    async (kit) => {
      const now = await kit.now()
      const message = await kit.send('reviewer')
      await kit.lease('reviewer')
      await kit.accept(kit.turn('reviewer', message, 'retry', { attempts: 1, dueAt: now + 1_000 }))
      assert.deepEqual(await kit.space.due(10), [])
      kit.harness.clock.advance(5_000)
      assert.equal(await kit.space.nextDueAt(), now + 1_000)
    },
  ],
  [
    'finds messages past their deadline, but not turns that wait or have something to undo',
    async (kit) => {
      const deadline = (await kit.now()) + 1_000
      const queued = await kit.send('reviewer', { deadline })
      const scheduled = await kit.send('reviewer', { deadline, dueAt: deadline + 1 })
      const undoing = await kit.send('undoer', { deadline })
      const waiting = await kit.send('asker', { deadline })
      const done = await kit.send('reviewer', { deadline })
      await kit.send('reviewer', { deadline: deadline + DAY_MS })
      await kit.send('reviewer')
      await kit.lease('asker')
      await kit.lease('reviewer')
      await kit.handle('reviewer', done)
      await kit.accept(fakeJournal(await kit.lease('undoer'), idOf(undoing), { undo: true }))
      await kit.accept(kit.asking('asker', waiting, 'other').write)
      assert.deepEqual(await kit.space.expirable(10), [])
      kit.harness.clock.advance(1_000)
      const overdue = await kit.space.expirable(10)
      assert.deepEqual(overdue.map((m) => m.envelope.id).toSorted(), [queued, scheduled].map(idOf).toSorted())
      assert.equal((await kit.space.expirable(1)).length, 1)
      assert.deepEqual((await kit.space.due(10)).toSorted(), ['asker', 'undoer'])
      const settles = overdue.map((m) => ({ id: m.envelope.id, as: 'expired' as const, reason: 'too late' }))
      await kit.accept(kit.write('client/one', { settles }))
      assert.deepEqual(await kit.space.expirable(10), [])
    },
  ],
  [
    'finds replies that came too late for the turn that asked, unless it may be run again',
    async (kit) => {
      const asked = async (asker: string): Promise<NewMessage> => {
        const message = await kit.send(asker)
        await kit.lease(asker)
        const { write, questions } = kit.asking(asker, message, 'other')
        await kit.accept(write)
        const [question] = questions
        assert.ok(question !== undefined)
        await kit.lease('other')
        const reply = kit.reply(question)
        await kit.handle('other', question, { messages: [reply] })
        asks.set(reply, message)
        return reply
      }
      const asks = new Map<NewMessage, NewMessage>()
      const end = async (reply: NewMessage, to: 'handled' | 'dead'): Promise<void> => {
        const message = asks.get(reply)
        assert.ok(message !== undefined)
        await kit.accept(
          kit.turn(message.envelope.to, message, to, to === 'dead' ? { error: 'it broke' } : {}),
        )
      }
      const stale = async (): Promise<readonly string[]> =>
        (await kit.space.expirable(10)).map((mail) => mail.envelope.id).toSorted()
      const [late, later, awaited, dead] = [
        await asked('one'),
        await asked('two'),
        await asked('three'),
        await asked('four'),
      ]
      assert.deepEqual(await stale(), [])
      await end(late, 'handled')
      await end(later, 'handled')
      await end(dead, 'dead')
      assert.deepEqual(await stale(), [late, later].map(idOf).toSorted())
      assert.equal((await kit.space.expirable(1)).length, 1)
      assert.equal((await kit.row(awaited)).state, 'answered')
      const settles = [late, later].map((m) => ({ id: idOf(m), as: 'expired' as const, reason: 'too late' }))
      await kit.accept(kit.write('client/one', { settles }))
      assert.equal((await kit.row(late)).state, 'expired')
      assert.deepEqual(await stale(), [])
      await kit.accept(
        kit.write('client/one', {
          settles: [{ id: idOf(asks.get(dead) ?? dead), as: 'cancelled', reason: 'dropped' }],
        }),
      )
      assert.deepEqual(await stale(), [idOf(dead)])
    },
  ],
  [
    'finds addresses with mail, of the agents that are asked for',
    async (kit) => {
      await kit.send('reviewer')
      await kit.send('reviewer/1')
      await kit.send('reviewer-2')
      await kit.send('reviewer2')
      await kit.send('writer', { dueAt: (await kit.now()) + 1_000 })
      const work = async (...agents: string[]) => (await kit.space.work('w', agents, 10)).toSorted()
      assert.deepEqual(await work('reviewer'), ['reviewer', 'reviewer/1'])
      assert.deepEqual(await work('reviewer-2', 'writer'), ['reviewer-2'])
      assert.deepEqual(await work('nobody'), [])
      assert.deepEqual(await work(), [])
    },
  ],
  [
    'finds every address in turn when there is more work than asked for',
    async (kit) => {
      const addresses = Array.from({ length: 7 }, (_, i) => `reviewer/${i}`)
      for (const address of addresses) await kit.send(address)
      const found = new Set<string>()
      for (let i = 0; i < 4; i++) {
        const some = await kit.space.work('w', ['reviewer'], 2)
        assert.equal(some.length, 2)
        for (const address of some) found.add(address)
      }
      assert.deepEqual([...found].toSorted(), addresses)
    },
  ],
  [
    'leaves out addresses that another worker holds, until it lapses or gives them back',
    async (kit) => {
      await kit.send('reviewer')
      await kit.lease('reviewer', 'one')
      const work = (worker: string) => kit.space.work(worker, ['reviewer'], 10)
      assert.deepEqual(await work('one'), ['reviewer'])
      assert.deepEqual(await work('two'), [])
      kit.harness.clock.advance(LEASE_MS)
      assert.deepEqual(await work('two'), ['reviewer'])
      await kit.space.heartbeat('one', LEASE_MS, [])
      assert.deepEqual(await work('two'), [])
      await kit.space.release('one', ['reviewer'])
      assert.deepEqual(await work('two'), ['reviewer'])
    },
  ],
  [
    'finds a waiting turn when its answer is there or its time has come, and not before',
    async (kit) => {
      const now = await kit.now()
      const [asking, sleeping] = [await kit.send('asker'), await kit.send('sleeper')]
      await kit.lease('asker')
      await kit.lease('sleeper')
      await kit.lease('other')
      const { write, questions } = kit.asking('asker', asking, 'other')
      await kit.accept(write)
      const waits = [{ index: 0, target: null, request: null, dueAt: now + 1_000 }]
      await kit.accept(kit.turn('sleeper', sleeping, 'waiting', { waits }))
      const work = async () => kit.space.work('worker', ['asker', 'sleeper'], 10)
      assert.deepEqual(await work(), [])
      const [question] = questions
      assert.ok(question !== undefined)
      const reply = kit.reply(question)
      await kit.handle('other', question, { messages: [reply] })
      assert.deepEqual(await work(), ['asker'])
      await kit.space.heartbeat('second', LEASE_MS, [])
      assert.deepEqual(await kit.space.work('second', ['asker', 'sleeper'], 10), [])
      await kit.handle('asker', asking, { settles: [{ id: idOf(reply), as: 'handled', reason: 'consumed' }] })
      assert.deepEqual(await work(), [])
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await work(), ['sleeper'])
    },
  ],
  [
    'says with a heartbeat who else is alive, and that there may be something to do whenever there is',
    async (kit) => {
      const now = await kit.now()
      const { space } = await kit.other()
      const beat = () => space.heartbeat('watcher', LEASE_MS, [])
      await beat()
      const [asking, sleeping] = [await kit.send('asker'), await kit.send('sleeper')]
      assert.equal((await beat()).busy, true)
      for (const address of ['asker', 'sleeper', 'other']) await kit.lease(address)
      assert.deepEqual(
        (await beat()).others.map(({ id }) => id),
        ['worker'],
      )
      const { write, questions } = kit.asking('asker', asking, 'other')
      await kit.accept(write)
      const waits = [{ index: 0, target: null, request: null, dueAt: now + 1_000 }]
      await kit.accept(kit.turn('sleeper', sleeping, 'waiting', { waits }))
      const [question] = questions
      assert.ok(question !== undefined)
      const reply = kit.reply(question)
      await kit.handle('other', question, { messages: [reply] })
      assert.equal((await beat()).busy, true, 'an answer is there')
      await kit.handle('asker', asking, { settles: [{ id: idOf(reply), as: 'handled', reason: 'consumed' }] })
      await beat()
      kit.harness.clock.advance(1_000)
      assert.equal((await beat()).busy, true, 'a wait is due')
      kit.harness.clock.advance(LEASE_MS)
      const last = await beat()
      assert.equal(last.held, true)
      assert.deepEqual(last.others, [])
    },
  ],
]

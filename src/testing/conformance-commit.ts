/**
 * Conformance: what an accepted write does.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { turnOf } from '../core/ids.ts'
import { idOf } from './conformance-kit.ts'
import type { Case } from './conformance-kit.ts'
import { fakeChunk, fakeEvent, fakeHash, fakeJournal, fakeMessage, fakeWrite } from './fixtures.ts'

/** Cases of accepted writes. */
export const COMMIT_CASES: readonly Case[] = [
  [
    'gives positions without a gap, from the genesis at 0, in the order of commits',
    async (kit) => {
      const first = await kit.commit(kit.write('client/a'), kit.write('client/b'), kit.write('client/a'))
      const second = await kit.commit(kit.write('client/c'))
      const positions = [...first, ...second].map((o) => (o.type === 'accepted' ? o.position : o.type))
      assert.deepEqual(positions, [1, 2, 3, 4])
      const records = await kit.space.records(0, 10)
      assert.deepEqual(
        records.map((r) => [r.position, r.author, r.seq]),
        [
          [0, '@owner', 0],
          [1, 'client/a', 0],
          [2, 'client/b', 0],
          [3, 'client/a', 1],
          [4, 'client/c', 0],
        ],
      )
    },
  ],
  [
    'answers for each write, and a refused one in the middle harms no other author and takes no position',
    async (kit) => {
      const bad = kit.write('client/b')
      const outcomes = await kit.commit(
        kit.write('client/a'),
        fakeWrite({ ...bad.record, prev: fakeHash() }, { messages: [fakeMessage({ to: 'worker' })] }),
        kit.write('client/b'),
        kit.write('client/c'),
      )
      assert.deepEqual(outcomes, [
        { type: 'accepted', position: 1, cancelled: [] },
        { type: 'conflict', head: { seq: -1, hash: '' } },
        { type: 'conflict', head: { seq: -1, hash: '' } },
        { type: 'accepted', position: 2, cancelled: [] },
      ])
      assert.deepEqual(await kit.mail('worker'), [])
      assert.equal((await kit.space.records(0, 10)).length, 3)
    },
  ],
  [
    'keeps every part of a segment',
    async (kit) => {
      const message = await kit.send('reviewer')
      await kit.lease('reviewer')
      const turn = turnOf(idOf(message))
      const sent = fakeMessage({ to: 'other', from: 'reviewer', cause: turn })
      const event = fakeEvent('review-1', 1)
      const chunk = fakeChunk(turn, 0)
      const decision = { id: `dec_${fakeHash()}`, hash: fakeHash(), certificate: '{"c":1}' }
      const { position } = await kit.handle('reviewer', message, {
        messages: [sent],
        events: [event],
        journal: chunk,
        decisions: [decision],
      })
      const row = await kit.row(message)
      assert.equal(row.state, 'handled')
      assert.equal(row.settledAt, position)
      assert.equal(row.segments, 1)
      assert.equal((await kit.row(sent)).position, position)
      assert.deepEqual(await kit.space.stream('review-1'), { version: 1, events: [{ ...event, position }] })
      assert.deepEqual(await kit.space.journal(turn), [chunk])
      assert.deepEqual(await kit.space.decision(decision.id), { ...decision, position })
    },
  ],
  [
    'gives a message out exactly as it was written',
    async (kit) => {
      const sent = await kit.send('reviewer', {
        key: 'k',
        topic: 'news',
        deadline: (await kit.now()) + 1_000,
      })
      const page = await kit.space.mail('reviewer', { limit: 1 })
      const [mail] = page.mail
      assert.ok(mail !== undefined)
      assert.deepEqual(
        { envelope: mail.envelope, text: mail.text, hash: mail.hash, payload: mail.payload },
        sent,
      )
      assert.equal(mail.state, 'queued')
      assert.deepEqual([mail.attempts, mail.segments, mail.crashes, mail.position], [0, 0, 0, 1])
      assert.equal(page.nextDueAt, null)
    },
  ],
  [
    'leaves a failed attempt queued with its attempts and its time, and a dead letter with its error',
    async (kit) => {
      const message = await kit.send('reviewer')
      await kit.lease('reviewer')
      const dueAt = (await kit.now()) + 500
      await kit.accept(kit.turn('reviewer', message, 'retry', { attempts: 1, dueAt }))
      const retried = await kit.row(message)
      assert.deepEqual(
        [retried.state, retried.attempts, retried.dueAt, retried.segments, retried.settledAt],
        ['queued', 1, dueAt, 0, null],
      )
      const { position } = await kit.accept(
        kit.turn('reviewer', message, 'dead', { attempts: 2, error: '{"code":"X"}' }),
      )
      const dead = await kit.row(message)
      assert.deepEqual(
        [dead.state, dead.attempts, dead.dueAt, dead.error, dead.settledAt],
        ['dead', 2, null, '{"code":"X"}', position],
      )
      assert.deepEqual(await kit.mail('reviewer'), [])
    },
  ],
  [
    'says why a message was expired or cancelled',
    async (kit) => {
      const [late, unwanted] = [await kit.send('reviewer'), await kit.send('reviewer')]
      await kit.lease('reviewer')
      await kit.accept(kit.turn('reviewer', late, 'expired'))
      await kit.accept(kit.turn('reviewer', unwanted, 'cancelled'))
      for (const [message, state] of [
        [late, 'expired'],
        [unwanted, 'cancelled'],
      ] as const) {
        const row = await kit.row(message)
        assert.equal(row.state, state)
        assert.equal(typeof row.reason, 'string')
      }
    },
  ],
  [
    'counts the segments of a turn that waits, and replaces its waits each time',
    async (kit) => {
      const message = await kit.send('asker')
      await kit.lease('asker')
      const turn = turnOf(idOf(message))
      const first = kit.asking('asker', message, 'one', 'two')
      await kit.accept(first.write)
      const waiting = await kit.row(message)
      assert.deepEqual([waiting.state, waiting.segments], ['waiting', 1])
      assert.deepEqual(
        (await kit.space.waits(turn)).map((w) => w.target),
        ['one', 'two'],
      )
      const sleep = { index: 7, target: null, request: null, dueAt: 99 }
      await kit.accept(kit.turn('asker', message, 'waiting', { waits: [sleep] }))
      assert.equal((await kit.row(message)).segments, 2)
      assert.deepEqual(await kit.space.waits(turn), [sleep])
      await kit.handle('asker', message)
      assert.deepEqual(await kit.space.waits(turn), [])
    },
  ],
  [
    'writes journal entries in the middle of a segment, and notes that the message is delivered',
    async (kit) => {
      const message = await kit.send('reviewer')
      const lease = await kit.lease('reviewer')
      const turn = turnOf(idOf(message))
      const [first, second] = [fakeChunk(turn, 0), fakeChunk(turn, 1)]
      const before = await kit.accept(fakeJournal(lease, idOf(message)))
      assert.equal(before.position, 1)
      assert.equal((await kit.row(message)).state, 'delivered')
      const outcomes = await kit.commit(
        fakeJournal(lease, idOf(message), { chunk: first }),
        fakeJournal(lease, idOf(message), { chunk: second }),
      )
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'accepted'],
      )
      assert.deepEqual(await kit.space.journal(turn), [first, second])
      assert.deepEqual(await kit.mail('reviewer'), [idOf(message)])
      assert.equal((await kit.space.records(0, 10)).length, 2)
    },
  ],
  [
    'sees earlier writes of the batch: a stream that grew, a message that was sent',
    async (kit) => {
      await kit.lease('reviewer')
      const message = fakeMessage({ to: 'reviewer' })
      const outcomes = await kit.commit(
        kit.write('client/one', { messages: [message], events: [fakeEvent('s', 1)] }),
        kit.turn(
          'reviewer',
          message,
          'handled',
          {},
          { reads: [{ stream: 's', version: 1 }], events: [fakeEvent('s', 2)] },
        ),
      )
      assert.deepEqual(
        outcomes.map((o) => o.type),
        ['accepted', 'accepted'],
      )
      assert.equal((await kit.row(message)).state, 'handled')
    },
  ],
  [
    'gives a reply to a caller from outside at once, and one to an agent until it is settled',
    async (kit) => {
      const outside = await kit.send('worker', { kind: 'ask', from: 'client/one' })
      const inside = await kit.send('worker', { kind: 'ask', from: 'asker' })
      await kit.lease('worker')
      await kit.lease('asker')
      const [toClient, toAsker] = [kit.reply(outside), kit.reply(inside)]
      const { position } = await kit.handle('worker', outside, { messages: [toClient] })
      await kit.handle('worker', inside, { messages: [toAsker] })
      const done = await kit.row(toClient)
      assert.deepEqual([done.state, done.settledAt], ['handled', position])
      assert.equal((await kit.row(toAsker)).state, 'answered')
      assert.deepEqual(await kit.mail('asker'), [])
      await kit.accept(
        kit.write('asker', { settles: [{ id: idOf(toAsker), as: 'handled', reason: 'consumed' }] }),
      )
      assert.equal((await kit.row(toAsker)).state, 'handled')
      const answers = await kit.space.answers([idOf(outside), idOf(inside), 'msg_unknown'])
      assert.deepEqual(
        answers.map((mail) => mail.envelope.id),
        [idOf(toClient), idOf(toAsker)],
      )
    },
  ],
  [
    'settles live messages, leaves final ones, and takes a dead letter up again as new',
    async (kit) => {
      await kit.lease('reviewer')
      const [done, dead, live] = [
        await kit.send('reviewer'),
        await kit.send('reviewer'),
        await kit.send('reviewer'),
      ]
      await kit.handle('reviewer', done)
      await kit.accept(kit.turn('reviewer', dead, 'dead', { attempts: 5, error: '{}' }))
      const settle = (id: string, as: 'handled' | 'expired' | 'cancelled' | 'queued') => ({
        id,
        as,
        reason: 'an operator',
      })
      await kit.accept(
        kit.write('client/one', {
          settles: [
            settle(idOf(done), 'cancelled'),
            settle(idOf(done), 'queued'),
            settle(idOf(dead), 'queued'),
            settle(idOf(live), 'queued'),
            settle(idOf(live), 'expired'),
            settle('msg_none', 'handled'),
          ],
        }),
      )
      assert.equal((await kit.row(done)).state, 'handled')
      const again = await kit.row(dead)
      assert.deepEqual([again.state, again.attempts, again.error, again.settledAt], ['queued', 0, null, null])
      const expired = await kit.row(live)
      assert.deepEqual([expired.state, expired.reason, expired.settledAt], ['expired', 'an operator', 6])
      assert.deepEqual(await kit.mail('reviewer'), [idOf(dead)])
      await kit.accept(kit.turn('reviewer', dead, 'dead', { error: '{}' }))
      await kit.accept(kit.write('client/one', { settles: [settle(idOf(dead), 'cancelled')] }))
      assert.equal((await kit.row(dead)).state, 'cancelled')
    },
  ],
  [
    "keeps its clock when the machine's goes back, and stores it with each commit",
    async (kit) => {
      kit.harness.clock.advance(60_000)
      await kit.accept(kit.write('client/one'))
      const before = await kit.now()
      kit.harness.clock.advance(-30_000)
      assert.ok((await kit.now()) >= before)
      const other = await kit.other()
      assert.ok((await other.now()) >= before)
      const message = await kit.send('reviewer', { deadline: before })
      await kit.lease('reviewer')
      // A handle that has not been asked for the time yet.
      const third = await kit.other()
      const [outcome] = await third.space.commit([kit.turn('reviewer', message, 'handled')], {
        mailboxDepth: 9,
      })
      assert.deepEqual(outcome, { type: 'expired', now: before })
      await third.store.close()
      kit.harness.clock.advance(30_000)
      await other.store.close()
    },
  ],
]

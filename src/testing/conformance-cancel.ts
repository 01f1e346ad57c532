/**
 * Conformance: cancelling reaches everything that was caused.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { turnOf } from '../core/ids.ts'
import type { NewMessage } from '../ports/store.ts'
import { idOf } from './conformance-kit.ts'
import type { Case, Kit } from './conformance-kit.ts'
import { fakeJournal, fakeMessage, fakeTrace } from './fixtures.ts'

/** root (handled) -> middle (handled) -> leaf (queued), and root -> side (queued). */
async function treeOf(kit: Kit): Promise<Record<'root' | 'middle' | 'leaf' | 'side', NewMessage>> {
  const trace = fakeTrace()
  const root = await kit.send('a', { trace })
  const caused = (to: string, from: string, cause: NewMessage) =>
    fakeMessage({ to, from, trace, cause: turnOf(idOf(cause)) })
  const middle = caused('b', 'a', root)
  const side = caused('d', 'a', root)
  const leaf = caused('c', 'b', middle)
  await kit.lease('a')
  await kit.lease('b')
  await kit.handle('a', root, { messages: [middle, side] })
  await kit.handle('b', middle, { messages: [leaf] })
  return { root, middle, leaf, side }
}

/** Cases of cancelling. */
export const CANCEL_CASES: readonly Case[] = [
  [
    'cancels all that a message caused, through turns that have long ended',
    async (kit) => {
      const { root, middle, leaf, side } = await treeOf(kit)
      const beside = await kit.send('c')
      const outcome = await kit.accept(kit.write('client/two', { cancels: idOf(root) }))
      assert.deepEqual(
        outcome.cancelled.map((m) => [m.envelope.id, m.state]),
        [
          [idOf(side), 'queued'],
          [idOf(leaf), 'queued'],
        ],
      )
      const row = await kit.row(leaf)
      assert.deepEqual(
        [row.state, row.reason, row.settledAt],
        ['cancelled', 'cancelled by client/two', outcome.position],
      )
      assert.equal((await kit.row(middle)).state, 'handled')
      assert.deepEqual(await kit.mail('c'), [idOf(beside)])
      assert.deepEqual(await kit.mail('d'), [])
    },
  ],
  [
    'cancels by turn only what that turn caused',
    async (kit) => {
      const { middle, leaf, side } = await treeOf(kit)
      const outcome = await kit.accept(kit.write('client/two', { cancels: turnOf(idOf(middle)) }))
      assert.deepEqual(
        outcome.cancelled.map((m) => m.envelope.id),
        [idOf(leaf)],
      )
      assert.equal((await kit.row(side)).state, 'queued')
    },
  ],
  [
    'cancels a whole trace, scheduled and retried messages included',
    async (kit) => {
      const { root, leaf, side } = await treeOf(kit)
      const { trace } = root.envelope
      const later = await kit.send('a', { trace, dueAt: (await kit.now()) + 1_000 })
      const retried = await kit.send('a', { trace })
      await kit.accept(kit.turn('a', retried, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }))
      const outcome = await kit.accept(kit.write('client/two', { cancels: trace }))
      assert.deepEqual(
        outcome.cancelled.map((m) => m.envelope.id).toSorted(),
        [leaf, side, later, retried].map(idOf).toSorted(),
      )
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await kit.space.promote(10), [])
      assert.deepEqual(await kit.space.due(10), [])
      assert.deepEqual(await kit.mail('a'), [])
      const again = await kit.accept(kit.write('client/two', { cancels: trace }))
      assert.deepEqual(again.cancelled, [])
    },
  ],
  [
    'ends a running or waiting turn: its commit is refused, its waits are gone',
    async (kit) => {
      const [running, waiting] = [await kit.send('a'), await kit.send('b')]
      const lease = await kit.lease('a')
      await kit.lease('b')
      await kit.accept(fakeJournal(lease, idOf(running)))
      const { write, questions } = kit.asking('b', waiting, 'c')
      await kit.accept(write)
      const [question] = questions
      assert.ok(question !== undefined)
      await kit.accept(kit.write('client/two', { cancels: idOf(running) }))
      const outcome = await kit.accept(kit.write('client/two', { cancels: turnOf(idOf(waiting)) }))
      assert.deepEqual(
        outcome.cancelled.map((m) => [m.envelope.id, m.state]),
        [
          [idOf(waiting), 'waiting'],
          [idOf(question), 'queued'],
        ],
      )
      assert.deepEqual(await kit.space.waits(turnOf(idOf(waiting))), [])
      const ended = { type: 'ended', state: 'cancelled' }
      assert.deepEqual(await kit.commitOne(kit.turn('a', running, 'handled')), ended)
      assert.deepEqual(await kit.commitOne(kit.turn('b', waiting, 'handled')), ended)
    },
  ],
  [
    'cancels an open message that is given up with all that it caused, and a dead letter or a turn that undoes alone',
    async (kit) => {
      for (const name of ['a', 'b', 'c']) await kit.lease(name)
      const asking = await kit.send('a')
      const first = kit.asking('a', asking, 'b')
      await kit.accept(first.write)
      const [question] = first.questions
      assert.ok(question !== undefined)
      const second = kit.asking('b', question, 'c')
      await kit.accept(second.write)
      const [further] = second.questions
      assert.ok(further !== undefined)
      const giveUp = (message: NewMessage) => ({
        id: idOf(message),
        as: 'cancelled' as const,
        reason: 'given up by the asker',
      })
      const handled = kit.turn('a', asking, 'handled', {}, { settles: [giveUp(question)] })
      const outcome = await kit.accept(handled)
      assert.deepEqual(
        outcome.cancelled.map((m) => [m.envelope.id, m.state]),
        [
          [idOf(question), 'waiting'],
          [idOf(further), 'queued'],
        ],
      )
      for (const message of [question, further]) {
        const { state, reason, settledAt } = await kit.row(message)
        assert.deepEqual([state, reason, settledAt], ['cancelled', 'given up by the asker', outcome.position])
      }
      assert.deepEqual(await kit.space.waits(turnOf(idOf(question))), [])
      assert.deepEqual(await kit.commitOne(kit.turn('b', question, 'handled')), {
        type: 'ended',
        state: 'cancelled',
      })

      const { root, leaf, side } = await treeOf(kit)
      const late = await kit.accept(kit.write('client/two', { settles: [giveUp(root)] }))
      assert.deepEqual(late.cancelled, [])
      await kit.lease('d')
      const detail = fakeMessage({ to: 'c', from: 'd', cause: turnOf(idOf(side)) })
      await kit.accept(kit.turn('d', side, 'dead', { error: '{}' }, { messages: [detail] }))
      await kit.accept(kit.write('client/two', { settles: [giveUp(side)] }))
      assert.equal((await kit.row(side)).state, 'cancelled')
      for (const message of [leaf, detail]) assert.equal((await kit.row(message)).state, 'queued')
    },
  ],
  [
    'leaves a turn with compensations to undo: it stays in its mailbox and may only end as cancelled',
    async (kit) => {
      const message = await kit.send('a', { deadline: (await kit.now()) + 1_000 })
      const lease = await kit.lease('a')
      await kit.accept(fakeJournal(lease, idOf(message)))
      await kit.accept(fakeJournal(lease, idOf(message), { undo: true }))
      await kit.accept(fakeJournal(lease, idOf(message)))
      const outcome = await kit.accept(kit.write('client/two', { cancels: idOf(message) }))
      assert.deepEqual(
        outcome.cancelled.map((m) => m.state),
        ['delivered'],
      )
      const row = await kit.row(message)
      assert.deepEqual(
        [row.state, row.reason, row.settledAt],
        ['cancelling', 'cancelled by client/two', null],
      )
      assert.deepEqual(await kit.mail('a'), [idOf(message)])
      assert.deepEqual(await kit.space.work('worker', ['a'], 10), ['a'])
      assert.deepEqual(await kit.commitOne(kit.turn('a', message, 'handled')), {
        type: 'ended',
        state: 'cancelling',
      })
      assert.deepEqual(await kit.commitOne(kit.turn('a', message, 'retry')), {
        type: 'ended',
        state: 'cancelling',
      })
      kit.harness.clock.advance(1_000)
      await kit.accept(fakeJournal(lease, idOf(message), { undo: true }))
      const again = await kit.accept(kit.write('client/two', { cancels: idOf(message) }))
      assert.deepEqual(again.cancelled, [])
      await kit.accept(kit.turn('a', message, 'cancelled'))
      const done = await kit.row(message)
      assert.deepEqual([done.state, done.reason], ['cancelled', 'cancelled by client/two'])
      assert.deepEqual(await kit.mail('a'), [])
    },
  ],
  [
    'lets a waiting or retried turn with compensations undo, past a lane that is held',
    async (kit) => {
      const [retried, waiting] = [await kit.send('a', { from: 'x' }), await kit.send('a', { from: 'x' })]
      const lease = await kit.lease('a')
      await kit.accept(fakeJournal(lease, idOf(waiting), { undo: true }))
      await kit.accept(kit.asking('a', waiting, 'b').write)
      await kit.accept(kit.turn('a', retried, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }))
      await kit.accept(kit.write('client/two', { cancels: idOf(waiting) }))
      assert.equal((await kit.row(waiting)).state, 'cancelling')
      assert.deepEqual(await kit.space.waits(turnOf(idOf(waiting))), [])
      assert.deepEqual(await kit.mail('a'), [idOf(waiting)])
      assert.deepEqual(await kit.mail('a', { trace: waiting.envelope.trace }), [idOf(waiting)])
    },
  ],
  [
    'keeps what the cancelling record itself sends',
    async (kit) => {
      const message = await kit.send('a')
      await kit.lease('a')
      const notice = fakeMessage({
        to: 'b',
        from: 'a',
        cause: turnOf(idOf(message)),
        trace: message.envelope.trace,
      })
      await kit.handle('a', message, { messages: [notice], cancels: message.envelope.trace })
      assert.equal((await kit.row(notice)).state, 'queued')
      assert.equal((await kit.row(message)).state, 'handled')
    },
  ],
  [
    'keeps a reply that has arrived for a turn outside of what is cancelled, and cancels one within',
    async (kit) => {
      const message = await kit.send('asker')
      await kit.lease('asker')
      await kit.lease('worker')
      const { write, questions } = kit.asking('asker', message, 'worker')
      await kit.accept(write)
      const [question] = questions
      assert.ok(question !== undefined)
      const reply = kit.reply(question)
      await kit.handle('worker', question, { messages: [reply] })
      assert.deepEqual((await kit.accept(kit.write('client/two', { cancels: idOf(question) }))).cancelled, [])
      assert.equal((await kit.row(reply)).state, 'answered')
      const outcome = await kit.accept(kit.write('client/two', { cancels: idOf(message) }))
      assert.deepEqual(
        outcome.cancelled.map((m) => m.envelope.id),
        [idOf(message), idOf(reply)],
      )
      assert.deepEqual(await kit.space.answers([idOf(question)]), [])
    },
  ],
  [
    'tells which of some messages were ended by another than their own turn, or are being undone',
    async (kit) => {
      const lease = await kit.lease('a')
      const [queued, running, handled, dead, gone, late, undoing] = await Promise.all(
        Array.from({ length: 7 }, () => kit.send('a')),
      )
      for (const message of [running, undoing])
        await kit.accept(fakeJournal(lease, idOf(message ?? ''), { undo: message === undoing }))
      await kit.handle('a', handled ?? '')
      await kit.accept(kit.turn('a', dead ?? '', 'dead', { error: '{}' }))
      const settle = (message: NewMessage | undefined, as: 'expired' | 'cancelled') => {
        return { id: idOf(message ?? ''), as, reason: 'no longer wanted' }
      }
      const settles = [settle(gone, 'cancelled'), settle(late, 'expired'), settle(undoing, 'cancelled')]
      await kit.accept(kit.write('client/two', { settles }))
      const all = [queued, running, handled, dead, gone, late, undoing].map((one) => idOf(one ?? ''))
      const ended = await kit.space.ended(['msg_unknown', ...all])
      assert.deepEqual(
        new Map(ended.map(({ envelope, state }) => [envelope.id, state])),
        new Map([
          [idOf(gone ?? ''), 'cancelled'],
          [idOf(late ?? ''), 'expired'],
          [idOf(undoing ?? ''), 'cancelling'],
        ]),
      )
      assert.deepEqual(await kit.space.ended([]), [])
    },
  ],
  [
    'changes nothing for an id that is unknown',
    async (kit) => {
      const message = await kit.send('a')
      for (const cancels of ['msg_unknown', 'turn_unknown', fakeTrace()]) {
        assert.deepEqual((await kit.accept(kit.write('client/two', { cancels }))).cancelled, [])
      }
      assert.equal((await kit.row(message)).state, 'queued')
    },
  ],
  [
    'makes room in the mailbox',
    async (kit) => {
      kit.mailboxDepth = 1
      const message = await kit.send('a')
      await kit.accept(kit.write('client/two', { cancels: idOf(message) }))
      await kit.send('a')
    },
  ],
]

/**
 * Conformance: order and lanes in a mailbox.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { idOf } from './conformance-kit.ts'
import type { Case } from './conformance-kit.ts'
import type { MailQuery } from '../ports/store.ts'
import { fakeJournal, fakeMessage, fakeTrace } from './fixtures.ts'

/** Cases of reading a mailbox. */
export const MAILBOX_CASES: readonly Case[] = [
  [
    'gives messages in the order sent, page by page',
    async (kit) => {
      const messages = Array.from({ length: 5 }, () => fakeMessage({ to: 'reviewer' }))
      await kit.accept(kit.write('client/one', { messages: messages.slice(0, 2) }))
      await kit.accept(kit.write('client/two', { messages: messages.slice(2) }))
      const ids = messages.map(idOf)
      assert.deepEqual(await kit.mail('reviewer'), ids)
      assert.deepEqual(await kit.mail('reviewer', { limit: 2 }), ids.slice(0, 2))
      const page = await kit.space.mail('reviewer', { limit: 3 })
      const last = page.mail.at(-1)
      assert.ok(last !== undefined)
      assert.deepEqual(await kit.mail('reviewer', { after: last.queue }), ids.slice(3))
      assert.deepEqual(await kit.mail('nobody'), [])
    },
  ],
  [
    'gives only the messages of a trace when asked for one',
    async (kit) => {
      const trace = fakeTrace()
      await kit.send('reviewer')
      const wanted = await kit.send('reviewer', { trace })
      await kit.send('other', { trace })
      await kit.send('reviewer')
      assert.deepEqual(await kit.mail('reviewer', { trace }), [idOf(wanted)])
    },
  ],
  [
    'keeps instances of an agent apart',
    async (kit) => {
      const one = await kit.send('reviewer/1')
      const two = await kit.send('reviewer/2')
      assert.deepEqual(await kit.mail('reviewer'), [])
      assert.deepEqual(await kit.mail('reviewer/1'), [idOf(one)])
      assert.deepEqual(await kit.mail('reviewer/2'), [idOf(two)])
    },
  ],
  [
    'holds a lane back behind its retry, lets others pass, and gives it in order when the time has come',
    async (kit) => {
      const from = (name: string) => ({ from: name })
      const first = await kit.send('reviewer', from('a'))
      const second = await kit.send('reviewer', from('a'))
      const beside = await kit.send('reviewer', from('b'))
      const third = await kit.send('reviewer', from('a'))
      await kit.lease('reviewer')
      const dueAt = (await kit.now()) + 1_000
      await kit.accept(kit.turn('reviewer', first, 'retry', { attempts: 1, dueAt }))
      const held = await kit.space.mail('reviewer', { limit: 10 })
      assert.deepEqual(
        held.mail.map((m) => m.envelope.id),
        [idOf(beside)],
      )
      assert.equal(held.nextDueAt, dueAt)
      kit.harness.clock.advance(999)
      assert.deepEqual(await kit.mail('reviewer'), [idOf(beside)])
      kit.harness.clock.advance(1)
      const free = await kit.space.mail('reviewer', { limit: 10 })
      assert.deepEqual(
        free.mail.map((m) => m.envelope.id),
        [first, second, beside, third].map(idOf),
      )
      assert.equal(free.nextDueAt, null)
    },
  ],
  [
    'ends a page at its number of messages or at its bytes, and says whether there is more',
    async (kit) => {
      const messages = Array.from({ length: 4 }, () => fakeMessage({ to: 'reviewer' }, 'x'.repeat(100)))
      await kit.accept(kit.write('client/one', { messages }))
      const ids = messages.map(idOf)
      const page = async (query: MailQuery): Promise<readonly [readonly string[], boolean]> => {
        const { mail, more } = await kit.space.mail('reviewer', query)
        return [mail.map((m) => m.envelope.id), more]
      }
      assert.deepEqual(await page({ limit: 10 }), [ids, false])
      assert.deepEqual(await page({ limit: 3 }), [ids.slice(0, 3), true])
      assert.deepEqual(await page({ limit: 10, bytes: 250 }), [ids.slice(0, 2), true])
      assert.deepEqual(await page({ limit: 10, bytes: 10 }), [ids.slice(0, 1), true])
      assert.deepEqual(await page({ limit: 10, bytes: 1_000 }), [ids, false])
    },
  ],
  [
    'frees each lane at the time of its own retry',
    async (kit) => {
      const [soon, later] = [
        await kit.send('reviewer', { from: 'a' }),
        await kit.send('reviewer', { from: 'b' }),
      ]
      const [behindSoon, behindLater] = [
        await kit.send('reviewer', { from: 'a' }),
        await kit.send('reviewer', { from: 'b' }),
      ]
      await kit.lease('reviewer')
      const now = await kit.now()
      await kit.accept(kit.turn('reviewer', soon, 'retry', { attempts: 1, dueAt: now + 1_000 }))
      await kit.accept(kit.turn('reviewer', later, 'retry', { attempts: 1, dueAt: now + 2_000 }))
      assert.deepEqual(await kit.mail('reviewer'), [])
      kit.harness.clock.advance(1_000)
      assert.deepEqual(
        await kit.space.mail('reviewer', { limit: 10 }).then((page) => page.nextDueAt),
        now + 2_000,
      )
      assert.deepEqual(await kit.mail('reviewer'), [soon, behindSoon].map(idOf))
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await kit.mail('reviewer'), [soon, later, behindSoon, behindLater].map(idOf))
    },
  ],
  [
    'holds back only what is behind a retry, not what is before it',
    async (kit) => {
      const trace = fakeTrace()
      const before = await kit.send('reviewer', { from: 'a' })
      const retried = await kit.send('reviewer', { from: 'a', trace })
      const behind = await kit.send('reviewer', { from: 'a', trace })
      await kit.lease('reviewer')
      await kit.accept(
        kit.turn('reviewer', retried, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }),
      )
      assert.deepEqual(await kit.mail('reviewer'), [idOf(before)])
      assert.deepEqual(await kit.mail('reviewer', { trace }), [])
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await kit.mail('reviewer', { trace }), [idOf(retried), idOf(behind)])
    },
  ],
  [
    'keeps the order of a topic whoever publishes, beside that of direct messages',
    async (kit) => {
      const published = await kit.send('reviewer', { from: 'a', topic: 'news', kind: 'topic' })
      const behind = await kit.send('reviewer', { from: 'b', topic: 'news', kind: 'topic' })
      const direct = await kit.send('reviewer', { from: 'a' })
      await kit.lease('reviewer')
      await kit.accept(
        kit.turn('reviewer', published, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }),
      )
      assert.deepEqual(await kit.mail('reviewer'), [idOf(direct)])
      kit.harness.clock.advance(1_000)
      assert.deepEqual(await kit.mail('reviewer'), [published, behind, direct].map(idOf))
    },
  ],
  [
    'frees a lane when its retried message is taken up or ends',
    async (kit) => {
      const first = await kit.send('reviewer', { from: 'a' })
      const second = await kit.send('reviewer', { from: 'a' })
      const lease = await kit.lease('reviewer')
      await kit.accept(
        kit.turn('reviewer', first, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }),
      )
      kit.harness.clock.advance(1_000)
      await kit.accept(fakeJournal(lease, idOf(first)))
      assert.deepEqual(await kit.mail('reviewer'), [idOf(first), idOf(second)])
      assert.equal((await kit.row(first)).dueAt, null)
      await kit.handle('reviewer', first)
      assert.deepEqual(await kit.mail('reviewer'), [idOf(second)])
    },
  ],
  [
    'frees a lane when its retried message is cancelled',
    async (kit) => {
      const first = await kit.send('reviewer', { from: 'a' })
      const second = await kit.send('reviewer', { from: 'a' })
      await kit.lease('reviewer')
      await kit.accept(
        kit.turn('reviewer', first, 'retry', { attempts: 1, dueAt: (await kit.now()) + 1_000 }),
      )
      assert.deepEqual(await kit.mail('reviewer'), [])
      await kit.accept(kit.write('client/one', { cancels: idOf(first) }))
      assert.deepEqual(await kit.mail('reviewer'), [idOf(second)])
    },
  ],
  [
    'does not give out a message that waits, and gives what stands behind it',
    async (kit) => {
      const first = await kit.send('asker')
      const second = await kit.send('asker')
      await kit.lease('asker')
      await kit.accept(kit.asking('asker', first, 'other').write)
      assert.deepEqual(await kit.mail('asker'), [idOf(second)])
    },
  ],
  [
    'gives a dead letter that is taken up again behind what is there',
    async (kit) => {
      const first = await kit.send('reviewer')
      const second = await kit.send('reviewer')
      await kit.lease('reviewer')
      await kit.accept(kit.turn('reviewer', first, 'dead', { error: '{}' }))
      await kit.accept(
        kit.write('client/one', { settles: [{ id: idOf(first), as: 'queued', reason: 'again' }] }),
      )
      assert.deepEqual(await kit.mail('reviewer'), [idOf(second), idOf(first)])
    },
  ],
]

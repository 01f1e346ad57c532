/**
 * Conformance: reading what was written, several handles, several spaces.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { turnOf } from '../core/ids.ts'
import type { MessagesQuery, RecordWrite } from '../ports/store.ts'
import { idOf } from './conformance-kit.ts'
import type { Case } from './conformance-kit.ts'
import {
  fakeChunk,
  fakeEvent,
  fakeHash,
  fakeJournal,
  fakeMessage,
  fakeRecord,
  nextFixture,
  SIGNATURE,
} from './fixtures.ts'

/** A notification may be lost; whoever looks now and then finds out in this time. */
const SOON_MS = 5_000

/** Cases of reading and of sharing. */
export const LOG_CASES: readonly Case[] = [
  [
    'gives records back whole, by position and by author',
    async (kit) => {
      const proof = { index: 1, size: 2, path: [fakeHash()], signature: SIGNATURE }
      const write = kit.write('client/a')
      const record = { ...write.record, detail: '{"reasons":["so"]}', proof }
      await kit.accept({ ...write, record })
      await kit.accept(kit.write('client/b'))
      await kit.accept(kit.write('client/a'))
      assert.deepEqual((await kit.space.records(1, 1))[0], { position: 1, ...record })
      assert.deepEqual(
        (await kit.space.chain('client/a', 0, 10)).map((r) => r.position),
        [1, 3],
      )
      assert.deepEqual(
        (await kit.space.chain('client/a', 1, 10)).map((r) => r.position),
        [3],
      )
      assert.deepEqual(
        (await kit.space.chain('client/a', 0, 1)).map((r) => r.seq),
        [0],
      )
      assert.deepEqual(
        (await kit.space.records(2, 10)).map((r) => r.position),
        [2, 3],
      )
      assert.deepEqual(await kit.space.records(4, 10), [])
      assert.deepEqual(await kit.space.head('client/a'), {
        seq: 1,
        hash: (await kit.space.records(3, 1))[0]?.hash,
      })
      assert.deepEqual(await kit.space.head('nobody'), { seq: -1, hash: '' })
    },
  ],
  [
    'gives a stream up to a version',
    async (kit) => {
      const events = [fakeEvent('s', 1), fakeEvent('s', 2), fakeEvent('s', 3)]
      await kit.accept(kit.write('client/one', { events: events.slice(0, 2) }))
      await kit.accept(kit.write('client/one', { events: events.slice(2) }))
      const all = await kit.space.stream('s')
      assert.deepEqual(
        all.events,
        events.map((e, i) => ({ ...e, position: i < 2 ? 1 : 2 })),
      )
      assert.equal(all.version, 3)
      const some = await kit.space.stream('s', 2)
      assert.deepEqual([some.version, some.events.length], [2, 2])
      assert.equal((await kit.space.stream('s', 9)).version, 3)
      assert.deepEqual(await kit.space.stream('none'), { version: 0, events: [] })
    },
  ],
  [
    'lists messages in the order sent: by trace, by cause, by state, by record',
    async (kit) => {
      const [a, b, c] = [
        fakeMessage({ to: 'x' }),
        fakeMessage({ to: 'y', cause: 'turn_1' }),
        fakeMessage({ to: 'x', cause: 'turn_1' }),
      ]
      const d = fakeMessage({ to: 'z', trace: a.envelope.trace })
      await kit.accept(kit.write('client/one', { messages: [a, b, c] }))
      await kit.accept(kit.write('client/two'))
      await kit.accept(kit.write('client/one', { messages: [d] }))
      const list = async (query: MessagesQuery) =>
        (await kit.space.messagesOf(query)).map((m) => m.envelope.id)
      assert.deepEqual(await list({ trace: a.envelope.trace, limit: 9 }), [idOf(a), idOf(d)])
      assert.deepEqual(await list({ cause: 'turn_1', limit: 9 }), [idOf(b), idOf(c)])
      assert.deepEqual(await list({ state: 'queued', limit: 3 }), [idOf(a), idOf(b), idOf(c)])
      assert.deepEqual(await list({ position: 1, limit: 9 }), [idOf(a), idOf(b), idOf(c)])
      assert.deepEqual(await list({ position: 2, limit: 9 }), [])
      assert.deepEqual(await list({ position: 3, limit: 9 }), [idOf(d)])
      assert.deepEqual(await list({ position: 4, limit: 9 }), [])
      assert.equal(await kit.space.message('msg_unknown'), undefined)
    },
  ],
  [
    'lists every message from a position on, and ends a page only between two records',
    async (kit) => {
      const messages = Array.from({ length: 6 }, () => fakeMessage({ to: 'x' }))
      await kit.accept(kit.write('client/one', { messages: messages.slice(0, 1) }))
      await kit.accept(kit.write('client/one', { messages: messages.slice(1, 5) }))
      await kit.accept(kit.write('client/one', { messages: messages.slice(5) }))
      const seen: string[] = []
      for (let after = -1; ;) {
        const page = await kit.space.messagesOf({ after, limit: 2 })
        if (page.length === 0) break
        seen.push(...page.map((m) => m.envelope.id))
        after = page.at(-1)?.position ?? after
      }
      assert.deepEqual(seen, messages.map(idOf))
    },
  ],
  [
    'lists messages of every state',
    async (kit) => {
      await kit.lease('x')
      const ends = ['handled', 'dead', 'expired', 'cancelled'] as const
      for (const end of ends) await kit.accept(kit.turn('x', await kit.send('x'), end))
      await kit.send('x', { dueAt: (await kit.now()) + 1_000 })
      const waiting = await kit.send('x')
      await kit.accept(kit.asking('x', waiting, 'y').write)
      const messages: Record<string, number> = { ...(await kit.space.status()).messages }
      for (const state of [...ends, 'scheduled', 'waiting', 'queued'] as const) {
        assert.equal((await kit.space.messagesOf({ state, limit: 9 })).length, 1, state)
        assert.equal(messages[state], 1, state)
      }
      for (const state of ['delivered', 'answered', 'cancelling'] as const) {
        assert.equal((await kit.space.messagesOf({ state, limit: 9 })).length, 0, state)
        assert.equal(messages[state], 0, state)
      }
    },
  ],
  [
    'shows each mailbox: depth, records, waiting, dead, the oldest message',
    async (kit) => {
      await kit.lease('x', 'one')
      const [first, second, third] = [
        await kit.send('x', { sentAt: 1_000 }),
        await kit.send('x', { sentAt: 2_000 }),
        await kit.send('x', { sentAt: 3_000 }),
      ]
      await kit.accept(kit.asking('x', first, 'y').write)
      await kit.accept(kit.turn('x', third, 'dead', { error: '{}' }))
      const { mailboxes, position, now } = await kit.space.status()
      assert.equal(position, 5)
      assert.ok(now > 0)
      const [x, y] = mailboxes
      assert.deepEqual(
        [x?.address, x?.depth, x?.records, x?.waiting, x?.dead, x?.oldestAt],
        ['x', 2, 2, 1, 1, 1_000],
      )
      assert.deepEqual([x?.worker, x?.epoch, typeof x?.leaseUntil], ['one', 1, 'number'])
      assert.deepEqual([y?.address, y?.depth, y?.worker, y?.leaseUntil], ['y', 1, null, null])
      assert.equal(mailboxes.length, 2)
      assert.equal((await kit.row(second)).state, 'queued')
    },
  ],
  [
    'names every stream that has events, and every turn that has a journal, page by page',
    async (kit) => {
      const { space } = kit
      const names = ['Z/1', 'a', 'a b', 'b', 'é']
      const events = names.toReversed().flatMap((name) => [fakeEvent(name, 1), fakeEvent(name, 2)])
      await kit.accept(kit.write('client/one', { events }))
      assert.deepEqual(await inPages((after, limit) => space.streams(after, limit)), names)
      assert.deepEqual(await space.journals(null, 9), [])
      const lease = await kit.lease('x')
      const turns: string[] = []
      for (const chunks of [[0], [0, 1], [0]]) {
        const message = await kit.send('x')
        const turn = turnOf(idOf(message))
        turns.push(turn)
        for (const chunk of chunks) {
          const write = fakeJournal(lease, idOf(message), { chunk: fakeChunk(turn, chunk) })
          assert.equal((await kit.commitOne(write)).type, 'accepted')
        }
      }
      assert.deepEqual(await inPages((after, limit) => space.journals(after, limit)), turns.toSorted())
    },
  ],
  [
    'keeps decisions, in the order of their ids',
    async (kit) => {
      const decisions = ['dec_1', 'dec_2', 'dec_3'].map((id) => ({ id, hash: fakeHash(), certificate: '{}' }))
      await kit.accept(kit.write('client/one', { decisions }))
      const ids = async (after: string | null, limit: number) =>
        (await kit.space.decisions(after, limit)).map((d) => d.id)
      assert.deepEqual(await ids(null, 2), ['dec_1', 'dec_2'])
      assert.deepEqual(await ids('dec_2', 2), ['dec_3'])
      assert.equal(await kit.space.decision('dec_4'), undefined)
      assert.equal((await kit.space.status()).decisions, 3)
      assert.equal(
        (await kit.commitOne(kit.write('client/one', { decisions: decisions.slice(0, 1) }))).type,
        'conflict',
      )
    },
  ],
  [
    'keeps spaces apart',
    async (kit) => {
      const record = fakeRecord('@owner', { seq: -1, hash: '' })
      const name = `${kit.space.name}-other`
      assert.equal(await kit.store.space(name), undefined)
      const other = await kit.store.space(name, { record })
      assert.ok(other !== undefined)
      assert.equal(other.id, record.hash)
      const message = await kit.send('reviewer', { key: 'k' })
      assert.deepEqual((await other.mail('reviewer', { limit: 9 })).mail, [])
      assert.equal(await other.message(idOf(message)), undefined)
      assert.equal((await other.records(0, 9)).length, 1)
      assert.deepEqual(await other.work('w', ['reviewer'], 9), [])
      assert.deepEqual(await other.head('client/one'), { seq: -1, hash: '' })
      assert.ok((await kit.store.spaces()).includes(name))
    },
  ],
  [
    'joins the first when two create a space',
    async (kit) => {
      const name = `race-${nextFixture()}`
      const other = await kit.other()
      const [one, two] = [
        fakeRecord('@owner', { seq: -1, hash: '' }),
        fakeRecord('@owner', { seq: -1, hash: '' }),
      ]
      const first = await kit.store.space(name, { record: one })
      const second = await other.store.space(name, { record: two })
      assert.deepEqual([first?.id, second?.id], [one.hash, one.hash])
      assert.equal((await second?.records(0, 9))?.length, 1)
      await other.store.close()
    },
  ],
  [
    'lets the pulse of one handle change soon after another has committed, and not by its own commits',
    async (kit) => {
      const other = await kit.other()
      const own = await kit.space.pulse()
      const before = await other.space.pulse()
      await kit.send('reviewer')
      assert.equal(await kit.space.pulse(), own)
      const end = performance.now() + SOON_MS
      while ((await other.space.pulse()) === before) {
        assert.ok(performance.now() < end, 'the pulse has not changed')
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      await other.store.close()
    },
  ],
  [
    'has moved the pulse of a handle before it shows mail, or answers a commit, behind what another committed',
    async (kit) => {
      const other = await kit.other()
      const before = await other.space.pulse()
      const message = await kit.send('reviewer')
      assert.deepEqual(await other.mail('reviewer'), [idOf(message)])
      const seen = await other.space.pulse()
      assert.notEqual(seen, before)
      await kit.send('reviewer')
      assert.equal((await other.commitOne(other.write('client/two'))).type, 'accepted')
      const behind = await other.space.pulse()
      assert.notEqual(behind, seen)
      assert.equal((await other.commitOne(other.write('client/two'))).type, 'accepted')
      assert.equal(await other.space.pulse(), behind)
      await other.store.close()
    },
  ],
  [
    'fences across handles: chains, leases and keys are one',
    async (kit) => {
      const other = await kit.other()
      const message = await kit.send('reviewer', { key: 'k' })
      await kit.lease('reviewer', 'one')
      await other.space.heartbeat('two', 1_000, [])
      assert.equal(await other.space.lease('reviewer', 'two'), undefined)
      const duplicate = await other.commitOne(
        other.write('client/two', { messages: [fakeMessage({ to: 'reviewer', key: 'k' })] }),
      )
      assert.equal(duplicate.type, 'duplicate')
      const fork = await other.commitOne(other.write('client/one'))
      assert.equal(fork.type, 'conflict')
      assert.equal((await other.commitOne(other.turn('reviewer', message, 'handled'))).type, 'fenced')
      await other.store.close()
    },
  ],
  [
    'keeps everything when it is closed and opened again, and refuses to be used in between',
    async (kit) => {
      const message = await kit.send('reviewer')
      await kit.lease('reviewer')
      const records = await kit.space.records(0, 9)
      const status = await kit.space.status()
      const next = await kit.other()
      await kit.store.close()
      await kit.store.close()
      await assert.rejects(kit.space.now(), { code: 'COTERIE_CLOSED' })
      await assert.rejects(kit.space.commit([kit.write('client/one')], { mailboxDepth: 1 }), {
        code: 'COTERIE_CLOSED',
      })
      await assert.rejects(kit.store.spaces(), { code: 'COTERIE_CLOSED' })
      await next.store.close()
      const again = await next.other()
      assert.equal(again.space.id, kit.space.id)
      assert.deepEqual(await again.space.records(0, 9), records)
      assert.deepEqual((await again.space.status()).mailboxes, status.mailboxes)
      assert.deepEqual(await again.mail('reviewer'), [idOf(message)])
      await again.store.close()
    },
  ],
  [
    'writes a batch that follows another only behind it, all of both or nothing of the second',
    async (kit) => {
      const other = await kit.other()
      const terms = { mailboxDepth: kit.mailboxDepth }
      const sends = (kinds: readonly string[]): readonly RecordWrite[] =>
        kinds.map((kind) => {
          const write = kit.write('client/one', { messages: [fakeMessage({ to: 'reviewer' })] })
          return kind === 'good' ? write : { ...write, record: { ...write.record, prev: 'nothing' } }
        })
      for (const kinds of [['good'], ['good'], ['good', 'good'], ['bad'], ['good'], ['good', 'bad']]) {
        const [first, second] = [sends(kinds), sends(['good'])]
        const committing = kit.space.commit(first, terms)
        await new Promise<void>((resolve) => setImmediate(resolve))
        const following = await kit.space.follow?.()?.(second, terms)
        const isGood = (await committing).every(({ type }) => type === 'accepted')
        assert.equal(isGood, !kinds.includes('bad'))
        if (following === undefined) {
          const { hash } = await other.space.head('client/one')
          assert.notEqual(hash, second[0]?.record.hash)
          const [outcome] = await kit.space.commit(second, terms)
          assert.equal(outcome?.type, isGood ? 'accepted' : 'conflict')
        } else assert.deepEqual([isGood, ...following.map(({ type }) => type)], [true, 'accepted'])
        await kit.learn('client/one')
      }
      const records = await other.space.records(0, 20)
      assert.deepEqual(
        records.map(({ position }) => position),
        records.map((_, at) => at),
      )
      assert.equal(records.length, 11)
    },
  ],
  [
    'answers an empty batch with nothing',
    async (kit) => {
      assert.deepEqual(await kit.space.commit([], { mailboxDepth: 1 }), [])
    },
  ],
]

/** Everything that a list gives, read in pages of two; sorted, as its order is the store's own. */
async function inPages(
  list: (after: string | null, limit: number) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const names: string[] = []
  for (let page = await list(null, 2); page.length > 0; page = await list(names.at(-1) ?? null, 2)) {
    assert.ok(page.length <= 2)
    names.push(...page)
  }
  return names.toSorted()
}

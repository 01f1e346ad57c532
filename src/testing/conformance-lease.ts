/**
 * Conformance: one runner for each address.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { LEASE_MS, idOf } from './conformance-kit.ts'
import type { Case } from './conformance-kit.ts'
import { fakeJournal } from './fixtures.ts'

/** Cases of workers and leases. */
export const LEASE_CASES: readonly Case[] = [
  [
    'grants an address to one worker, and again to the same under the same epoch',
    async (kit) => {
      await kit.space.heartbeat('one', LEASE_MS, [])
      await kit.space.heartbeat('two', LEASE_MS, [])
      const first = await kit.space.lease('reviewer', 'one')
      assert.deepEqual(first, {
        lease: { address: 'reviewer', worker: 'one', epoch: 1 },
        head: { seq: -1, hash: '' },
        waiting: [],
        takenOver: false,
      })
      assert.equal(await kit.space.lease('reviewer', 'two'), undefined)
      assert.deepEqual(await kit.space.lease('reviewer', 'one'), first)
    },
  ],
  [
    'raises the epoch when an address that was given back is taken, which is no take-over',
    async (kit) => {
      await kit.lease('reviewer', 'one')
      await kit.space.release('two', ['reviewer'])
      await kit.space.heartbeat('two', LEASE_MS, [])
      assert.equal(await kit.space.lease('reviewer', 'two'), undefined)
      await kit.space.release('one', ['reviewer', 'unknown'])
      const grant = await kit.space.lease('reviewer', 'two')
      assert.deepEqual([grant?.lease.epoch, grant?.takenOver], [2, false])
    },
  ],
  [
    'fences off a paused worker once its address was taken, and tells it so',
    async (kit) => {
      const message = await kit.send('reviewer')
      const old = await kit.lease('reviewer', 'paused')
      await kit.accept(fakeJournal(old, idOf(message)))
      kit.harness.clock.advance(LEASE_MS)
      await kit.space.heartbeat('next', LEASE_MS, [])
      const grant = await kit.space.lease('reviewer', 'next')
      assert.deepEqual([grant?.lease.epoch, grant?.takenOver], [old.epoch + 1, true])
      assert.equal((await kit.row(message)).crashes, 1)
      const fenced = { type: 'fenced', epoch: old.epoch + 1 }
      assert.deepEqual(await kit.commitOne(kit.turn('reviewer', message, 'handled')), fenced)
      assert.equal((await kit.space.heartbeat('paused', LEASE_MS, [])).held, false)
      assert.equal((await kit.space.heartbeat('paused', LEASE_MS, [])).held, true)
      await kit.lease('reviewer', 'next')
      await kit.handle('reviewer', message)
    },
  ],
  [
    'lets a worker that was late go on when nobody has taken its addresses',
    async (kit) => {
      const message = await kit.send('reviewer')
      await kit.lease('reviewer', 'late')
      kit.harness.clock.advance(LEASE_MS * 10)
      await kit.handle('reviewer', message)
      assert.equal((await kit.space.heartbeat('late', LEASE_MS, [])).held, true)
      await kit.space.heartbeat('two', LEASE_MS, [])
      assert.equal(await kit.space.lease('reviewer', 'two'), undefined)
    },
  ],
  [
    'counts a crash for the message that was running, and for no other',
    async (kit) => {
      const [queued, running] = [await kit.send('a'), await kit.send('b')]
      await kit.lease('a', 'one')
      await kit.accept(fakeJournal(await kit.lease('b', 'one'), idOf(running)))
      const behind = await kit.send('b')
      kit.harness.clock.advance(LEASE_MS)
      await kit.lease('a', 'two')
      await kit.lease('b', 'two')
      const crashes = async (id: string) => (await kit.row(id)).crashes
      assert.deepEqual(await Promise.all([queued, running, behind].map((m) => crashes(idOf(m)))), [0, 1, 0])
      await kit.space.release('two', ['b'])
      await kit.lease('b', 'three')
      assert.equal(await crashes(idOf(running)), 1)
    },
  ],
  [
    "hands the chain's head and the waiting turns, oldest first, to the next runner",
    async (kit) => {
      const [first, second] = [await kit.send('asker'), await kit.send('asker')]
      await kit.lease('asker', 'one')
      await kit.accept(kit.asking('asker', first, 'x').write)
      const last = kit.asking('asker', second, 'y').write
      await kit.accept(last)
      await kit.send('asker')
      await kit.space.retire('one')
      await kit.space.heartbeat('two', LEASE_MS, [])
      const grant = await kit.space.lease('asker', 'two')
      assert.deepEqual(grant?.head, { seq: 1, hash: last.record.hash })
      assert.deepEqual(
        grant.waiting.map((m) => [m.envelope.id, m.state]),
        [
          [idOf(first), 'waiting'],
          [idOf(second), 'waiting'],
        ],
      )
      assert.equal(grant.takenOver, false)
    },
  ],
  [
    'takes the addresses of a worker that was never announced as free',
    async (kit) => {
      await kit.space.lease('reviewer', 'silent')
      await kit.space.heartbeat('two', LEASE_MS, [])
      assert.equal((await kit.space.lease('reviewer', 'two'))?.takenOver, true)
    },
  ],
  [
    'forgets a retired worker and frees all that it held',
    async (kit) => {
      await kit.lease('a', 'one')
      await kit.lease('b', 'one')
      await kit.lease('c', 'two')
      await kit.space.retire('one')
      await kit.space.heartbeat('two', LEASE_MS, ['c', 'd'])
      const { now, workers, mailboxes } = await kit.space.status()
      assert.deepEqual(workers, [{ id: 'two', until: now + LEASE_MS, agents: ['c', 'd'], addresses: 1 }])
      assert.deepEqual(
        mailboxes.map((m) => [m.address, m.worker]),
        [
          ['a', null],
          ['b', null],
          ['c', 'two'],
        ],
      )
      assert.equal((await kit.space.heartbeat('one', LEASE_MS, [])).held, true)
    },
  ],
  [
    'grants many addresses at once, in the order asked for, and leaves out what another holds',
    async (kit) => {
      await kit.space.heartbeat('one', LEASE_MS, [])
      await kit.space.heartbeat('two', LEASE_MS, [])
      await kit.space.lease('b', 'two')
      await kit.space.lease('c', 'one')
      const grants = await kit.space.leases(['d', 'b', 'c', 'a'], 'one')
      assert.deepEqual(
        grants.map(({ lease, takenOver }) => [lease.address, lease.worker, lease.epoch, takenOver]),
        [
          ['d', 'one', 1, false],
          ['c', 'one', 1, false],
          ['a', 'one', 1, false],
        ],
      )
      assert.equal(await kit.space.lease('a', 'two'), undefined)
      assert.deepEqual(await kit.space.leases([], 'two'), [])
    },
  ],
  [
    'takes many addresses from a lapsed worker, each with its head, its waiting turns and its crash',
    async (kit) => {
      const [asked, running] = [await kit.send('a'), await kit.send('b')]
      await kit.lease('a', 'old')
      const waiting = kit.asking('a', asked, 'x').write
      await kit.accept(waiting)
      await kit.accept(fakeJournal(await kit.lease('b', 'old'), idOf(running)))
      kit.harness.clock.advance(LEASE_MS)
      await kit.space.heartbeat('next', LEASE_MS, [])
      const [a, b, c] = await kit.space.leases(['a', 'b', 'c'], 'next')
      assert.deepEqual([a?.takenOver, b?.takenOver, c?.takenOver], [true, true, false])
      assert.deepEqual(a?.head, { seq: 0, hash: waiting.record.hash })
      assert.deepEqual(
        [a, b, c].map((grant) => grant?.waiting.map((mail) => mail.envelope.id)),
        [[idOf(asked)], [], []],
      )
      assert.equal((await kit.row(running)).crashes, 1)
      assert.equal((await kit.space.heartbeat('old', LEASE_MS, [])).held, false)
    },
  ],
  [
    'tells which workers are alive, what each runs, and for how long yet',
    async (kit) => {
      const other = await kit.other()
      await kit.space.heartbeat('two', LEASE_MS, ['reviewer', 'asker'])
      kit.harness.clock.advance(1_000)
      await other.space.heartbeat('one', LEASE_MS, ['reviewer'])
      await kit.space.lease('a', 'silent')
      assert.deepEqual(await kit.space.workers(), [
        { id: 'one', agents: ['reviewer'], leftMs: LEASE_MS },
        { id: 'two', agents: ['reviewer', 'asker'], leftMs: LEASE_MS - 1_000 },
      ])
      await kit.space.heartbeat('two', LEASE_MS, [])
      const now = await other.space.workers()
      assert.deepEqual(
        now.map(({ id, agents }) => [id, agents]),
        [
          ['one', ['reviewer']],
          ['two', []],
        ],
      )
      await kit.space.retire('one')
      kit.harness.clock.advance(LEASE_MS)
      assert.deepEqual(await kit.space.workers(), [])
    },
  ],
  [
    'lets the pulse of others change when addresses are given back',
    async (kit) => {
      const other = await kit.other()
      await kit.lease('a', 'one')
      await kit.lease('b', 'one')
      // Whoever has seen a mailbox has seen all that was changed before.
      const seen = async (): Promise<number> => {
        await other.mail('a')
        return other.space.pulse()
      }
      const own = await kit.space.pulse()
      const first = await seen()
      await kit.space.release('one', ['a'])
      const second = await seen()
      assert.notEqual(second, first)
      await kit.space.retire('one')
      assert.notEqual(await seen(), second)
      assert.equal(await kit.space.pulse(), own)
    },
  ],
]

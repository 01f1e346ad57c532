import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { open } from '../../src/index.ts'
import type { Space } from '../../src/index.ts'
import { launch, said } from '../helpers/processes.ts'
import type { Child } from '../helpers/processes.ts'
import { turnRecords, until } from '../runtime/helpers.ts'
import { SITES } from './site.ts'
import { World } from './world.ts'

const SCRIPT = new URL('paused-worker.ts', import.meta.url)

type Make = (typeof SITES)[number]['make']

interface Scene {
  readonly space: Space
  readonly world: World
  /** Runs `slow` and `other`, and is the one that is stopped. */
  readonly stopped: Child
  /** Stops it, lets `successor` take over and finish the message, and wakes it up again. */
  readonly succeed: (message: string, state?: 'handled' | 'dead') => Promise<Child>
}

async function scene(t: TestContext, make: Make): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'coterie-pause-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const { url, keyring } = await make(folder)
  const [outside, go] = [join(folder, 'world.db'), join(folder, 'go')]
  const stopped = launch(t, SCRIPT, [url, keyring, outside, go, 'slow,other'])
  await stopped.event('ready')
  const successor = launch(t, SCRIPT, [url, keyring, outside, go, 'sink'])
  await successor.event('ready')
  await successor.end()
  const space = await open(url, { keyring, limits: { pollMs: 10 } })
  t.after(() => space.close())
  const world = new World(outside)
  t.after(() => world.close())
  const succeed: Scene['succeed'] = async (message, state = 'handled') => {
    stopped.kill('SIGSTOP')
    writeFileSync(go, '')
    const child = launch(t, SCRIPT, [url, keyring, outside, go, 'slow,sink'])
    const settled = async (): Promise<boolean> => (await space.receipt(message)).state === state
    await until(`the successor has taken over and the message is ${state}`, settled, 30_000)
    stopped.kill('SIGCONT')
    return child
  }
  return { space, world, stopped, succeed }
}

/** The message was handled by one record, under the second epoch, and what it sent is there once. */
async function assertHandledOnce(space: Space, message: string, runs: number): Promise<void> {
  const records = await turnRecords(space, message)
  assert.deepEqual(
    records.map(({ body }) => [body.turn?.end, body.epoch]),
    [['handled', 2]],
  )
  const sent = await space.store.messagesOf({ cause: `turn_${message.slice('msg_'.length)}`, limit: 10 })
  assert.deepEqual(
    sent.map(({ envelope, payload }) => [envelope.to, payload]),
    [['sink', `{"run":${runs}}`]],
  )
}

for (const { name, make } of SITES) {
  test(`${name}: a worker that wakes too late is refused by the store, and goes on elsewhere`, async (t) => {
    const { space, world, stopped, succeed } = await scene(t, make)
    const message = await space.sendTo('slow', 'finish', { i: 1 })
    await stopped.event('stepped')
    const successor = await succeed(message)

    // A note that the message was delivered may be refused before it.
    const refusal = await stopped.report((line) => line['event'] === 'refused' && line['write'] === 'record')
    assert.deepEqual(refusal, {
      event: 'refused',
      write: 'record',
      outcome: 'fenced',
      type: 'fenced',
      epoch: 2,
    })
    await until('the log of the worker names the lost lease', () =>
      stopped.log.some((line) => /^leases? lost/.test(said(line))),
    )
    // The step's result was recorded before the stop: the successor was given it, and called nobody.
    assert.equal(world.runs().length, 1)
    await successor.event('stepped')
    await assertHandledOnce(space, message, 1)

    assert.equal(await space.askTo('other', 'ping', { i: 2 }), stopped.pid)
    assert.equal(stopped.running, true)
  })

  test(`${name}: a worker stopped in a step wakes to a fired signal, and its result is not recorded`, async (t) => {
    const { space, world, stopped, succeed } = await scene(t, make)
    const message = await space.sendTo('slow', 'call', { i: 1 })
    await stopped.event('called')
    const successor = await succeed(message)

    assert.equal((await stopped.event('aborted'))['code'], 'COTERIE_LEASE_LOST')
    await successor.event('called')
    // The call was made twice, with one idempotency key: outside effects are at least once.
    const runs = world.runs()
    assert.deepEqual(
      runs.map((run) => run.pid),
      [stopped.pid, successor.pid],
    )
    assert.equal(runs[0]?.key, runs[1]?.key)
    await assertHandledOnce(space, message, 2)

    assert.equal(await space.askTo('other', 'ping', { i: 2 }), stopped.pid)
  })

  test(`${name}: a worker stopped in a compensation leaves the rollback to its successor, and goes on`, async (t) => {
    const { space, world, stopped, succeed } = await scene(t, make)
    const message = await space.sendTo('slow', 'book', { i: 1 })
    await stopped.event('undoing')
    const successor = await succeed(message, 'dead')
    await stopped.event('undone')
    await successor.event('undone')
    assert.deepEqual(
      world.runs().map(({ step, pid }) => [step, pid]),
      [
        ['book', stopped.pid],
        ['undo book', stopped.pid],
        ['undo book', successor.pid],
      ],
    )
    const records = await turnRecords(space, message)
    assert.deepEqual(
      records.map(({ body, detail }) => [body.turn?.end, body.epoch, detail?.undone]),
      [['dead', 2, ['book']]],
    )
    assert.equal(await space.askTo('other', 'ping', { i: 2 }), stopped.pid)
  })
}

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { agent, on } from '../../src/index.ts'
import { openStore } from '../../src/open.ts'
import { recorder, start, tempUrl, test, text, untilState } from './helpers.ts'

const CRASHES_MAX = 2

test('gives a message up when more workers than the limit have stopped over it', async (t) => {
  const url = tempUrl(t)
  const seen = recorder()
  const worker = agent('worker', { take: on({ input: text }, (_turn, s) => seen.note(s)) })
  await (await start(t, [worker], { url })).close()
  const client = await start(t, [], { url })
  const atLimit = await client.send(worker.take, 'at the limit', { key: 'ann' })
  const beyond = await client.send(worker.take, 'beyond', { key: 'ben' })

  const store = openStore(url)
  const space = await store.space('main')
  assert.ok(space !== undefined)
  const crash = async (address: string, message: string, times: number): Promise<void> => {
    // The last one takes the address over from the one that crashed last, and gives it back.
    for (let n = 0; n <= times; n++) {
      const ghost = `${address} ${n}`
      await space.heartbeat(ghost, 1, [])
      const grant = await space.lease(address, ghost)
      assert.ok(grant !== undefined)
      if (n === times) await space.release(ghost, [address])
      else {
        const note = { type: 'journal', lease: grant.lease, message, chunk: null, undo: false } as const
        await space.commit([note], { mailboxDepth: 10 })
        await delay(5)
      }
    }
  }
  await crash('worker/ann', atLimit, CRASHES_MAX)
  await crash('worker/ben', beyond, CRASHES_MAX + 1)
  await store.close()

  const two = await start(t, [worker], { url, limits: { crashesPerMessage: CRASHES_MAX } })
  await untilState(two, atLimit, 'handled')
  await untilState(two, beyond, 'dead')
  assert.equal((await two.receipt(beyond)).error?.code, 'COTERIE_TURN_CRASHED')
  assert.deepEqual(seen.seen, ['at the limit'])
})

import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { openPostgres } from '../../../src/stores/postgres/index.ts'
import { seededFaults } from '../../support/postgres/fault-plan.ts'
import type { Phase } from '../../support/postgres/conversation.ts'
import type { Fault } from '../../support/postgres/proxy.ts'
import { commitAll, requireOnce, scene } from './lost-scene.ts'

const SEED = Number(process.env['SEED'] ?? 2)
const COMMITS = 50

test(
  'several processes commit to one space while their connections break',
  { timeout: 120_000 },
  async (t) => {
    const { proxy, space, direct } = await scene(t)
    proxy.plan = seededFaults({ seed: SEED, every: 4 })
    const many = await Promise.all([
      commitAll(space, 'client/one', COMMITS),
      commitAll(direct, 'client/two', COMMITS),
    ])
    proxy.plan = undefined
    await requireOnce(direct, many.flat())
  },
)

/** The fault, and whether the batch that is hit is written by the connection that is lost. */
const MOMENTS: readonly (readonly [phase: Phase, fault: Fault])[] = [
  ['begin', { how: 'reset' }],
  ['statement', { how: 'reset' }],
  ['statement', { how: 'end', share: 0.5 }],
  ['commit', { how: 'reset' }],
  ['commit', { how: 'end', share: 0.5 }],
  ['sent', { how: 'reset' }],
  ['committed', { how: 'end' }],
  ['committed', { how: 'reset', share: 0.5 }],
]

for (const [phase, fault] of MOMENTS) {
  const share = 'share' in fault ? ` in the middle of it` : ''
  test(`a connection that is lost at "${phase}" (${fault.how})${share} is not noticed above the store`, async (t) => {
    const { proxy, space, direct } = await scene(t)
    const before = await commitAll(space, 'client/before', 1)
    let broken = 0
    proxy.plan = (point) => {
      if (point.phase !== phase || broken > 0) return undefined
      broken += 1
      return fault
    }
    const writes = await commitAll(space, 'client/one', 3)
    assert.equal(broken, 1)
    await requireOnce(direct, [...before, ...writes])
  })
}

/** A host of the list that sends everybody away, with an error that no second try helps against. */
async function refusingHost(t: TestContext): Promise<number> {
  const text = Buffer.from('SFATAL\0VFATAL\0C3D000\0Mthere is no such database\0\0')
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(text.length + 4, 1)
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.end(Buffer.concat([head, text])))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const address = server.address()
  assert.ok(address !== null && typeof address === 'object')
  return address.port
}

for (const lost of ['committed', 'statement'] as const) {
  test(
    `a host that refuses everybody does not end the search after a loss at "${lost}"`,
    { timeout: 20_000 },
    async (t) => {
      const { proxy, direct, url } = await scene(t)
      const other = await refusingHost(t)
      // One connection: no other is left to ask on.
      const store = openPostgres(`${url.replace(/@([^/]+)/, `@$1,127.0.0.1:${other}`)}&connections=1`)
      t.after(() => store.close())
      const space = await store.space('team')
      assert.ok(space !== undefined)
      const before = await commitAll(space, 'client/before', 1)
      let back: Promise<void> | undefined
      proxy.plan = (point) => {
        if (point.phase !== lost) return undefined
        proxy.plan = undefined
        // Nobody is there for a while, but the host that refuses.
        back = proxy.refuse().then(() => delay(300).then(() => proxy.accept()))
        return { how: 'reset' }
      }
      const [written] = await Promise.allSettled([commitAll(space, 'client/one', 2)])
      await back
      assert.ok(written.status === 'fulfilled', String(written.status === 'rejected' && written.reason))
      assert.equal(proxy.happened.length, 1)
      await requireOnce(direct, [...before, ...written.value])
    },
  )
}
